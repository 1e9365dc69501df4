//! Ids, tags and other short texts, kept and echoed byte for byte.
//!
//! A [`Text`] borrows its bytes; whoever stores one copies the bytes into an arena of its own. Nothing here knows
//! what a text means: leading zeros, UUIDs and openids are all just bytes.

use core::fmt;
use core::hash::{Hash, Hasher};

/// The longest id or tag, in bytes.
pub const ID_BYTES_MAX: usize = 64;
/// The longest free text (payment reference, pass-phrase, reason), in bytes.
pub const FREE_BYTES_MAX: usize = 256;
/// The longest list of tags in one intent, in bytes.
pub const TAGS_BYTES_MAX: usize = 1_024;

/// A short text: an id, a tag, a list of tags, a payment reference, a reason.
///
/// Equality and order are those of the bytes.
#[derive(Clone, Copy, Eq, PartialOrd, Ord)]
pub struct Text<'a>(&'a [u8]);

/// Why some bytes are not a [`Text`] of the kind that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextError {
    /// No bytes at all.
    Empty,
    /// More bytes than the kind allows.
    TooLong {
        /// The limit, in bytes.
        max: usize,
    },
    /// An id or tag holds a byte outside printable ASCII, a space or a comma.
    Unprintable,
    /// A free text is not UTF-8, or holds a control character.
    Control,
}

impl<'a> Text<'a> {
    /// An offer, pool, buyer or reservation id, or one tag: 1 to 64 bytes of printable ASCII without space or comma.
    #[inline]
    pub fn id(bytes: &'a [u8]) -> Result<Self, TextError> {
        match bytes.len() {
            0 => return Err(TextError::Empty),
            1..=ID_BYTES_MAX => {}
            _ => return Err(TextError::TooLong { max: ID_BYTES_MAX }),
        }
        if are_id_bytes(bytes) { Ok(Text(bytes)) } else { Err(TextError::Unprintable) }
    }

    /// A comma-separated list of tags: at most 1,024 bytes, each tag an id.
    pub fn tags(bytes: &'a [u8]) -> Result<Self, TextError> {
        if bytes.len() > TAGS_BYTES_MAX {
            return Err(TextError::TooLong { max: TAGS_BYTES_MAX });
        }
        for tag in bytes.split(|&b| b == b',') {
            Text::id(tag)?;
        }
        Ok(Text(bytes))
    }

    /// A free text (REF, CODE, reason): 1 to 256 bytes of UTF-8 without control characters.
    pub fn free(bytes: &'a [u8]) -> Result<Self, TextError> {
        if bytes.is_empty() {
            return Err(TextError::Empty);
        }
        if bytes.len() > FREE_BYTES_MAX {
            return Err(TextError::TooLong { max: FREE_BYTES_MAX });
        }
        match core::str::from_utf8(bytes) {
            Ok(text) if !text.chars().any(char::is_control) => Ok(Text(bytes)),
            _ => Err(TextError::Control),
        }
    }

    /// Bytes that were a checked [`Text`] before and come back from a buffer or an arena.
    pub const fn stored(bytes: &'a [u8]) -> Self {
        Text(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The text for people; what is not UTF-8 shows as nothing.
    pub fn as_str(self) -> &'a str {
        core::str::from_utf8(self.0).unwrap_or("")
    }

    /// The campaign of an offer or pool id: what stands between the first `{` and the next `}`, unless that is
    /// nothing; else the whole id. The rule is Redis Cluster's for hash tags.
    pub fn campaign(self) -> Text<'a> {
        let bytes = self.0;
        let Some(open) = bytes.iter().position(|&b| b == b'{') else { return self };
        let after = &bytes[open + 1..];
        match after.iter().position(|&b| b == b'}') {
            None | Some(0) => self,
            Some(close) => Text(&after[..close]),
        }
    }

    /// The tags of a comma-separated list.
    pub fn split_tags(self) -> impl Iterator<Item = &'a [u8]> {
        self.0.split(|&b| b == b',').filter(|tag| !tag.is_empty())
    }
}

/// Whether all bytes are printable ASCII, no space and no comma: eight at a time, since every intent brings three ids.
/// The last ones are looked at where they end, so that some are looked at twice and none is copied.
#[inline]
fn are_id_bytes(bytes: &[u8]) -> bool {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        let ends = good(*first) & good(*last);
        let words = if bytes.len() > 16 { bytes.as_chunks().0 } else { &[] };
        return words.iter().fold(ends, |all, word| all & good(*word)) == HIGH;
    }
    if let (Some([a, b, c, d]), Some([e, f, g, h])) = (bytes.first_chunk(), bytes.last_chunk()) {
        return good([*a, *b, *c, *d, *e, *f, *g, *h]) == HIGH;
    }
    bytes.iter().all(|byte| byte.is_ascii_graphic() && *byte != b',')
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
/// The high bit of every byte.
const HIGH: u64 = ONES << 7;

/// [`HIGH`] if all eight bytes may stand in an id; less, if one may not.
#[inline]
fn good(word: [u8; 8]) -> u64 {
    let word = u64::from_le_bytes(word);
    // Each sum sets a byte's high bit where the byte passes. A byte that is not ASCII may carry into the next one, but its
    // own high bit is then missing from `!word`.
    let is_graphic_or_delete = word.wrapping_add(ONES * (0x80 - 0x21));
    let is_no_comma = (word ^ (ONES * 0x2C)).wrapping_add(ONES * 0x7F);
    let is_delete = word.wrapping_add(ONES);
    is_graphic_or_delete & is_no_comma & !is_delete & !word & HIGH
}

impl PartialEq for Text<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        are_same(self.0, other.0)
    }
}

impl Hash for Text<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// Whether two texts are the same bytes. Those of up to 16 bytes, which many are, are compared here: a call for so little
/// takes longer than that. From 8 bytes on as two words, which may overlap.
#[inline]
fn are_same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() || left.len() > 16 {
        return left == right;
    }
    if let (Some(first), Some(last)) = (left.first_chunk::<8>(), left.last_chunk::<8>()) {
        return right.first_chunk() == Some(first) && right.last_chunk() == Some(last);
    }
    left.iter().zip(right).all(|(left, right)| left == right)
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TextError::Empty => f.write_str("is empty; at least 1 byte is expected"),
            TextError::TooLong { max } => write!(f, "is longer than {max} bytes"),
            TextError::Unprintable => {
                f.write_str("holds a byte that is not printable ASCII, or a space or comma")
            }
            TextError::Control => f.write_str("is not UTF-8, or holds a control character"),
        }
    }
}

impl core::error::Error for TextError {}

#[cfg(test)]
mod tests {
    use super::{Text, TextError};

    #[test]
    fn texts_are_the_same_if_every_byte_is() {
        for len in 0..=40 {
            let bytes: [u8; 40] = core::array::from_fn(|at| b'a' + (at % 26) as u8);
            let (text, copy) = (Text::stored(&bytes[..len]), bytes);
            assert_eq!(text, Text::stored(&copy[..len]));
            for at in 0..len {
                let mut other = bytes;
                other[at] ^= 1;
                assert_ne!(text, Text::stored(&other[..len]), "byte {at} of {len}");
                assert_ne!(text, Text::stored(&bytes[..at]), "the first {at} of {len}");
            }
        }
    }

    #[test]
    fn a_byte_that_no_id_may_hold_is_found_at_every_place() {
        for byte in 0..=u8::MAX {
            let is_good = byte.is_ascii_graphic() && byte != b',';
            for len in 1..=40 {
                for at in 0..len {
                    let mut bytes = [b'7'; 40];
                    bytes[at] = byte;
                    let expected = if is_good { Ok(()) } else { Err(TextError::Unprintable) };
                    assert_eq!(Text::id(&bytes[..len]).map(|_| ()), expected, "{byte} at {at} of {len}");
                }
            }
        }
    }
}
