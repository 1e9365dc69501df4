//! A hash index from texts to positions.
//!
//! It keeps 32 bits of each hash beside the position, so that growing never reads the texts again. The hash is keyed:
//! buyers choose their ids, and must not be able to choose collisions. Nothing iterates over an index, so that the
//! key never reaches the state.

use crate::text::Text;
use alloc::vec::Vec;
use core::hash::BuildHasher;
use foldhash::quality::FixedState;
use hashbrown::HashTable;

/// The keyed hash function of one machine.
#[derive(Clone, Debug)]
pub(crate) struct Hashes(FixedState);

/// The hash of a text under the machine's key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextHash(u64);

impl Hashes {
    pub(crate) fn new(key: u64) -> Self {
        Hashes(FixedState::with_seed(key))
    }

    pub(crate) fn of(&self, text: Text<'_>) -> TextHash {
        TextHash(self.0.hash_one(text.as_bytes()))
    }
}

impl TextHash {
    /// The whole hash, for sketches.
    pub(crate) fn get(self) -> u64 {
        self.0
    }

    fn short(self) -> u32 {
        self.0 as u32
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u32,
    position: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Index {
    table: HashTable<Entry>,
}

impl Index {
    /// The position of the text, where `is_it` tells whether the text at a position is the one.
    pub(crate) fn find(&self, hash: TextHash, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let short = hash.short();
        self.table
            .find(widen(short), |entry| entry.hash == short && is_it(entry.position))
            .map(|entry| entry.position)
    }

    /// An index of all texts of a table, by their hashes in order of position.
    ///
    /// Texts in order of position fall anywhere in the index, so that each one inserted is a wait for memory. Sorted by
    /// their place in it they are written from its front to its end: a snapshot of a million loads in half the time.
    pub(crate) fn of_all(hashes: impl ExactSizeIterator<Item = TextHash>) -> Self {
        let mut table = HashTable::with_capacity(hashes.len());
        // A power of two; the table takes the hash's low bits for the place.
        let places = table.num_buckets() as u32;
        let entry = |(position, hash): (u32, TextHash)| Entry { hash: hash.short(), position };
        let mut entries: Vec<Entry> = (0..).zip(hashes).map(entry).collect();
        entries.sort_unstable_by_key(|entry| entry.hash & places.wrapping_sub(1));
        for entry in entries {
            table.insert_unique(widen(entry.hash), entry, |entry| widen(entry.hash));
        }
        Index { table }
    }

    /// Makes room for so many more texts.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.table.reserve(more, |entry| widen(entry.hash));
    }

    /// Adds a text that is not in the index yet.
    pub(crate) fn insert(&mut self, hash: TextHash, position: u32) {
        let entry = Entry { hash: hash.short(), position };
        self.table.insert_unique(widen(entry.hash), entry, |entry| widen(entry.hash));
    }
}

/// The table takes its bucket from the low bits and its tag from the high ones; both must come from what is kept.
fn widen(short: u32) -> u64 {
    u64::from(short) << 32 | u64::from(short)
}
