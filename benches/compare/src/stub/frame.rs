//! Finds one request in bytes: an array of bulk strings, as every pipelining client sends it.
//!
//! Owns the grammar and its limits; it copies nothing and keeps nothing. Inline commands are not
//! understood: no client of the harness sends them. Called by `stub` for each frame.

use std::ops::Range;

/// The most words a request may have; a BUY with every option has fewer.
pub(crate) const WORD_COUNT_MAX: usize = 24;
/// Words whose places are kept: of a BUY the name, the offer, the buyer and the id. More would be
/// cleared for each frame and never looked at.
const WORD_KEPT_COUNT: usize = 4;
/// The longest word: an id has at most 64 bytes, a tag list a few more.
pub(crate) const WORD_BYTES_MAX: usize = 1024;

/// Where one word stands in the buffer.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
struct Word {
    header: usize,
    start: usize,
    end: usize,
}

/// One whole request, as places in the buffer that it was found in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    words: [Word; WORD_KEPT_COUNT],
    word_count: usize,
    bytes: usize,
}

/// What the front of a buffer holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A whole request.
    Frame(Frame),
    /// The beginning of one; more bytes are needed.
    Partial,
    /// Not a request: what is wrong with it.
    Malformed(&'static str),
}

impl Frame {
    /// How many bytes of the buffer the request took.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The word at `index`, without its length header; only the first four are kept.
    pub(crate) fn word<'a>(&self, buffer: &'a [u8], index: usize) -> Option<&'a [u8]> {
        self.place(index).and_then(|word| buffer.get(word.start..word.end))
    }

    /// The word at `index` as a bulk string, header and line end included.
    pub(crate) fn bulk<'a>(&self, buffer: &'a [u8], index: usize) -> Option<&'a [u8]> {
        self.place(index).and_then(|word| buffer.get(word.header..word.end + 2))
    }

    fn place(&self, index: usize) -> Option<Word> {
        self.words.get(index).copied().filter(|_| index < self.word_count)
    }
}

/// Reads the request at the front of `buffer`.
pub(crate) fn find(buffer: &[u8]) -> Found {
    let (word_count, mut at) = match number_line(buffer, 0, b'*', WORD_COUNT_MAX) {
        Line::Number { value, next } => (value, next),
        Line::Partial => return Found::Partial,
        Line::Malformed => return Found::Malformed("expected an array of 1 to 24 bulk strings"),
    };
    let mut words = [Word::default(); WORD_KEPT_COUNT];
    for index in 0..word_count {
        let (bytes, start) = match number_line(buffer, at, b'$', WORD_BYTES_MAX) {
            Line::Number { value, next } => (value, next),
            Line::Partial => return Found::Partial,
            Line::Malformed => return Found::Malformed("expected a bulk string of at most 1024 bytes"),
        };
        let end = start + bytes;
        match line_end(buffer, end..end + 2) {
            None => return Found::Partial,
            Some(false) => return Found::Malformed("a bulk string is longer than it says"),
            Some(true) => {}
        }
        if let Some(word) = words.get_mut(index) {
            *word = Word { header: at, start, end };
        }
        at = end + 2;
    }
    if word_count == 0 {
        return Found::Malformed("expected an array of 1 to 24 bulk strings");
    }
    Found::Frame(Frame { words, word_count, bytes: at })
}

enum Line {
    Number { value: usize, next: usize },
    Partial,
    Malformed,
}

/// Reads `<mark><digits>\r\n`; a value above `max` is malformed before its digits end.
fn number_line(buffer: &[u8], at: usize, mark: u8, max: usize) -> Line {
    match buffer.get(at) {
        None => return Line::Partial,
        Some(&byte) if byte != mark => return Line::Malformed,
        Some(_) => {}
    }
    let mut value = 0_usize;
    let mut index = at + 1;
    loop {
        match buffer.get(index) {
            None => return Line::Partial,
            Some(digit @ b'0'..=b'9') => {
                value = value * 10 + usize::from(digit - b'0');
                if value > max {
                    return Line::Malformed;
                }
                index += 1;
            }
            Some(b'\r') if index > at + 1 => break,
            Some(_) => return Line::Malformed,
        }
    }
    match buffer.get(index + 1) {
        None => Line::Partial,
        Some(b'\n') => Line::Number { value, next: index + 2 },
        Some(_) => Line::Malformed,
    }
}

/// Whether a line end stands at `place`; nothing where the buffer ends first.
fn line_end(buffer: &[u8], place: Range<usize>) -> Option<bool> {
    buffer.get(place).map(|bytes| bytes == b"\r\n")
}

#[cfg(test)]
mod tests {
    use super::{Found, find};

    const BUY: &[u8] = b"*4\r\n$3\r\nBUY\r\n$3\r\nsku\r\n$2\r\nb1\r\n$2\r\nr1\r\n";

    #[test]
    fn a_whole_request_is_found_with_its_words_in_place() {
        let Found::Frame(frame) = find(BUY) else { panic!("a whole request") };
        assert_eq!(frame.bytes(), BUY.len());
        assert_eq!(frame.word(BUY, 0), Some(&b"BUY"[..]));
        assert_eq!(frame.bulk(BUY, 3), Some(&b"$2\r\nr1\r\n"[..]));
        assert_eq!(frame.word(BUY, 4), None);
        let ping = b"*1\r\n$4\r\nPING\r\n";
        let Found::Frame(frame) = find(ping) else { panic!("a whole request") };
        assert_eq!(frame.word(ping, 1), None);
    }

    #[test]
    fn words_beyond_those_kept_are_passed_over() {
        let bytes = b"*6\r\n$3\r\nBUY\r\n$1\r\no\r\n$1\r\nb\r\n$1\r\nr\r\n$3\r\nQTY\r\n$1\r\n2\r\n*1\r\n";
        let Found::Frame(frame) = find(bytes) else { panic!("a whole request") };
        assert_eq!(frame.bytes(), bytes.len() - 4);
        assert_eq!(frame.word(bytes, 3), Some(&b"r"[..]));
    }

    #[test]
    fn a_request_cut_anywhere_waits_for_the_rest() {
        for cut in 0..BUY.len() {
            assert_eq!(find(&BUY[..cut]), Found::Partial, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_request_is_malformed_at_once() {
        for bytes in [
            &b"PING\r\n"[..],
            b"*0\r\n",
            b"*-1\r\n",
            b"*25\r\n",
            b"*\r\n",
            b"*1\r\n:1\r\n",
            b"*1\r\n$1025",
            b"*1\r\n$99999999999999999999",
            b"*1\r\n$1\r\nab\r\n",
            b"*1\rx",
        ] {
            assert!(matches!(find(bytes), Found::Malformed(_)), "{}", bytes.escape_ascii());
        }
    }
}
