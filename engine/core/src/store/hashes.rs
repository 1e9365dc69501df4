//! The keyed hash of ids.
//!
//! Buyers choose their ids, and must not be able to choose collisions. Nothing iterates over what is hashed, so that
//! the key never reaches the state.

use crate::text::Text;
use core::hash::{BuildHasher, Hasher};
use foldhash::quality::FixedState;

/// The keyed hash function of one machine.
#[derive(Clone, Debug)]
pub(crate) struct Hashes(FixedState);

/// The hash of a text under the machine's key.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TextHash(u64);

impl Hashes {
    pub(crate) fn new(key: u64) -> Self {
        Hashes(FixedState::with_seed(key))
    }

    #[inline]
    pub(crate) fn of(&self, text: Text<'_>) -> TextHash {
        // The hash itself turns its seed by the length, so that "a" and "aa" differ.
        let mut hasher = self.0.build_hasher();
        hasher.write(text.as_bytes());
        TextHash(hasher.finish())
    }
}

impl TextHash {
    /// A hash whose kept half is given.
    #[cfg(test)]
    pub(super) fn of_short(short: u32) -> Self {
        TextHash(u64::from(short) << 32)
    }

    /// Whether it is the hash of nothing, as which one text in 2^64 may pass.
    #[inline]
    pub(crate) fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The whole hash, for sketches.
    pub(crate) fn get(self) -> u64 {
        self.0
    }

    /// What an index keeps of it. The upper half: sketches take their place from the top too, and need no independence
    /// from an index.
    #[inline]
    pub(super) fn short(self) -> u32 {
        (self.0 >> 32) as u32
    }
}
