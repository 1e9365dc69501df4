//! A hash index from texts to positions.
//!
//! It keeps 32 bits of each hash beside the position, so that growing never reads the texts again. The hash is keyed:
//! buyers choose their ids, and must not be able to choose collisions. Nothing iterates over an index, so that the
//! key never reaches the state.

use crate::text::Text;
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

/// Less room than this is little.
const ROOM_LOW: usize = 1 << 13;
/// The first room that is made.
const ROOM_FIRST: usize = 1 << 16;
/// How far room may run ahead of what has come: few enough bytes per text, and three steps to ten million.
const ROOM_AHEAD: usize = 16;

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

    /// Where little room is left, makes room towards `announced` texts in all, so that the index need not grow by
    /// doubling. What is announced is not believed at once: room runs ahead of what has come by a fixed factor.
    pub(crate) fn make_room(&mut self, announced: u32) {
        let len = self.table.len();
        if self.table.capacity() - len < ROOM_LOW {
            let wanted = (announced as usize).min((len * ROOM_AHEAD).max(ROOM_FIRST));
            self.table.reserve(wanted.saturating_sub(len), |entry| widen(entry.hash));
        }
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
