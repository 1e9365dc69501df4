//! Gives up the end of a damaged journal, on an operator's word: from one place on everything is set aside.
//!
//! Nothing is deleted: the bytes go to `cut/` beside the journal. The next start goes on from the place in a new epoch, so
//! that no name of an event that was given up is given again. What was acknowledged behind the place is lost, and the
//! plan says how much of it could still be read.

use super::{DataDirectory, SnapshotInfo, Walked};
use crate::disk::{read_full, write_full};
use crate::journal::batch::{ALIGNMENT, BatchHeader, HEADER_BYTES, SegmentHeader};
use crate::journal::handoff::Filling;
use crate::journal::segment::Window;
use crate::slot::ShardIndex;
use crate::store::walk::{Next, Walk};
use crate::store::{ShardStore, StoreError};
use stampede_core::{EventId, Seq, UnixMs};
use std::io;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

/// What a cut would set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutPlan {
    /// Whose journal.
    pub shard: ShardIndex,
    /// The segment that is cut.
    pub segment: String,
    /// From where on.
    pub offset: u64,
    /// Bytes of it that are set aside.
    pub bytes: u64,
    /// The last event that stays; seq 0 where none does.
    pub keeps: Seq,
    /// Events of whole later segments that could still be read, one after the other.
    pub readable: u64,
    /// The first and the last of them.
    pub between: Option<(EventId, EventId)>,
    /// Later segments, set aside whole.
    pub segments: Vec<String>,
    /// Snapshots of later states, set aside whole.
    pub snapshots: Vec<String>,
}

impl DataDirectory {
    /// What a cut of a segment at an offset would set aside. The place must be one where a batch ends or the damage
    /// begins, as a refused start or a check names it; 0 sets the whole segment aside.
    pub fn plan_cut(&self, shard: ShardIndex, segment: &str, offset: u64) -> Result<CutPlan, StoreError> {
        let store = self.directory.shard(shard);
        let files = self.files(shard)?;
        let wrong = |expected: &str| StoreError::Unreadable {
            path: store.dir.join(segment),
            expected: expected.to_owned(),
        };
        let found = files.segments.iter().position(|about| about.file == segment);
        let at = found.ok_or_else(|| wrong("the shard has no segment of this name"))?;
        let (first, size) = (files.segments[at].first, files.segments[at].bytes);
        let (keeps, whole_from) = if offset > 0 {
            let keeps = reach(&store, first, offset)?;
            let keeps = keeps
                .ok_or_else(|| wrong("no batch ends at this offset; take the one that a check names"))?;
            (keeps, at + 1)
        } else if at > 0 {
            (Seq(first.0 - 1), at)
        } else {
            return Err(wrong("nothing would be left; restore the directory from a copy"));
        };
        let oldest = files.segments[0].first;
        let reaches = |about: &SnapshotInfo| about.last <= keeps && about.last.0 + 1 >= oldest.0;
        if oldest.0 > 1 && !files.snapshots.iter().any(reaches) {
            return Err(wrong(
                "no snapshot is kept from which the state at this place could be rebuilt; restore the directory from a copy",
            ));
        }
        let whole = &files.segments[whole_from..];
        let next = whole.iter().map(|about| about.first).find(|first| first.0 > keeps.0 + 1);
        let (readable, between) = self.readable_from(shard, next)?;
        let later = files.snapshots.iter().filter(|about| about.last > keeps);
        Ok(CutPlan {
            shard,
            segment: segment.to_owned(),
            offset,
            bytes: if offset > 0 { size.saturating_sub(offset) } else { 0 },
            keeps,
            readable,
            between,
            segments: whole.iter().map(|about| about.file.clone()).collect(),
            snapshots: later.map(|about| about.file.clone()).collect(),
        })
    }

    /// Carries a plan out and seals the new end under an epoch above every one that is set aside, so that the next
    /// start gives none of their names again; gives the directory in which everything was set aside. The directory has
    /// to be locked.
    pub fn cut(&self, plan: &CutPlan) -> Result<PathBuf, StoreError> {
        self.require_lock()?;
        let store = self.directory.shard(plan.shard);
        let aside = store.dir.join("cut");
        let path = store.dir.join(&plan.segment);
        let mut epoch = 0;
        let mut prepare = || {
            store.disk.create_dir(&aside)?;
            epoch = highest_epoch(&store, &path, plan.offset)?;
            for name in &plan.segments {
                epoch = epoch.max(highest_epoch(&store, &store.dir.join(name), 0)?);
            }
            if plan.bytes > 0 { copy_end(&store, &path, plan, &aside) } else { Ok(()) }
        };
        prepare().map_err(ShardStore::io("setting aside the end of", &path))?;
        // The seal comes first: a power loss after it leaves a journal that no start takes, and the cut is repeated. The
        // other way round it might leave one that ends cleanly, below the epochs that were set aside.
        let is_sealed = plan.bytes >= HEADER_BYTES as u64;
        if is_sealed {
            seal(&store, plan, epoch)?;
        }
        let carry_out = || {
            for name in plan.snapshots.iter().chain(plan.segments.iter().rev()) {
                store.disk.rename(&store.dir.join(name), &aside.join(name))?;
            }
            store.disk.sync_dir(&aside)?;
            store.disk.sync_dir(&store.dir)?;
            let kept = if is_sealed { HEADER_BYTES as u64 } else { 0 };
            if plan.bytes > kept {
                blank(&store, &path, plan.offset + kept..plan.offset + plan.bytes)
            } else {
                Ok(())
            }
        };
        carry_out().map_err(ShardStore::io("cutting", &path))?;
        if !is_sealed {
            seal(&store, plan, epoch)?;
        }
        Ok(aside)
    }

    /// How many events of whole later segments can be read in one go: what a cut gives up although it could be read.
    fn readable_from(
        &self,
        shard: ShardIndex,
        from: Option<Seq>,
    ) -> Result<(u64, Option<(EventId, EventId)>), StoreError> {
        let (mut count, mut between) = (0, None);
        if from.is_none() {
            return Ok((count, between));
        }
        self.walk(shard, from, &mut |walked| {
            if let Walked::Entry(entry) = walked {
                let id = entry.stamp.id;
                between = Some((between.map_or(id, |(first, _)| first), id));
                count += 1;
            }
            ControlFlow::Continue(())
        })?;
        Ok((count, between))
    }
}

/// The highest epoch of a whole batch, or of the segment itself, from a place on.
fn highest_epoch(store: &ShardStore, path: &Path, from: u64) -> io::Result<u64> {
    let header = SegmentHeader::of_file(store.disk.as_ref(), path)?;
    let mut highest = header.filter(|_| from == 0).map_or(0, |header| header.epoch);
    let file = store.disk.open(path)?;
    let (mut window, mut at, size) = (Window::default(), from, file.size()?);
    while at < size {
        at += match window.batch(file.as_ref(), at)? {
            Some((header, _)) => {
                highest = highest.max(header.epoch);
                header.span() as u64
            }
            None => ALIGNMENT as u64,
        };
    }
    Ok(highest)
}

/// Ends what is left with a batch of no events.
fn seal(store: &ShardStore, plan: &CutPlan, epoch: u64) -> Result<(), StoreError> {
    let Some((mut walk, mut reading)) = Walk::begin(store, Seq(plan.keeps.0 + 1))? else { return Ok(()) };
    let mut base = UnixMs::new(0);
    let cut = store.dir.join(&plan.segment);
    // What stands at the place of the cut may still be the damage.
    while walk.path() != cut || walk.offset() != plan.offset {
        let Next::Batch(header, _) = walk.next(&mut reading)? else { break };
        base = header.base;
    }
    let chain = walk.chain();
    let mut end = Filling::new();
    // Like no batch that was there: one that only opened an epoch must not come back by being sealed.
    let epoch = epoch.max(chain.epoch) + 1;
    BatchHeader { epoch, base, ..end.header(chain) }.seal(&mut end.bytes);
    let write = || {
        let mut file = store.disk.open(walk.path())?;
        write_full(file.as_mut(), &end.bytes, walk.offset())?;
        file.sync()
    };
    write().map_err(ShardStore::io("sealing", walk.path()))
}

/// Bytes that are copied or blanked at once.
const CHUNK_BYTES: u64 = 1 << 20;

/// Copies the end of a segment to a file of its own.
fn copy_end(store: &ShardStore, path: &Path, plan: &CutPlan, aside: &Path) -> io::Result<()> {
    let file = store.disk.open(path)?;
    let mut copy = store.disk.create(&aside.join(format!("{}-from-{}", plan.segment, plan.offset)))?;
    let mut at = 0;
    while at < plan.bytes {
        let mut bytes = vec![0; CHUNK_BYTES.min(plan.bytes - at) as usize];
        read_full(file.as_ref(), &mut bytes, plan.offset + at)?;
        write_full(copy.as_mut(), &bytes, at)?;
        at += bytes.len() as u64;
    }
    copy.sync()
}

/// Writes zeros over a part of a segment.
fn blank(store: &ShardStore, path: &Path, part: Range<u64>) -> io::Result<()> {
    let mut file = store.disk.open(path)?;
    let mut at = part.start;
    while at < part.end {
        let zeros = vec![0; CHUNK_BYTES.min(part.end - at) as usize];
        write_full(file.as_mut(), &zeros, at)?;
        at += zeros.len() as u64;
    }
    file.sync()
}

/// The last event before an offset of a segment, if whole batches lead there.
fn reach(store: &ShardStore, first: Seq, offset: u64) -> Result<Option<Seq>, StoreError> {
    let Some((mut walk, mut reading)) = Walk::begin(store, first)? else { return Ok(None) };
    while walk.segment() == first && walk.offset() < offset {
        match walk.next(&mut reading) {
            Ok(Next::Batch(..)) => {}
            Ok(Next::End | Next::Torn(_)) | Err(StoreError::Damaged { .. }) => break,
            Err(error) => return Err(error),
        }
    }
    let is_there = walk.segment() == first && walk.offset() == offset;
    Ok(is_there.then(|| Seq(walk.chain().next.0 - 1)))
}
