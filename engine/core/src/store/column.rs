//! An append-only table of records, addressed by position.
//!
//! Records stay where they are: growing allocates one more chunk and copies nothing, so that the offer with ten
//! million reservations answers its next BUY as fast as the first.

use super::place;
use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

/// 2^4 records in the first chunk.
const FIRST_LOG: u32 = 4;

#[derive(Debug)]
pub(crate) struct Column<T> {
    chunks: Vec<Vec<T>>,
    len: u32,
}

impl<T> Default for Column<T> {
    fn default() -> Self {
        Column { chunks: Vec::new(), len: 0 }
    }
}

impl<T> Column<T> {
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Appends a record and gives its position.
    pub(crate) fn push(&mut self, record: T) -> u32 {
        let position = self.len;
        assert!(
            position < u32::MAX - (1 << FIRST_LOG),
            "a table is full: decide checks this before it accepts"
        );
        let (chunk, _) = place(position, FIRST_LOG);
        if chunk == self.chunks.len() {
            self.chunks.push(Vec::with_capacity(1 << (FIRST_LOG as usize + chunk)));
        }
        self.chunks[chunk].push(record);
        self.len += 1;
        position
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.chunks.iter().flatten()
    }
}

impl<T> Index<u32> for Column<T> {
    type Output = T;

    fn index(&self, position: u32) -> &T {
        let (chunk, offset) = place(position, FIRST_LOG);
        &self.chunks[chunk][offset]
    }
}

impl<T> IndexMut<u32> for Column<T> {
    fn index_mut(&mut self, position: u32) -> &mut T {
        let (chunk, offset) = place(position, FIRST_LOG);
        &mut self.chunks[chunk][offset]
    }
}

#[cfg(test)]
mod tests {
    use super::Column;

    #[test]
    fn records_keep_their_position_across_chunks() {
        let mut column = Column::default();
        for n in 0..1_000_u32 {
            assert_eq!(column.push(n * 3), n);
        }
        assert!((0..1_000).all(|n| column[n] == n * 3));
        assert_eq!(column.iter().count(), 1_000);
    }
}
