//! Gives up the end of a damaged journal, on an operator's word: from one place on everything is set aside.
//!
//! Nothing is deleted: the bytes go to `cut/` beside the journal. The next start goes on from the place in a new epoch, so
//! that no name of an event that was given up is given again. What was acknowledged behind the place is lost, and the
//! plan says how much of it could still be read.

use super::{DataDirectory, Walked};
use crate::disk::{read_full, write_full};
use crate::journal::segment::segment_path;
use crate::slot::ShardIndex;
use crate::store::walk::{Next, Walk};
use crate::store::{ShardStore, StoreError};
use stampede_core::{EventId, Seq};
use std::ops::ControlFlow;
use std::path::PathBuf;

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
    /// Events behind the place that could still be read, one after the other.
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
    /// begins, as a refused start or a check names it.
    pub fn plan_cut(&self, shard: ShardIndex, segment: &str, offset: u64) -> Result<CutPlan, StoreError> {
        let store = self.directory.shard(shard);
        let files = self.files(shard)?;
        let wrong = |expected: &str| StoreError::Unreadable {
            path: store.dir.join(segment),
            expected: expected.to_owned(),
        };
        let found = files.segments.iter().position(|about| about.file == segment);
        let at = found.ok_or_else(|| wrong("the shard has no segment of this name"))?;
        let first = files.segments[at].first;
        let keeps = reach(&store, first, offset)?
            .ok_or_else(|| wrong("no batch ends at this offset; take the one that a check names"))?;
        let path = segment_path(&store.dir, first);
        let file = store.disk.open(&path).map_err(ShardStore::io("opening", &path))?;
        let size = file.size().map_err(ShardStore::io("reading", &path))?;
        let later = |last: &Seq| *last > keeps;
        let (readable, between) = self.readable_behind(shard, keeps)?;
        Ok(CutPlan {
            shard,
            segment: segment.to_owned(),
            offset,
            bytes: size.saturating_sub(offset),
            keeps,
            readable,
            between,
            segments: files.segments[at + 1..].iter().map(|about| about.file.clone()).collect(),
            snapshots: files
                .snapshots
                .iter()
                .filter(|about| later(&about.last))
                .map(|about| about.file.clone())
                .collect(),
        })
    }

    /// Carries a plan out; gives the directory in which everything was set aside. The directory has to be locked.
    pub fn cut(&self, plan: &CutPlan) -> Result<PathBuf, StoreError> {
        let store = self.directory.shard(plan.shard);
        let aside = store.dir.join("cut");
        let path = store.dir.join(&plan.segment);
        let carry_out = || {
            store.disk.create_dir(&aside)?;
            let mut file = store.disk.open(&path)?;
            let mut bytes = vec![0; plan.bytes as usize];
            read_full(file.as_ref(), &mut bytes, plan.offset)?;
            let copy_path = aside.join(format!("{}-from-{}", plan.segment, plan.offset));
            let mut copy = store.disk.create(&copy_path)?;
            write_full(copy.as_mut(), &bytes, 0)?;
            copy.sync()?;
            for name in plan.snapshots.iter().chain(plan.segments.iter().rev()) {
                store.disk.rename(&store.dir.join(name), &aside.join(name))?;
            }
            store.disk.sync_dir(&aside)?;
            store.disk.sync_dir(&store.dir)?;
            bytes.fill(0);
            write_full(file.as_mut(), &bytes, plan.offset)?;
            file.sync()
        };
        carry_out().map_err(ShardStore::io("cutting", &path))?;
        Ok(aside)
    }

    /// How many events behind a place can be read in one go, as far as the journal is whole there.
    fn readable_behind(
        &self,
        shard: ShardIndex,
        keeps: Seq,
    ) -> Result<(u64, Option<(EventId, EventId)>), StoreError> {
        let (mut count, mut between) = (0, None);
        self.walk(shard, None, &mut |walked| {
            if let Walked::Entry(entry) = walked
                && entry.stamp.id.seq > keeps
            {
                let id = entry.stamp.id;
                between = Some((between.map_or(id, |(first, _)| first), id));
                count += 1;
            }
            ControlFlow::Continue(())
        })?;
        Ok((count, between))
    }
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
