//! Replies of RESP as values, from a socket or out of bytes that were written down.
//!
//! A connection that breaks is an error here and never a failure of the test: the server is killed under its clients.
//! Apart from the client of the protocol's own tests, which may panic.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// What a server may take for any answer before a test says that it hangs.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// One reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Text(String),
    Error(String),
    Integer(i64),
    Null,
    List(Vec<Reply>),
    Map(Vec<(Reply, Reply)>),
}

impl Reply {
    /// The first reply in some bytes and its length; `None` while there is not all of it.
    pub(crate) fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let line_len = memchr::memmem::find(bytes, b"\r\n")?;
        let line = std::str::from_utf8(&bytes[1..line_len]).expect("the server sends text");
        let mut at = line_len + 2;
        let count = || line.parse::<i64>().unwrap_or_else(|_| panic!("a count in {line:?}"));
        let reply = match bytes[0] {
            b'+' => Self::Text(line.to_owned()),
            b'-' => Self::Error(line.to_owned()),
            b':' => Self::Integer(count()),
            b'_' => Self::Null,
            b'$' | b'*' if line == "-1" => Self::Null,
            b'$' => {
                let text = bytes.get(at..at + usize::try_from(count()).expect("a length"))?;
                at += text.len() + 2;
                Self::Text(String::from_utf8(text.to_vec()).expect("the server sends text"))
            }
            b'*' | b'~' => {
                Self::List((0..count()).map(|_| Self::part(bytes, &mut at)).collect::<Option<_>>()?)
            }
            b'%' => {
                let pair = |_| Some((Self::part(bytes, &mut at)?, Self::part(bytes, &mut at)?));
                Self::Map((0..count()).map(pair).collect::<Option<_>>()?)
            }
            other => panic!("no reply begins with {:?}", char::from(other)),
        };
        (at <= bytes.len()).then_some((reply, at))
    }

    fn part(bytes: &[u8], at: &mut usize) -> Option<Self> {
        let (part, len) = Self::parse(bytes.get(*at..)?)?;
        *at += len;
        Some(part)
    }

    /// The value of a pair, in a map or in the flat array that stands for one.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let is_key = |name: &Self| matches!(name, Self::Text(text) if text == key);
        match self {
            Self::Map(pairs) => pairs.iter().find(|(name, _)| is_key(name)).map(|(_, value)| value),
            Self::List(flat) => flat.chunks_exact(2).find(|pair| is_key(&pair[0])).map(|pair| &pair[1]),
            _ => None,
        }
    }

    /// The value of a pair as text; empty where there is none.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.get(key).map_or("", Self::as_text)
    }

    /// The value of a pair as a number; 0 where there is none.
    pub(crate) fn number(&self, key: &str) -> i64 {
        match self.get(key) {
            Some(Self::Integer(number)) => *number,
            None => 0,
            Some(other) => panic!("{key} is no number but {other:?}"),
        }
    }

    pub(crate) fn as_text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            other => panic!("text is expected, not {other:?}"),
        }
    }

    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            other => panic!("a list is expected, not {other:?}"),
        }
    }

    /// The message of an error.
    #[track_caller]
    pub(crate) fn error(&self) -> &str {
        match self {
            Self::Error(message) => message,
            other => panic!("an error is expected, not {other:?}"),
        }
    }
}

/// A client's side of a connection, in RESP3.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    used: usize,
}

impl Connection {
    pub(crate) fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
        stream.set_write_timeout(Some(ANSWERS_WITHIN))?;
        stream.set_nodelay(true)?;
        let mut connection = Self { stream, received: Vec::new(), used: 0 };
        connection.call(&["HELLO", "3"])?;
        Ok(connection)
    }

    pub(crate) fn send(&mut self, frames: &[u8]) -> io::Result<()> {
        self.stream.write_all(frames)
    }

    pub(crate) fn call(&mut self, words: &[&str]) -> io::Result<Reply> {
        let mut frame = Vec::new();
        put_frame(&mut frame, words);
        self.send(&frame)?;
        self.receive()
    }

    /// The next reply. A server that says nothing for long is a failure of the test; one that is gone is an error.
    pub(crate) fn receive(&mut self) -> io::Result<Reply> {
        loop {
            if let Some((reply, len)) = Reply::parse(&self.received[self.used..]) {
                self.used += len;
                return Ok(reply);
            }
            if self.read_more()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Whether a reply is there or on its way into this process, without waiting for one.
    pub(crate) fn has_reply(&mut self) -> io::Result<bool> {
        self.stream.set_nonblocking(true)?;
        let outcome = self.read_more();
        self.stream.set_nonblocking(false)?;
        match outcome {
            Ok(_) => Ok(Reply::parse(&self.received[self.used..]).is_some()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn read_more(&mut self) -> io::Result<usize> {
        self.received.drain(..self.used);
        self.used = 0;
        let mut piece = vec![0; 64 * 1024];
        let count = self.stream.read(&mut piece)?;
        self.received.extend_from_slice(&piece[..count]);
        Ok(count)
    }
}

/// Appends a command as an array of bulk strings.
pub(crate) fn put_frame(frames: &mut Vec<u8>, words: &[&str]) {
    frames.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        frames.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
}
