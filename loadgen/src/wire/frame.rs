//! Finds the end of one RESP reply and reads single fields out of it, without copying and without a tree.
//!
//! A run reads millions of answers and wants of most of them the status alone. So the scan counts elements
//! instead of recursing (nesting costs no stack), and a field is found by walking the pairs when somebody asks.
//! A RESP3 map and a RESP2 flat array are the same thing here. Called by everything that reads a reply.

use thiserror::Error;

/// The most bytes one reply may take: an answer larger than this is a fault of the server.
pub const FRAME_BYTES_MAX: usize = 64 << 20;

/// Why the bytes are not a RESP reply.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Malformed {
    /// The first byte of an element is no RESP type.
    #[error("byte {0:#04x} starts no RESP type")]
    Type(u8),
    /// A length or a number is not one.
    #[error("a length that is not a number, or too large")]
    Length,
    /// A bulk string does not end in CR LF.
    #[error("a string that does not end where its length says")]
    Ending,
    /// The reply is larger than any answer can be.
    #[error("a reply of more than {FRAME_BYTES_MAX} bytes")]
    TooLarge,
}

/// One whole reply.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a>(&'a [u8]);

impl std::fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.sentence())
    }
}

/// What a reply is, seen from its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head<'a> {
    /// A business answer: a map whose first pair is `status`, and its value.
    Status(&'a [u8]),
    /// A RESP error, text without the dash.
    Error(&'a [u8]),
    /// A number.
    Integer(i64),
    /// A string of any kind.
    Text(&'a [u8]),
    /// An array, set or map without a status, and the count of its elements.
    List(usize),
    /// Null.
    Nil,
}

/// The length of the reply that starts `buf`, or `None` where it has not all come yet.
#[inline]
pub fn frame_len(buf: &[u8]) -> Result<Option<usize>, Malformed> {
    let mut at = 0;
    let mut elements_left = 1_usize;
    while elements_left > 0 {
        if let Some(next) = usual_element(buf, at) {
            (at, elements_left) = (next, elements_left - 1);
            continue;
        }
        let Some((kind, value, next)) = header(buf, at)? else { return too_large_or_short(buf) };
        elements_left -= 1;
        at = next;
        match kind {
            b'$' | b'=' | b'!' if value >= 0 => {
                let end = at + value as usize;
                if end + 2 > buf.len() {
                    return if end > FRAME_BYTES_MAX {
                        Err(Malformed::TooLarge)
                    } else {
                        too_large_or_short(buf)
                    };
                }
                if buf[end] != b'\r' || buf[end + 1] != b'\n' {
                    return Err(Malformed::Ending);
                }
                at = end + 2;
            }
            b'*' | b'~' | b'>' if value > 0 => elements_left += value as usize,
            b'%' if value > 0 => elements_left += 2 * value as usize,
            _ => {}
        }
    }
    Ok(Some(at))
}

/// Where the element at `at` ends, if it is whole and of the kinds that nearly all of an answer is made of: a string of
/// less than a hundred bytes, or a number of up to 18 digits. Everything else is left to [`header`].
#[inline]
fn usual_element(buf: &[u8], at: usize) -> Option<usize> {
    let &[kind, first, second, third, fourth] = buf.get(at..)?.first_chunk()?;
    let digit = |byte: u8| usize::from(byte - b'0');
    let end = match (kind, first, [second, third], fourth) {
        (b'$', b'0'..=b'9', [b'\r', b'\n'], _) => at + 4 + digit(first),
        (b'$', b'0'..=b'9', [b'0'..=b'9', b'\r'], b'\n') => at + 5 + 10 * digit(first) + digit(second),
        (b':', b'0'..=b'9', ..) => at + 2 + digits(&buf[at + 2..]),
        _ => return None,
    };
    (*buf.get(end..)?.first_chunk()? == [b'\r', b'\n']).then_some(end + 2)
}

/// How many of the first bytes are digits, told eight at a time; fewer near the end of `buf` and beyond seventeen.
#[inline]
fn digits(buf: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let mut count = 0;
    for word in buf.as_chunks::<8>().0.iter().take(2) {
        // A digit is 0 to 9 once its upper half is taken off; what is more reaches the high bit. A carry from there
        // only touches bytes behind the first that is no digit.
        let off = u64::from_le_bytes(*word) ^ (ONES * u64::from(b'0'));
        let others = (off.wrapping_add(ONES * 0x76) | off) & (ONES << 7);
        count += others.trailing_zeros() as usize / 8;
        if others != 0 {
            return count;
        }
    }
    count + buf[count..].iter().take(1).filter(|byte| byte.is_ascii_digit()).count()
}

fn too_large_or_short(buf: &[u8]) -> Result<Option<usize>, Malformed> {
    if buf.len() > FRAME_BYTES_MAX { Err(Malformed::TooLarge) } else { Ok(None) }
}

/// The type byte at `at`, the number on its line (0 for lines of text), and where the next element starts.
#[inline]
fn header(buf: &[u8], at: usize) -> Result<Option<(u8, i64, usize)>, Malformed> {
    let Some(&kind) = buf.get(at) else { return Ok(None) };
    match kind {
        b'$' | b':' | b'*' | b'%' | b'~' | b'>' | b'=' | b'!' => {
            number_line(buf, at + 1).map(|found| found.map(|(value, next)| (kind, value, next)))
        }
        b'+' | b'-' | b'_' | b'#' | b',' | b'(' => {
            Ok(memchr::memchr(b'\n', &buf[at..]).map(|end| (kind, 0, at + end + 1)))
        }
        other => Err(Malformed::Type(other)),
    }
}

#[inline]
fn number_line(buf: &[u8], mut at: usize) -> Result<Option<(i64, usize)>, Malformed> {
    // Nearly every length and most numbers of an answer have one or two digits: told by two looks, no loop.
    if let Some(&[first @ b'0'..=b'9', second, third]) = buf.get(at..).and_then(<[u8]>::first_chunk::<3>) {
        let value = i64::from(first - b'0');
        if second == b'\r' && third == b'\n' {
            return Ok(Some((value, at + 3)));
        }
        if second.is_ascii_digit() && third == b'\r' && buf.get(at + 3) == Some(&b'\n') {
            return Ok(Some((value * 10 + i64::from(second - b'0'), at + 4)));
        }
    }
    let is_negative = buf.get(at) == Some(&b'-');
    at += usize::from(is_negative);
    let mut value = 0_i64;
    let first = at;
    loop {
        match buf.get(at) {
            None => return Ok(None),
            Some(digit @ b'0'..=b'9') if at - first < 18 => value = value * 10 + i64::from(digit - b'0'),
            Some(b'\r') if at > first => break,
            Some(_) => return Err(Malformed::Length),
        }
        at += 1;
    }
    match buf.get(at + 1) {
        None => Ok(None),
        Some(b'\n') => Ok(Some((if is_negative { -value } else { value }, at + 2))),
        Some(_) => Err(Malformed::Length),
    }
}

impl<'a> Frame<'a> {
    /// Takes `bytes` as one whole reply; [`frame_len`] has found its end.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The reply's bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// What the reply is.
    #[inline]
    pub fn head(self) -> Head<'a> {
        let Ok(Some((kind, value, next))) = header(self.0, 0) else { return Head::Nil };
        match kind {
            b'%' | b'*' | b'~' | b'>' if value >= 0 => match self.status_at(next) {
                Some(status) => Head::Status(status),
                None => Head::List(value as usize),
            },
            b'-' | b'!' => Head::Error(self.text().unwrap_or_default()),
            b':' => Head::Integer(value),
            b'$' | b'=' if value >= 0 => Head::Text(self.text().unwrap_or_default()),
            b'+' | b',' | b'(' | b'#' => Head::Text(self.text().unwrap_or_default()),
            _ => Head::Nil,
        }
    }

    fn status_at(self, at: usize) -> Option<&'a [u8]> {
        let rest = &self.0[at..];
        // The two spellings of the key that servers write, compared at once: no scan for the usual case.
        let value = rest.strip_prefix(b"$6\r\nstatus\r\n").or_else(|| rest.strip_prefix(b"+status\r\n"))?;
        Frame(value).text()
    }

    /// The text of a string, an error or a line; `None` for numbers, nulls and lists.
    pub fn text(self) -> Option<&'a [u8]> {
        let (kind, value, next) = header(self.0, 0).ok()??;
        match kind {
            b'$' | b'!' if value >= 0 => self.0.get(next..next + value as usize),
            // A verbatim string starts with three letters and a colon.
            b'=' if value >= 4 => self.0.get(next + 4..next + value as usize),
            b'+' | b'-' | b',' | b'(' | b'#' => {
                Some(self.0[1..next].strip_suffix(b"\r\n").unwrap_or(&self.0[1..next]))
            }
            _ => None,
        }
    }

    /// The number of a RESP integer, or of a string of digits.
    pub fn number(self) -> Option<i64> {
        match self.head() {
            Head::Integer(value) => Some(value),
            Head::Text(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            _ => None,
        }
    }

    /// The elements of a list or map, keys and values in turn; nothing for anything else.
    pub fn items(self) -> Items<'a> {
        match header(self.0, 0) {
            Ok(Some((b'%' | b'*' | b'~' | b'>', value, next))) if value > 0 => Items(&self.0[next..]),
            _ => Items(&[]),
        }
    }

    /// The value of a map's `key`.
    pub fn field(self, key: &[u8]) -> Option<Frame<'a>> {
        let mut items = self.items();
        while let (Some(name), Some(value)) = (items.next(), items.next()) {
            if name.text() == Some(key) {
                return Some(value);
            }
        }
        None
    }

    /// The number in a map's `key`.
    pub fn field_number(self, key: &[u8]) -> Option<i64> {
        self.field(key)?.number()
    }

    /// The text in a map's `key`.
    pub fn field_text(self, key: &[u8]) -> Option<&'a [u8]> {
        self.field(key)?.text()
    }

    /// The reply on one line, for a person; long ones are cut.
    pub fn sentence(self) -> String {
        let mut line = String::new();
        self.write_sentence(&mut line);
        if line.len() > 400 {
            let cut = (0..=400).rev().find(|&at| line.is_char_boundary(at)).unwrap_or(0);
            line.truncate(cut);
            line.push('…');
        }
        line
    }

    fn write_sentence(self, line: &mut String) {
        match header(self.0, 0) {
            Ok(Some((b':', value, _))) => line.push_str(&value.to_string()),
            Ok(Some((b'%' | b'*' | b'~' | b'>', _, _))) => {
                line.push('[');
                for (index, item) in self.items().enumerate() {
                    if index > 0 {
                        line.push(' ');
                    }
                    item.write_sentence(line);
                    if line.len() > 500 {
                        return;
                    }
                }
                line.push(']');
            }
            _ => line.push_str(&String::from_utf8_lossy(self.text().unwrap_or(b"nil"))),
        }
    }
}

/// Walks the elements of a list.
pub struct Items<'a>(&'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let len = frame_len(self.0).ok()??;
        let (item, rest) = self.0.split_at(len);
        self.0 = rest;
        Some(Frame(item))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Frame<'_> {
        assert_eq!(frame_len(bytes), Ok(Some(bytes.len())));
        Frame::new(bytes)
    }

    #[test]
    fn a_map_of_resp3_and_a_flat_array_of_resp2_read_alike() {
        for bytes in [
            &b"%2\r\n$6\r\nstatus\r\n$4\r\nHELD\r\n$5\r\nprice\r\n:990\r\n"[..],
            &b"*4\r\n+status\r\n+HELD\r\n+price\r\n$3\r\n990\r\n"[..],
        ] {
            let frame = whole(bytes);
            assert_eq!(frame.head(), Head::Status(b"HELD"));
            assert_eq!(frame.field_number(b"price"), Some(990));
            assert_eq!(frame.field(b"nothing"), None);
        }
    }

    #[test]
    fn every_cut_of_a_reply_is_short_and_never_a_reply() {
        let bytes = b"%2\r\n$6\r\nstatus\r\n$2\r\nOK\r\n$4\r\nrows\r\n*2\r\n%1\r\n+a\r\n:1\r\n*0\r\n";
        whole(bytes);
        for cut in 0..bytes.len() {
            assert_eq!(frame_len(&bytes[..cut]), Ok(None), "cut at {cut}");
        }
    }

    #[test]
    fn what_is_not_resp_is_named() {
        assert_eq!(frame_len(b"HTTP/1.1"), Err(Malformed::Type(b'H')));
        assert_eq!(frame_len(b"$x\r\n"), Err(Malformed::Length));
        assert_eq!(frame_len(b"$2\r\nabcd\r\n"), Err(Malformed::Ending));
        assert_eq!(frame_len(b"$999999999999\r\n"), Err(Malformed::TooLarge));
    }

    #[test]
    fn numbers_of_every_length_end_where_their_line_does() {
        for count in 1..=18 {
            let number = "9".repeat(count);
            let bytes = format!("*3\r\n:{number}\r\n$1\r\n:\r\n:0\r\n");
            assert_eq!(frame_len(bytes.as_bytes()), Ok(Some(bytes.len())), "{number}");
            for at in 1..count {
                for wrong in ["/", ":", "\r", "\n", "\u{80}"] {
                    let line = format!(":{}{wrong}{}\r\n        ", &number[..at], &number[at..]);
                    assert_eq!(frame_len(line.as_bytes()), Err(Malformed::Length), "{line:?}");
                }
            }
        }
    }

    #[test]
    fn strings_of_every_length_end_where_it_says_and_wrong_ones_are_told() {
        for len in [0, 1, 9, 10, 99, 100, 1_000] {
            let bytes = format!("*2\r\n${len}\r\n{}\r\n:1\r\n", "\r".repeat(len));
            assert_eq!(frame_len(bytes.as_bytes()), Ok(Some(bytes.len())), "{len}");
            for cut in 0..bytes.len() {
                assert_eq!(frame_len(&bytes.as_bytes()[..cut]), Ok(None), "{len}, cut at {cut}");
            }
            let wrong = bytes.replacen("\r\n:1", "\n\r:1", 1);
            assert_eq!(frame_len(wrong.as_bytes()), Err(Malformed::Ending), "{len}");
        }
        assert_eq!(frame_len(b"$05\r\nabcde\r\n"), Ok(Some(12)));
        assert_eq!(frame_len(b":9999999999999999999\r\n"), Err(Malformed::Length));
    }

    #[test]
    fn an_error_keeps_its_text() {
        assert_eq!(whole(b"-BUSY the queue is full\r\n").head(), Head::Error(b"BUSY the queue is full"));
        assert_eq!(whole(b"_\r\n").head(), Head::Nil);
        assert_eq!(whole(b"$-1\r\n").head(), Head::Nil);
        assert_eq!(whole(b":-7\r\n").head(), Head::Integer(-7));
    }
}
