//! The bytes of ids, append-only. A [`TextRef`] is four bytes wide, whatever the length of the text.
//!
//! Texts are aligned to two bytes, so that one arena reaches 8 GiB. A text never spans two chunks. It is led by its
//! length: one byte, or for the longest free texts a mark and two bytes.

use super::place;
use crate::text::{FREE_BYTES_MAX, Text};
use alloc::vec::Vec;

/// 2^9 units of two bytes in the first chunk: 1 KiB.
const FIRST_LOG: u32 = 9;
const UNIT_BYTES: usize = 2;
/// The first byte of a text whose length takes two more; smaller ones are lengths.
const LONG: u8 = 0xff;
const LONG_HEAD_BYTES: usize = 3;

const _: () = assert!(
    FREE_BYTES_MAX + LONG_HEAD_BYTES <= UNIT_BYTES << FIRST_LOG,
    "the longest text that is kept fits the first chunk"
);

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
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        (self.next as usize) + bytes / UNIT_BYTES < (u32::MAX as usize) - (1 << (FIRST_LOG + 2))
    }

    /// Copies a text in.
    pub(crate) fn push(&mut self, text: Text<'_>) -> TextRef {
        let bytes = text.as_bytes();
        assert!(self.has_room(bytes.len()), "an arena is full: decide checks this before it accepts");
        let short = u8::try_from(bytes.len()).ok().filter(|&length| length != LONG);
        let filled = bytes.len() + if short.is_some() { 1 } else { LONG_HEAD_BYTES };
        let units = filled.div_ceil(UNIT_BYTES) as u32;
        let (mut chunk, offset) = place(self.next, FIRST_LOG);
        let chunk_units = 1_u32 << (FIRST_LOG + chunk as u32);
        if offset as u32 + units > chunk_units {
            self.next += chunk_units - offset as u32;
            chunk += 1;
        }
        if chunk == self.chunks.len() {
            self.chunks.push(Vec::with_capacity(UNIT_BYTES << (FIRST_LOG as usize + chunk)));
        }
        let at = TextRef(self.next);
        let place = &mut self.chunks[chunk];
        if let Some(length) = short {
            place.push(length);
        } else {
            place.push(LONG);
            place.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
        }
        place.extend_from_slice(bytes);
        if !filled.is_multiple_of(UNIT_BYTES) {
            place.push(0);
        }
        self.next += units;
        at
    }

    pub(crate) fn get(&self, at: TextRef) -> Text<'_> {
        let (chunk, offset) = place(at.0, FIRST_LOG);
        let bytes = &self.chunks[chunk][offset * UNIT_BYTES..];
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
            (0..5_000).map(|n: usize| [b'a' + (n % 26) as u8].repeat(1 + n % 512)).collect();
        let refs: Vec<_> = texts.iter().map(|text| arena.push(Text::stored(text))).collect();
        for (text, at) in texts.iter().zip(refs) {
            assert_eq!(arena.get(at).as_bytes(), text.as_slice());
        }
    }
}
