//! An append-only table of records, addressed by position.
//!
//! Records lie in chunks of one size, so that a position is a shift away from its record. Only the first chunk ever
//! moves, while it grows to that size; growing further allocates one more chunk and copies nothing, so that the offer
//! with ten million reservations answers its next BUY as fast as the first.

use super::fetch::{fetch_end, fetch_way};
use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

/// Bytes of a chunk: small enough to copy the first one while somebody waits, large enough that a large table has few.
pub(super) const CHUNK_BYTES: usize = 1 << 19;

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
    /// 2^this records in a chunk.
    const CHUNK_LOG: u32 = (CHUNK_BYTES / size_of::<T>()).ilog2();

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Appends a record and gives its position.
    #[inline]
    pub(crate) fn push(&mut self, record: T) -> u32 {
        let position = self.len;
        let (chunk, _) = Self::place(position);
        if chunk == self.chunks.len() {
            self.begin_chunk();
        }
        self.chunks[chunk].push(record);
        self.len = position + 1;
        position
    }

    /// Asks memory for what leads to the place of the next record.
    #[inline]
    pub(crate) fn fetch_way(&self) {
        fetch_way(&self.chunks);
    }

    /// Asks memory for the place of the next record, once what leads there is at hand.
    #[inline]
    pub(crate) fn fetch_end(&self) {
        fetch_end(&self.chunks);
    }

    /// Whether more records fit: positions, and what lies one above them, stay within 32 bits.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.len < u32::MAX - (2 << Self::CHUNK_LOG)
    }

    #[cold]
    fn begin_chunk(&mut self) {
        assert!(
            self.len < u32::MAX - (1 << Self::CHUNK_LOG),
            "a table is full: decide checks this before it accepts"
        );
        let is_first = self.chunks.is_empty();
        self.chunks.push(Vec::with_capacity(if is_first { 0 } else { 1 << Self::CHUNK_LOG }));
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    /// The chunk of a position, and the place in it.
    #[inline]
    fn place(position: u32) -> (usize, usize) {
        ((position >> Self::CHUNK_LOG) as usize, (position & ((1 << Self::CHUNK_LOG) - 1)) as usize)
    }
}

impl<T> Index<u32> for Column<T> {
    type Output = T;

    #[inline]
    fn index(&self, position: u32) -> &T {
        let (chunk, offset) = Self::place(position);
        &self.chunks[chunk][offset]
    }
}

impl<T> IndexMut<u32> for Column<T> {
    #[inline]
    fn index_mut(&mut self, position: u32) -> &mut T {
        let (chunk, offset) = Self::place(position);
        &mut self.chunks[chunk][offset]
    }
}

#[cfg(test)]
mod tests {
    use super::Column;

    #[test]
    fn records_keep_their_position_across_chunks() {
        let mut column = Column::default();
        for n in 0..300_000_u32 {
            assert_eq!(column.push(n * 3), n);
        }
        assert!((0..300_000).all(|n| column[n] == n * 3));
        assert_eq!(column.iter().count(), 300_000);
    }
}
