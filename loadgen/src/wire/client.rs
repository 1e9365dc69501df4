//! A blocking client for what is done before and after a run: offers, scripts, checks.
//!
//! Plain and sequential; it also sends long lists of questions in batches, so that a hundred thousand
//! reservations are checked in a moment. Nothing measured goes through it. Called by `setup`, `ledger`, the
//! subcommands, and the comparison harness.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::WireError;
use super::encode;
use super::frame::{self, Frame, Head};

/// Questions sent before the first answer is read. Small enough that neither side's socket buffer fills
/// while both sides write.
const BATCH_LEN: usize = 256;

/// One connection that waits for each answer.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    addr: String,
    inbound: Vec<u8>,
    /// Bytes of `inbound` that answers already read took.
    taken: usize,
    /// Where bytes arrive.
    chunk: Box<[u8]>,
}

/// Bytes read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// An answer that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply(Vec<u8>);

impl Reply {
    /// The answer, to be read.
    pub fn frame(&self) -> Frame<'_> {
        Frame::new(&self.0)
    }
}

impl Client {
    /// Connects, and asks for RESP3.
    pub fn connect(addr: &str) -> Result<Self, WireError> {
        let mut client = Self::connect_plain(addr)?;
        let reply = client.command(&[b"HELLO", b"3"])?;
        match reply.frame().head() {
            Head::Error(text) => Err(WireError::Refused {
                command: "HELLO 3".into(),
                answer: String::from_utf8_lossy(text).into_owned(),
            }),
            _ => Ok(client),
        }
    }

    /// Connects without a handshake, which leaves the connection at RESP2.
    pub fn connect_plain(addr: &str) -> Result<Self, WireError> {
        let failed = |cause| WireError::Connect { addr: addr.to_owned(), cause };
        let stream = TcpStream::connect(addr).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).map_err(failed)?;
        Ok(Self {
            stream,
            addr: addr.to_owned(),
            inbound: Vec::new(),
            taken: 0,
            chunk: vec![0; CHUNK_BYTES].into(),
        })
    }

    /// Sends one command and waits for its answer.
    pub fn command(&mut self, args: &[&[u8]]) -> Result<Reply, WireError> {
        let mut out = Vec::with_capacity(256);
        encode::command(&mut out, args);
        self.send(&out)?;
        let mut reply = None;
        self.read_answers(1, |frame| reply = Some(Reply(frame.bytes().to_vec())))?;
        reply.ok_or(WireError::Closed { addr: self.addr.clone(), due: 1 })
    }

    /// Sends one command that must be answered with `status OK` or the string OK.
    pub fn must(&mut self, args: &[&[u8]]) -> Result<Reply, WireError> {
        let reply = self.command(args)?;
        match reply.frame().head() {
            Head::Status(b"OK") | Head::Text(b"OK") => Ok(reply),
            _ => Err(WireError::Refused {
                command: args.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join(" "),
                answer: reply.frame().sentence(),
            }),
        }
    }

    /// Asks `count` questions, written by `ask(index, out)`, and hands each answer to `hear(index, frame)`.
    pub fn ask_all(
        &mut self,
        count: usize,
        mut ask: impl FnMut(usize, &mut Vec<u8>),
        mut hear: impl FnMut(usize, Frame<'_>),
    ) -> Result<(), WireError> {
        let mut out = Vec::new();
        for start in (0..count).step_by(BATCH_LEN) {
            let end = count.min(start + BATCH_LEN);
            out.clear();
            (start..end).for_each(|index| ask(index, &mut out));
            self.send(&out)?;
            let mut index = start;
            self.read_answers(end - start, |frame| {
                hear(index, frame);
                index += 1;
            })?;
        }
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        self.stream.write_all(bytes).map_err(|cause| WireError::Broken { addr: self.addr.clone(), cause })
    }

    fn read_answers(&mut self, count: usize, mut hear: impl FnMut(Frame<'_>)) -> Result<(), WireError> {
        let mut due = count;
        while due > 0 {
            let rest = &self.inbound[self.taken..];
            let found = frame::frame_len(rest)
                .map_err(|cause| WireError::Malformed { addr: self.addr.clone(), cause })?;
            if let Some(len) = found {
                hear(Frame::new(&rest[..len]));
                self.taken += len;
                due -= 1;
            } else {
                self.fill(due)?;
            }
        }
        Ok(())
    }

    fn fill(&mut self, due: usize) -> Result<(), WireError> {
        self.inbound.drain(..self.taken);
        self.taken = 0;
        match self.stream.read(&mut self.chunk) {
            Ok(0) => Err(WireError::Closed { addr: self.addr.clone(), due }),
            Ok(len) => {
                self.inbound.extend_from_slice(&self.chunk[..len]);
                Ok(())
            }
            Err(cause) => Err(WireError::Broken { addr: self.addr.clone(), cause }),
        }
    }
}
