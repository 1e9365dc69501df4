//! What a shard has done so far, in numbers for INFO.
//!
//! Only whoever turns the shard adds, one at a time by its seat, except to `busy`; everybody reads. All accesses are
//! Relaxed: the numbers are for people, order nothing, and may be a batch behind each other.

use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What one shard has done since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that the shard decided.
    pub requests: u64,
    /// Answers that left it; those of a stopped shard are not among them.
    pub answers: u64,
    /// Batches: decided together under one stamp.
    pub batches: u64,
    /// Events: everything that changed.
    pub events: u64,
    /// Requests handed back because the inbox was full.
    pub busy: u64,
    /// Requests waiting in the inbox now.
    pub queued: u64,
    /// Whether it has stopped for good.
    pub is_down: bool,
}

/// The live numbers. What the shard writes and what submitters write lie on lines of their own.
#[derive(Debug, Default)]
pub(crate) struct LiveCounters {
    shard: CachePadded<ByShard>,
    busy: CachePadded<AtomicU64>,
}

#[derive(Debug, Default)]
struct ByShard {
    requests: AtomicU64,
    answers: AtomicU64,
    batches: AtomicU64,
    events: AtomicU64,
    is_down: AtomicBool,
}

impl LiveCounters {
    pub(crate) fn add_batch(&self, requests: u64) {
        add(&self.shard.requests, requests);
        add(&self.shard.batches, 1);
    }

    pub(crate) fn add_answers(&self, answers: u64) {
        add(&self.shard.answers, answers);
    }

    pub(crate) fn add_events(&self, events: u64) {
        add(&self.shard.events, events);
    }

    pub(crate) fn add_busy(&self, requests: u64) {
        self.busy.fetch_add(requests, Ordering::Relaxed);
    }

    pub(crate) fn mark_down(&self) {
        self.shard.is_down.store(true, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, queued: usize) -> Counters {
        Counters {
            requests: self.shard.requests.load(Ordering::Relaxed),
            answers: self.shard.answers.load(Ordering::Relaxed),
            batches: self.shard.batches.load(Ordering::Relaxed),
            events: self.shard.events.load(Ordering::Relaxed),
            busy: self.busy.load(Ordering::Relaxed),
            queued: queued as u64,
            is_down: self.shard.is_down.load(Ordering::Relaxed),
        }
    }
}

/// One writer: a load and a store do what a locked addition would.
fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Ordering::Relaxed) + more, Ordering::Relaxed);
}
