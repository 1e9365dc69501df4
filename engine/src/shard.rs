//! One shard: the machine that decides everything in its campaigns, and the rounds that turn it.
//!
//! Each turn stamps the time once, settles a slice of what is due, decides a bounded batch of what is queued, commits the
//! events, and releases the answers that the journal's watermark covers. It takes what is there and never waits for more.
//! Its own thread (`thread.rs`) or, while that sleeps, whoever brings work (`door.rs`) turns it.
//!
//! A panic or a failed journal stops the shard for good, and it alone: everything unanswered, queued and submitted later
//! comes back as down. Started by the engine; reaches the machine, its inbox, its journal, its clock, and the outboxes of
//! the runs that it answers.
//!
//! Invariants: answers leave in the order in which their runs were queued; no answer leaves before the events that it
//! saw are durable; every queued run comes back.

mod door;
mod queues;
mod thread;

use crate::clock::{Clock, TimeSource};
use crate::journal::{Journal, JournalError, Recorder};
use crate::panics::panic_message;
pub(crate) use door::Door;
use door::Left;
use queues::Queues;
use stampede_core::{Machine, Seq, Swept, UnixMs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The most events of one slice of settling, so that a mass expiry lets requests through every fraction of a
/// millisecond.
const SWEEP_EVENTS: usize = 512;

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

/// Everything that belongs to one shard alone.
pub(crate) struct Shard {
    pub(crate) door: Arc<Door>,
    pub(crate) machine: Machine,
    journal: Box<dyn Journal>,
    pub(crate) clock: Clock<Box<dyn TimeSource>>,
    queues: Queues,
    /// Whether everything that was due when the shard started is settled.
    is_caught_up: bool,
    /// Whether more is due than the last turn settled.
    is_sweeping: bool,
    /// Where the watermark stood at the last slice of settling.
    sliced_at: Seq,
    /// When its thread wakes by itself; `None`: never, or it is awake.
    wakes_at: Option<UnixMs>,
    /// Why it goes no further, if somebody else found out; its thread draws the consequences.
    stopped: Option<Stopped>,
}

/// How a round went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Went {
    /// Something was done; there may be more.
    On,
    /// There was nothing to do while the watermark stood here.
    Idle { durable: Seq },
}

impl Shard {
    /// A shard that nobody turns yet.
    pub(crate) fn new(
        door: Arc<Door>,
        machine: Machine,
        journal: Box<dyn Journal>,
        clock: Clock<Box<dyn TimeSource>>,
    ) -> Self {
        let queues = Queues::default();
        Shard {
            door,
            machine,
            journal,
            clock,
            queues,
            is_caught_up: false,
            is_sweeping: false,
            sliced_at: Seq(0),
            wakes_at: None,
            stopped: None,
        }
    }

    /// Says that the shard has stopped for good.
    pub(crate) fn go_down(&self, stopped: &Stopped) {
        tracing::error!(shard = %self.door.index, %stopped, "the shard is down; it answers SHARDDOWN from now on");
        self.door.counters.mark_down();
    }

    /// Hands back what is here as undecided; says whether there was anything.
    pub(crate) fn hand_back(&mut self) -> bool {
        self.queues.fail();
        self.queues.wake();
        self.queues.fill(&self.door.inbox) > 0
    }

    /// Tells the journal how to wake the shard.
    pub(crate) fn attach(&mut self) {
        self.journal.attach(self.door.wake());
    }

    /// One round by somebody who brings work while the shard's thread sleeps.
    fn sit_in(&mut self) -> Left {
        if self.stopped.is_some() {
            return Left::Something;
        }
        // As in the thread's own life: after a panic the machine and the journal are never touched again.
        let stopped = match catch_unwind(AssertUnwindSafe(|| self.once().map(|_| self.left()))) {
            Ok(Ok(left)) => return left,
            Ok(Err(stopped)) => stopped,
            Err(panic) => Stopped::Panicked(panic_message(panic.as_ref())),
        };
        self.stopped = Some(stopped);
        Left::Something
    }

    /// What there is for the shard's thread after somebody else's round: more to decide, an end to see to, or something
    /// that falls due before the thread wakes by itself.
    fn left(&self) -> Left {
        let can_decide = self.has_room() && !(self.queues.is_decided() && self.door.inbox.is_empty());
        // Without room or space, or with much to be written first, nothing due is told: its thread has its own reason to
        // wake then.
        let may_tell = self.has_room() && self.journal.full().is_none() && !self.journal.is_behind();
        let is_due_before = match (self.next_due().filter(|_| may_tell), self.wakes_at) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(due), Some(at)) => due < at,
        };
        let is_left = !self.is_caught_up
            || self.is_sweeping
            || can_decide
            || self.door.inbox.is_over()
            || is_due_before;
        if is_left { Left::Something } else { Left::Nothing }
    }

    /// Once round, and whoever has to hear of it is told.
    pub(crate) fn go(&mut self) -> Result<Went, Stopped> {
        let went = self.once();
        self.journal.begin();
        self.queues.wake();
        went
    }

    /// Lets the journal's writer begin with what was committed.
    fn begin(&mut self) {
        // After an end the journal is not touched again.
        if self.stopped.is_none() {
            self.journal.begin();
        }
    }

    /// Whether the journal's writer has to be let begin.
    fn is_held(&self) -> bool {
        self.stopped.is_none() && !self.journal.has_begun()
    }

    /// Once round: a turn if there is room, and the answers that are due.
    fn once(&mut self) -> Result<Went, Stopped> {
        if self.door.is_abandoned() {
            return Err(Stopped::Abandoned);
        }
        let before = self.journal.durable()?;
        let swept = if self.has_room() { self.turn(before)? } else { Swept::Done };
        let durable = self.journal.durable()?;
        let released = self.release(durable);
        let is_stuck = self.queues.is_decided() || !self.has_room();
        let is_idle = swept == Swept::Done && released == 0 && is_stuck && before == durable;
        Ok(if is_idle { Went::Idle { durable } } else { Went::On })
    }

    /// Whether every queued run is decided and released, the demand told, and every event durable.
    fn is_settled(&self) -> Result<bool, JournalError> {
        Ok(self.queues.is_empty()
            && !self.has_untold_demand()
            && self.journal.durable()? >= self.machine.last_event().seq)
    }

    /// Whether a checkpoint of the demand could be written.
    fn has_untold_demand(&self) -> bool {
        self.machine.demand_due().is_some() && self.journal.full().is_none()
    }

    fn has_room(&self) -> bool {
        self.queues.has_room() && self.journal.has_room()
    }

    /// One slice of settling, one batch, one commit, while the watermark stands at `durable`.
    ///
    /// After a restart, what fell due meanwhile is settled before the first request is decided.
    fn turn(&mut self, durable: Seq) -> Result<Swept, JournalError> {
        let now = self.clock.now();
        if let Some(free_bytes) = self.journal.full() {
            self.look(now, free_bytes);
            return Ok(Swept::Done);
        }
        // Nobody waits for what is due, but at the start: what a request depends on is settled with it. So a journal that is
        // behind takes one slice with each sync: no more, and no less under any load.
        let is_enough = self.is_caught_up && self.journal.is_behind() && durable == self.sliced_at;
        let mut recorder = Recorder { journal: self.journal.as_mut(), count: 0 };
        let swept = if is_enough {
            Swept::Done
        } else {
            self.sliced_at = durable;
            self.machine.sweep(now, SWEEP_EVENTS, &mut recorder)
        };
        self.is_caught_up |= swept == Swept::Done;
        self.is_sweeping = swept == Swept::More;
        let mut requests = 0;
        if self.is_caught_up {
            requests = self.queues.fill(&self.door.inbox);
            self.queues.decide(&mut self.machine, now, &mut recorder);
        }
        // At an orderly end nothing comes after the last second: it is told at once.
        if self.door.inbox.is_over() && self.queues.is_decided() {
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

    /// When something falls due next.
    fn next_due(&self) -> Option<UnixMs> {
        [self.machine.next_due(), self.machine.demand_due()].into_iter().flatten().min()
    }
}
