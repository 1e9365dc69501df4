//! The primitives: numbers, texts, money, facts.
//!
//! [`Writer`] appends to a buffer that the caller reserved; [`Reader`] walks a slice and answers every surprise with a
//! [`CodecError`]. Neither knows what is written.

use super::CodecError;
use crate::money::Money;
use crate::text::{FREE_BYTES_MAX, Text};
use crate::time::{Millis, UnixMs};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroU32;

/// More than any list of a definition may have, so that a short text cannot ask for much memory.
const LIST_ENTRIES_MAX: u64 = 1_024;

/// Appends primitives to a buffer.
#[derive(Debug)]
pub(crate) struct Writer<'a>(pub(crate) &'a mut Vec<u8>);

impl Writer<'_> {
    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// A fact: 0 or 1.
    pub(crate) fn fact(&mut self, is_so: bool) {
        self.0.push(u8::from(is_so));
    }

    /// LEB128: seven bits a byte, lowest first, the high bit set on all but the last.
    #[inline]
    pub(crate) fn number(&mut self, number: u64) {
        let mut rest = number;
        while rest >= 0x80 {
            self.0.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        self.0.push(rest as u8);
    }

    #[inline]
    pub(crate) fn small(&mut self, number: u32) {
        self.number(u64::from(number));
    }

    /// A number of either sign, zigzag: 0, −1, 1, −2 as 0, 1, 2, 3.
    pub(crate) fn signed(&mut self, number: i64) {
        self.number((number << 1 ^ number >> 63).cast_unsigned());
    }

    /// A sum of money may need more than 64 bits: the lower half, then the upper.
    pub(crate) fn wide(&mut self, number: u128) {
        self.number(number as u64);
        self.number((number >> 64) as u64);
    }

    pub(crate) fn time(&mut self, at: UnixMs) {
        self.number(at.get());
    }

    pub(crate) fn length(&mut self, length: Millis) {
        self.number(length.get());
    }

    #[inline]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    #[inline]
    pub(crate) fn text(&mut self, text: Text<'_>) {
        self.bytes(text.as_bytes());
    }

    #[inline]
    pub(crate) fn money(&mut self, money: Money) {
        self.number(money.cash);
        self.number(money.points);
    }

    /// A table's position in its "+ 1" form, 0 for none.
    pub(crate) fn place(&mut self, place: Option<NonZeroU32>) {
        self.small(place.map_or(0, NonZeroU32::get));
    }

    /// A value that may be left out: a fact, then the value.
    pub(crate) fn maybe<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.fact(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }
}

/// Walks bytes from the first to the last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    /// The part that ends `length` bytes from here, with offsets as in the whole; this reader goes on behind it.
    pub(crate) fn part(&mut self, length: u64) -> Result<Reader<'a>, CodecError> {
        let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
        match end.and_then(|end| self.bytes.get(..end)) {
            Some(bytes) => {
                let part = Reader { bytes, at: self.at };
                self.at = bytes.len();
                Ok(part)
            }
            None => Err(self.expected("as many bytes as the length says")),
        }
    }

    /// Where it stands.
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    pub(crate) fn end(&self) -> Result<(), CodecError> {
        if self.is_at_end() { Ok(()) } else { Err(self.expected("nothing more")) }
    }

    /// The error that says what should stand here.
    #[cold]
    pub(crate) fn expected(&self, expected: &'static str) -> CodecError {
        CodecError { offset: self.at, expected }
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, CodecError> {
        match self.bytes.get(self.at) {
            Some(&byte) => {
                self.at += 1;
                Ok(byte)
            }
            None => Err(self.expected("one more byte")),
        }
    }

    pub(crate) fn fact(&mut self) -> Result<bool, CodecError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.expected("0 or 1 before this byte")),
        }
    }

    #[inline]
    pub(crate) fn number(&mut self) -> Result<u64, CodecError> {
        let first = self.byte()?;
        if first < 0x80 { Ok(u64::from(first)) } else { self.rest_of_number(first) }
    }

    fn rest_of_number(&mut self, first: u8) -> Result<u64, CodecError> {
        let mut number = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if part << shift >> shift != part {
                break;
            }
            number |= part << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(self.expected("a number of at most 64 bits"))
    }

    #[inline]
    pub(crate) fn small(&mut self) -> Result<u32, CodecError> {
        let number = self.number()?;
        u32::try_from(number).map_err(|_| self.expected("a number of at most 32 bits"))
    }

    pub(crate) fn signed(&mut self) -> Result<i64, CodecError> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    pub(crate) fn wide(&mut self) -> Result<u128, CodecError> {
        Ok(u128::from(self.number()?) | u128::from(self.number()?) << 64)
    }

    pub(crate) fn time(&mut self) -> Result<UnixMs, CodecError> {
        self.number().map(UnixMs::new)
    }

    pub(crate) fn length(&mut self) -> Result<Millis, CodecError> {
        self.number().map(Millis::new)
    }

    /// Bytes, at most so many.
    #[inline]
    pub(crate) fn bytes(&mut self, bytes_max: usize) -> Result<&'a [u8], CodecError> {
        let length = self.number()?;
        if length > bytes_max as u64 {
            return Err(self.expected("a shorter text"));
        }
        match self.bytes.get(self.at..self.at + length as usize) {
            Some(bytes) => {
                self.at += bytes.len();
                Ok(bytes)
            }
            None => Err(self.expected("as many bytes as the length says")),
        }
    }

    /// A text of at most the longest that any intent may carry; the arenas of the state rely on it.
    #[inline]
    pub(crate) fn text(&mut self) -> Result<Text<'a>, CodecError> {
        self.bytes(FREE_BYTES_MAX).map(Text::stored)
    }

    /// A string of its own.
    pub(crate) fn words(&mut self, bytes_max: usize) -> Result<Box<str>, CodecError> {
        let bytes = self.bytes(bytes_max)?;
        core::str::from_utf8(bytes).map(Box::from).map_err(|_| self.expected("UTF-8 before this byte"))
    }

    #[inline]
    pub(crate) fn money(&mut self) -> Result<Money, CodecError> {
        Ok(Money { cash: self.number()?, points: self.number()? })
    }

    pub(crate) fn place(&mut self) -> Result<Option<NonZeroU32>, CodecError> {
        self.small().map(NonZeroU32::new)
    }

    pub(crate) fn maybe<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, CodecError>,
    ) -> Result<Option<T>, CodecError> {
        if self.fact()? { read(self).map(Some) } else { Ok(None) }
    }

    /// A list that is led by its length. It grows as its entries are read, never ahead of the bytes.
    pub(crate) fn list<T>(
        &mut self,
        read: impl Fn(&mut Self) -> Result<T, CodecError>,
    ) -> Result<Vec<T>, CodecError> {
        let mut list = Vec::new();
        self.list_into(&mut list, read)?;
        Ok(list)
    }

    /// A list as [`Reader::list`] reads it, in place of what the other list held.
    pub(crate) fn list_into<T>(
        &mut self,
        list: &mut Vec<T>,
        read: impl Fn(&mut Self) -> Result<T, CodecError>,
    ) -> Result<(), CodecError> {
        list.clear();
        let count = self.number()?;
        if count > LIST_ENTRIES_MAX {
            return Err(self.expected("a list of at most 1,024 entries before this byte"));
        }
        for _ in 0..count {
            list.push(read(self)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Reader, Writer};
    use alloc::vec::Vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_number_comes_back(number: u64, signed: i64, wide: u128) {
            let mut bytes = Vec::new();
            let mut out = Writer(&mut bytes);
            out.number(number);
            out.signed(signed);
            out.wide(wide);
            let mut read = Reader::new(&bytes);
            prop_assert_eq!(read.number(), Ok(number));
            prop_assert_eq!(read.signed(), Ok(signed));
            prop_assert_eq!(read.wide(), Ok(wide));
            prop_assert_eq!(read.end(), Ok(()));
        }

        #[test]
        fn no_bytes_make_a_number_panic(bytes: Vec<u8>) {
            let mut read = Reader::new(&bytes);
            while read.number().is_ok() {}
        }
    }

    #[test]
    fn the_ends_of_the_ranges_come_back_and_what_is_wider_is_refused() {
        for number in [0, 0x7f, 0x80, 0x3fff, 0x4000, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            Writer(&mut bytes).number(number);
            assert_eq!(Reader::new(&bytes).number(), Ok(number));
        }
        let eleven_bytes = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00];
        assert!(Reader::new(&eleven_bytes).number().is_err());
        let two_to_the_64 = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02];
        assert!(Reader::new(&two_to_the_64).number().is_err());
    }
}
