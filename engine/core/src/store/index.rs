//! A hash index from texts to positions, made for few accesses to memory each.
//!
//! A slot is eight bytes: 32 bits of the hash and the position, so that growing never reads the texts again. The first
//! bits of a hash name its segment, the last ones its home there; what finds its home taken goes to the next free slot of
//! the segment. A full segment splits in two by one more bit: growing costs now and then the microseconds of one split, never
//! the move of a whole table, and never leaves two tables to search. (Fagin et al., "Extendible hashing", 1979.)
//!
//! Entries are never removed, and nothing iterates over an index.

use super::TextHash;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;

/// Slots of the first segment at its beginning: most offers are small.
const SLOTS_FIRST: usize = 16;
/// Slots of a segment that splits: 32 KiB.
const SLOTS_FULL: usize = 4_096;
/// How many prefixes there may be for each segment. Hashes are alike, and so are the segments' depths: only texts chosen
/// by somebody who knows the key lead farther, and then segments become long instead.
const PREFIXES_PER_SEGMENT: usize = 4;

#[derive(Debug)]
pub(crate) struct Index {
    /// The segment of each prefix: a power of two of them. Prefixes share a segment until it splits.
    prefixes: Vec<u32>,
    /// Bits of a hash behind its prefix.
    rest_bits: u32,
    segments: Vec<Segment>,
    /// The slots of the segment that split last, for the next one.
    spare: Box<[u64]>,
}

impl Default for Index {
    fn default() -> Self {
        Index {
            prefixes: vec![0],
            rest_bits: u32::BITS,
            segments: vec![Segment::default()],
            spare: Box::default(),
        }
    }
}

impl Index {
    /// The position of the text, where `is_it` tells whether the text at a position is the one.
    #[inline]
    pub(crate) fn find(&self, hash: TextHash, is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let short = hash.short();
        self.segments[self.segment_of(short)].find(short, is_it)
    }

    /// Reads the place of a hash, so that it is at hand for whoever looks the text up soon.
    #[inline]
    pub(crate) fn touch(&self, hash: TextHash) -> u64 {
        let short = hash.short();
        self.segments[self.segment_of(short)].home_slot(short)
    }

    /// Adds a text that is not in the index yet.
    #[inline]
    pub(crate) fn insert(&mut self, hash: TextHash, position: u32) {
        self.put(slot(hash.short(), position));
    }

    /// An index of all texts of a table, by their hashes in order of position.
    ///
    /// Texts in order of position fall anywhere in the index, so that each one inserted is a wait for memory. Sorted by
    /// their hashes they are written from its front to its end: a snapshot of a million loads in half the time.
    pub(crate) fn of_all(hashes: impl ExactSizeIterator<Item = TextHash>) -> Self {
        let mut index = Index::default();
        index.reserve(hashes.len());
        let mut slots: Vec<u64> = (0..).zip(hashes).map(|(at, hash)| slot(hash.short(), at)).collect();
        slots.sort_unstable();
        for slot in slots {
            index.put(slot);
        }
        index
    }

    /// Makes room for so many texts in an index that is still empty.
    pub(crate) fn reserve(&mut self, texts: usize) {
        let is_empty = self.segments.iter().all(|segment| segment.len == 0);
        assert!(is_empty, "room is made before the first text comes");
        // Segments differ a little in what they get: two thirds each, so that none has to split.
        let depth = (texts * 3 / 2).div_ceil(SLOTS_FULL).next_power_of_two().ilog2();
        let slots = if depth == 0 {
            (texts * 4).div_ceil(3).next_power_of_two().max(SLOTS_FIRST)
        } else {
            SLOTS_FULL
        };
        self.prefixes = (0..1 << depth).collect();
        self.rest_bits = u32::BITS - depth;
        self.segments = (0..1 << depth).map(|_| Segment::of(slots, depth)).collect();
    }

    #[inline]
    fn put(&mut self, slot: u64) {
        let hash = hash_of(slot);
        let mut at = self.segment_of(hash);
        while self.segments[at].is_full() {
            self.make_room(hash);
            at = self.segment_of(hash);
        }
        self.segments[at].put(slot);
    }

    #[inline]
    fn segment_of(&self, hash: u32) -> usize {
        self.prefixes[self.prefix_of(hash)] as usize
    }

    #[inline]
    fn prefix_of(&self, hash: u32) -> usize {
        (u64::from(hash) >> self.rest_bits) as usize
    }

    /// Makes the segment of a hash larger, or splits it.
    #[cold]
    fn make_room(&mut self, hash: u32) {
        let at = self.segment_of(hash);
        let depth = self.segments[at].depth;
        let slots = self.segments[at].slots.len();
        let has_prefixes = depth < u32::BITS - self.rest_bits
            || self.prefixes.len() < PREFIXES_PER_SEGMENT * self.segments.len();
        if slots < SLOTS_FULL || !has_prefixes {
            let larger = Segment::of((slots * 2).max(SLOTS_FIRST), depth);
            let entries = mem::replace(&mut self.segments[at], larger);
            entries.each(|slot| self.segments[at].put(slot));
            return;
        }
        if depth == u32::BITS - self.rest_bits {
            self.prefixes = self.prefixes.iter().flat_map(|&segment| [segment, segment]).collect();
            self.rest_bits -= 1;
        }
        self.split(hash, at);
    }

    /// Moves the entries of the segment of a hash whose next bit is set into a new segment.
    fn split(&mut self, hash: u32, at: usize) {
        let depth = self.segments[at].depth + 1;
        let slots = self.segments[at].slots.len();
        let new = self.segments.len();
        self.segments.push(Segment::of(slots, depth));
        let lower = self.segment_of_spare(slots, depth);
        let before = mem::replace(&mut self.segments[at], lower);
        let is_moved = |hash: u32| hash << (depth - 1) >> (u32::BITS - 1) == 1;
        before.each(|slot| {
            let to = if is_moved(hash_of(slot)) { new } else { at };
            self.segments[to].put(slot);
        });
        // The prefixes of one segment stand side by side; those of the upper half have the bit.
        let shared = self.prefixes.len() >> (depth - 1);
        let first = self.prefix_of(hash) / shared * shared;
        self.prefixes[first + shared / 2..first + shared].fill(new as u32);
        self.spare = before.slots;
    }

    /// An empty segment, of the spare slots where there are as many.
    fn segment_of_spare(&mut self, slots: usize, depth: u32) -> Segment {
        if self.spare.len() != slots {
            return Segment::of(slots, depth);
        }
        let mut slots = mem::take(&mut self.spare);
        slots.fill(EMPTY);
        Segment { slots, len: 0, depth }
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

/// The entries whose hashes begin alike: a power of two of slots, or none at all.
#[derive(Debug, Default)]
struct Segment {
    slots: Box<[u64]>,
    len: u32,
    /// In how many bits the hashes here agree.
    depth: u32,
}

impl Segment {
    fn of(slots: usize, depth: u32) -> Self {
        Segment { slots: vec![EMPTY; slots].into_boxed_slice(), len: 0, depth }
    }

    /// Whether it takes no more: probes grow long beyond three quarters.
    #[inline]
    fn is_full(&self) -> bool {
        self.len as usize >= self.slots.len() / 4 * 3
    }

    #[inline]
    fn home_slot(&self, hash: u32) -> u64 {
        self.slots.get(self.wrap(hash as usize)).copied().unwrap_or(EMPTY)
    }

    #[inline]
    fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut at = self.wrap(hash as usize);
        loop {
            // A segment is never full: a free slot ends the search, in a segment of none the first look.
            let slot = *self.slots.get(at)?;
            if slot == EMPTY {
                return None;
            }
            let position = slot as u32 - 1;
            if hash_of(slot) == hash && is_it(position) {
                return Some(position);
            }
            at = self.wrap(at + 1);
        }
    }

    #[inline]
    fn put(&mut self, slot: u64) {
        let mut at = self.wrap(hash_of(slot) as usize);
        while self.slots[at] != EMPTY {
            at = self.wrap(at + 1);
        }
        self.slots[at] = slot;
        self.len += 1;
    }

    fn each(&self, take: impl FnMut(u64)) {
        self.slots.iter().copied().filter(|&slot| slot != EMPTY).for_each(take);
    }

    #[inline]
    fn wrap(&self, at: usize) -> usize {
        at & self.slots.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::Index;
    use crate::store::{Hashes, TextHash};
    use crate::text::Text;
    use alloc::format;
    use alloc::vec::Vec;

    /// Through every growth and many splits.
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
        for at in 0..5_000 {
            index.insert(TextHash::default(), at);
        }
        for at in 0..5_000 {
            assert_eq!(index.find(TextHash::default(), |found| found == at), Some(at));
        }
        assert_eq!(index.find(TextHash::default(), |found| found == 5_000), None);
    }
}
