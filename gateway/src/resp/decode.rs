//! Bytes of a connection → frames, in place.
//!
//! A frame is an array of bulk strings or an inline command, and its arguments are slices of the read buffer: decoding
//! copies nothing and, once the list of spans has grown to its working size, allocates nothing. What a frame announces
//! is checked against [`Limits`] before a byte of it is waited for, so that a large announcement costs nothing. Bytes
//! that arrive piecemeal are scanned once, a frame that could have been short twice, half a plain BUY three times: the
//! decoder goes on where it stopped. The connection owns the buffer and calls [`Decoder::decode`]; after an error the
//! byte stream has lost its frames, and the connection must end.

use memchr::memchr;
use std::ops::Range;
use thiserror::Error;

/// The longest line that announces a count or a length: a sign and the 20 digits of a u64.
const NUMBER_BYTES_MAX: usize = 21;

/// How large a frame may be. Each bounds memory that a peer could otherwise claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Arguments of one frame, its name included.
    pub args: usize,
    /// Bytes of one argument.
    pub arg_bytes: usize,
    /// Bytes of one frame, its lengths and line ends included.
    pub frame_bytes: usize,
    /// Bytes of one inline command.
    pub inline_bytes: usize,
}

impl Default for Limits {
    /// A BUY with everything set takes under 4 KiB; the largest definition of an offer about 50 KiB.
    fn default() -> Self {
        Limits { args: 1_024, arg_bytes: 128 * 1_024, frame_bytes: 256 * 1_024, inline_bytes: 64 * 1_024 }
    }
}

/// Bytes that are no frame. The connection ends after the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// An array announces more arguments than a frame may have.
    #[error("{announced} arguments announced, at most {max} are taken")]
    Args {
        /// As announced.
        announced: u64,
        /// The limit.
        max: usize,
    },
    /// A bulk string announces more bytes than an argument may have.
    #[error("an argument of {announced} bytes announced, at most {max} bytes are taken")]
    ArgBytes {
        /// As announced.
        announced: u64,
        /// The limit.
        max: usize,
    },
    /// The arguments of a frame add up to more bytes than a frame may have.
    #[error("a frame of more than {max} bytes announced")]
    FrameBytes {
        /// The limit.
        max: usize,
    },
    /// An inline command has not ended within the limit.
    #[error("an inline command of more than {max} bytes")]
    InlineBytes {
        /// The limit.
        max: usize,
    },
    /// What stands after `*` is no count.
    #[error("invalid multibulk length: a count and CRLF are expected after '*'")]
    Count,
    /// What stands after `$` is no length.
    #[error("invalid bulk length: a length and CRLF are expected after '$'")]
    Length,
    /// An argument of an array is not a bulk string.
    #[error("expected '$', got {}: the arguments of a command are bulk strings, arrays are not nested", Byte(*got))]
    NotBulk {
        /// The byte in its place.
        got: u8,
    },
    /// A bulk string is not followed by CRLF.
    #[error("CRLF expected after the bytes of an argument")]
    NoCrlf,
    /// A quote of an inline command is not closed, or something sticks to it, or it holds a backslash.
    #[error("unbalanced quotes in an inline command; there are no escapes, send an array instead")]
    Quotes,
}

/// Shows one byte of the peer's as itself or in hex.
struct Byte(u8);

impl std::fmt::Display for Byte {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_ascii_graphic() {
            write!(f, "'{}'", char::from(self.0))
        } else {
            write!(f, "byte {:#04x}", self.0)
        }
    }
}

/// Where an argument lies, counted from the frame's first byte. A frame is far below 4 GiB.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    len: u32,
}

impl Span {
    fn range(self) -> Range<usize> {
        self.start as usize..(self.start + self.len) as usize
    }
}

/// One command as sent: its name and arguments.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    bytes: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Frame<'a> {
    /// How many arguments there are, the name included. Never zero.
    pub fn args_count(&self) -> usize {
        self.spans.len()
    }

    /// The argument at `index`; the name is at 0.
    pub fn arg(&self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|span| &self.bytes[span.range()])
    }

    /// The command's name.
    pub fn name(&self) -> &'a [u8] {
        self.arg(0).unwrap_or_default()
    }

    /// The same frame without its first arguments.
    pub fn without(self, first: usize) -> Frame<'a> {
        Frame { bytes: self.bytes, spans: self.spans.get(first..).unwrap_or_default() }
    }

    /// The frame's own bytes, from which it can be decoded again.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// Finds frames in bytes that may arrive in pieces.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    /// The arguments found so far of the frame that the buffer begins with.
    spans: Vec<Span>,
    /// Arguments that the frame announced; `None`: its first line has not been read.
    announced: Option<usize>,
    /// Bytes of the frame that need no second look.
    scanned: usize,
    /// Whether the spans are those of a frame that was handed out.
    handed_out: bool,
    /// Whether no frame that [`short`] finds is beyond a limit.
    takes_short: bool,
}

impl Decoder {
    /// A decoder at the beginning of a frame.
    pub fn new(limits: Limits) -> Self {
        let takes_short = limits.args >= usize::from(SHORT_ARGS_MAX)
            && limits.arg_bytes >= SHORT_ARG_BYTES_MAX
            && limits.frame_bytes >= SHORT_FRAME_BYTES_MAX;
        let spans = Vec::with_capacity(16);
        Decoder { limits, spans, announced: None, scanned: 0, handed_out: false, takes_short }
    }

    /// The frame that `bytes` begins with, or `None` while it is incomplete. `bytes` must begin where the last frame
    /// ended, [`Frame::bytes`] long; when the last call answered `None`, with the same bytes and more behind them.
    /// Empty commands are passed over; they count into the length of the next frame.
    pub fn decode<'a>(&'a mut self, bytes: &'a [u8]) -> Result<Option<Frame<'a>>, DecodeError> {
        if self.handed_out {
            self.handed_out = false;
            self.spans.clear();
            self.announced = None;
            self.scanned = 0;
        }
        if self.takes_short && self.scanned == 0 && self.announced.is_none() {
            if let Some(end) = short(bytes, &mut self.spans) {
                self.handed_out = true;
                return Ok(Some(Frame { bytes: &bytes[..end], spans: &self.spans }));
            }
            self.spans.clear();
        }
        loop {
            let complete = match (self.announced, bytes.get(self.scanned)) {
                (None, None) => return Ok(None),
                (None, Some(b'*')) => self.announce(bytes)?,
                (None, Some(_)) => {
                    if !self.inline(bytes)? {
                        return Ok(None);
                    }
                    true
                }
                (Some(_), _) => true,
            };
            if !complete {
                return Ok(None);
            }
            if let Some(count) = self.announced
                && !self.bulks(bytes, count)?
            {
                return Ok(None);
            }
            if self.spans.is_empty() {
                self.announced = None;
                continue;
            }
            self.handed_out = true;
            return Ok(Some(Frame { bytes: &bytes[..self.scanned], spans: &self.spans }));
        }
    }

    /// The places of the last `N` arguments of the frame that `bytes` begins with, and its length, if the frame begins with
    /// `head`, byte for byte, has exactly `N` arguments behind it, is whole and is short. Every other frame is left to
    /// [`Decoder::decode`], whose rule for `bytes` holds here too.
    #[inline]
    pub fn decode_known<const N: usize>(
        &mut self,
        head: &[u8],
        bytes: &[u8],
    ) -> Option<([Range<usize>; N], usize)> {
        let is_between_frames = self.handed_out || (self.scanned == 0 && self.announced.is_none());
        if !(is_between_frames && self.takes_short && bytes.starts_with(head)) {
            return None;
        }
        let mut places = [const { 0..0 }; N];
        let mut at = head.len();
        for place in &mut places {
            let span = short_bulk(bytes, at)?;
            *place = span.range();
            at = place.end + 2;
        }
        self.handed_out = true;
        Some((places, at))
    }

    /// After a call that found no frame: how many bytes of empty commands the buffer begins with. The caller drops them,
    /// so that a peer who sends nothing else fills no buffer and owes no rest of a frame.
    pub fn skip_empty(&mut self) -> usize {
        if self.handed_out || self.announced.is_some() {
            return 0;
        }
        std::mem::take(&mut self.scanned)
    }

    /// Whether the last call found no whole frame: more bytes are needed.
    pub fn wants_more(&self) -> bool {
        !self.handed_out
    }

    /// Reads `*count`. False: incomplete.
    fn announce(&mut self, bytes: &[u8]) -> Result<bool, DecodeError> {
        let Some(line) = number(bytes, self.scanned + 1).map_err(|()| DecodeError::Count)? else {
            return Ok(false);
        };
        let count = if line.negative { 0 } else { line.value };
        if count > self.limits.args as u64 {
            return Err(DecodeError::Args { announced: count, max: self.limits.args });
        }
        self.scanned = line.end;
        self.announced = Some(count as usize);
        Ok(true)
    }

    /// Reads bulk strings until there are `count`. False: incomplete.
    fn bulks(&mut self, bytes: &[u8], count: usize) -> Result<bool, DecodeError> {
        while self.spans.len() < count {
            let Some(span) = bulk(bytes, self.scanned, &self.limits)? else { return Ok(false) };
            self.scanned = span.start as usize + span.len as usize + 2;
            self.spans.push(span);
        }
        Ok(true)
    }

    /// Reads a line of words. False: incomplete.
    fn inline(&mut self, bytes: &[u8]) -> Result<bool, DecodeError> {
        let rest = &bytes[self.scanned..];
        let max = self.limits.inline_bytes;
        let Some(len) = memchr(b'\n', &rest[..rest.len().min(max)]) else {
            return if rest.len() >= max { Err(DecodeError::InlineBytes { max }) } else { Ok(false) };
        };
        let line = rest[..len].strip_suffix(b"\r").unwrap_or(&rest[..len]);
        let mut at = 0;
        while let Some(skip) = line[at..].iter().position(|byte| !byte.is_ascii_whitespace()) {
            let word = word(line, at + skip)?;
            if self.spans.len() == self.limits.args {
                return Err(DecodeError::Args {
                    announced: self.limits.args as u64 + 1,
                    max: self.limits.args,
                });
            }
            let start = (self.scanned + word.start) as u32;
            self.spans.push(Span { start, len: (word.end - word.start) as u32 });
            at = word.next;
        }
        self.scanned += len + 1;
        if self.scanned > self.limits.frame_bytes {
            // Only a run of empty lines gets here: each is within its limit, and together they are no frame.
            return Err(DecodeError::FrameBytes { max: self.limits.frame_bytes });
        }
        Ok(true)
    }
}

/// The arguments of a short frame: its count has one digit.
const SHORT_ARGS_MAX: u8 = 9;
/// The bytes of an argument of a short frame: its length has one digit or two.
const SHORT_ARG_BYTES_MAX: usize = 99;
/// The bytes of a short frame, with what announces its arguments and ends them.
const SHORT_FRAME_BYTES_MAX: usize = 4 + SHORT_ARGS_MAX as usize * (5 + SHORT_ARG_BYTES_MAX + 2);

/// The spans of the frame that `bytes` begins with, and where it ends, if it is short and whole, as nearly every one is.
/// What else stands there, the decoder finds out step by step.
#[inline]
fn short(bytes: &[u8], spans: &mut Vec<Span>) -> Option<usize> {
    let &[b'*', count @ b'1'..=b'9', b'\r', b'\n', ..] = bytes else { return None };
    let mut at = 4;
    for _ in b'0'..count {
        let span = short_bulk(bytes, at)?;
        spans.push(span);
        at = (span.start + span.len) as usize + 2;
    }
    Some(at)
}

/// The bulk string that begins at `at`, if it is whole and its length has one digit or two.
#[inline]
fn short_bulk(bytes: &[u8], at: usize) -> Option<Span> {
    // The shortest one has six bytes.
    let &[mark, first, second, third, fourth] = bytes.get(at..)?.first_chunk()?;
    let (tens, ones) = (first.wrapping_sub(b'0'), second.wrapping_sub(b'0'));
    let (len, start) = if [second, third] == *b"\r\n" {
        (usize::from(tens), at + 4)
    } else if ones <= 9 && [third, fourth] == *b"\r\n" {
        (usize::from(tens) * 10 + usize::from(ones), at + 5)
    } else {
        return None;
    };
    let is_whole = mark == b'$' && tens <= 9 && bytes.get(start + len..)?.first_chunk() == Some(b"\r\n");
    is_whole.then_some(Span { start: start as u32, len: len as u32 })
}

/// The bulk string that begins at `at`; `None` while it is incomplete.
fn bulk(bytes: &[u8], at: usize, limits: &Limits) -> Result<Option<Span>, DecodeError> {
    match bytes.get(at) {
        None => return Ok(None),
        Some(b'$') => {}
        Some(&got) => return Err(DecodeError::NotBulk { got }),
    }
    let line = match number(bytes, at + 1) {
        Err(()) => return Err(DecodeError::Length),
        Ok(None) => return Ok(None),
        Ok(Some(line)) if line.negative => return Err(DecodeError::Length),
        Ok(Some(line)) => line,
    };
    if line.value > limits.arg_bytes as u64 {
        return Err(DecodeError::ArgBytes { announced: line.value, max: limits.arg_bytes });
    }
    let end = line.end + line.value as usize;
    if end + 2 > limits.frame_bytes {
        return Err(DecodeError::FrameBytes { max: limits.frame_bytes });
    }
    match bytes.get(end..end + 2) {
        None => Ok(None),
        Some(b"\r\n") => Ok(Some(Span { start: line.end as u32, len: line.value as u32 })),
        Some(_) => Err(DecodeError::NoCrlf),
    }
}

/// A word of an inline command and where to look for the next.
struct Word {
    start: usize,
    end: usize,
    next: usize,
}

/// The word of `line` that begins at `at`, in quotes or not.
fn word(line: &[u8], at: usize) -> Result<Word, DecodeError> {
    let quote = line[at];
    if quote != b'"' && quote != b'\'' {
        let len = line[at..].iter().position(u8::is_ascii_whitespace).unwrap_or(line.len() - at);
        return Ok(Word { start: at, end: at + len, next: at + len });
    }
    let start = at + 1;
    let end = start + memchr(quote, &line[start..]).ok_or(DecodeError::Quotes)?;
    let sticks = line.get(end + 1).is_some_and(|byte| !byte.is_ascii_whitespace());
    if sticks || (quote == b'"' && memchr(b'\\', &line[start..end]).is_some()) {
        return Err(DecodeError::Quotes);
    }
    Ok(Word { start, end, next: end + 1 })
}

/// A number on a line of its own.
struct Number {
    negative: bool,
    value: u64,
    /// Behind its CRLF.
    end: usize,
}

/// Reads the number at `at` up to its CRLF; `None` while it is incomplete, an error when it is none. A number beyond
/// u64 reads as the largest u64, which is beyond every limit.
fn number(bytes: &[u8], at: usize) -> Result<Option<Number>, ()> {
    let negative = bytes.get(at) == Some(&b'-');
    let first = at + usize::from(negative);
    let mut value: u64 = 0;
    let mut index = first;
    loop {
        match bytes.get(index) {
            None => return Ok(None),
            Some(digit @ b'0'..=b'9') => {
                value = value.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
            }
            Some(b'\r') if index > first => break,
            Some(_) => return Err(()),
        }
        index += 1;
        if index - at > NUMBER_BYTES_MAX {
            return Err(());
        }
    }
    match bytes.get(index + 1) {
        None => Ok(None),
        Some(b'\n') => Ok(Some(Number { negative, value, end: index + 2 })),
        Some(_) => Err(()),
    }
}
