//! Keeps the data directory of a running engine: its lock, what was recovered, and snapshots, asked for or by size.
//!
//! One snapshot is made at a time, since each holds a copy of a shard's state. Called by the engine.

use crate::clock::{Clock, SystemTimeSource};
use crate::config::EngineConfig;
use crate::disk::Disk;
use crate::feed::JournalStatus;
use crate::journal::JournalConfig;
use crate::journal::log::Log;
use crate::panics::panic_message;
use crate::slot::ShardIndex;
use crate::store::directory::Directory;
use crate::store::{Recovered, SnapshotError, SnapshotReport, follower};
use parking_lot::{Condvar, Mutex};
use stampede_core::{EventId, Settings, UnixMs};
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often the amount of journal since the last snapshot is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After how many looks segments that have become too old are let go: once an hour.
const LET_GO_EVERY: u64 = 3_600;

/// What an engine with a data directory keeps.
#[derive(Debug)]
pub(crate) struct Keeping {
    directory: Directory,
    keep: JournalConfig,
    shards: Vec<(Arc<Log>, Recovered)>,
    is_running: AtomicBool,
    /// The newest snapshot of each shard and when it was made.
    made: Mutex<BTreeMap<u16, (EventId, UnixMs)>>,
    is_over: Mutex<bool>,
    /// Tells a snapshot that is being made that nobody waits for it.
    is_ending: AtomicBool,
    ended: Condvar,
}

/// The right to make a snapshot; dropping it gives it back.
struct SnapshotRight<'a>(&'a AtomicBool);

impl Drop for SnapshotRight<'_> {
    fn drop(&mut self) {
        // Pairs with the Acquire in `Keeping::snapshot`.
        self.0.store(false, Ordering::Release);
    }
}

impl Keeping {
    pub(crate) fn new(directory: Directory, config: &EngineConfig) -> Self {
        Keeping {
            directory,
            keep: config.journal,
            shards: Vec::new(),
            is_running: AtomicBool::new(false),
            made: Mutex::default(),
            is_over: Mutex::new(false),
            is_ending: AtomicBool::new(false),
            ended: Condvar::new(),
        }
    }

    pub(crate) fn add(&mut self, log: Arc<Log>, recovered: Recovered) {
        self.shards.push((log, recovered));
    }

    pub(crate) fn disk(&self) -> Arc<dyn Disk> {
        self.directory.disk()
    }

    pub(crate) fn recovered(&self) -> Vec<Recovered> {
        self.shards.iter().map(|(_, recovered)| recovered.clone()).collect()
    }

    /// Adds what only the directory knows.
    pub(crate) fn complete(&self, shard: ShardIndex, status: &mut JournalStatus) {
        status.free_bytes = self.directory.free_bytes().ok();
        let recovered = self.shards.get(usize::from(shard.get())).and_then(|(_, found)| found.snapshot);
        status.last_snapshot = self.made.lock().get(&shard.get()).map(|(last, _)| *last).or(recovered);
        status.last_snapshot_at = self.made.lock().get(&shard.get()).map(|(_, at)| *at);
        status.is_snapshotting = self.is_running.load(Ordering::Relaxed);
    }

    /// Makes a snapshot of a shard.
    pub(crate) fn snapshot(&self, shard: ShardIndex) -> Result<SnapshotReport, SnapshotError> {
        let (log, _) = self.shards.get(usize::from(shard.get())).ok_or(SnapshotError::NoShard)?;
        // Acquire pairs with the Release in the right's drop.
        if self.is_running.swap(true, Ordering::Acquire) {
            return Err(SnapshotError::Running);
        }
        let _right = SnapshotRight(&self.is_running);
        let followed = catch_unwind(AssertUnwindSafe(|| self.follow(shard, log)));
        let report =
            followed.unwrap_or_else(|panic| Err(SnapshotError::Panicked(panic_message(panic.as_ref()))));
        // Space may be what was missing: what older snapshots cover goes in any case.
        let now = Clock::start(SystemTimeSource, UnixMs::new(0)).now();
        follower::let_go(&self.directory.shard(shard), log, &self.keep, now)?;
        report
    }

    fn follow(&self, shard: ShardIndex, log: &Log) -> Result<SnapshotReport, SnapshotError> {
        let store = self.directory.shard(shard);
        let now = Clock::start(SystemTimeSource, UnixMs::new(0)).now();
        let settings = Settings { epoch: 1, hash_key: self.directory.hash_key() };
        let written = log.bytes();
        let report = follower::take(&store, settings, log.synced(), &self.is_ending)?;
        log.note_snapshot(written);
        self.made.lock().insert(shard.get(), (report.last, now));
        let SnapshotReport { last, bytes, replayed, .. } = &report;
        tracing::info!(%shard, %last, bytes, replayed, "a snapshot was made");
        Ok(report)
    }

    /// The life of a thread that makes snapshots when enough was written.
    fn run(&self) {
        let mut looks = 0_u64;
        let mut is_over = self.is_over.lock();
        while !*is_over {
            self.ended.wait_for(&mut is_over, LOOK_EVERY);
            if *is_over {
                break;
            }
            drop(is_over);
            looks += 1;
            if looks.is_multiple_of(LET_GO_EVERY) {
                self.let_go();
            }
            for (log, recovered) in &self.shards {
                if self.keep.snapshot_bytes > 0
                    && log.bytes_since_snapshot() >= self.keep.snapshot_bytes
                    && let Err(error) = self.snapshot(recovered.shard)
                    && !matches!(error, SnapshotError::Running | SnapshotError::Stopping)
                {
                    tracing::error!(shard = %recovered.shard, %error, "no snapshot could be made");
                    // The next attempt comes after as much journal again, not every second.
                    log.note_snapshot(log.bytes());
                }
            }
            is_over = self.is_over.lock();
        }
    }

    /// Lets segments go that have become too old.
    fn let_go(&self) {
        let now = Clock::start(SystemTimeSource, UnixMs::new(0)).now();
        for (log, recovered) in &self.shards {
            let gone = follower::let_go(&self.directory.shard(recovered.shard), log, &self.keep, now);
            if let Err(error) = gone {
                tracing::error!(shard = %recovered.shard, %error, "old segments could not be removed");
            }
        }
    }

    pub(crate) fn spawn(keeping: Arc<Keeping>) -> io::Result<JoinHandle<()>> {
        thread::Builder::new().name("snapshots".to_owned()).spawn(move || keeping.run())
    }

    /// No further snapshot is made by size.
    pub(crate) fn end(&self) {
        // Relaxed: a wish, not a signal; the follower looks at it now and then.
        self.is_ending.store(true, Ordering::Relaxed);
        *self.is_over.lock() = true;
        self.ended.notify_all();
    }
}
