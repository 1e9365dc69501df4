//! The way in: a run is queued behind a shard's door, or handed back at once with the reason.
//!
//! Called by the engine and by the stepped engine. Invariant: a run that is handed back is whole, and nothing of it was
//! decided.

use crate::inbox::Shut;
use crate::outbox::Outbox;
use crate::run::Run;
use crate::shard::Door;
use crate::slot::ShardIndex;
use std::sync::Arc;

/// A run that was not taken: nothing of it was decided, and it is whole.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Rejected {
    /// The run as it was submitted.
    pub run: Box<Run>,
    /// Why.
    pub reason: Reject,
}

/// Why a run was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// The shard's inbox is full.
    #[error("the queue is full; nothing was taken, try again")]
    Busy,
    /// The outbox has no room for another run under way: take some first.
    #[error("too many runs of this connection are under way; nothing was taken")]
    NoRoom,
    /// The engine is stopping.
    #[error("the engine is stopping; nothing was taken")]
    Stopping,
    /// The engine has no such shard; the index is another engine's.
    #[error("the engine has no such shard; nothing was taken")]
    NoShard,
}

/// Queues a run behind a shard's door, or hands it back.
pub(crate) fn submit_to(
    door: Option<&Arc<Door>>,
    shard: ShardIndex,
    mut run: Box<Run>,
    outbox: &Arc<Outbox>,
) -> Result<(), Rejected> {
    let Some(door) = door else { return Err(Rejected { run, reason: Reject::NoShard }) };
    if !outbox.enter() {
        return Err(Rejected { run, reason: Reject::NoRoom });
    }
    let requests = run.len() as u64;
    run.address(shard, Arc::clone(outbox));
    door.push(run).map_err(|(mut run, shut)| {
        run.take_address();
        outbox.leave();
        let reason = match shut {
            Shut::Full => Reject::Busy,
            Shut::Closed => Reject::Stopping,
        };
        if reason == Reject::Busy {
            door.counters.add_busy(requests);
        }
        Rejected { run, reason }
    })
}
