//! Where the runs of one connection come back to.
//!
//! An outbox has room for every run that its connection may have under way; the room is taken when a run is submitted,
//! so that a shard never waits for a connection and never finds an outbox full. Runs for one shard come back in the
//! order in which they were submitted; between shards there is no order. One task or thread takes the runs. The shard
//! wakes it once per batch, not once per run; those that share a [`Round`] are woken together, by one wake.
//!
//! It works with any async runtime and with none: [`Outbox::take`] is a future, [`Outbox::take_blocking`] parks the
//! thread. Filled by shards, emptied by connections and clients. A connection that goes away drops its outbox, and the
//! runs that still come are freed with it.

use crate::round::Round;
use crate::run::Run;
use atomic_waker::AtomicWaker;
use crossbeam_queue::ArrayQueue;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// The way back to one connection.
#[derive(Debug)]
pub struct Outbox {
    runs: ArrayQueue<Box<Run>>,
    /// Runs submitted and not taken yet, at most the capacity of `runs`.
    under_way: AtomicUsize,
    /// Whoever waits in `take`.
    waker: AtomicWaker,
    /// Who wakes it.
    round: Option<Arc<Round>>,
}

impl Outbox {
    /// An outbox for at most `runs_max` runs under way; at least one.
    pub fn new(runs_max: usize) -> Arc<Outbox> {
        Outbox::with(runs_max, None)
    }

    /// Like [`Outbox::new`], for a connection that `round` wakes. Somebody has to poll that round: until then nobody is
    /// woken, and what its connections brought may wait a second for the shard's own thread.
    pub fn in_round(runs_max: usize, round: &Arc<Round>) -> Arc<Outbox> {
        Outbox::with(runs_max, Some(Arc::clone(round)))
    }

    fn with(runs_max: usize, round: Option<Arc<Round>>) -> Arc<Outbox> {
        Arc::new(Outbox {
            runs: ArrayQueue::new(runs_max.max(1)),
            under_way: AtomicUsize::new(0),
            waker: AtomicWaker::new(),
            round,
        })
    }

    /// Who wakes it, if that is not the shard.
    pub(crate) fn round(&self) -> Option<&Arc<Round>> {
        self.round.as_ref()
    }

    /// How many runs were submitted and not taken yet.
    pub fn under_way(&self) -> usize {
        // Relaxed: the connection that asks is the one that submits and takes.
        self.under_way.load(Ordering::Relaxed)
    }

    /// Whether another run may be submitted.
    pub fn has_room(&self) -> bool {
        self.under_way() < self.runs.capacity()
    }

    /// The next run that came back, if any.
    pub fn try_take(&self) -> Option<Box<Run>> {
        let run = self.runs.pop()?;
        // Release pairs with the Acquire in `enter`: the place in the queue is free before it is given again.
        self.under_way.fetch_sub(1, Ordering::Release);
        Some(run)
    }

    /// The next run that came back, or the promise to wake `context` when there is one. Only the last context that
    /// asked is woken.
    pub fn poll_take(&self, context: &mut Context<'_>) -> Poll<Box<Run>> {
        if let Some(run) = self.try_take() {
            return Poll::Ready(run);
        }
        self.waker.register(context.waker());
        // A run that came between the first look and the registration woke nobody: look again.
        self.try_take().map_or(Poll::Pending, Poll::Ready)
    }

    /// Waits for the next run that comes back; for ever, if none is under way. Dropping the future loses nothing.
    pub async fn take(&self) -> Box<Run> {
        poll_fn(|context| self.poll_take(context)).await
    }

    /// Blocks the thread until the next run comes back; `None` at once if none is under way.
    pub fn take_blocking(&self) -> Option<Box<Run>> {
        if self.under_way() == 0 {
            return None;
        }
        THREAD_WAKER.with(|waker| {
            let mut context = Context::from_waker(waker);
            loop {
                match self.poll_take(&mut context) {
                    Poll::Ready(run) => return Some(run),
                    Poll::Pending => thread::park(),
                }
            }
        })
    }

    /// Takes room for one run; says no when none is left.
    pub(crate) fn enter(&self) -> bool {
        let max = self.runs.capacity();
        // Acquire pairs with the Release in `try_take`.
        self.under_way
            .fetch_update(Ordering::Acquire, Ordering::Relaxed, |count| (count < max).then_some(count + 1))
            .is_ok()
    }

    /// Gives back the room of a run that was not queued after all.
    pub(crate) fn leave(&self) {
        self.under_way.fetch_sub(1, Ordering::Release);
    }

    /// Lays a run in. The caller wakes once all of its batch are in.
    pub(crate) fn put(&self, run: Box<Run>) {
        let put = self.runs.push(run);
        assert!(put.is_ok(), "the room of a run is taken before it is queued");
    }
}

/// Wakes each connection once, however many of its runs came back. Hold no lock: whoever is woken may take the processor
/// at once.
pub(crate) fn wake_all(outboxes: &mut Vec<Arc<Outbox>>) {
    // Of those that share a round the one that begins its list stays: a call for each list, not for each connection,
    // since the task that is called may push this thread off its processor.
    outboxes.retain(|outbox| match &outbox.round {
        None => true,
        Some(round) => outbox.waker.take().is_some_and(|connection| round.list(connection)),
    });
    for outbox in outboxes.drain(..) {
        match &outbox.round {
            None => outbox.waker.wake(),
            Some(round) => round.call(),
        }
    }
}

/// Unparks the thread that made it.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

thread_local! {
    /// Made once per thread, so that waiting allocates nothing.
    static THREAD_WAKER: Waker = Waker::from(Arc::new(Unpark(thread::current())));
}
