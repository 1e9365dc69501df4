//! Where a text lies in its run.
//!
//! A run's bytes are one row: first those that were asked, as far as they go, then those that were answered. A request
//! points into the first part alone and is kept small; an answer may point into both, so that a text which came with
//! the request is not copied again. Called by the run and its answers.

use stampede_core::Text;

/// The most bytes that requests can point into.
pub(super) const ASKED_BYTES_MAX: usize = u16::MAX as usize;

/// The place of a request's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AskedSpan {
    start: u16,
    len: u16,
}

impl AskedSpan {
    /// Copies a text to the end of `asked`. Whoever goes beyond [`ASKED_BYTES_MAX`] must drop the span.
    pub(super) fn store(text: Text<'_>, asked: &mut Vec<u8>) -> AskedSpan {
        let span = AskedSpan::at(asked.len(), text.as_bytes().len());
        asked.extend_from_slice(text.as_bytes());
        span
    }

    /// The span of `len` bytes from `start` on.
    pub(super) fn at(start: usize, len: usize) -> AskedSpan {
        AskedSpan { start: start as u16, len: len as u16 }
    }

    #[inline]
    pub(super) fn text(self, asked: &[u8]) -> Text<'_> {
        let start = usize::from(self.start);
        Text::stored(&asked[start..start + usize::from(self.len)])
    }
}

/// The place of an answer's text in the whole row. A run's bounds keep both numbers far below 2^32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// Copies a text to the end of `answered`, behind a part of `asked_len` bytes.
    pub(super) fn store(text: Text<'_>, asked_len: usize, answered: &mut Vec<u8>) -> Span {
        let start = (asked_len + answered.len()) as u32;
        answered.extend_from_slice(text.as_bytes());
        Span { start, len: text.as_bytes().len() as u32 }
    }

    #[inline]
    pub(super) fn text<'a>(self, asked: &'a [u8], answered: &'a [u8]) -> Text<'a> {
        let (start, len) = (self.start as usize, self.len as usize);
        Text::stored(match start.checked_sub(asked.len()) {
            None => &asked[start..start + len],
            Some(start) => &answered[start..start + len],
        })
    }
}

impl From<AskedSpan> for Span {
    fn from(asked: AskedSpan) -> Span {
        Span { start: u32::from(asked.start), len: u32::from(asked.len) }
    }
}
