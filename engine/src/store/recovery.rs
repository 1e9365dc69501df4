//! Makes a machine of what lies on disk: the newest snapshot that can be loaded, and the events behind it.
//!
//! Nothing is skipped in silence. A torn end is cut and reported. Anything else that does not fit stops the start and
//! changes nothing. What was read is made durable before it counts: after a kill the page cache may hold what the disk
//! does not. Called by the engine at its start.
//!
//! Keeps I7 and I8.

use super::snapshot::{self, Flaw};
use super::walk::{Next, Reading, Torn, Walk};
use super::{Damage, ShardStore, StoreError};
use crate::disk::{read_full, write_full};
use crate::journal::batch::{BatchHeader, HEADER_BYTES};
use crate::journal::chain::Chain;
use crate::journal::log::{Place, Segment};
use crate::journal::segment::{segment_path, segments, snapshot_path, snapshots};
use crate::panics::panic_message;
use crate::slot::ShardIndex;
use stampede_core::{CodecError, Entries, EventId, Machine, Seq, Settings, UnixMs};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// Hears how far a recovery has come.
pub trait RecoveryProgress: Send + Sync {
    /// So many segments of so many are read, with so many events.
    fn recovered(&self, shard: ShardIndex, segments: usize, of: usize, events: u64);
}

/// Nobody hears.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl RecoveryProgress for Unwatched {
    fn recovered(&self, _: ShardIndex, _: usize, _: usize, _: u64) {}
}

/// What a shard's recovery found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Which shard.
    pub shard: ShardIndex,
    /// The epoch that begins.
    pub epoch: u64,
    /// The last event found.
    pub last: EventId,
    /// The snapshot that was loaded, by its last event.
    pub snapshot: Option<EventId>,
    /// Snapshots that could not be loaded, and why.
    pub flawed: Vec<(PathBuf, String)>,
    /// Events replayed behind the snapshot.
    pub replayed: u64,
    /// What a crash left half written, and was cut.
    pub cut: Option<Cut>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// A torn end that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Which segment.
    pub segment: PathBuf,
    /// From where on.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u64,
    /// What stood there.
    pub why: &'static str,
}

/// A recovered shard, ready for a writer.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) machine: Machine,
    pub(crate) chain: Chain,
    /// The time of the last event.
    pub(crate) at: UnixMs,
    pub(crate) segments: Vec<Segment>,
    /// The last segment and where the next batch goes.
    pub(crate) end: Option<(PathBuf, u64)>,
    pub(crate) snapshot: Option<EventId>,
    pub(crate) flawed: Vec<(PathBuf, String)>,
    pub(crate) replayed: u64,
    pub(crate) torn: Option<Cut>,
    /// Bytes of journal behind the snapshot.
    pub(crate) bytes: u64,
    /// From where on the last segment's bytes may never have reached the disk.
    unsure_from: u64,
}

/// Up to where a journal is replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// Its end.
    End,
    /// This event, included.
    Event(Seq),
    /// The last event that is not later than this.
    Instant(UnixMs),
}

/// Reads a shard without changing anything.
pub(crate) fn find(
    store: &ShardStore,
    settings: Settings,
    progress: &dyn RecoveryProgress,
) -> Result<Found, StoreError> {
    find_until(store, settings, Until::End, progress)
}

/// Like [`find`], but not beyond a place.
pub(crate) fn find_until(
    store: &ShardStore,
    settings: Settings,
    until: Until,
    progress: &dyn RecoveryProgress,
) -> Result<Found, StoreError> {
    let mut found = load_newest(store, settings, until)?;
    let from = Seq(found.machine.last_event().seq.0 + 1);
    let Some((mut walk, mut reading)) = Walk::begin(store, from).map_err(|error| found.explain(error))?
    else {
        // Whoever made a snapshot had a journal, and its last segment is never let go.
        let has_snapshots = found.snapshot.is_some() || !found.flawed.is_empty();
        let dir = store.dir.clone();
        return if has_snapshots {
            Err(StoreError::NoJournal { shard: store.shard.get(), dir })
        } else {
            Ok(found)
        };
    };
    loop {
        let (passed, of) = walk.passed();
        progress.recovered(store.shard, passed, of, found.replayed);
        match walk.next(&mut reading)? {
            Next::Batch(header, offset) => {
                if offset == HEADER_BYTES as u64 {
                    found.unsure_from = 0;
                } else if header.is_after_sync {
                    found.unsure_from = offset;
                }
                if !found.replay(store, &walk, &mut reading, &header, offset, until)? {
                    break;
                }
            }
            Next::End => break,
            Next::Torn(Torn { until, why }) => {
                let (segment, offset) = (walk.path().to_owned(), walk.offset());
                found.torn = Some(Cut { segment, offset, bytes: until - offset, why });
                break;
            }
        }
    }
    if walk.offset() == HEADER_BYTES as u64 {
        found.unsure_from = 0;
    }
    found.end_at(store, &walk, until)?;
    Ok(found)
}

/// Readies a shard that was found for a writer: removes what was never finished, cuts a torn end, and makes sure that
/// what was read is on the disk. Call it once every shard was found, so that a refused start has changed nothing.
pub(crate) fn settle(store: &ShardStore, found: &Found) -> Result<(), StoreError> {
    store.disk.create_dir(&store.dir).map_err(ShardStore::io("making", &store.dir))?;
    remove_leftovers(store)?;
    if let Some(cut) = &found.torn {
        let (segment, offset, bytes) = (cut.segment.display(), cut.offset, cut.bytes);
        tracing::warn!(shard = %store.shard, %segment, offset, bytes, why = cut.why, "a torn end is cut");
    }
    found.make_durable(store)
}

/// Removes what an interrupted life had begun and not named yet.
fn remove_leftovers(store: &ShardStore) -> Result<(), StoreError> {
    let names = store.disk.list(&store.dir).map_err(ShardStore::io("listing", &store.dir))?;
    let paths = names.iter().map(|name| store.dir.join(name));
    for path in paths.filter(|path| path.extension().is_some_and(|end| end == "tmp")) {
        store.disk.remove(&path).map_err(ShardStore::io("removing", &path))?;
    }
    Ok(())
}

/// The state of the newest snapshot that can be loaded, or an empty one.
pub(crate) fn load_newest(store: &ShardStore, settings: Settings, until: Until) -> Result<Found, StoreError> {
    let names = store.disk.list(&store.dir).map_err(ShardStore::io("listing", &store.dir))?;
    let mut flawed = Vec::new();
    for &last in snapshots(&names).iter().rev() {
        if matches!(until, Until::Event(upto) if upto < last) || matches!(until, Until::Instant(_)) {
            continue;
        }
        let path = snapshot_path(&store.dir, last);
        match snapshot::load(store, last, settings) {
            Ok((machine, header)) => return Ok(Found::new(machine, Some(header.last), flawed)),
            // Not damage: another try may read it, and until then nobody knows whether the journal reaches it.
            Err(Flaw::Io(source)) => return Err(ShardStore::io("reading", &path)(source)),
            Err(flaw) => {
                tracing::warn!(shard = %store.shard, path = %path.display(), %flaw, "a snapshot cannot be loaded");
                flawed.push((path, flaw.to_string()));
            }
        }
    }
    // An instant may lie before every snapshot; then the whole journal is needed, and if it is not there any more the
    // oldest snapshot that helps.
    if let Until::Instant(upto) = until
        && segments(&names).first().is_none_or(|first| first.0 > 1)
    {
        for &last in snapshots(&names).iter().rev() {
            if let Ok((machine, header)) = snapshot::load(store, last, settings)
                && machine.last_time() <= upto
            {
                return Ok(Found::new(machine, Some(header.last), flawed));
            }
        }
    }
    Ok(Found::new(Machine::new(settings), None, flawed))
}

impl Found {
    fn new(machine: Machine, snapshot: Option<EventId>, flawed: Vec<(PathBuf, String)>) -> Self {
        Found {
            at: machine.last_time(),
            machine,
            chain: Chain::default(),
            segments: Vec::new(),
            end: None,
            snapshot,
            flawed,
            replayed: 0,
            torn: None,
            bytes: 0,
            unsure_from: 0,
        }
    }

    /// A journal that does not reach back far enough is the snapshots' fault: say which.
    fn explain(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Missing { shard, dir, first, .. } if !self.flawed.is_empty() => {
                let flaw = |(path, flaw): &(PathBuf, String)| format!("{}: {flaw}", path.display());
                let listed: Vec<String> = self.flawed.iter().map(flaw).collect();
                StoreError::Missing { shard, dir, first, flaws: listed.join("; ") }
            }
            error => error,
        }
    }

    /// Lets a batch's events take effect, but for those that the snapshot has; says no once `until` is reached.
    fn replay(
        &mut self,
        store: &ShardStore,
        walk: &Walk,
        reading: &mut Reading,
        header: &BatchHeader,
        offset: u64,
        until: Until,
    ) -> Result<bool, StoreError> {
        if header.next().0 <= self.machine.last_event().seq.0 + 1 {
            return Ok(true);
        }
        self.bytes += header.span() as u64;
        let path = walk.path().to_owned();
        let body = reading.body(&path, header, offset)?;
        let replayed = catch_unwind(AssertUnwindSafe(|| replay_body(&mut self.machine, body, header, until)));
        match replayed {
            Ok(Ok((count, goes_on))) => {
                self.replayed += count;
                self.at = self.machine.last_time();
                Ok(goes_on)
            }
            Ok(Err(error)) => Err(store.damaged(&path, offset, Damage::Event(error))),
            Err(panic) => {
                let why = panic_message(panic.as_ref());
                Err(store.damaged(&path, offset, Damage::Contradiction(why)))
            }
        }
    }

    fn end_at(&mut self, store: &ShardStore, walk: &Walk, until: Until) -> Result<(), StoreError> {
        let (last, seen) = (self.machine.last_event().seq.0, walk.chain().next.0 - 1);
        if until == Until::End && seen != last {
            let what = Damage::Short { last: seen, snapshot: last };
            return Err(store.damaged(walk.path(), walk.offset(), what));
        }
        self.chain = *walk.chain();
        self.end = Some((walk.path().to_owned(), walk.offset()));
        let place =
            |first: &Seq| Segment { first: *first, place: Place::File(segment_path(&store.dir, *first)) };
        self.segments = walk.segments().iter().map(place).collect();
        Ok(())
    }

    /// Cuts a torn end, and writes and syncs anew what may be in the page cache alone: a sync that failed in an earlier
    /// life may have left it there for good.
    fn make_durable(&self, store: &ShardStore) -> Result<(), StoreError> {
        let Some((path, end)) = &self.end else { return Ok(()) };
        let mend = || {
            let mut file = store.disk.open(path)?;
            let mut bytes = vec![0; (end - self.unsure_from) as usize];
            read_full(file.as_ref(), &mut bytes, self.unsure_from)?;
            if let Some(cut) = &self.torn {
                bytes.resize(bytes.len() + cut.bytes as usize, 0);
            }
            for (chunk, at) in bytes.chunks(1 << 20).zip((self.unsure_from..).step_by(1 << 20)) {
                write_full(file.as_mut(), chunk, at)?;
            }
            file.sync()?;
            store.disk.sync_dir(&store.dir)
        };
        mend().map_err(ShardStore::io("mending the end of", path))
    }
}

/// Replays the events of one body behind the machine's last; how many, and whether to go on.
fn replay_body(
    machine: &mut Machine,
    body: &[u8],
    header: &BatchHeader,
    until: Until,
) -> Result<(u64, bool), CodecError> {
    let last = machine.last_event().seq;
    let mut entries = Entries::new(body, header.first_id(), header.base);
    for _ in header.first.0..=last.0 {
        entries.skip()?;
    }
    let mut count = 0;
    while let Some(entry) = entries.next()? {
        let is_beyond = match until {
            Until::End => false,
            Until::Event(upto) => entry.stamp.id.seq > upto,
            Until::Instant(upto) => entry.stamp.at > upto,
        };
        if is_beyond {
            return Ok((count, false));
        }
        machine.replay(entry.stamp, &entry.event);
        count += 1;
    }
    if entries.next_id().seq != header.next() {
        return Err(CodecError { offset: entries.offset(), expected: "as many events as the batch says" });
    }
    Ok((count, true))
}
