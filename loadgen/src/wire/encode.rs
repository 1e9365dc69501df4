//! Writes commands as RESP arrays into a buffer that is used again and again.
//!
//! No formatting machinery and no allocation per command once the buffer has grown. Two ways: word by word
//! for commands whose ids are known as text, and a [`Template`] whose numbers are counted up in place for the
//! hot path of the closed loop. Called by all that send.

/// Writes one command of `args` to `out`.
pub fn command(out: &mut Vec<u8>, args: &[&[u8]]) {
    begin(out, args.len());
    for word in args {
        arg(out, word);
    }
}

/// Starts a command of `count` words, its name included.
#[inline]
pub fn begin(out: &mut Vec<u8>, count: usize) {
    length_line(out, b'*', count);
}

/// Writes one word.
#[inline]
pub fn arg(out: &mut Vec<u8>, word: &[u8]) {
    length_line(out, b'$', word.len());
    out.extend_from_slice(word);
    out.extend_from_slice(b"\r\n");
}

/// Writes one number as a word.
#[inline]
pub fn arg_number(out: &mut Vec<u8>, number: u64) {
    arg(out, itoa::Buffer::new().format(number).as_bytes());
}

#[inline]
fn length_line(out: &mut Vec<u8>, kind: u8, len: usize) {
    out.push(kind);
    if len < 10 {
        out.push(b'0' + len as u8);
    } else {
        out.extend_from_slice(itoa::Buffer::new().format(len).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// A part of a word in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// These bytes.
    Text(Vec<u8>),
    /// The serial number given to [`Template::write`], in this many decimal digits with leading zeros.
    Serial {
        /// How many digits; the number is cut to its last ones.
        digits: usize,
        /// Which of the serials given.
        index: usize,
    },
}

/// A command written once, with places where serial numbers go.
#[derive(Debug, Clone, Default)]
pub struct Template {
    bytes: Vec<u8>,
    /// Where digits go: offset, count, and which serial.
    slots: Vec<(usize, usize, usize)>,
}

impl Template {
    /// Builds a command from its words, each of parts.
    pub fn new(words: &[Vec<Part>]) -> Self {
        let mut template = Self::default();
        begin(&mut template.bytes, words.len());
        for word in words {
            template.push_word(word);
        }
        template
    }

    fn push_word(&mut self, word: &[Part]) {
        let len = word.iter().map(|part| match part {
            Part::Text(text) => text.len(),
            Part::Serial { digits, .. } => *digits,
        });
        length_line(&mut self.bytes, b'$', len.sum());
        for part in word {
            match part {
                Part::Text(text) => self.bytes.extend_from_slice(text),
                Part::Serial { digits, index } => {
                    self.slots.push((self.bytes.len(), *digits, *index));
                    self.bytes.resize(self.bytes.len() + digits, b'0');
                }
            }
        }
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// Appends the command with these serials.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>, serials: &[u64]) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        for &(offset, digits, index) in &self.slots {
            let mut rest = serials[index];
            for byte in out[start + offset..start + offset + digits].iter_mut().rev() {
                *byte = b'0' + (rest % 10) as u8;
                rest /= 10;
                if rest == 0 {
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_counts_in_place() {
        let template = Template::new(&[
            vec![Part::Text(b"BUY".to_vec())],
            vec![Part::Text(b"b".to_vec()), Part::Serial { digits: 4, index: 0 }],
        ]);
        let mut out = Vec::new();
        template.write(&mut out, &[7]);
        template.write(&mut out, &[98_765]);
        assert_eq!(out, b"*2\r\n$3\r\nBUY\r\n$5\r\nb0007\r\n*2\r\n$3\r\nBUY\r\n$5\r\nb8765\r\n");
    }

    #[test]
    fn words_carry_their_length() {
        let mut out = Vec::new();
        command(&mut out, &[b"GET", b"a-key-of-many-bytes"]);
        assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$19\r\na-key-of-many-bytes\r\n");
    }
}
