//! One client thread: sends what is due, reads what came, and waits for whichever is next.
//!
//! One loop over one `poll`, without a runtime under it: at tens of thousands of intents a second on a core
//! that the server wants too, every task switch and every second look at a socket is time that the next intent
//! waits for. Owns the order of things in the thread; bytes are `connection`'s, figures `run`'s.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::ProgressBar;
use mio::{Events, Poll, Token};

use super::connection::{Connection, Mended};
use super::run::Run;
use super::timer::Timer;
use super::{OpenLoop, RunResult, Share, now, urgency};
use crate::cpu;
use crate::plan::{IntentIndex, Plan};

/// Commands sent in one go before answers are read.
const BURST_LEN: usize = 64;
/// Connections read in one go before the next commands are sent.
const EVENTS_MAX: usize = 64;
/// The timer's token; connections have theirs from 0 on.
const TIMER: Token = Token(usize::MAX);

/// Between two attempts to make a broken connection anew.
const MEND_PAUSE: Duration = Duration::from_millis(100);

/// What the thread does next.
enum Next {
    /// Wait for sockets and the timer, at most so long; without an end where there is none.
    Wait(Option<Duration>),
    /// Everything is answered, or has had its time.
    Over,
}

/// One thread's share of a run.
pub(super) struct Part {
    run: Run,
    poll: Poll,
    timer: Timer,
    connections: Vec<Connection>,
    /// Its commands, by time due.
    commands: Vec<IntentIndex>,
    /// The first of them that is not handed over yet.
    next_command: usize,
    /// When the last of them was handed over, in nanoseconds from the start.
    sent_ns: Option<u64>,
    /// Connections with new commands, in the order in which they got them.
    touched: Vec<usize>,
    /// Connections that are to be made anew.
    broken: Vec<usize>,
    share: Share,
}

impl Part {
    /// Connects, and does everything else that is not sending.
    pub(super) fn prepare(
        plan: Arc<Plan>,
        options: &OpenLoop,
        share: Share,
        bar: &ProgressBar,
    ) -> Result<Self> {
        let poll = Poll::new().context("cannot wait for sockets")?;
        let timer = Timer::new(poll.registry(), TIMER).context("cannot make a timer")?;
        let mut connections = Vec::new();
        for _ in (share.thread..usize::from(options.connections)).step_by(share.threads) {
            connections.push(Connection::open(&options.addr, poll.registry(), Token(connections.len()))?);
        }
        let is_mine = |index: &IntentIndex| {
            usize::from(plan.intents[*index as usize].connection) % share.threads == share.thread
        };
        let commands: Vec<_> = (0..plan.intents.len() as IntentIndex).filter(is_mine).collect();
        let run = Run::new(plan, options.clone(), commands.len(), now(), bar.clone());
        Ok(Self {
            run,
            poll,
            timer,
            connections,
            commands,
            next_command: 0,
            sent_ns: None,
            touched: Vec::with_capacity(BURST_LEN),
            broken: Vec::new(),
            share,
        })
    }

    /// Sends everything at its time, and waits for the last answer or its timeout.
    pub(super) fn play(mut self, started: Instant) -> Result<RunResult> {
        self.run.start(started);
        let is_urgent = urgency::raise(urgency::BUYER);
        let cpu_before = cpu::thread_cpu_s();
        self.turn_until_done()?;
        let client_cpu_s = cpu_before.zip(cpu::thread_cpu_s()).map(|(before, after)| after - before);
        let run = &mut self.run;
        Ok(RunResult {
            recorder: run.recorder.clone(),
            outcomes: std::mem::take(&mut run.outcomes),
            lags_ns: std::mem::take(&mut run.lags_ns),
            started,
            elapsed: Duration::from_nanos(run.last_answer_ns),
            broken_count: run.broken_count,
            client_cpu_s,
            is_urgent,
        })
    }

    fn turn_until_done(&mut self) -> Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            let Next::Wait(timeout) = self.next().context("the timer failed")? else { break };
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                polled => polled.context("waiting for sockets failed")?,
            }
            for event in &events {
                if let Some(connection) = self.connections.get_mut(event.token().0) {
                    connection.on_event(event, &mut self.run);
                    if connection.is_broken() {
                        self.broken.push(event.token().0);
                    }
                }
            }
            self.mend_broken();
            self.send_due();
        }
        // What has not been answered by now is lost.
        self.connections.iter_mut().for_each(|connection| connection.give_up(&mut self.run));
        Ok(())
    }

    fn next(&mut self) -> io::Result<Next> {
        let at_ns = self.run.at_ns(now());
        let timeout = if let Some(&index) = self.commands.get(self.next_command) {
            let due_ns = self.run.intent(index).due_ns;
            if due_ns <= at_ns { Some(Duration::ZERO) } else { self.timer.wake_at(due_ns, at_ns)? }
        } else {
            let sent_ns = *self.sent_ns.get_or_insert(at_ns);
            let waited = Duration::from_nanos(at_ns - sent_ns);
            let rest = self.run.options.timeout.saturating_sub(waited);
            if self.run.open_count == 0 || rest.is_zero() {
                return Ok(Next::Over);
            }
            Some(rest)
        };
        let pause = (!self.broken.is_empty()).then_some(MEND_PAUSE);
        Ok(Next::Wait(timeout.into_iter().chain(pause).min()))
    }

    /// Makes broken connections anew; others wait meanwhile, which shows as lag.
    fn mend_broken(&mut self) {
        if self.broken.is_empty() {
            return;
        }
        let (connections, poll, run) = (&mut self.connections, &self.poll, &mut self.run);
        self.broken.retain(|&place| connections[place].mend(poll.registry(), run) == Mended::NotYet);
    }

    fn send_due(&mut self) {
        let at_ns = self.run.at_ns(now());
        let burst_end = self.commands.len().min(self.next_command + BURST_LEN);
        while self.next_command < burst_end {
            let index = self.commands[self.next_command];
            let intent = self.run.intent(index);
            if intent.due_ns > at_ns {
                break;
            }
            let place = usize::from(intent.connection) / self.share.threads;
            if self.connections[place].hand_over(index, &mut self.run) {
                self.touched.push(place);
            }
            self.next_command += 1;
        }
        for place in self.touched.drain(..) {
            self.connections[place].pump(&mut self.run);
        }
    }
}
