//! Replies → bytes, in the protocol that the connection speaks.
//!
//! The encoder writes values in the order given and trusts the caller with counts: after `map(n)` come n pairs. It formats
//! numbers by `itoa`, so that no reply goes through formatting machinery, and appends to a plain vector, which took half the
//! time of `BytesMut` where it was measured. Names of pairs are [`Key`]s, encoded when
//! the program is compiled.

/// The protocol of a connection, chosen by HELLO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Maps are flat arrays, nulls are null bulk strings.
    #[default]
    Resp2,
    /// Maps and nulls have types of their own.
    Resp3,
}

impl Protocol {
    /// The number that HELLO takes and gives.
    pub const fn number(self) -> u64 {
        match self {
            Protocol::Resp2 => 2,
            Protocol::Resp3 => 3,
        }
    }
}

/// A constant bulk string, encoded at compile time by the macro `key!`.
#[derive(Clone, Copy, Debug)]
pub struct Key(&'static [u8]);

impl Key {
    /// Takes the encoded bytes of a bulk string of one or two digits of length.
    ///
    /// # Panics
    /// When the announced length is not the length; in a constant, that is a compile error.
    pub const fn encoded(bytes: &'static [u8]) -> Self {
        assert!(
            bytes.len() >= 6 && bytes[0] == b'$' && bytes[1].is_ascii_digit(),
            "a key begins with its length"
        );
        let (announced, digits) = if bytes[2] == b'\r' {
            ((bytes[1] - b'0') as usize, 1)
        } else {
            ((bytes[1] - b'0') as usize * 10 + (bytes[2] - b'0') as usize, 2)
        };
        assert!(bytes.len() == 1 + digits + 2 + announced + 2, "a key's length is the one that it announces");
        Key(bytes)
    }
}

/// A constant bulk string: `key!(6 "status")`, checked and encoded when the program is compiled.
macro_rules! key {
    ($len:literal $name:literal) => {
        const { $crate::resp::encode::Key::encoded(concat!("$", $len, "\r\n", $name, "\r\n").as_bytes()) }
    };
}
pub(crate) use key;

/// Writes replies to a buffer.
#[derive(Debug)]
pub struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    protocol: Protocol,
    /// The last number written on the left of a dash: in a row of answers it is nearly always the same.
    left: Numeral,
}

/// A number and its decimal digits.
#[derive(Debug)]
struct Numeral {
    value: u64,
    digits: [u8; NUMERAL_BYTES_MAX],
    len: usize,
}

/// The digits of the largest u64.
const NUMERAL_BYTES_MAX: usize = 20;

impl Numeral {
    const ZERO: Numeral = Numeral { value: 0, digits: [b'0'; NUMERAL_BYTES_MAX], len: 1 };

    fn become_value(&mut self, value: u64) {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(value).as_bytes();
        self.digits[..digits.len()].copy_from_slice(digits);
        (self.value, self.len) = (value, digits.len());
    }
}

impl<'a> Encoder<'a> {
    /// An encoder that appends to `out`.
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Encoder { out, protocol, left: Numeral::ZERO }
    }

    /// The protocol that it writes.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// How many bytes the buffer holds.
    pub fn written(&self) -> usize {
        self.out.len()
    }

    /// Bytes that were encoded before.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// A map of `pairs` pairs, which follow: key, value, key, value.
    pub fn map(&mut self, pairs: usize) {
        match self.protocol {
            Protocol::Resp2 => self.header(b'*', pairs as u64 * 2),
            Protocol::Resp3 => self.header(b'%', pairs as u64),
        }
    }

    /// An array of `items` items, which follow.
    pub fn array(&mut self, items: usize) {
        self.header(b'*', items as u64);
    }

    /// A set of `items` different items, which follow.
    pub fn set(&mut self, items: usize) {
        match self.protocol {
            Protocol::Resp2 => self.header(b'*', items as u64),
            Protocol::Resp3 => self.header(b'~', items as u64),
        }
    }

    /// A constant bulk string.
    #[inline]
    pub fn key(&mut self, key: Key) {
        self.out.extend_from_slice(key.0);
    }

    /// A bulk string: any bytes.
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.header(b'$', bytes.len() as u64);
        self.out.extend_from_slice(bytes);
        self.out.extend_from_slice(b"\r\n");
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, value: u64) {
        self.header(b':', value);
    }

    /// An integer that may be negative.
    pub fn signed(&mut self, value: i64) {
        self.out.push(b':');
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    /// A pair of a constant key and an integer.
    #[inline]
    pub fn pair_integer(&mut self, key: Key, value: u64) {
        self.key(key);
        self.integer(value);
    }

    /// A pair of a constant key and a bulk string.
    #[inline]
    pub fn pair_bulk(&mut self, key: Key, value: &[u8]) {
        self.key(key);
        self.bulk(value);
    }

    /// The name of an event, `<epoch>-<seq>`, as a bulk string.
    pub fn dashed(&mut self, left: u64, right: u64) {
        if self.left.value != left {
            self.left.become_value(left);
        }
        let mut buffer = itoa::Buffer::new();
        let right = buffer.format(right).as_bytes();
        self.header(b'$', (self.left.len + 1 + right.len()) as u64);
        self.out.extend_from_slice(&self.left.digits[..self.left.len]);
        self.out.push(b'-');
        self.out.extend_from_slice(right);
        self.out.extend_from_slice(b"\r\n");
    }

    /// A simple string such as `OK`: no line ends in it.
    pub fn simple(&mut self, text: &'static str) {
        self.out.push(b'+');
        self.out.extend_from_slice(text.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    /// An error. What would break the line is shown as a space.
    pub fn error(&mut self, code: &str, message: &str) {
        self.out.push(b'-');
        self.out.extend_from_slice(code.as_bytes());
        self.out.push(b' ');
        for byte in message.bytes() {
            self.out.push(if byte.is_ascii_control() { b' ' } else { byte });
        }
        self.out.extend_from_slice(b"\r\n");
    }

    /// Nothing.
    pub fn null(&mut self) {
        match self.protocol {
            Protocol::Resp2 => self.out.extend_from_slice(b"$-1\r\n"),
            Protocol::Resp3 => self.out.extend_from_slice(b"_\r\n"),
        }
    }

    /// No list: where Redis answers a null array.
    pub fn null_array(&mut self) {
        match self.protocol {
            Protocol::Resp2 => self.out.extend_from_slice(b"*-1\r\n"),
            Protocol::Resp3 => self.out.extend_from_slice(b"_\r\n"),
        }
    }

    #[inline]
    fn header(&mut self, kind: u8, value: u64) {
        // Most counts, lengths and quantities have one digit or two: appended at once.
        match value {
            0..10 => self.out.extend_from_slice(&[kind, b'0' + value as u8, b'\r', b'\n']),
            10..100 => {
                let (tens, ones) = (b'0' + (value / 10) as u8, b'0' + (value % 10) as u8);
                self.out.extend_from_slice(&[kind, tens, ones, b'\r', b'\n']);
            }
            _ => self.long_header(kind, value),
        }
    }

    fn long_header(&mut self, kind: u8, value: u64) {
        self.out.push(kind);
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }
}
