//! Drives one connection as fast as it goes: a batch of commands in one write, then all their answers.
//!
//! The loop behind the closed-loop mode and the replay. What is sent, and what an answer means, is the
//! [`Source`]'s. One such loop is one tokio task; a thread runs many of them.
//! Invariant: `Source::answer` is called exactly once per command, in the order of the commands.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::WireError;
use super::frame::{self, Frame};

/// Where a connection's commands come from and where its answers go.
pub trait Source {
    /// Appends the next batch to `out`, at most `room` commands, and says how many; 0 ends the connection.
    fn fill(&mut self, room: usize, out: &mut Vec<u8>) -> usize;
    /// Takes one answer, with the time since its batch was written.
    fn answer(&mut self, frame: Frame<'_>, latency: Duration);
}

/// Limits of one driven connection.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Commands in flight at once.
    pub pipeline: usize,
    /// How long the server may be silent with answers due.
    pub silence_max: Duration,
}

/// An open connection with its buffers.
#[derive(Debug)]
pub struct Line {
    stream: TcpStream,
    addr: String,
    outbound: Vec<u8>,
    inbound: Vec<u8>,
    inbound_len: usize,
}

impl Line {
    /// Connects.
    pub async fn connect(addr: &str) -> Result<Self, WireError> {
        let failed = |cause| WireError::Connect { addr: addr.to_owned(), cause };
        let stream = TcpStream::connect(addr).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let inbound = vec![0; 64 << 10];
        Ok(Self { stream, addr: addr.to_owned(), outbound: Vec::new(), inbound, inbound_len: 0 })
    }

    /// Asks for RESP3; whatever the answer, maps and flat arrays are both understood.
    pub async fn hello(&mut self) -> Result<(), WireError> {
        struct Hello {
            is_sent: bool,
        }
        impl Source for Hello {
            fn fill(&mut self, _: usize, out: &mut Vec<u8>) -> usize {
                let is_first = !std::mem::replace(&mut self.is_sent, true);
                if is_first {
                    super::encode::command(out, &[b"HELLO", b"3"]);
                }
                usize::from(is_first)
            }

            fn answer(&mut self, _: Frame<'_>, _: Duration) {}
        }
        let pace = Pace { pipeline: 1, silence_max: Duration::from_secs(10) };
        self.drive(&mut Hello { is_sent: false }, pace).await
    }

    /// Sends everything that the source gives and hears every answer.
    pub async fn drive(&mut self, source: &mut impl Source, pace: Pace) -> Result<(), WireError> {
        loop {
            self.outbound.clear();
            let due = source.fill(pace.pipeline, &mut self.outbound);
            if due == 0 {
                return Ok(());
            }
            let sent = now();
            let written = self.stream.write_all(&self.outbound).await;
            written.map_err(|cause| WireError::Broken { addr: self.addr.clone(), cause })?;
            self.hear(due, sent, source, pace.silence_max).await?;
        }
    }

    async fn hear(
        &mut self,
        mut due: usize,
        sent: Instant,
        source: &mut impl Source,
        silence_max: Duration,
    ) -> Result<(), WireError> {
        while due > 0 {
            self.read_some(due, silence_max).await?;
            let latency = now() - sent;
            let mut at = 0;
            while due > 0 {
                let found = frame::frame_len(&self.inbound[at..self.inbound_len]);
                match found.map_err(|cause| WireError::Malformed { addr: self.addr.clone(), cause })? {
                    Some(len) => {
                        source.answer(Frame::new(&self.inbound[at..at + len]), latency);
                        at += len;
                        due -= 1;
                    }
                    None => break,
                }
            }
            self.inbound.copy_within(at..self.inbound_len, 0);
            self.inbound_len -= at;
        }
        Ok(())
    }

    async fn read_some(&mut self, due: usize, silence_max: Duration) -> Result<(), WireError> {
        if self.inbound_len == self.inbound.len() {
            // One answer is larger than the buffer; `frame_len` bounds how far this goes.
            self.inbound.resize(self.inbound.len() * 2, 0);
        }
        let room = &mut self.inbound[self.inbound_len..];
        match tokio::time::timeout(silence_max, self.stream.read(room)).await {
            Err(_) => {
                Err(WireError::Silent { addr: self.addr.clone(), waited_ms: silence_max.as_millis(), due })
            }
            Ok(Ok(0)) => Err(WireError::Closed { addr: self.addr.clone(), due }),
            Ok(Ok(len)) => {
                self.inbound_len += len;
                Ok(())
            }
            Ok(Err(cause)) => Err(WireError::Broken { addr: self.addr.clone(), cause }),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the generator measures; it has no engine clock")]
fn now() -> Instant {
    Instant::now()
}
