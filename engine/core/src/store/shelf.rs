//! A table of few and large records that are looked at often, addressed by position.
//!
//! Each record has a place of its own and never moves. Looking one up is a load and a check, half of what a column's
//! chunks take; a list of millions of small records would pay for it with memory.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

#[derive(Debug)]
pub(crate) struct Shelf<T>(Vec<Box<T>>);

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Shelf(Vec::new())
    }
}

impl<T> Shelf<T> {
    pub(crate) fn len(&self) -> u32 {
        self.0.len() as u32
    }

    /// Appends a record and gives its position. Whoever appends bounds their number.
    pub(crate) fn push(&mut self, record: T) -> u32 {
        self.0.push(Box::new(record));
        self.len() - 1
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.0.iter().map(Box::as_ref)
    }
}

impl<T> Index<u32> for Shelf<T> {
    type Output = T;

    #[inline]
    fn index(&self, position: u32) -> &T {
        &self.0[position as usize]
    }
}

impl<T> IndexMut<u32> for Shelf<T> {
    #[inline]
    fn index_mut(&mut self, position: u32) -> &mut T {
        &mut self.0[position as usize]
    }
}
