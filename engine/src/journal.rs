//! Where a shard's events go, and up to which event they are durable.
//!
//! The shard drives a [`Journal`], from one thread at a time: it records each event as it takes effect, commits at the end of
//! each turn, and releases answers up to the watermark. [`MemoryJournal`] keeps the last events in memory, for the feed
//! alone. The journal on disk (`file.rs`) hands what was committed to a writer with a thread of its own, which writes
//! and syncs one batch while the next fills, and rings the [`Wake`] when the watermark moves. A replicated journal would
//! do the same with a network in between. None of that changes the shard.
//!
//! Called by the shard alone. Invariants that an implementation keeps: the watermark never goes back, and never passes
//! an event that a crash could lose; after an error nothing more becomes durable.

pub(crate) mod batch;
pub(crate) mod chain;
mod config;
pub(crate) mod file;
pub(crate) mod handoff;
pub(crate) mod log;
pub(crate) mod maker;
mod memory;
pub(crate) mod segment;
pub(crate) mod writer;

pub use chain::Misfit;
pub use config::{JournalConfig, OutOfRange, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN};
pub use memory::MemoryJournal;

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
    /// by the time `commit` returns need not keep it. [`Wake::ring`] may turn the shard on the calling thread and come
    /// back into this journal: hold no lock that its other methods take.
    fn attach(&mut self, wake: Arc<Wake>) {
        let _ = wake;
    }

    /// Takes one event, in order, right after it took effect. It lives only for the call.
    fn record(&mut self, entry: &Entry<'_>);

    /// Ends a turn: the events recorded since the last commit become durable together, or not at all. Does not wait
    /// for that.
    fn commit(&mut self) -> Result<(), JournalError>;

    /// Whether what was committed is on its way. If not, [`Journal::begin`] has to follow.
    fn has_begun(&self) -> bool {
        true
    }

    /// Sends what was committed on its way. Apart from the commit, so that who comes right after may join.
    fn begin(&mut self) {}

    /// The last event that answers may speak of; seq 0 before the first.
    fn durable(&self) -> Result<Seq, JournalError>;

    /// Whether more may be recorded. While it says no the shard decides nothing, and its inbox fills.
    fn has_room(&self) -> bool {
        true
    }

    /// Whether so much waits to be written that of what nobody waits for a slice at most should come before the watermark
    /// moves: a mass expiry would otherwise stand in front of every purchase. When it says no again the watermark has
    /// moved, or it rings.
    fn is_behind(&self) -> bool {
        false
    }

    /// The free bytes, where they are too few to keep another event: then nothing may be decided that changes anything,
    /// until it says `None` again and rings.
    fn full(&self) -> Option<u64> {
        None
    }

    /// Ends in order: what was committed is durable when it returns, unless the journal has failed. Nothing is recorded
    /// afterwards.
    fn close(&mut self) {}
}

/// Passes a turn's events on to the journal and counts them.
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
