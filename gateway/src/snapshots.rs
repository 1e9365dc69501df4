//! Snapshots on demand: BGSAVE, LASTSAVE and what INFO says of them.
//!
//! The engine makes a snapshot beside the running shard; here is which shards, one after the other, and how the last time
//! went. Snapshots that the engine makes by itself are not counted here. Made by the server; connections begin them.

use parking_lot::Mutex;
use stampede_engine::{Durability, Engine, ShardIndex, SnapshotError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// How long to wait when the engine is making a snapshot by itself: each holds a copy of a shard's state, so that one at
/// a time is made.
const TURN_PAUSE: Duration = Duration::from_millis(200);

/// What became of BGSAVE.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    state: Mutex<SnapshotsState>,
}

/// How BGSAVE stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SnapshotsState {
    /// Whether one is under way.
    pub(crate) is_running: bool,
    /// Whether the last one failed.
    pub(crate) has_failed: bool,
    /// How long the last one took.
    pub(crate) took: Duration,
}

/// Why no snapshot was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotBegun {
    #[error("Background save already in progress")]
    Running,
    #[error("durability memory keeps nothing on disk, and so has no snapshots")]
    Memory,
}

impl Snapshots {
    pub(crate) fn state(&self) -> SnapshotsState {
        *self.state.lock()
    }

    /// Begins a snapshot of every shard; it goes on without the caller. Must be called inside a tokio runtime.
    pub(crate) fn begin(
        self: &Arc<Self>,
        engine: &Engine,
        mut stopping: watch::Receiver<bool>,
    ) -> Result<(), NotBegun> {
        if engine.config().durability == Durability::Memory {
            return Err(NotBegun::Memory);
        }
        if std::mem::replace(&mut self.state.lock().is_running, true) {
            return Err(NotBegun::Running);
        }
        let (snapshots, engine) = (Arc::clone(self), engine.clone());
        tokio::spawn(async move {
            let began = Instant::now();
            let all = async {
                let mut is_whole = true;
                for shard in engine.shards() {
                    is_whole &= one(&engine, shard).await;
                }
                is_whole
            };
            let is_whole = tokio::select! {
                is_whole = all => is_whole,
                _ = stopping.wait_for(|stop| *stop) => false,
            };
            let mut state = snapshots.state.lock();
            *state = SnapshotsState { is_running: false, has_failed: !is_whole, took: began.elapsed() };
        });
        Ok(())
    }
}

/// Makes one shard's snapshot once it is its turn; tells whether it was made.
async fn one(engine: &Engine, shard: ShardIndex) -> bool {
    loop {
        let working = engine.clone();
        let made = tokio::task::spawn_blocking(move || working.snapshot(shard)).await;
        match made {
            Ok(Ok(_)) => return true,
            Ok(Err(SnapshotError::Running)) => sleep(TURN_PAUSE).await,
            Ok(Err(error)) => {
                tracing::error!(%shard, %error, "no snapshot could be made");
                return false;
            }
            Err(error) => {
                tracing::error!(%shard, %error, "making a snapshot failed");
                return false;
            }
        }
    }
}
