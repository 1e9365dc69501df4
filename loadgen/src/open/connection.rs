//! One connection of the open loop: what waits, what is in flight, what came back.
//!
//! The pacer hands commands over; they leave at once while fewer than `in_flight_max` are unanswered and the
//! outgoing buffer is small, and wait here otherwise. The reader's task matches answers to commands by
//! order. A broken connection loses what was in flight, is made anew, and goes on.
//! Invariant: every command handed over ends as exactly one outcome, or is left out and counted.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::{OpenLoop, Peer, now};
use crate::class::Class;
use crate::plan::{Action, IntentIndex, Plan};
use crate::record::Recorder;
use crate::verdict::{Outcome, Verdict};
use crate::wire::WireError;
use crate::wire::encode;
use crate::wire::frame::{self, Frame, Head};

/// Bytes written and not yet taken by the socket: beyond this, commands wait in the queue.
const OUTBOUND_BYTES_MAX: usize = 256 << 10;
/// How often a broken connection is tried again, and the pause between.
const RECONNECTS_MAX: usize = 5;
const RECONNECT_PAUSE: Duration = Duration::from_millis(100);

/// What all connections of one thread share.
pub(super) struct Shared {
    pub(super) plan: Arc<Plan>,
    pub(super) options: OpenLoop,
    pub(super) recorder: RefCell<Recorder>,
    pub(super) outcomes: RefCell<Vec<Outcome>>,
    pub(super) last_answer: Cell<Option<Instant>>,
    pub(super) broken_count: Cell<u64>,
    started: Instant,
    /// Reservations whose latest BUY was refused: paying for them would be noise.
    refused: RefCell<Vec<bool>>,
    bar: ProgressBar,
}

impl Shared {
    pub(super) fn new(plan: Arc<Plan>, options: OpenLoop, started: Instant, bar: ProgressBar) -> Self {
        let duration_ns = plan.intents.last().map_or(0, |intent| intent.due_ns);
        Self {
            recorder: RefCell::new(Recorder::new(duration_ns)),
            outcomes: RefCell::new(Vec::with_capacity(plan.intents.len())),
            last_answer: Cell::new(None),
            broken_count: Cell::new(0),
            started,
            refused: RefCell::new(vec![false; plan.reservations.len()]),
            plan,
            options,
            bar,
        }
    }

    /// Nanoseconds from the start of the run.
    pub(super) fn at_ns(&self, moment: Instant) -> u64 {
        (moment - self.started).as_nanos() as u64
    }

    fn hear(&self, index: IntentIndex, frame: Frame<'_>, at_ns: u64) {
        let intent = self.plan.intents[index as usize];
        let outcome = match self.options.peer {
            Peer::Stampede => Outcome::read(index, intent.reservation, frame),
            Peer::Redis { .. } => redis_outcome(index, frame),
        };
        if intent.action == Action::Buy {
            self.refused.borrow_mut()[intent.reservation as usize] =
                !outcome.verdict.is_state() && outcome.verdict != Verdict::Lost;
        }
        self.record(Outcome { heard_ns: at_ns, ..outcome }, at_ns);
    }

    fn record(&self, outcome: Outcome, at_ns: u64) {
        let intent = self.plan.intents[outcome.intent as usize];
        let latency_ns = at_ns.saturating_sub(intent.due_ns);
        let is_late = latency_ns > self.options.timeout.as_nanos() as u64;
        let class = outcome.class(intent.action);
        let class = if is_late { Class::Timeout } else { class };
        self.recorder.borrow_mut().answer(class, outcome.verdict, latency_ns, at_ns);
        self.outcomes.borrow_mut().push(outcome);
        self.bar.inc(1);
    }
}

/// The sale script's answer in the words of a BUY's.
fn redis_outcome(index: IntentIndex, frame: Frame<'_>) -> Outcome {
    let verdict = match frame.head() {
        Head::Integer(1) => Verdict::Held,
        Head::Integer(0) => Verdict::SoldOut,
        Head::Integer(-1) => Verdict::Limit,
        _ => Verdict::of(frame),
    };
    Outcome { verdict, ..Outcome::lost(index) }
}

/// Opens a connection and asks for RESP3.
pub(super) async fn connect(addr: &str) -> Result<TcpStream, WireError> {
    let failed = |source| WireError::Connect { addr: addr.to_owned(), source };
    let stream = TcpStream::connect(addr).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let mut hello = Vec::new();
    encode::command(&mut hello, &[b"HELLO", b"3"]);
    let mut answer = Vec::new();
    while frame::frame_len(&answer).ok().flatten().is_none() {
        if !hello.is_empty() {
            stream.writable().await.map_err(failed)?;
            match stream.try_write(&hello) {
                Ok(len) => drop(hello.drain(..len)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(failed(error)),
            }
            continue;
        }
        stream.readable().await.map_err(failed)?;
        let mut chunk = [0; 4 << 10];
        match stream.try_read(&mut chunk) {
            Ok(0) => return Err(WireError::Closed { addr: addr.to_owned(), due: 1 }),
            Ok(len) => answer.extend_from_slice(&chunk[..len]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(stream)
}

pub(super) struct Connection {
    shared: Rc<Shared>,
    /// `None` once it could not be made anew.
    stream: RefCell<Option<Rc<TcpStream>>>,
    /// Handed over, not yet written.
    queue: RefCell<VecDeque<IntentIndex>>,
    /// Written or being written, not yet answered.
    in_flight: RefCell<VecDeque<IntentIndex>>,
    outbound: RefCell<Vec<u8>>,
    /// Wakes the reader when bytes are left to write.
    has_outbound: Notify,
    /// Wakes who waits for the last answer.
    is_idle: Notify,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, shared: Rc<Shared>) -> Self {
        Self {
            shared,
            stream: RefCell::new(Some(Rc::new(stream))),
            queue: RefCell::default(),
            in_flight: RefCell::default(),
            outbound: RefCell::default(),
            has_outbound: Notify::new(),
            is_idle: Notify::new(),
        }
    }

    /// Takes a command that is due.
    pub(super) fn hand_over(&self, index: IntentIndex) {
        self.queue.borrow_mut().push_back(index);
    }

    /// Writes what may leave now.
    pub(super) fn pump(&self) {
        let Some(stream) = self.stream.borrow().clone() else {
            self.give_up();
            return;
        };
        self.encode_queue();
        let mut outbound = self.outbound.borrow_mut();
        while !outbound.is_empty() {
            let Ok(len) = stream.try_write(&outbound) else {
                // Not ready, or broken: the reader's task finds out which.
                self.has_outbound.notify_one();
                return;
            };
            outbound.drain(..len);
        }
    }

    fn encode_queue(&self) {
        let mut queue = self.queue.borrow_mut();
        let mut in_flight = self.in_flight.borrow_mut();
        let mut outbound = self.outbound.borrow_mut();
        let refused = self.shared.refused.borrow();
        while in_flight.len() < self.shared.options.in_flight_max && outbound.len() < OUTBOUND_BYTES_MAX {
            let Some(index) = queue.pop_front() else { break };
            let intent = self.shared.plan.intents[index as usize];
            let follows_up = matches!(intent.action, Action::Pay | Action::Cancel);
            if follows_up && refused[intent.reservation as usize] {
                self.shared.recorder.borrow_mut().left_out += 1;
                self.shared.bar.inc(1);
                continue;
            }
            match &self.shared.options.peer {
                Peer::Stampede => self.shared.plan.write(intent, &mut outbound),
                Peer::Redis { sha } => self.shared.plan.write_redis(intent, sha, &mut outbound),
            }
            in_flight.push_back(index);
        }
    }

    /// Reads until the run's end; makes the connection anew where it breaks.
    pub(super) async fn serve(self: Rc<Self>) {
        let mut inbound = Inbound::default();
        loop {
            let Some(stream) = self.stream.borrow().clone() else { return };
            let broke = self.serve_once(&stream, &mut inbound).await.is_err();
            if broke {
                self.shared.broken_count.set(self.shared.broken_count.get() + 1);
                self.lose_in_flight();
                inbound = Inbound::default();
                self.reconnect().await;
                self.pump();
            }
        }
    }

    async fn serve_once(&self, stream: &TcpStream, inbound: &mut Inbound) -> io::Result<()> {
        let interest = if self.outbound.borrow().is_empty() {
            Interest::READABLE
        } else {
            Interest::READABLE | Interest::WRITABLE
        };
        let ready = tokio::select! {
            ready = stream.ready(interest) => ready?,
            () = self.has_outbound.notified() => return Ok(()),
        };
        if ready.is_readable() {
            inbound.read(stream)?;
            let at = now();
            self.shared.last_answer.set(Some(at));
            let at_ns = self.shared.at_ns(at);
            inbound.take_frames(|frame| {
                let index = self.in_flight.borrow_mut().pop_front().ok_or(io::ErrorKind::InvalidData)?;
                self.shared.hear(index, frame, at_ns);
                Ok(())
            })?;
        }
        self.pump();
        if self.in_flight.borrow().is_empty() && self.queue.borrow().is_empty() {
            self.is_idle.notify_one();
        }
        Ok(())
    }

    async fn reconnect(&self) {
        *self.stream.borrow_mut() = None;
        self.outbound.borrow_mut().clear();
        for _ in 0..RECONNECTS_MAX {
            if let Ok(stream) = connect(&self.shared.options.addr).await {
                *self.stream.borrow_mut() = Some(Rc::new(stream));
                return;
            }
            tokio::time::sleep(RECONNECT_PAUSE).await;
        }
    }

    /// Returns once nothing is queued and nothing is in flight.
    pub(super) async fn until_idle(&self) {
        while !(self.in_flight.borrow().is_empty() && self.queue.borrow().is_empty()) {
            self.is_idle.notified().await;
        }
    }

    /// Counts everything that has no answer as lost.
    pub(super) fn give_up(&self) {
        self.lose_in_flight();
        let left: Vec<_> = self.queue.borrow_mut().drain(..).collect();
        self.lose(left);
    }

    fn lose_in_flight(&self) {
        let lost: Vec<_> = self.in_flight.borrow_mut().drain(..).collect();
        self.lose(lost);
    }

    fn lose(&self, lost: Vec<IntentIndex>) {
        let at_ns = self.shared.at_ns(now());
        for index in lost {
            self.shared.record(Outcome::lost(index), at_ns);
        }
        self.is_idle.notify_one();
    }
}

/// Bytes that came and are not yet whole answers.
struct Inbound {
    bytes: Vec<u8>,
    len: usize,
}

impl Default for Inbound {
    fn default() -> Self {
        Self { bytes: vec![0; 32 << 10], len: 0 }
    }
}

impl Inbound {
    fn read(&mut self, stream: &TcpStream) -> io::Result<()> {
        if self.len == self.bytes.len() {
            // One answer is larger than the buffer; `frame_len` bounds how far this goes.
            self.bytes.resize(self.bytes.len() * 2, 0);
        }
        match stream.try_read(&mut self.bytes[self.len..]) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(len) => {
                self.len += len;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
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
