//! Opens a data directory for writing: recovers each shard and readies its writer, with or without threads.
//!
//! Called by the engine and by the stepped engine, so that both begin in the same way.

use crate::clock::{Clock, TimeSource};
use crate::config::{Durability, EngineConfig, StartError, shards_default};
use crate::disk::{Disk, DiskFile};
use crate::journal::chain::Chain;
use crate::journal::handoff::{Filling, Handoff};
use crate::journal::log::Log;
use crate::journal::maker::{Maker, Spare};
use crate::journal::writer::{Current, SyncPolicy, Writer};
use crate::slot::ShardIndex;
use crate::store::directory::{Directory, Founding};
use crate::store::recovery::{Found, find, settle};
use crate::store::{Recovered, RecoveryProgress, ShardStore, StoreError};
use parking_lot::{Condvar, Mutex};
use stampede_core::{Machine, Seq, Settings, UnixMs};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// A directory with everything that was found in it.
pub(crate) struct Opened {
    pub(crate) directory: Directory,
    pub(crate) epoch: u64,
    pub(crate) shards: Vec<OpenedShard>,
}

/// A recovered shard and its writer, whose epoch is open.
pub(crate) struct OpenedShard {
    pub(crate) machine: Machine,
    pub(crate) writer: Writer,
    pub(crate) recovered: Recovered,
    pub(crate) not_before: UnixMs,
}

/// How the shards of a directory are recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// All at once, each on a thread.
    SideBySide,
    /// One after the other on the caller's thread, so that calls to the disk come in the same order each time.
    OneByOne,
}

/// Opens the configuration's directory.
pub(crate) fn open<S: TimeSource + Clone + 'static>(
    config: &EngineConfig,
    source: &S,
    disk: Arc<dyn Disk>,
    hash_key: u64,
    pace: Pace,
    progress: &dyn RecoveryProgress,
) -> Result<Opened, StartError> {
    let founding = Founding { shards: config.shards, shards_default: shards_default(), hash_key };
    let mut directory = Directory::open(disk, &config.data, founding)?;
    let began = source.boot();
    let wall = Clock::start(source.clone(), UnixMs::new(1)).now().get();
    // No event is made before all shards are read: their common epoch is above every one that was.
    let settings = Settings { epoch: wall, hash_key: directory.hash_key() };
    let stores: Vec<ShardStore> =
        ShardIndex::all(directory.shards()).map(|shard| directory.shard(shard)).collect();
    let found = find_all(&stores, settings, pace, progress)?;
    let lost = found.iter().position(|found| found.end.is_none()).filter(|_| directory.is_founded());
    if let Some(store) = lost.map(|at| &stores[at]) {
        let (shard, dir) = (store.shard.get(), store.dir.clone());
        return Err(StoreError::NoJournal { shard, dir }.into());
    }
    for (store, found) in stores.iter().zip(&found) {
        settle(store, found)?;
    }
    let epoch = found.iter().map(|found| found.chain.epoch + 1).max().unwrap_or(0).max(wall);
    let took_ms = source.boot().saturating_sub(began).as_millis() as u64;
    let mut shards = Vec::with_capacity(stores.len());
    for (store, found) in stores.into_iter().zip(found) {
        let life = Life { epoch, took_ms, lock: directory.lock() };
        shards.push(begin(config, source, &store, found, life)?);
    }
    directory.note_founded()?;
    Ok(Opened { directory, epoch, shards })
}

fn find_all(
    stores: &[ShardStore],
    settings: Settings,
    pace: Pace,
    progress: &dyn RecoveryProgress,
) -> Result<Vec<Found>, StoreError> {
    if pace == Pace::OneByOne || stores.len() == 1 {
        return stores.iter().map(|store| find(store, settings, progress)).collect();
    }
    thread::scope(|scope| {
        let begin = |store| scope.spawn(move || find(store, settings, progress));
        let threads: Vec<_> = stores.iter().map(begin).collect();
        threads.into_iter().map(|thread| thread.join().expect("a recovery does not panic")).collect()
    })
}

/// What all shards of a start have in common.
struct Life {
    epoch: u64,
    took_ms: u64,
    lock: Option<Arc<dyn DiskFile>>,
}

/// Opens the epoch of a recovered shard.
fn begin<S: TimeSource + Clone + 'static>(
    config: &EngineConfig,
    source: &S,
    store: &ShardStore,
    mut found: Found,
    life: Life,
) -> Result<OpenedShard, StartError> {
    let Life { epoch, took_ms, lock } = life;
    let shard = store.shard;
    let last = found.machine.last_event();
    found.machine.begin_epoch(epoch);
    let mut writer = writer_of(config, source, store, &found, epoch)?;
    writer.lock = lock;
    let opened = writer.open_epoch();
    opened.map_err(|error| StartError::Begin { shard: shard.get(), reason: error.to_string() })?;
    let recovered = Recovered {
        shard,
        epoch,
        last,
        snapshot: found.snapshot,
        flawed: found.flawed,
        replayed: found.replayed,
        cut: found.torn,
        took_ms,
    };
    Ok(OpenedShard { machine: found.machine, writer, recovered, not_before: found.at })
}

/// The writer that goes on where a shard's journal ends.
fn writer_of<S: TimeSource + Clone + 'static>(
    config: &EngineConfig,
    source: &S,
    store: &ShardStore,
    found: &Found,
    epoch: u64,
) -> Result<Writer, StoreError> {
    let (shard, last) = (store.shard, found.machine.last_event());
    let log = Arc::new(Log::new(shard, last.seq, found.machine.epochs(), found.segments.clone()));
    log.note_bytes_before(found.bytes);
    let current = match &found.end {
        None => None,
        Some((path, offset)) => {
            let file = store.disk.open(path).map_err(ShardStore::io("opening", path))?;
            let bytes = file.size().map_err(ShardStore::io("reading", path))?;
            let first = found.segments.last().map_or(Seq(1), |segment| segment.first);
            Some(Current { path: path.clone(), file, first, offset: *offset, bytes })
        }
    };
    let maker = Arc::new(Maker {
        disk: Arc::clone(&store.disk),
        dir: store.dir.clone(),
        segment_bytes: config.journal.segment_bytes,
        free_bytes_min: config.journal.free_bytes_min,
        log: Arc::clone(&log),
        state: Mutex::new(Spare::Wanted),
        changed: Condvar::new(),
        on_space: Mutex::default(),
    });
    let chain = match &current {
        Some(_) => found.chain,
        None => Chain { shard: shard.get(), next: Seq(last.seq.0 + 1), ..Chain::default() },
    };
    Ok(Writer {
        disk: Arc::clone(&store.disk),
        dir: store.dir.clone(),
        log,
        handoff: Arc::new(Handoff::new()),
        maker,
        policy: match config.durability {
            Durability::Async => SyncPolicy::Within(Duration::from_millis(config.journal.async_sync_ms)),
            Durability::Sync | Durability::Memory => SyncPolicy::EachBatch,
        },
        source: Box::new(source.clone()),
        wake: Arc::default(),
        makes_segments: true,
        chain,
        epoch,
        base: found.at,
        current,
        batch: Filling::new(),
        written: last.seq,
        unsynced_since: None,
        lock: None,
    })
}
