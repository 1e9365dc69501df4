//! Makes snapshots beside the running shard, and lets go of what they make needless.
//!
//! A follower loads the newest snapshot, replays what has become durable since, writes the next, and is gone: the shard
//! never pauses and knows nothing of it. It holds a second copy of the shard's state meanwhile. Reservations of a removed
//! offer are written to an archive before they go. Called by the engine when enough was written, when somebody asks, and
//! by the offline tools.

use super::recovery::{Found, Until, load_newest};
use super::walk::{Next, Walk};
use super::{Damage, ShardStore, StoreError};
use super::{archive, snapshot};
use crate::journal::JournalConfig;
use crate::journal::batch::SegmentHeader;
use crate::journal::log::Log;
use crate::journal::segment::{segment_path, segments, snapshot_path, snapshots};
use stampede_core::{Entries, Event, EventId, Seq, Settings, UnixMs};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// A snapshot that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotReport {
    /// The last event in it.
    pub last: EventId,
    /// The digest of the state.
    pub digest: u128,
    /// Where it lies.
    pub path: PathBuf,
    /// Its length in bytes; 0 when a snapshot of this event was there already.
    pub bytes: u64,
    /// Events replayed for it.
    pub replayed: u64,
    /// Offers whose reservations went to the archive.
    pub archived: Vec<PathBuf>,
}

/// Why no snapshot was made. The shard is not touched by it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// In memory mode there is nothing to make one of.
    #[error("durability memory keeps no journal, and so has no snapshots")]
    Memory,
    /// The engine has no such shard.
    #[error("the engine has no such shard")]
    NoShard,
    /// Another one is being made: each holds a copy of the state.
    #[error("a snapshot is being made already")]
    Running,
    /// The engine stops.
    #[error("the engine stops; no snapshot was made")]
    Stopping,
    /// The state contradicted itself.
    #[error("the follower panicked: {0}")]
    Panicked(String),
    /// The directory could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes a snapshot of everything up to `upto`, unless `is_over` comes true before.
pub(crate) fn take(
    store: &ShardStore,
    settings: Settings,
    upto: Seq,
    is_over: &AtomicBool,
) -> Result<SnapshotReport, SnapshotError> {
    let mut found = load_newest(store, settings, Until::End)?;
    set_aside(store, &found)?;
    let archived = follow(store, &mut found, upto, is_over)?;
    let last = found.machine.last_event();
    let is_new = found.snapshot != Some(last);
    let digest = found.machine.digest();
    let (path, bytes) = if is_new {
        snapshot::write(store, &found.machine, is_over)?
    } else {
        (snapshot_path(&store.dir, last.seq), 0)
    };
    Ok(SnapshotReport { last, digest, path, bytes, replayed: found.replayed, archived })
}

/// Gives snapshots that cannot be loaded another name, so that nothing is let go on their account.
fn set_aside(store: &ShardStore, found: &Found) -> Result<(), StoreError> {
    for (path, _) in &found.flawed {
        let aside = path.with_extension("flawed");
        store.disk.rename(path, &aside).map_err(ShardStore::io("setting aside", path))?;
    }
    Ok(())
}

/// Replays up to an event that is durable.
fn follow(
    store: &ShardStore,
    found: &mut Found,
    upto: Seq,
    is_over: &AtomicBool,
) -> Result<Vec<PathBuf>, SnapshotError> {
    let mut archived = Vec::new();
    let from = Seq(found.machine.last_event().seq.0 + 1);
    if from > upto {
        return Ok(archived);
    }
    let Some((mut walk, mut reading)) = Walk::begin(store, from)? else { return Ok(archived) };
    while walk.chain().next <= upto {
        if is_over.load(Ordering::Relaxed) {
            return Err(SnapshotError::Stopping);
        }
        let (header, offset) = match walk.next(&mut reading)? {
            Next::Batch(header, offset) => (header, offset),
            Next::End | Next::Torn(_) => {
                return Err(store.damaged(walk.path(), walk.offset(), Damage::Broken).into());
            }
        };
        let path = walk.path().to_owned();
        let body = reading.body(&path, &header, offset)?;
        let mut entries = Entries::new(body, header.first_id(), header.base);
        let broken = |error| store.damaged(&path, offset, Damage::Event(error));
        while let Some(entry) = entries.next().map_err(broken)? {
            if entry.stamp.id.seq <= found.machine.last_event().seq {
                continue;
            }
            if let Event::OfferRemoved { offer } = entry.event {
                archived.push(archive::write(store, &found.machine, offer, &entry)?);
            }
            found.machine.replay(entry.stamp, &entry.event);
            found.replayed += 1;
        }
    }
    Ok(archived)
}

/// Removes what is needed no more: snapshots beyond those to be kept, and segments that the oldest kept snapshot
/// covers, as far as size and age allow.
pub(crate) fn let_go(
    store: &ShardStore,
    log: &Log,
    keep: &JournalConfig,
    now: UnixMs,
) -> Result<(), StoreError> {
    let names = store.disk.list(&store.dir).map_err(ShardStore::io("listing", &store.dir))?;
    let kept = snapshots(&names);
    let surplus = kept.len().saturating_sub(keep.snapshots.max(1) as usize);
    for &old in &kept[..surplus] {
        let path = snapshot_path(&store.dir, old);
        store.disk.remove(&path).map_err(ShardStore::io("removing", &path))?;
    }
    // With one snapshot alone everything stays: were it damaged, nothing else would do.
    let left = &kept[surplus..];
    let (&covered, true) = (left.first().unwrap_or(&Seq(0)), left.len() > 1) else { return Ok(()) };
    let (mut bytes, mut sizes) = (0, Vec::new());
    for first in segments(&names) {
        let path = segment_path(&store.dir, first);
        let file = store.disk.open(&path).map_err(ShardStore::io("opening", &path))?;
        let size = file.size().map_err(ShardStore::io("reading", &path))?;
        let header = SegmentHeader::of_file(store.disk.as_ref(), &path);
        let header = header.map_err(ShardStore::io("reading", &path))?;
        // One that does not say when it was begun is not kept for its age.
        sizes.push((size, header.map_or(UnixMs::new(0), |header| header.begun)));
        bytes += size;
    }
    let ages = sizes.iter().skip(1).map(|(_, begun)| *begun);
    for ((size, _), ended) in sizes.iter().zip(ages) {
        let is_old = now.get().saturating_sub(ended.get()) > keep.keep_hours.saturating_mul(3_600_000);
        if bytes <= keep.keep_bytes && !is_old {
            break;
        }
        let Some(old) = log.oldest_behind(Seq(covered.0 + 1)) else { break };
        let path = segment_path(&store.dir, old);
        // Out of the log first: a reader that comes now hears that it is gone, not that it cannot be read.
        let dropped = log.drop_oldest();
        if let Err(error) = store.disk.remove(&path) {
            if let Some(segment) = dropped {
                log.restore_oldest(segment);
            }
            return Err(ShardStore::io("removing", &path)(error));
        }
        bytes -= size;
    }
    Ok(())
}
