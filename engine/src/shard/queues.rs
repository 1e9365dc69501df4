//! The runs that a shard has and has not answered yet.
//!
//! A batch is taken from the inbox, decided run by run, kept until the journal's watermark covers what it saw, and sent
//! back. Called by the shard alone.
//!
//! Invariants: runs leave in the order in which they were queued; a run is in exactly one place at any moment, so that
//! a panic loses none.

use crate::inbox::Inbox;
use crate::journal::Recorder;
use crate::outbox::{Outbox, wake_all};
use crate::run::{Outcome, Run};
use stampede_core::{Keys, Machine, Seq, UnixMs};
use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;

/// A batch takes no further run once it holds so many requests, a list counting for its entries: about a millisecond,
/// so that the first of a batch does not wait long for the last.
const BATCH_REQUESTS: usize = 2_048;
/// The most runs of one batch: each may wake a connection.
const BATCH_RUNS_MAX: usize = 256;
/// Looks ahead over so many requests at once: enough to wait for memory together, few enough that what was read is still
/// near, and so are the pages' addresses, when it is needed.
const AHEAD_REQUESTS: usize = 64;
/// While decided requests of this weight wait for the journal, a list counting for its entries, no more are decided:
/// what a slow disk holds up is bounded.
const UNRELEASED_WEIGHT: usize = 65_536;

/// The runs that a shard has and has not answered yet. They outlive a panic.
#[derive(Default)]
pub(crate) struct Queues {
    /// Being decided.
    batch: VecDeque<Box<Run>>,
    /// Decided, each with the last event that it saw.
    unreleased: VecDeque<(Seq, Box<Run>)>,
    unreleased_weight: usize,
    /// The keys of the runs that are decided next, in the order of their requests.
    keys: Vec<Keys>,
    /// Outboxes to which something came back since they were last woken.
    to_wake: Vec<Arc<Outbox>>,
}

impl Queues {
    /// Whether more may be decided before something is released.
    pub(super) fn has_room(&self) -> bool {
        self.unreleased_weight < UNRELEASED_WEIGHT
    }

    /// Whether every run that was taken from the inbox is decided.
    pub(super) fn is_decided(&self) -> bool {
        self.batch.is_empty()
    }

    /// Whether every run that was taken from the inbox is answered.
    pub(super) fn is_empty(&self) -> bool {
        self.batch.is_empty() && self.unreleased.is_empty()
    }

    /// Takes a batch from the inbox and says how many requests it holds.
    pub(super) fn fill(&mut self, inbox: &Inbox) -> usize {
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
    pub(super) fn decide(&mut self, machine: &mut Machine, now: UnixMs, recorder: &mut Recorder<'_>) {
        let mut keys = mem::take(&mut self.keys);
        while self.decide_some(machine, &mut keys, now, recorder) {}
        self.keys = keys;
    }

    /// Looks ahead over the first runs of the batch and decides them. Says whether there are more to decide now.
    fn decide_some(
        &mut self,
        machine: &mut Machine,
        keys: &mut Vec<Keys>,
        now: UnixMs,
        recorder: &mut Recorder<'_>,
    ) -> bool {
        let mut runs = 0;
        while let Some(run) = self.batch.get(runs).filter(|_| keys.len() < AHEAD_REQUESTS) {
            run.add_keys(machine, keys);
            runs += 1;
        }
        machine.fetch(keys);
        let mut keys = keys.drain(..);
        for _ in 0..runs {
            let Some(run) = self.batch.front_mut() else { break };
            run.decide(machine, &mut keys, now, recorder);
            self.await_release(machine.last_event().seq);
            if !recorder.journal.has_room() {
                return false;
            }
        }
        !self.batch.is_empty()
    }

    /// Answers the batch without changing anything.
    pub(super) fn look(&mut self, machine: &Machine, now: UnixMs, free_bytes: u64) {
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
    pub(super) fn release(&mut self, durable: Seq) -> usize {
        let (mut answers, mut weight) = (0, 0);
        while self.unreleased.front().is_some_and(|&(seen, _)| seen <= durable) {
            let Some((_, run)) = self.unreleased.pop_front() else { break };
            answers += run.len();
            weight += run.weight();
            self.send(run, Outcome::Answered);
        }
        self.unreleased_weight -= weight;
        answers
    }

    /// Sends off everything as undecided.
    pub(super) fn fail(&mut self) {
        while let Some((_, run)) = self.unreleased.pop_front() {
            self.send(run, Outcome::ShardDown);
        }
        self.unreleased_weight = 0;
        while let Some(run) = self.batch.pop_front() {
            self.send(run, Outcome::ShardDown);
        }
    }

    fn send(&mut self, mut run: Box<Run>, outcome: Outcome) {
        run.close(outcome);
        if let Some(outbox) = run.take_address() {
            outbox.put(run);
            self.to_wake.push(outbox);
        }
    }

    /// Wakes the connections to which runs came back.
    pub(super) fn wake(&mut self) {
        wake_all(&mut self.to_wake);
    }

    /// Hands out the outboxes to wake, for whoever gives up the seat first; `empty` goes in their place.
    pub(super) fn take_to_wake(&mut self, empty: Vec<Arc<Outbox>>) -> Vec<Arc<Outbox>> {
        mem::replace(&mut self.to_wake, empty)
    }
}
