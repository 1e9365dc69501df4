//! A hash index from texts to positions, made for one access to memory each.
//!
//! A slot is eight bytes: 32 bits of the hash and the position, so that growing never reads the texts again. A hash's
//! home is its share of the table's length; what finds its home taken goes to the next free slot. So the entries lie
//! nearly in the order of their hashes, eight to a cache line, and a larger table is filled by walking along the
//! smaller one. That walk is spread over the insertions that follow: no insertion waits for all others to move.
//!
//! Entries are never removed, and nothing iterates over an index.

use super::TextHash;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;

/// Slots of the first table.
const SLOTS_FIRST: usize = 16;
/// Slots of the table before that each insertion clears while entries move. At least two, or the next growth comes
/// before the last one is over.
const MOVED_PER_INSERTION: usize = 8;

#[derive(Debug, Default)]
pub(crate) struct Index {
    table: Table,
    /// The table before, while its entries move to the new one. What has moved still stands here too.
    before: Table,
    /// Slots of the table before whose entries have moved.
    moved: usize,
    len: usize,
}

impl Index {
    /// The position of the text, where `is_it` tells whether the text at a position is the one.
    #[inline]
    pub(crate) fn find(&self, hash: TextHash, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let short = hash.short();
        self.table.find(short, &mut is_it).or_else(|| self.before.find(short, &mut is_it))
    }

    /// Reads the place of a hash, so that it is at hand for whoever looks the text up soon.
    #[inline]
    pub(crate) fn touch(&self, hash: TextHash) -> u64 {
        self.table.home_slot(hash.short()) ^ self.before.home_slot(hash.short())
    }

    /// Adds a text that is not in the index yet.
    #[inline]
    pub(crate) fn insert(&mut self, hash: TextHash, position: u32) {
        if self.len >= self.table.entries_max() {
            self.grow();
        }
        if self.moved < self.before.slots.len() {
            self.move_some();
        }
        self.table.put(slot(hash.short(), position));
        self.len += 1;
    }

    /// An index of all texts of a table, by their hashes in order of position.
    ///
    /// Texts in order of position fall anywhere in the index, so that each one inserted is a wait for memory. Sorted by
    /// their hashes they are written from its front to its end: a snapshot of a million loads in half the time.
    pub(crate) fn of_all(hashes: impl ExactSizeIterator<Item = TextHash>) -> Self {
        let mut index = Index::default();
        index.reserve(hashes.len());
        index.len = hashes.len();
        let mut slots: Vec<u64> = (0..).zip(hashes).map(|(at, hash)| slot(hash.short(), at)).collect();
        slots.sort_unstable();
        for slot in slots {
            index.table.put(slot);
        }
        index
    }

    /// Makes room for so many texts in an index that is still empty.
    pub(crate) fn reserve(&mut self, texts: usize) {
        assert!(self.len == 0, "room is made before the first text comes");
        self.table = Table::of((texts * 4).div_ceil(3).max(SLOTS_FIRST));
    }

    #[cold]
    fn grow(&mut self) {
        assert!(self.moved == self.before.slots.len(), "the last growth is over before the next one begins");
        let slots = (self.table.slots.len() * 2).max(SLOTS_FIRST);
        self.before = mem::replace(&mut self.table, Table::of(slots));
        self.moved = 0;
    }

    fn move_some(&mut self) {
        let end = self.before.slots.len().min(self.moved + MOVED_PER_INSERTION);
        for &slot in &self.before.slots[self.moved..end] {
            if slot != EMPTY {
                self.table.put(slot);
            }
        }
        self.moved = end;
        if end == self.before.slots.len() {
            (self.before, self.moved) = (Table::default(), 0);
        }
    }
}

/// No entry: a position is kept plus one.
const EMPTY: u64 = 0;

fn slot(hash: u32, position: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(position + 1)
}

fn hash_of(slot: u64) -> u32 {
    (slot >> 32) as u32
}

/// A power of two of slots, or none at all.
#[derive(Debug, Default)]
struct Table {
    slots: Box<[u64]>,
}

impl Table {
    fn of(slots: usize) -> Self {
        Table { slots: vec![EMPTY; slots.next_power_of_two()].into_boxed_slice() }
    }

    /// Entries beyond which it is too full: probes grow long beyond three quarters.
    fn entries_max(&self) -> usize {
        self.slots.len() / 4 * 3
    }

    #[inline]
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.slots.len() as u64) >> 32) as usize
    }

    #[inline]
    fn home_slot(&self, hash: u32) -> u64 {
        self.slots.get(self.home(hash)).copied().unwrap_or(EMPTY)
    }

    #[inline]
    fn find(&self, hash: u32, is_it: &mut impl FnMut(u32) -> bool) -> Option<u32> {
        let mut at = self.home(hash);
        loop {
            // A table is never full: a free slot ends the search, in a table of none the first look.
            let slot = *self.slots.get(at)?;
            if slot == EMPTY {
                return None;
            }
            let position = slot as u32 - 1;
            if hash_of(slot) == hash && is_it(position) {
                return Some(position);
            }
            at = self.after(at);
        }
    }

    #[inline]
    fn put(&mut self, slot: u64) {
        let mut at = self.home(hash_of(slot));
        while self.slots[at] != EMPTY {
            at = self.after(at);
        }
        self.slots[at] = slot;
    }

    #[inline]
    fn after(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::Index;
    use crate::store::{Hashes, TextHash};
    use crate::text::Text;
    use alloc::format;
    use alloc::vec::Vec;

    /// While it grows and afterwards; a growth is under way at most of these sizes.
    #[test]
    fn every_text_is_found_at_its_position_and_no_other() {
        let hashes = Hashes::new(7);
        let texts: Vec<_> = (0..50_000).map(|n| format!("r{n}")).collect();
        let hash = |at: u32| hashes.of(Text::stored(texts[at as usize].as_bytes()));
        let mut index = Index::default();
        for at in 0..texts.len() as u32 {
            assert_eq!(index.find(hash(at), |found| found == at), None);
            index.insert(hash(at), at);
            for before in [0, at / 2, at] {
                assert_eq!(index.find(hash(before), |found| found == before), Some(before));
            }
        }
        let at_once = Index::of_all((0..texts.len() as u32).map(hash));
        for at in 0..texts.len() as u32 {
            assert_eq!(index.find(hash(at), |found| found == at), Some(at));
            assert_eq!(at_once.find(hash(at), |found| found == at), Some(at));
        }
    }

    #[test]
    fn texts_of_one_hash_are_told_apart() {
        let mut index = Index::default();
        for at in 0..40 {
            index.insert(TextHash::default(), at);
        }
        for at in 0..40 {
            assert_eq!(index.find(TextHash::default(), |found| found == at), Some(at));
        }
        assert_eq!(index.find(TextHash::default(), |found| found == 40), None);
    }
}
