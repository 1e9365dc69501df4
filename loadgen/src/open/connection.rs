//! One connection of the open loop: what waits, what is in flight, what came back.
//!
//! Commands are handed over when they are due; they leave at once while fewer than `in_flight_max` are unanswered
//! and the outgoing buffer is small, and wait here otherwise. Answers are matched to commands by order. A broken
//! connection loses what was in flight, is made anew, and goes on.
//! Invariant: every command handed over ends as exactly one outcome, or is left out and counted.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::ToSocketAddrs;
use std::time::Duration;

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::now;
use super::run::Run;
use crate::plan::IntentIndex;
use crate::wire::WireError;
use crate::wire::encode;
use crate::wire::frame::{self, Frame};

/// Bytes written and not yet taken by the socket: beyond this, commands wait in the queue.
const OUTBOUND_BYTES_MAX: usize = 256 << 10;
/// Bytes read at once.
const INBOUND_BYTES: usize = 32 << 10;
/// How often a broken connection is tried again.
const MENDS_MAX: usize = 5;
/// How long the connection and its first answer may take.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// What came of an attempt to make a connection anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mended {
    /// It stands, or it is not tried again.
    Done,
    /// It is tried again later.
    NotYet,
}

pub(super) struct Connection {
    addr: String,
    token: Token,
    /// `None` while it is broken, and once it could not be made anew.
    stream: Option<TcpStream>,
    mends_left: usize,
    /// Handed over, not yet written.
    queue: VecDeque<IntentIndex>,
    /// The last so many of `queue` were handed over since the last write: how late they are is not counted yet.
    fresh_count: usize,
    /// Written or being written, not yet answered.
    in_flight: VecDeque<IntentIndex>,
    outbound: Vec<u8>,
    inbound: Inbound,
}

impl Connection {
    /// Connects, and asks for RESP3.
    pub(super) fn open(addr: &str, registry: &Registry, token: Token) -> Result<Self, WireError> {
        let failed = |cause| WireError::Connect { addr: addr.to_owned(), cause };
        let mut stream = connect(addr).map_err(failed)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE).map_err(failed)?;
        Ok(Self {
            addr: addr.to_owned(),
            token,
            stream: Some(stream),
            mends_left: MENDS_MAX,
            queue: VecDeque::new(),
            fresh_count: 0,
            in_flight: VecDeque::new(),
            outbound: Vec::new(),
            inbound: Inbound::default(),
        })
    }

    /// Takes a command that is due, and answers whether it is the first since the last `pump`.
    pub(super) fn hand_over(&mut self, index: IntentIndex, run: &mut Run) -> bool {
        run.open_count += 1;
        self.queue.push_back(index);
        self.fresh_count += 1;
        self.fresh_count == 1
    }

    /// Writes what may leave now.
    pub(super) fn pump(&mut self, run: &mut Run) {
        self.count_lag(run);
        if self.stream.is_none() {
            self.give_up(run);
            return;
        }
        self.encode_queue(run);
        // A write that fails shows as an event of the socket, and is dealt with there.
        let _failed = self.write();
    }

    /// How late the generator is: from the intended moment until the write, read as late as can be.
    fn count_lag(&mut self, run: &mut Run) {
        let at_ns = run.at_ns(now());
        let fresh_start = self.queue.len() - std::mem::take(&mut self.fresh_count);
        for &index in self.queue.range(fresh_start..) {
            run.lag(index, at_ns);
        }
    }

    fn encode_queue(&mut self, run: &mut Run) {
        while self.in_flight.len() < run.options.in_flight_max && self.outbound.len() < OUTBOUND_BYTES_MAX {
            let Some(index) = self.queue.pop_front() else { break };
            if run.write(index, &mut self.outbound) {
                self.in_flight.push_back(index);
            }
        }
    }

    fn write(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let mut taken = 0;
        let written = loop {
            if taken == self.outbound.len() {
                break Ok(());
            }
            match stream.write(&self.outbound[taken..]) {
                Ok(len) => taken += len,
                // The rest goes when the socket says that it takes more.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.outbound.drain(..taken);
        written
    }

    /// Reads what came, and writes what waited for it.
    pub(super) fn on_event(&mut self, event: &Event, run: &mut Run) {
        if self.stream.is_none() {
            return;
        }
        let may_read = event.is_readable() || event.is_error() || event.is_read_closed();
        let outcome = if may_read { self.read(run) } else { Ok(()) };
        let outcome = outcome.and_then(|()| {
            self.encode_queue(run);
            self.write()
        });
        if outcome.is_err() {
            run.broken_count += 1;
            self.stream = None;
            self.inbound.len = 0;
            self.outbound.clear();
            self.lose_in_flight(run);
        }
    }

    fn read(&mut self, run: &mut Run) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let mut may_hold_more = true;
        while may_hold_more {
            may_hold_more = self.inbound.read(stream)?;
            let at_ns = run.at_ns(now());
            let in_flight = &mut self.in_flight;
            self.inbound.take_frames(|frame| {
                let index = in_flight.pop_front().ok_or(io::ErrorKind::InvalidData)?;
                run.hear(index, frame, at_ns);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Whether the socket is gone and should be made anew.
    pub(super) fn is_broken(&self) -> bool {
        self.stream.is_none()
    }

    /// Tries to make the connection anew.
    pub(super) fn mend(&mut self, registry: &Registry, run: &mut Run) -> Mended {
        self.mends_left = self.mends_left.saturating_sub(1);
        let made = connect(&self.addr).and_then(|mut stream| {
            registry.register(&mut stream, self.token, Interest::READABLE | Interest::WRITABLE)?;
            Ok(stream)
        });
        match made {
            Ok(stream) => {
                self.stream = Some(stream);
                self.mends_left = MENDS_MAX;
                self.pump(run);
                Mended::Done
            }
            Err(_) if self.mends_left > 0 => Mended::NotYet,
            Err(_) => Mended::Done,
        }
    }

    /// Counts everything that has no answer as lost.
    pub(super) fn give_up(&mut self, run: &mut Run) {
        self.lose_in_flight(run);
        let at_ns = run.at_ns(now());
        run.lose(self.queue.drain(..), at_ns);
    }

    fn lose_in_flight(&mut self, run: &mut Run) {
        let at_ns = run.at_ns(now());
        run.lose(self.in_flight.drain(..), at_ns);
    }
}

/// Opens a connection and asks for RESP3; waits for the answer, so that the first command finds everything ready.
fn connect(addr: &str) -> io::Result<TcpStream> {
    let mut failure = io::ErrorKind::AddrNotAvailable.into();
    for address in addr.to_socket_addrs()? {
        match std::net::TcpStream::connect_timeout(&address, CONNECT_MAX).and_then(greet) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn greet(mut stream: std::net::TcpStream) -> io::Result<TcpStream> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(CONNECT_MAX))?;
    let mut hello = Vec::new();
    encode::command(&mut hello, &[b"HELLO", b"3"]);
    stream.write_all(&hello)?;
    let mut inbound = Inbound::default();
    let mut is_answered = false;
    while !is_answered {
        inbound.read(&mut stream)?;
        inbound.take_frames(|_| {
            is_answered = true;
            Ok(())
        })?;
    }
    stream.set_nonblocking(true)?;
    Ok(TcpStream::from_std(stream))
}

/// Bytes that came and are not yet whole answers.
struct Inbound {
    bytes: Vec<u8>,
    len: usize,
}

impl Default for Inbound {
    fn default() -> Self {
        Self { bytes: vec![0; INBOUND_BYTES], len: 0 }
    }
}

impl Inbound {
    /// Reads once, and answers whether there may be more: a read that leaves room has taken everything.
    fn read(&mut self, stream: &mut impl Read) -> io::Result<bool> {
        if self.len == self.bytes.len() {
            // One answer is larger than the buffer; `frame_len` bounds how far this goes.
            self.bytes.resize(self.bytes.len() * 2, 0);
        }
        let room = &mut self.bytes[self.len..];
        let room_len = room.len();
        match stream.read(room) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(len) => {
                self.len += len;
                Ok(len == room_len)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error),
        }
    }

    fn take_frames(&mut self, mut hear: impl FnMut(Frame<'_>) -> io::Result<()>) -> io::Result<()> {
        let mut at = 0;
        while let Some(len) = frame::frame_len(&self.bytes[at..self.len]).map_err(io::Error::other)? {
            hear(Frame::new(&self.bytes[at..at + len]))?;
            at += len;
        }
        self.bytes.copy_within(at..self.len, 0);
        self.len -= at;
        Ok(())
    }
}
