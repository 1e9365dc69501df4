//! Cuts rows into pieces, whole rows each, of at most 64 KiB.

use crate::codec::Writer;
use crate::event::OfferIndex;
use alloc::vec::Vec;

/// The most bytes of one piece.
pub(super) const PIECE_BYTES_MAX: usize = 64 << 10;
/// A piece is put once it is this long. The longest row, a definition with two full admission rules, takes half of the
/// rest.
const PIECE_BYTES_USUAL: usize = 32 << 10;

/// Collects rows and puts them piece by piece.
pub(super) struct Pieces<P> {
    put: P,
    bytes: Vec<u8>,
    /// Bytes of the piece's head; with no more than these the piece is empty.
    head: usize,
    /// Pieces put so far.
    count: u64,
}

impl<E, P: FnMut(&[u8]) -> Result<(), E>> Pieces<P> {
    pub(super) fn new(put: P) -> Self {
        Pieces { put, bytes: Vec::with_capacity(PIECE_BYTES_MAX), head: 0, count: 0 }
    }

    /// From here on rows are of this kind.
    pub(super) fn begin(&mut self, tag: u8) -> Result<(), E> {
        self.begin_of(tag, OfferIndex(0))
    }

    /// From here on rows are of this kind and of this offer.
    pub(super) fn begin_of(&mut self, tag: u8, offer: OfferIndex) -> Result<(), E> {
        self.put()?;
        self.bytes.clear();
        let mut head = Writer(&mut self.bytes);
        head.byte(tag);
        head.small(offer.0);
        self.head = self.bytes.len();
        Ok(())
    }

    /// Adds one row.
    #[inline]
    pub(super) fn row(&mut self, write: impl FnOnce(&mut Writer<'_>)) -> Result<(), E> {
        write(&mut Writer(&mut self.bytes));
        if self.bytes.len() >= PIECE_BYTES_USUAL { self.put() } else { Ok(()) }
    }

    /// Puts what was collected, unless there is nothing.
    pub(super) fn put(&mut self) -> Result<(), E> {
        if self.bytes.len() > self.head {
            (self.put)(&self.bytes)?;
            self.bytes.truncate(self.head);
            self.count += 1;
        }
        Ok(())
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }
}
