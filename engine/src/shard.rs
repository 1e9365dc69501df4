//! One shard: the thread that owns a machine and decides everything in its campaigns.
//!
//! Each turn of its loop stamps the time once, settles a slice of what is due, decides a bounded batch of what is
//! queued, commits the events, and releases the answers that the journal's watermark covers. It takes what is there and
//! never waits for more; with nothing to do it sleeps until work, the watermark or the next deadline.
//!
//! A panic or a failed journal stops the shard for good, and it alone: everything unanswered, queued and submitted
//! later comes back as [`Outcome::ShardDown`]. Started by the engine; reaches the machine, its inbox, its journal, its
//! clock, and the outboxes of the runs that it answers.
//!
//! Invariants: answers leave in the order in which their runs were queued; no answer leaves before the events that it
//! saw are durable; every queued run comes back.

use crate::clock::{Clock, TimeSource};
use crate::counters::LiveCounters;
use crate::inbox::Inbox;
use crate::journal::{Journal, JournalError, Recorder};
use crate::outbox::Outbox;
use crate::panics::panic_message;
use crate::run::{Outcome, Run};
use crate::slot::ShardIndex;
use crate::wake::{Patience, Wake};
use stampede_core::{Machine, Seq, Swept, UnixMs};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A batch takes no further run once it holds so many requests, a list counting for its entries: a fraction of a
/// millisecond, so that the first of a batch does not wait long for the last.
const BATCH_REQUESTS: usize = 1_024;
/// The most runs of one batch: each may wake a connection.
const BATCH_RUNS_MAX: usize = 256;
/// The most events of one slice of settling, so that a mass expiry lets requests through every fraction of a
/// millisecond.
const SWEEP_EVENTS: usize = 512;
/// While decided requests of this weight wait for the journal, a list counting for its entries, no more are decided:
/// what a slow disk holds up is bounded.
const UNRELEASED_WEIGHT: usize = 65_536;
/// The longest sleep towards a deadline: a sleeping thread does not notice that the machine was suspended meanwhile.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// The part of a shard that others reach.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) index: ShardIndex,
    pub(crate) inbox: Inbox,
    pub(crate) counters: LiveCounters,
    /// Told to stop without deciding what is left.
    abandon: AtomicBool,
    wake: Arc<Wake>,
}

impl Door {
    pub(crate) fn new(index: ShardIndex, inbox_requests_max: usize) -> Self {
        let wake = Arc::new(Wake::default());
        Door {
            index,
            inbox: Inbox::new(inbox_requests_max, Arc::clone(&wake)),
            counters: LiveCounters::default(),
            abandon: AtomicBool::new(false),
            wake,
        }
    }

    /// Makes the shard hand back what it has not answered as [`Outcome::ShardDown`].
    pub(crate) fn abandon(&self) {
        // Relaxed: the wake's fence orders it before the shard's last look for work.
        self.abandon.store(true, Ordering::Relaxed);
        self.wake.wake();
    }

    fn is_abandoned(&self) -> bool {
        self.abandon.load(Ordering::Relaxed)
    }
}

/// Why a shard stopped before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stopped {
    #[error("its journal failed: {0}")]
    Journal(#[from] JournalError),
    #[error("it was told to stop before everything was decided")]
    Abandoned,
    #[error("it panicked: {0}")]
    Panicked(String),
}

/// Everything that one shard's thread owns.
pub(crate) struct Shard<S> {
    pub(crate) door: Arc<Door>,
    pub(crate) machine: Machine,
    pub(crate) journal: Box<dyn Journal>,
    pub(crate) clock: Clock<S>,
    pub(crate) patience: Patience,
    pub(crate) queues: Queues,
    /// Whether everything that was due when the shard started is settled.
    pub(crate) is_caught_up: bool,
}

/// How a round went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Went {
    /// Something was done; there may be more.
    On,
    /// There was nothing to do while the watermark stood here.
    Idle { durable: Seq },
}

/// The runs that a shard has and has not answered yet. They outlive a panic.
#[derive(Default)]
pub(crate) struct Queues {
    /// Being decided.
    batch: VecDeque<Box<Run>>,
    /// Decided, each with the last event that it saw.
    unreleased: VecDeque<(Seq, Box<Run>)>,
    unreleased_weight: usize,
    /// Outboxes to wake; empty between turns.
    to_wake: Vec<Arc<Outbox>>,
}

impl<S: TimeSource> Shard<S> {
    /// The thread's whole life.
    pub(crate) fn run(mut self) {
        self.door.wake.bind();
        // The machine and the journal are never touched again after a panic; the queues hold whole runs at any moment.
        let ended = catch_unwind(AssertUnwindSafe(|| self.serve()));
        let stopped = match ended {
            Ok(Ok(())) => return,
            Ok(Err(stopped)) => stopped,
            Err(panic) => Stopped::Panicked(panic_message(panic.as_ref())),
        };
        self.go_down(&stopped);
        self.answer_down();
    }

    /// Says that the shard has stopped for good.
    pub(crate) fn go_down(&self, stopped: &Stopped) {
        tracing::error!(shard = %self.door.index, %stopped, "the shard is down; it answers SHARDDOWN from now on");
        self.door.counters.mark_down();
    }

    /// Hands back what is here as undecided; says whether there was anything.
    pub(crate) fn hand_back(&mut self) -> bool {
        self.queues.fail();
        self.queues.fill(&self.door.inbox) > 0
    }

    /// Decides and answers until the inbox is closed and everything is answered; then the journal ends in order.
    fn serve(&mut self) -> Result<(), Stopped> {
        self.attach();
        while !self.door.inbox.is_over() || !self.is_settled()? {
            if let Went::Idle { durable } = self.go()? {
                self.wait(durable)?;
            }
        }
        self.journal.close();
        Ok(())
    }

    /// Tells the journal how to wake the shard.
    pub(crate) fn attach(&mut self) {
        self.journal.attach(Arc::clone(&self.door.wake));
    }

    /// Once round: a turn if there is room, and the answers that are due.
    pub(crate) fn go(&mut self) -> Result<Went, Stopped> {
        if self.door.is_abandoned() {
            return Err(Stopped::Abandoned);
        }
        let before = self.journal.durable()?;
        let swept = if self.has_room() { self.turn()? } else { Swept::Done };
        let durable = self.journal.durable()?;
        let released = self.release(durable);
        let is_stuck = self.queues.batch.is_empty() || !self.has_room();
        let is_idle = swept == Swept::Done && released == 0 && is_stuck && before == durable;
        Ok(if is_idle { Went::Idle { durable } } else { Went::On })
    }

    /// Whether every queued run is decided and released, the demand told, and every event durable.
    fn is_settled(&self) -> Result<bool, JournalError> {
        let is_empty = self.queues.batch.is_empty() && self.queues.unreleased.is_empty();
        Ok(is_empty && !self.has_untold_demand() && self.journal.durable()? >= self.machine.last_event().seq)
    }

    /// Whether a checkpoint of the demand could be written.
    fn has_untold_demand(&self) -> bool {
        self.machine.demand_due().is_some() && self.journal.full().is_none()
    }

    fn has_room(&self) -> bool {
        self.queues.unreleased_weight < UNRELEASED_WEIGHT && self.journal.has_room()
    }

    /// One slice of settling, one batch, one commit.
    ///
    /// After a restart, what fell due meanwhile is settled before the first request is decided.
    fn turn(&mut self) -> Result<Swept, JournalError> {
        let now = self.clock.now();
        if let Some(free_bytes) = self.journal.full() {
            self.look(now, free_bytes);
            return Ok(Swept::Done);
        }
        let mut recorder = Recorder { journal: self.journal.as_mut(), count: 0 };
        let swept = self.machine.sweep(now, SWEEP_EVENTS, &mut recorder);
        self.is_caught_up |= swept == Swept::Done;
        let mut requests = 0;
        if self.is_caught_up {
            requests = self.queues.fill(&self.door.inbox);
            self.queues.decide(&mut self.machine, now, &mut recorder);
        }
        // At an orderly end nothing comes after the last second: it is told at once.
        if self.door.inbox.is_over() && self.queues.batch.is_empty() {
            self.machine.tell_demand(now, &mut recorder);
        } else {
            self.machine.checkpoint_demand(now, &mut recorder);
        }
        let events = recorder.count;
        if events > 0 {
            self.door.counters.add_events(events);
            self.journal.commit()?;
        }
        if requests > 0 {
            self.door.counters.add_batch(requests as u64);
        }
        Ok(swept)
    }

    /// A turn while the disk is full: nothing changes, not even what time would change.
    fn look(&mut self, now: UnixMs, free_bytes: u64) {
        let requests = self.queues.fill(&self.door.inbox);
        self.queues.look(&self.machine, now, free_bytes);
        if requests > 0 {
            self.door.counters.add_batch(requests as u64);
        }
    }

    fn release(&mut self, durable: Seq) -> usize {
        let answers = self.queues.release(durable);
        if answers > 0 {
            self.door.counters.add_answers(answers as u64);
        }
        answers
    }

    /// Sleeps until there is something to decide, the watermark moves, or something falls due.
    fn wait(&mut self, durable: Seq) -> Result<(), JournalError> {
        let had_room = self.has_room();
        let has_space = self.queues.unreleased_weight < UNRELEASED_WEIGHT;
        let is_settled = self.is_settled()?;
        let is_full = self.journal.full().is_some();
        let has_untold = had_room && self.has_untold_demand();
        let at_most = match (had_room, is_full) {
            // What is due waits for space: its deadline is nothing to wake up for.
            (_, true) => Some(SLEEP_MAX),
            (true, false) => self.until_due(),
            (false, false) => None,
        };
        let (door, journal) = (&self.door, &self.journal);
        door.wake.wait(self.patience, at_most, || {
            let can_decide = if had_room { !door.inbox.is_empty() } else { has_space && journal.has_room() };
            can_decide
                || !matches!(journal.durable(), Ok(seq) if seq == durable)
                || journal.full().is_some() != is_full
                || ((is_settled || has_untold) && door.inbox.is_over())
                || door.is_abandoned()
        });
        Ok(())
    }

    /// How long until something falls due, as far as a sleep may last; `None` when nothing ever does.
    fn until_due(&mut self) -> Option<Duration> {
        let due = [self.machine.next_due(), self.machine.demand_due()].into_iter().flatten().min()?;
        let length = due.from_now(self.clock.now());
        Some(Duration::from_millis(length.get()).min(SLEEP_MAX))
    }

    /// Hands back everything that is here or still comes, in order, until the inbox is closed and empty.
    fn answer_down(&mut self) {
        loop {
            if self.hand_back() {
                continue;
            }
            if self.door.inbox.is_over() {
                return;
            }
            let inbox = &self.door.inbox;
            self.door.wake.wait(self.patience, None, || !inbox.is_empty() || inbox.is_over());
        }
    }
}

impl Queues {
    /// Takes a batch from the inbox and says how many requests it holds.
    fn fill(&mut self, inbox: &Inbox) -> usize {
        let (mut requests, mut weight) = (0, 0);
        if !self.batch.is_empty() {
            return 0;
        }
        while weight < BATCH_REQUESTS && self.batch.len() < BATCH_RUNS_MAX {
            let Some(run) = inbox.pop() else { break };
            requests += run.len();
            weight += run.weight();
            self.batch.push_back(run);
        }
        requests
    }

    /// Decides the batch and moves it behind what waits for the journal. What a few requests settle may be much: the rest
    /// of the batch waits where the journal takes no more.
    fn decide(&mut self, machine: &mut Machine, now: UnixMs, recorder: &mut Recorder<'_>) {
        while let Some(run) = self.batch.front_mut() {
            run.decide(machine, now, recorder);
            self.await_release(machine.last_event().seq);
            if !recorder.journal.has_room() {
                break;
            }
        }
    }

    /// Answers the batch without changing anything.
    fn look(&mut self, machine: &Machine, now: UnixMs, free_bytes: u64) {
        while let Some(run) = self.batch.front_mut() {
            run.look(machine, now, free_bytes);
            self.await_release(machine.last_event().seq);
        }
    }

    /// Moves the first run of the batch behind what waits for the journal.
    fn await_release(&mut self, seen: Seq) {
        if let Some(run) = self.batch.pop_front() {
            self.unreleased_weight += run.weight();
            self.unreleased.push_back((seen, run));
        }
    }

    /// Sends off what saw nothing after `durable`, and says how many answers that were.
    fn release(&mut self, durable: Seq) -> usize {
        let (mut answers, mut weight) = (0, 0);
        while self.unreleased.front().is_some_and(|&(seen, _)| seen <= durable) {
            let Some((_, run)) = self.unreleased.pop_front() else { break };
            answers += run.len();
            weight += run.weight();
            self.send(run, Outcome::Answered);
        }
        self.unreleased_weight -= weight;
        self.wake();
        answers
    }

    /// Sends off everything as undecided.
    fn fail(&mut self) {
        while let Some((_, run)) = self.unreleased.pop_front() {
            self.send(run, Outcome::ShardDown);
        }
        self.unreleased_weight = 0;
        while let Some(run) = self.batch.pop_front() {
            self.send(run, Outcome::ShardDown);
        }
        self.wake();
    }

    fn send(&mut self, mut run: Box<Run>, outcome: Outcome) {
        run.close(outcome);
        if let Some(outbox) = run.take_address() {
            outbox.put(run);
            self.to_wake.push(outbox);
        }
    }

    /// Wakes each connection once, however many of its runs came back.
    fn wake(&mut self) {
        self.to_wake.sort_unstable_by_key(Arc::as_ptr);
        self.to_wake.dedup_by(|a, b| Arc::ptr_eq(a, b));
        for outbox in self.to_wake.drain(..) {
            outbox.wake();
        }
    }
}
