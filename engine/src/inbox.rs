//! The queue in front of one shard: many connections push, whoever turns the shard pops.
//!
//! Bounded twice: in runs (the slots of the lock-free queue) and in requests (a count). A run that does not fit is
//! handed back at once and untouched. The count lives in one word with the mark that the inbox is closed, which makes
//! stopping exact: a run is either counted before the inbox closes, and then answered, or refused. The shard is done
//! when the word says "closed, and none".
//!
//! A run that is pushed wakes nobody: the door does, or sits down itself. Called by the door (push), the engine (close)
//! and the shard (pop).

use crate::run::Run;
use crate::wake::Wake;
use crossbeam_queue::ArrayQueue;
use crossbeam_utils::CachePadded;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most runs that wait for one shard, whatever their size: 16 bytes of queue each.
const RUNS_MAX: usize = 65_536;
/// The mark in the count that says "closed".
const CLOSED: usize = 1 << (usize::BITS - 1);

/// The queue in front of one shard.
#[derive(Debug)]
pub(crate) struct Inbox {
    runs: ArrayQueue<Box<Run>>,
    /// Requests counted in and not popped yet, and the [`CLOSED`] mark.
    requests: CachePadded<AtomicUsize>,
    requests_max: usize,
    wake: Arc<Wake>,
}

/// Why a run was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shut {
    /// No room for so many requests.
    Full,
    /// Closed for good.
    Closed,
}

impl Inbox {
    /// An empty inbox for at most `requests_max` requests.
    pub(crate) fn new(requests_max: usize, wake: Arc<Wake>) -> Self {
        Inbox {
            runs: ArrayQueue::new(requests_max.clamp(1, RUNS_MAX)),
            requests: CachePadded::new(AtomicUsize::new(0)),
            requests_max,
            wake,
        }
    }

    /// Queues a run, or hands it back. Whoever queues sees to it that the shard looks.
    pub(crate) fn push(&self, run: Box<Run>) -> Result<(), (Box<Run>, Shut)> {
        let weight = weight(&run);
        if let Err(shut) = self.enter(weight) {
            return Err((run, shut));
        }
        if let Err(run) = self.runs.push(run) {
            self.leave(weight);
            return Err((run, Shut::Full));
        }
        Ok(())
    }

    /// The next run, in the order of pushing.
    pub(crate) fn pop(&self) -> Option<Box<Run>> {
        let run = self.runs.pop()?;
        self.leave(weight(&run));
        Some(run)
    }

    /// Whether there is nothing to pop now.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Requests that wait.
    pub(crate) fn requests(&self) -> usize {
        // Relaxed: a figure for people.
        self.requests.load(Ordering::Relaxed) & !CLOSED
    }

    /// Refuses every run from now on; what was counted in before will still be popped.
    pub(crate) fn close(&self) {
        // One word holds the mark and the count, so its own order of changes is all that matters.
        self.requests.fetch_or(CLOSED, Ordering::Relaxed);
        self.wake.wake();
    }

    /// Whether it is closed and nothing is in it or on its way into it.
    pub(crate) fn is_over(&self) -> bool {
        // Acquire pairs with the Release in `leave`: a pusher that backed out has done so.
        self.requests.load(Ordering::Acquire) == CLOSED
    }

    fn enter(&self, weight: usize) -> Result<(), Shut> {
        // Relaxed: the run itself is published by the queue's own push.
        let counted = self.requests.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
            let has_room = count & CLOSED == 0 && count + weight <= self.requests_max;
            has_room.then_some(count + weight)
        });
        counted.map(|_| ()).map_err(|count| if count & CLOSED == 0 { Shut::Full } else { Shut::Closed })
    }

    fn leave(&self, weight: usize) {
        let before = self.requests.fetch_sub(weight, Ordering::Release);
        assert!(before & !CLOSED >= weight, "every request leaves the count once");
        if before == CLOSED | weight {
            // A pusher that backs out after the close may leave the shard asleep over an empty inbox.
            self.wake.wake();
        }
    }
}

/// What a run counts for. An empty one counts too, so that "none counted" means "none queued".
fn weight(run: &Run) -> usize {
    run.len().max(1)
}
