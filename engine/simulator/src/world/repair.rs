//! What an operator does after a start was refused for damage: restores the file, or gives up what stands behind it.
//!
//! The cut is the engine's own, the one behind `stampede repair --cut`. The power may go in the middle of it; then it has
//! to be repeated, since a file restored in between would not have its neighbours any more.

use super::World;
use super::harm::Flip;
use super::profile::DATA;
use crate::auditor::Checked;
use crate::disk::{CallFault, End};
use crate::tally::Kind;
use stampede_engine::StoreError;
use stampede_engine::core::Seq;
use stampede_engine::offline::DataDirectory;
use std::path::Path;

/// What was cut off, or is being cut off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repaired {
    shard: usize,
    /// The first event that went.
    first: Seq,
    /// Nothing struck the cut.
    is_done: bool,
}

impl Repaired {
    /// The first event of this shard that went, and whether it went for sure.
    pub(super) fn first_of(&self, shard: usize) -> Option<(Seq, bool)> {
        (self.shard == shard).then_some((self.first, self.is_done))
    }
}

impl World {
    /// Mends a directory whose start was refused, for damage in this place if it is known.
    pub(super) fn restore_or_cut(&mut self, place: Option<(&Path, u64)>) -> Checked {
        let batch = self.flip.as_ref().and_then(Flip::batch);
        match (batch, place) {
            (Some((shard, _, first)), Some((segment, offset)))
                if self.repaired.is_some() || self.dice.percent(45) =>
            {
                let is_repeated = self.repaired.replace(Repaired { shard, first, is_done: false }).is_some();
                if !is_repeated && self.dice.percent(30) {
                    self.disk.arm(CallFault::PowerOff, self.dice.below(12) as u32);
                }
                self.cut(shard, segment, offset, first)
            }
            _ => {
                self.heal();
                Ok(())
            }
        }
    }

    fn cut(&mut self, shard: usize, segment: &Path, offset: u64, first: Seq) -> Checked {
        self.story.tell(|| {
            format!("an operator cuts {} at {offset}, from event {} on", segment.display(), first.0)
        });
        let cut = self.try_cut(shard, segment, offset, first);
        let hits = self.note_hits();
        self.disk.disarm();
        if !self.disk.is_on() {
            self.tally.count(Kind::Deed, "cut that the power ended");
            self.cut_shards.insert(shard);
            self.end_life(End::PowerLost, false);
            return Ok(());
        }
        match cut {
            Ok(true) => {
                self.tally.count(Kind::Deed, "damage cut off");
                self.flip = None;
                self.cut_shards.insert(shard);
                self.repaired = Some(Repaired { shard, first, is_done: true });
                Ok(())
            }
            Ok(false) => {
                self.tally.count(Kind::Deed, "cut refused, restored");
                self.repaired = None;
                self.heal();
                Ok(())
            }
            Err(_) if !hits.is_empty() => Ok(()),
            Err(words) => Err(words),
        }
    }

    /// Whether it was cut; not where the engine says that nothing could be rebuilt then.
    fn try_cut(&self, shard: usize, segment: &Path, offset: u64, first: Seq) -> Checked<bool> {
        let words = |error| format!("{} cannot be cut at {offset}: {error}", segment.display());
        let directory = DataDirectory::open_locked_on(self.disk.mount(), Path::new(DATA)).map_err(words)?;
        let index = directory.shards().nth(shard).ok_or("the directory has fewer shards")?;
        let file = segment.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let plan = match directory.plan_cut(index, file, offset) {
            Err(StoreError::Unreadable { expected, .. }) if expected.contains("from a copy") => {
                return Ok(false);
            }
            planned => planned.map_err(words)?,
        };
        if plan.keeps.0 + 1 != first.0 {
            return Err(format!("a cut before event {} would keep {:?}", first.0, plan.keeps));
        }
        directory.cut(&plan).map_err(words)?;
        Ok(true)
    }
}
