//! Where a shard's events go, and up to which event they are durable.
//!
//! The shard drives a [`Journal`] from its one thread: it records each event as it takes effect, commits at the end of
//! each batch, and releases answers up to the watermark. What lies behind is the journal's own: [`MemoryJournal`] keeps
//! nothing; a file journal encodes into a buffer while a thread of its own writes and syncs the one before, says
//! through [`Journal::has_room`] when both are full, and rings the [`Wake`] when the watermark moves; a replicated one
//! puts an epoch and the hash of the batch before in front of each batch. None of that changes the shard.
//!
//! Called by the shard alone. Invariants that an implementation keeps: the watermark never goes back, and never passes
//! an event that a crash could lose; after an error nothing more becomes durable.

use crate::wake::Wake;
use stampede_core::{Entry, Record, Seq};
use std::sync::Arc;

/// Why a journal keeps no more events. Whatever the reason, the shard stops for good: after a failed write nobody
/// knows what is on the disk, and a second attempt may hide the loss.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Events could not be kept.
    #[error("events could not be kept: {reason}")]
    Failed {
        /// What was tried and what came of it.
        reason: String,
    },
}

/// The durable form of one shard's events.
pub trait Journal: Send {
    /// Hears once, before the first event, how to wake the shard when the watermark moves. A journal that is durable
    /// by the time `commit` returns need not keep it.
    fn attach(&mut self, wake: Arc<Wake>) {
        let _ = wake;
    }

    /// Takes one event, in order, right after it took effect. It lives only for the call.
    fn record(&mut self, entry: &Entry<'_>);

    /// Ends a batch: the events recorded since the last commit become durable together, or not at all. Does not wait
    /// for that.
    fn commit(&mut self) -> Result<(), JournalError>;

    /// The last event that is durable; seq 0 before the first.
    fn durable(&self) -> Result<Seq, JournalError>;

    /// Whether another batch may be recorded. While it says no the shard decides nothing, and its inbox fills.
    fn has_room(&self) -> bool {
        true
    }
}

/// Keeps nothing: an event counts as durable once it took effect, and is lost with the process. For tests,
/// rehearsals, and sales that may be.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryJournal {
    last: Seq,
}

impl Journal for MemoryJournal {
    fn record(&mut self, entry: &Entry<'_>) {
        self.last = entry.stamp.id.seq;
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        Ok(())
    }

    fn durable(&self) -> Result<Seq, JournalError> {
        Ok(self.last)
    }
}

/// Passes a batch's events on to the journal and counts them.
pub(crate) struct Recorder<'a> {
    pub(crate) journal: &'a mut dyn Journal,
    pub(crate) count: u64,
}

impl Record for Recorder<'_> {
    fn record(&mut self, entry: &Entry<'_>) {
        self.count += 1;
        self.journal.record(entry);
    }
}
