//! The bytes of ids, append-only. A [`TextRef`] is four bytes wide, whatever the length of the text.
//!
//! Texts are aligned to two bytes, so that one arena reaches 8 GiB. They lie in chunks of one size, like the records of
//! a column; a text never spans two. It is led by its length: one byte, or for the longest free texts a mark and two
//! bytes.

use super::column::CHUNK_BYTES;
use super::fetch::{fetch_end, fetch_way};
use crate::text::{FREE_BYTES_MAX, Text};
use alloc::vec::Vec;

const UNIT_BYTES: usize = 2;
/// Units of a chunk, as a power of two.
const CHUNK_LOG: u32 = (CHUNK_BYTES / UNIT_BYTES).ilog2();
const CHUNK_UNITS: u32 = 1 << CHUNK_LOG;
/// The first byte of a text whose length takes two more; smaller ones are lengths.
const LONG: u8 = 0xff;
const LONG_HEAD_BYTES: usize = 3;

const _: () =
    assert!(FREE_BYTES_MAX + LONG_HEAD_BYTES <= CHUNK_BYTES, "the longest text that is kept fits a chunk");

/// Where a text lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TextRef(u32);

#[derive(Debug, Default)]
pub(crate) struct Arena {
    chunks: Vec<Vec<u8>>,
    /// The next free unit.
    next: u32,
}

impl Arena {
    /// Whether texts of `bytes` in all still fit, whatever the chunks' ends waste.
    #[inline]
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        // A chunk's end wastes less than one text: a hundredth at the very most.
        let wasted = (bytes / UNIT_BYTES) >> 6;
        (self.next as usize) + bytes / UNIT_BYTES + wasted < (u32::MAX - 2 * CHUNK_UNITS) as usize
    }

    /// Asks memory for what leads to the place of the next text.
    #[inline]
    pub(crate) fn fetch_way(&self) {
        fetch_way(&self.chunks);
    }

    /// Asks memory for the place of the next text, once what leads there is at hand.
    #[inline]
    pub(crate) fn fetch_end(&self) {
        fetch_end(&self.chunks);
    }

    /// Copies a text in.
    #[inline]
    pub(crate) fn push(&mut self, text: Text<'_>) -> TextRef {
        let bytes = text.as_bytes();
        let is_short = bytes.len() < usize::from(LONG);
        let filled = bytes.len() + if is_short { 1 } else { LONG_HEAD_BYTES };
        let units = filled.div_ceil(UNIT_BYTES) as u32;
        if self.next % CHUNK_UNITS + units > CHUNK_UNITS || self.next.is_multiple_of(CHUNK_UNITS) {
            self.begin_chunk();
        }
        let at = TextRef(self.next);
        let chunk = self.chunks.last_mut().expect("there is a chunk to write to");
        if is_short {
            chunk.push(bytes.len() as u8);
        } else {
            chunk.push(LONG);
            chunk.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
        }
        chunk.extend_from_slice(bytes);
        if !filled.is_multiple_of(UNIT_BYTES) {
            chunk.push(0);
        }
        self.next += units;
        at
    }

    /// Goes on in a new chunk.
    #[cold]
    fn begin_chunk(&mut self) {
        assert!(self.has_room(CHUNK_BYTES), "an arena is full: decide checks this before it accepts");
        self.next = self.next.next_multiple_of(CHUNK_UNITS);
        // The first grows with what is in it: most offers have few ids.
        self.chunks.push(Vec::with_capacity(if self.chunks.is_empty() { 0 } else { CHUNK_BYTES }));
    }

    #[inline]
    pub(crate) fn get(&self, at: TextRef) -> Text<'_> {
        let chunk = &self.chunks[(at.0 >> CHUNK_LOG) as usize];
        let bytes = &chunk[(at.0 % CHUNK_UNITS) as usize * UNIT_BYTES..];
        let (head, length) = match bytes[0] {
            LONG => (LONG_HEAD_BYTES, usize::from(u16::from_le_bytes([bytes[1], bytes[2]]))),
            length => (1, usize::from(length)),
        };
        Text::stored(&bytes[head..head + length])
    }
}

#[cfg(test)]
mod tests {
    use super::Arena;
    use crate::text::Text;
    use alloc::vec::Vec;

    #[test]
    fn every_text_comes_back_byte_for_byte() {
        let mut arena = Arena::default();
        let texts: Vec<Vec<u8>> =
            (0..10_000).map(|n: usize| [b'a' + (n % 26) as u8].repeat(1 + n % 512)).collect();
        let refs: Vec<_> = texts.iter().map(|text| arena.push(Text::stored(text))).collect();
        for (text, at) in texts.iter().zip(refs) {
            assert_eq!(arena.get(at).as_bytes(), text.as_slice());
        }
    }
}
