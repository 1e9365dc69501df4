//! Bytes that are appended at one end and taken from the other: replies on their way to the socket.
//!
//! A vector and a mark, so that appending is as cheap as can be. Taken bytes are moved out when they are the larger part,
//! so each byte is moved at most once. What the bytes mean, nothing here knows.

/// What an empty queue keeps of a buffer that had grown.
const KEPT_BYTES_MAX: usize = 128 * 1_024;

/// Bytes that wait, in order.
#[derive(Debug, Default)]
pub(super) struct ByteQueue {
    bytes: Vec<u8>,
    taken: usize,
}

impl ByteQueue {
    /// How many bytes wait.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that wait.
    pub(super) fn waiting(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// Where to append.
    pub(super) fn end(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Passes over the first bytes.
    pub(super) fn take(&mut self, count: usize) {
        self.taken += count;
        assert!(self.taken <= self.bytes.len(), "only bytes that wait are taken");
        if self.taken == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_BYTES_MAX);
            self.taken = 0;
        } else if self.taken > self.bytes.len() / 2 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
    }
}
