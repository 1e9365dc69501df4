//! A data directory looked at, checked and mended without an engine: what the operator's tools are made of.
//!
//! Looking takes no lock: a server may run meanwhile, and what it is writing shows as the end. What changes something
//! takes the lock and refuses while a server has it.

mod cut;
mod verify;

pub use cut::CutPlan;
pub use verify::{SnapshotVerdict, Verified};

use crate::disk::{Disk, FileDisk};
use crate::journal::batch::{BatchHeader, SegmentHeader};
use crate::journal::segment::{segment_path, segments, snapshot_path, snapshots};
use crate::slot::{ShardIndex, Slot};
use crate::store::directory::Directory;
use crate::store::recovery::{Until, find, find_until, settle};
use crate::store::walk::{Next, Reading, Walk};
use crate::store::{ShardStore, SnapshotError, SnapshotReport, StoreError, Unwatched, follower};
use stampede_core::{CodecError, Entries, Entry, EventId, Machine, Seq, Settings, Stamp, Text, UnixMs};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A data directory that no engine of this process uses.
#[derive(Debug)]
pub struct DataDirectory {
    directory: Directory,
}

/// The files of one shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardFiles {
    /// In order.
    pub segments: Vec<SegmentInfo>,
    /// In order.
    pub snapshots: Vec<SnapshotInfo>,
}

/// A segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its name.
    pub file: String,
    /// The first event that may stand in it.
    pub first: Seq,
    /// The epoch in which it was begun; `None` where its header is broken.
    pub epoch: Option<u64>,
    /// About when it was begun.
    pub begun: Option<UnixMs>,
    /// Its length.
    pub bytes: u64,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Its name.
    pub file: String,
    /// The last event in it.
    pub last: Seq,
    /// Its length.
    pub bytes: u64,
}

/// A batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchInfo {
    /// Where it begins in its segment.
    pub offset: u64,
    /// Its length, with header and padding.
    pub bytes: u64,
    /// How many events it holds; none where it opens or ends an epoch.
    pub count: u32,
    /// The name of its first event; without any, of the one that comes next.
    pub first: EventId,
    /// The time that its first event's is counted from.
    pub base: UnixMs,
    /// Whether everything before it was durable when it was written.
    pub is_after_sync: bool,
}

/// What a walk comes by.
#[derive(Clone, Copy, Debug)]
pub enum Walked<'a> {
    /// A segment begins.
    Segment(&'a SegmentInfo),
    /// A whole batch that belongs.
    Batch(&'a BatchInfo),
    /// An event of it.
    Entry(&'a Entry<'a>),
}

/// How a walk ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalkEnd {
    /// At the end of the journal.
    Whole,
    /// Because the hearer had heard enough.
    Stopped,
    /// At a torn end, which the next start will cut.
    Torn {
        /// Which segment.
        segment: PathBuf,
        /// From where on.
        offset: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// At damage, which stops every start.
    Damaged {
        /// Which segment.
        segment: PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
}

/// Up to where a state is rebuilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upto {
    /// This event, included.
    Event(Seq),
    /// The last event that is not later than this.
    Instant(UnixMs),
    /// The end of the journal.
    End,
}

impl DataDirectory {
    /// Opens a directory to look at it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        DataDirectory::open_on(Arc::new(FileDisk), path)
    }

    /// Opens a directory on a disk of the caller's, to look at it.
    pub fn open_on(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, StoreError> {
        Ok(DataDirectory { directory: Directory::look(disk, path)? })
    }

    /// Opens a directory to change it, and keeps every server out until it is dropped.
    pub fn open_locked(path: &Path) -> Result<Self, StoreError> {
        DataDirectory::open_locked_on(Arc::new(FileDisk), path)
    }

    /// Opens a directory on a disk of the caller's, to change it.
    pub fn open_locked_on(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, StoreError> {
        Ok(DataDirectory { directory: Directory::seize(disk, path)? })
    }

    /// Whether a server was started on a directory, which need not be one that can be opened. Whether anything was put on
    /// sale in it is not looked at. No directory: no server.
    pub fn is_used(path: &Path) -> Result<bool, StoreError> {
        Directory::is_used(&FileDisk, path)
    }

    /// How many shards it was made with.
    pub fn shard_count(&self) -> u16 {
        self.directory.shards()
    }

    /// Every shard, in order.
    pub fn shards(&self) -> impl ExactSizeIterator<Item = ShardIndex> {
        ShardIndex::all(self.shard_count())
    }

    /// The shard that an offer's or pool's id belongs to.
    pub fn shard_of(&self, id: Text<'_>) -> ShardIndex {
        Slot::shard_of(id, self.shard_count())
    }

    /// What lies there of a shard.
    pub fn files(&self, shard: ShardIndex) -> Result<ShardFiles, StoreError> {
        let store = self.directory.shard(shard);
        let names = store.disk.list(&store.dir).map_err(ShardStore::io("listing", &store.dir))?;
        let about = |first: &Seq| about_segment(&store, *first);
        let segments = segments(&names).iter().map(about).collect::<Result<_, _>>()?;
        let about = |last: &Seq| -> Result<SnapshotInfo, StoreError> {
            let path = snapshot_path(&store.dir, *last);
            Ok(SnapshotInfo { file: name_of(&path), last: *last, bytes: size_of(&store, &path)? })
        };
        let snapshots = snapshots(&names).iter().map(about).collect::<Result<_, _>>()?;
        Ok(ShardFiles { segments, snapshots })
    }

    /// Goes through a shard's journal in the order of its bytes, from the segment of an event on, or from the first.
    /// Checksums and the links from batch to batch are checked on the way.
    pub fn walk(
        &self,
        shard: ShardIndex,
        from: Option<Seq>,
        hear: &mut dyn FnMut(Walked<'_>) -> ControlFlow<()>,
    ) -> Result<WalkEnd, StoreError> {
        let store = self.directory.shard(shard);
        let first = match from {
            Some(from) => from,
            None => self.files(shard)?.segments.first().map_or(Seq(1), |segment| segment.first),
        };
        let begun = match Walk::begin(&store, first) {
            Err(error) => return end_of(error),
            Ok(begun) => begun,
        };
        let Some((mut walk, mut reading)) = begun else {
            if !self.directory.is_founded() {
                return Ok(WalkEnd::Whole);
            }
            let reason = "the shard has no journal any more".to_owned();
            return Ok(WalkEnd::Damaged { segment: store.dir, offset: 0, reason });
        };
        let mut path = PathBuf::new();
        loop {
            let next = match walk.next(&mut reading) {
                Err(error) => return end_of(error),
                Ok(next) => next,
            };
            if path != walk.path() {
                walk.path().clone_into(&mut path);
                let about = about_segment(&store, walk.segment())?;
                if hear(Walked::Segment(&about)).is_break() {
                    return Ok(WalkEnd::Stopped);
                }
            }
            let (header, offset) = match next {
                Next::Batch(header, offset) => (header, offset),
                Next::End => return Ok(WalkEnd::Whole),
                Next::Torn(torn) => {
                    let offset = walk.offset();
                    return Ok(WalkEnd::Torn { segment: path, offset, bytes: torn.until - offset });
                }
            };
            match hear_batch(&path, &header, offset, &mut reading, hear)? {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return Ok(WalkEnd::Stopped),
                Err(error) => {
                    return Ok(WalkEnd::Damaged { segment: path, offset, reason: error.to_string() });
                }
            }
        }
    }

    /// The state of a shard at one place of its journal, and the last event in it.
    pub fn machine_at(&self, shard: ShardIndex, upto: Upto) -> Result<(Machine, Stamp), StoreError> {
        let until = match upto {
            Upto::Event(seq) => Until::Event(seq),
            Upto::Instant(at) => Until::Instant(at),
            Upto::End => Until::End,
        };
        let found = find_until(&self.directory.shard(shard), self.settings(), until, &Unwatched)?;
        let stamp = Stamp { id: found.machine.last_event(), at: found.machine.last_time() };
        Ok((found.machine, stamp))
    }

    /// Makes a snapshot of a shard; a torn end is cut before. The directory has to be locked.
    pub fn snapshot(&self, shard: ShardIndex) -> Result<SnapshotReport, SnapshotError> {
        self.require_lock()?;
        let store = self.directory.shard(shard);
        let found = find(&store, self.settings(), &Unwatched)?;
        // A snapshot must not speak of what may be in the page cache alone.
        settle(&store, &found)?;
        follower::take(&store, self.settings(), found.machine.last_event().seq, &AtomicBool::new(false))
    }

    fn require_lock(&self) -> Result<(), StoreError> {
        match self.directory.lock() {
            Some(_) => Ok(()),
            None => Err(StoreError::NotLocked),
        }
    }

    fn settings(&self) -> Settings {
        Settings { epoch: 1, hash_key: self.directory.hash_key() }
    }
}

/// Lets a batch and its events be heard; an inner error is of the events' bytes.
fn hear_batch(
    path: &Path,
    header: &BatchHeader,
    offset: u64,
    reading: &mut Reading,
    hear: &mut dyn FnMut(Walked<'_>) -> ControlFlow<()>,
) -> Result<Result<ControlFlow<()>, CodecError>, StoreError> {
    let about = BatchInfo {
        offset,
        bytes: header.span() as u64,
        count: header.count,
        first: header.first_id(),
        base: header.base,
        is_after_sync: header.is_after_sync,
    };
    if hear(Walked::Batch(&about)).is_break() {
        return Ok(Ok(ControlFlow::Break(())));
    }
    let body = reading.body(path, header, offset)?;
    let mut entries = Entries::new(body, header.first_id(), header.base);
    loop {
        match entries.next() {
            Ok(Some(entry)) => {
                if hear(Walked::Entry(&entry)).is_break() {
                    return Ok(Ok(ControlFlow::Break(())));
                }
            }
            Ok(None) => return Ok(Ok(ControlFlow::Continue(()))),
            Err(error) => return Ok(Err(error)),
        }
    }
}

fn end_of(error: StoreError) -> Result<WalkEnd, StoreError> {
    match error {
        StoreError::Damaged { segment, offset, what, .. } => {
            Ok(WalkEnd::Damaged { segment, offset, reason: what.to_string() })
        }
        error => Err(error),
    }
}

fn about_segment(store: &ShardStore, first: Seq) -> Result<SegmentInfo, StoreError> {
    let path = segment_path(&store.dir, first);
    let header = SegmentHeader::of_file(store.disk.as_ref(), &path);
    let header = header.map_err(ShardStore::io("reading", &path))?;
    Ok(SegmentInfo {
        file: name_of(&path),
        first,
        epoch: header.map(|header| header.epoch),
        begun: header.map(|header| header.begun),
        bytes: size_of(store, &path)?,
    })
}

fn size_of(store: &ShardStore, path: &Path) -> Result<u64, StoreError> {
    let file = store.disk.open(path).map_err(ShardStore::io("opening", path))?;
    file.size().map_err(ShardStore::io("reading", path))
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
