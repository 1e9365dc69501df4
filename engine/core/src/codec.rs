//! Events and offers as bytes, and back.
//!
//! The journal stores these bytes, the feed and the tools read them, the digest of an offer is taken over them. Every
//! entry carries the texts beside the positions, so that a reader needs no state. Which batch an entry stands in, its
//! checksum and the version of the whole are the journal's business; here is only what is inside.
//!
//! Numbers are LEB128 varints, signed ones zigzag; a text is led by its length. Whatever the bytes are, reading them
//! neither panics nor allocates more than they carry: it ends in a [`CodecError`]. Texts come back byte for byte and
//! are not judged anew, since they were before they were written.

mod demand;
mod entries;
mod entry;
mod kind;
mod offer;
mod terms;
mod wire;

pub(crate) use demand::{DemandRead, write_demand};
pub use entries::Entries;
pub use entry::encode;
pub(crate) use offer::{read_offer, write_offer};
pub(crate) use wire::{Reader, Writer};

use core::fmt;

/// Bytes that are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodecError {
    /// Where, counted from the first byte that was to be read.
    pub offset: usize,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: expected {}", self.offset, self.expected)
    }
}

impl core::error::Error for CodecError {}
