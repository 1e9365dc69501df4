//! A hash index from texts to positions, made for few accesses to memory each.
//!
//! An entry is eight bytes: 32 bits of the hash and the position, so that growing never reads the texts again. Eight
//! entries share a cache line. The first bits of a hash name its segment, the last ones its line there; what finds its
//! line full goes to the next. A look-up reads one line (of those that find nothing, one in a hundred reads another
//! after a split, one in three before the next) and compares its eight hashes at once. A full segment splits in two by
//! one more bit: growing costs now and then a fraction of a millisecond for one split, never the move of a large table,
//! and never leaves two tables to search. (Fagin et al., "Extendible hashing", 1979.)
//!
//! Entries are never removed, and nothing iterates over an index.

use super::TextHash;
use super::fetch::fetch;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;
use wide::u32x8;

/// Entries of a line.
const LINE_ENTRIES: usize = 8;
/// Lines of the first segment at its beginning: most offers are small.
const LINES_FIRST: usize = 2;
/// Lines of a segment that splits: 128 KiB.
const LINES_FULL: usize = 2_048;
/// How many prefixes there may be for each segment. Hashes are alike, and so are the segments' depths: only texts
/// chosen by somebody who knows the key lead farther, and then segments become long instead.
const PREFIXES_PER_SEGMENT: usize = 4;

#[derive(Debug)]
pub(crate) struct Index {
    /// The segment of each prefix: a power of two of them. Prefixes share a segment until it splits.
    prefixes: Vec<u32>,
    /// Bits of a hash behind its prefix.
    rest_bits: u32,
    segments: Vec<Segment>,
    /// The lines of the segment that split last, for the next one.
    spare: Box<[Line]>,
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

    /// Asks memory for what leads to the places of an index that is still small.
    #[inline]
    pub(crate) fn fetch_way(&self) {
        fetch(&self.segments[0]);
    }

    /// Asks memory for the place of a hash, so that it is at hand for whoever looks the text up soon.
    #[inline]
    pub(crate) fn fetch_place(&self, hash: TextHash) {
        let short = hash.short();
        self.segments[self.segment_of(short)].fetch_place(short);
    }

    /// Adds a text that is not in the index yet.
    #[inline]
    pub(crate) fn insert(&mut self, hash: TextHash, position: u32) {
        self.put(Entry { hash: hash.short(), position });
    }

    /// An index of all texts of a table, by their hashes in order of position.
    ///
    /// Texts in order of position fall anywhere in the index, so that each one inserted is a wait for memory. Sorted by
    /// their hashes they are written from its front to its end: a snapshot of a million loads in half the time.
    pub(crate) fn of_all(hashes: impl ExactSizeIterator<Item = TextHash>) -> Self {
        let mut index = Index::default();
        index.reserve(hashes.len());
        let entry = |(position, hash): (u32, TextHash)| Entry { hash: hash.short(), position };
        let mut entries: Vec<Entry> = (0..).zip(hashes).map(entry).collect();
        entries.sort_unstable_by_key(|entry| (entry.hash, entry.position));
        for entry in entries {
            index.put(entry);
        }
        index
    }

    /// Makes room for so many texts in an index that is still empty.
    pub(crate) fn reserve(&mut self, texts: usize) {
        let is_empty = self.segments.iter().all(|segment| segment.len == 0);
        assert!(is_empty, "room is made before the first text comes");
        // Segments differ a little in what they get: two thirds each, so that none has to split.
        let depth = (texts * 3 / 2).div_ceil(LINES_FULL * LINE_ENTRIES).next_power_of_two().ilog2();
        let lines = if depth == 0 {
            (texts * 4).div_ceil(3 * LINE_ENTRIES).next_power_of_two().max(LINES_FIRST)
        } else {
            LINES_FULL
        };
        self.prefixes = (0..1 << depth).collect();
        self.rest_bits = u32::BITS - depth;
        self.segments = (0..1 << depth).map(|_| Segment::of(lines, depth)).collect();
    }

    #[inline]
    fn put(&mut self, entry: Entry) {
        let mut at = self.segment_of(entry.hash);
        while self.segments[at].is_full() {
            self.make_room(entry.hash);
            at = self.segment_of(entry.hash);
        }
        self.segments[at].put(entry);
    }

    #[inline]
    fn segment_of(&self, hash: u32) -> usize {
        // Most offers are small: one segment, whose list need not be touched for that.
        if self.rest_bits == u32::BITS { 0 } else { self.prefixes[self.prefix_of(hash)] as usize }
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
        let lines = self.segments[at].lines.len();
        let has_prefixes = depth < u32::BITS - self.rest_bits
            || self.prefixes.len() < PREFIXES_PER_SEGMENT * self.segments.len();
        if lines < LINES_FULL || !has_prefixes {
            let larger = Segment::of((lines * 2).max(LINES_FIRST), depth);
            let before = mem::replace(&mut self.segments[at], larger);
            before.each(|entry| self.segments[at].put(entry));
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
        let new = self.segments.len();
        let lines = mem::take(&mut self.spare);
        let [lower, upper] = self.segments[at].split(lines, depth);
        let before = mem::replace(&mut self.segments[at], lower);
        self.segments.push(upper);
        // The prefixes of one segment stand side by side; those of the upper half have the bit.
        let shared = self.prefixes.len() >> (depth - 1);
        let first = self.prefix_of(hash) / shared * shared;
        self.prefixes[first + shared / 2..first + shared].fill(new as u32);
        self.spare = before.lines;
    }
}

/// A text by its hash.
#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u32,
    position: u32,
}

/// What one wait for memory brings. It fills from its first place to its last.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Line {
    hashes: [u32; LINE_ENTRIES],
    /// Plus one; zero where there is no entry.
    positions: [u32; LINE_ENTRIES],
}

const _: () = assert!(size_of::<Line>() == 64, "a line of the index is a line of the cache");

impl Line {
    const EMPTY: Line = Line { hashes: [0; LINE_ENTRIES], positions: [0; LINE_ENTRIES] };

    /// The places of a hash, as bits: all are compared at once. A place without an entry may be among them.
    #[inline]
    fn places_of(&self, hash: u32) -> u32 {
        u32x8::new(self.hashes).simd_eq(u32x8::splat(hash)).to_bitmask()
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.positions[LINE_ENTRIES - 1] != 0
    }

    #[inline]
    fn set(&mut self, place: usize, entry: Entry) {
        self.hashes[place] = entry.hash;
        self.positions[place] = entry.position + 1;
    }

    #[inline]
    fn entry(&self, place: usize) -> Entry {
        Entry { hash: self.hashes[place], position: self.positions[place] - 1 }
    }

    /// The places that have an entry, as bits.
    #[inline]
    fn taken(&self) -> u32 {
        !u32x8::new(self.positions).simd_eq(u32x8::ZERO).to_bitmask() & ((1 << LINE_ENTRIES) - 1)
    }

    /// The places of entries whose hashes are `bits` under `mask`, as bits.
    #[inline]
    fn where_bits_are(&self, mask: u32, bits: u32) -> u32 {
        let under_mask = u32x8::new(self.hashes) & u32x8::splat(mask);
        under_mask.simd_eq(u32x8::splat(bits)).to_bitmask() & self.taken()
    }

    /// A line of the entries at these places, in their order.
    #[inline]
    fn only(&self, these: u32) -> Line {
        let mut line = Line::EMPTY;
        for (to, from) in places(these).enumerate() {
            // What a line has room for, said so that it need not be checked.
            line.set(to % LINE_ENTRIES, self.entry(from % LINE_ENTRIES));
        }
        line
    }

    /// How many entries it has.
    #[inline]
    fn len(&self) -> usize {
        self.taken().trailing_ones() as usize
    }
}

/// The numbers of the bits that are set, lowest first.
#[inline]
fn places(mut bits: u32) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let place = bits.trailing_zeros() as usize;
        (bits != 0).then(|| {
            bits &= bits - 1;
            place
        })
    })
}

/// The entries whose hashes begin alike, in a power of two of lines, or in none at all.
#[derive(Debug, Default)]
struct Segment {
    lines: Box<[Line]>,
    len: u32,
    /// In how many bits the hashes here agree.
    depth: u32,
}

impl Segment {
    fn of(lines: usize, depth: u32) -> Self {
        Segment { lines: vec![Line::EMPTY; lines].into_boxed_slice(), len: 0, depth }
    }

    /// Whether it takes no more: beyond three quarters, too many lines are full.
    #[inline]
    fn is_full(&self) -> bool {
        self.len as usize >= self.lines.len() * LINE_ENTRIES / 4 * 3
    }

    #[inline]
    fn fetch_place(&self, hash: u32) {
        if let Some(line) = self.lines.get(self.wrap(hash as usize)) {
            fetch(line);
        }
    }

    #[inline]
    fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut at = self.wrap(hash as usize);
        loop {
            // There are always lines that are not full: one ends the search, in a segment of none the first look.
            let line = self.lines.get(at)?;
            let mut places = line.places_of(hash);
            while places != 0 {
                let position = line.positions[places.trailing_zeros() as usize].checked_sub(1)?;
                if is_it(position) {
                    return Some(position);
                }
                places &= places - 1;
            }
            if !line.is_full() {
                return None;
            }
            at = self.wrap(at + 1);
        }
    }

    #[inline]
    fn put(&mut self, entry: Entry) {
        let mut at = self.wrap(entry.hash as usize);
        while self.lines[at].is_full() {
            at = self.wrap(at + 1);
        }
        let line = &mut self.lines[at];
        line.set(line.len(), entry);
        self.len += 1;
    }

    /// The halves of a full segment: the entries without the bit behind the first `depth − 1`, and those with it.
    /// `spare` becomes the lines of the first if they are as many.
    ///
    /// An entry that lies on its own line goes to the same line of its half. Those that had found it full look for a
    /// place again, once all others have theirs.
    fn split(&self, spare: Box<[Line]>, depth: u32) -> [Segment; 2] {
        let mut lower = Segment { lines: spare, ..Segment::of(0, depth) };
        if lower.lines.len() != self.lines.len() {
            lower = Segment::of(self.lines.len(), depth);
        }
        let mut halves = [lower, Segment::of(self.lines.len(), depth)];
        let bit = 1 << (u32::BITS - depth);
        let last = self.lines.len() as u32 - 1;
        for (line, at) in self.lines.iter().zip(0..) {
            let (home, upper) = (line.where_bits_are(last, at), line.where_bits_are(bit, bit));
            for (half, these) in halves.iter_mut().zip([home & !upper, home & upper]) {
                half.lines[at as usize] = line.only(these);
                half.len += these.count_ones();
            }
        }
        for (line, at) in self.lines.iter().zip(0..) {
            for place in places(line.taken() & !line.where_bits_are(last, at)) {
                let half = usize::from(line.hashes[place] & bit != 0);
                halves[half].put(line.entry(place));
            }
        }
        halves
    }

    fn each(&self, mut take: impl FnMut(Entry)) {
        for line in &self.lines {
            places(line.taken()).for_each(|place| take(line.entry(place)));
        }
    }

    #[inline]
    fn wrap(&self, at: usize) -> usize {
        at & self.lines.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Index, LINE_ENTRIES, LINES_FULL};
    use crate::store::{Hashes, TextHash};
    use crate::text::Text;
    use alloc::format;
    use alloc::vec::Vec;

    /// What a segment takes before it splits.
    const FULL: u32 = (LINES_FULL * LINE_ENTRIES / 4 * 3) as u32;

    /// The lines of the segment of a hash, and its depth.
    fn shape(index: &Index, hash: u32) -> (usize, u32) {
        let segment = &index.segments[index.segment_of(hash)];
        (segment.lines.len(), segment.depth)
    }

    /// Through every growth and many splits.
    #[test]
    fn every_text_is_found_at_its_position_and_no_other() {
        let hashes = Hashes::new(7);
        let texts: Vec<_> = (0..FULL * 8).map(|n| format!("r{n}")).collect();
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

    /// Puts texts of these hashes in, and looks for all of them twice while a segment fills, and at the end.
    fn fill(hashes: &[u32]) -> Index {
        let mut index = Index::default();
        let find_all = |index: &Index, len: usize| {
            for (at, &hash) in hashes[..len].iter().enumerate() {
                let (hash, at) = (TextHash::of_short(hash), at as u32);
                assert_eq!(index.find(hash, |found| found == at), Some(at), "among {len}");
                assert_eq!(index.find(hash, |_| false), None, "among {len}");
            }
        };
        for (at, &hash) in hashes.iter().enumerate() {
            index.insert(TextHash::of_short(hash), at as u32);
            if at % (FULL as usize / 2) == 0 {
                find_all(&index, at);
            }
        }
        find_all(&index, hashes.len());
        index
    }

    /// One in ten wants the last line of a segment, so that they overflow into its first ones, on either side of a split.
    #[test]
    fn what_overflowed_round_the_end_of_a_segment_is_found_after_splits() {
        let spread = |n: u32| n.wrapping_mul(0x9e37_79b9);
        let last = LINES_FULL as u32 - 1;
        let hashes: Vec<u32> =
            (0..FULL * 3).map(|n| if n % 10 == 0 { spread(n) | last } else { spread(n) }).collect();
        let index = fill(&hashes);
        assert!(index.segments.len() > 2, "nothing split");
    }

    /// A segment in which texts of one beginning pile up grows long; once others have made more beginnings, it splits.
    #[test]
    fn a_segment_that_grew_long_splits_and_loses_nothing() {
        let crowd = |n: u32| 0xabcd_0000 | (n.wrapping_mul(40_503) & 0xffff);
        let spread = |n: u32| n.wrapping_mul(0x9e37_79b9);
        let (some, more) = (0..FULL / 2 * 3, FULL / 2 * 3..FULL * 3);
        let crowded: Vec<u32> = some.map(crowd).collect();
        let (lines, depth) = shape(&fill(&crowded), crowd(0));
        assert!(lines > LINES_FULL, "nothing grew long");
        let hashes: Vec<u32> =
            crowded.into_iter().chain((0..FULL * 12).map(spread)).chain(more.map(crowd)).collect();
        assert!(shape(&fill(&hashes), crowd(0)).1 > depth, "what was long did not split");
    }

    #[test]
    fn texts_of_one_hash_are_told_apart() {
        let mut index = Index::default();
        for at in 0..FULL * 2 {
            index.insert(TextHash::default(), at);
        }
        for at in (0..FULL * 2).step_by(16) {
            assert_eq!(index.find(TextHash::default(), |found| found == at), Some(at));
        }
        assert_eq!(index.find(TextHash::default(), |found| found == FULL * 2), None);
        assert!(shape(&index, 0).0 > LINES_FULL, "nothing grew long");
    }
}
