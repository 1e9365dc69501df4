//! What a run looks at between its deeds: the feeds, the faults that struck, shards that went down, snapshots.

use super::harm::Flip;
use super::{World, harm};
use crate::auditor::Checked;
use crate::disk::CallFault;
use crate::fault::Fault;
use crate::tally::Kind;
use stampede_engine::FeedError;
use stampede_engine::core::Seq;
use stampede_engine::stepped::Turned;

impl World {
    /// Hears what is new on a feed.
    pub(super) fn follow(&mut self, shard: usize) -> Checked {
        let feed = self.feed(shard);
        let World { auditor, tally, disk, .. } = self;
        if !disk.is_on() {
            return Ok(());
        }
        match auditor.follow(shard, &feed, tally) {
            Err((words, Some(FeedError::Io { .. }))) if self.note_hits().contains(&CallFault::ReadError) => {
                self.story.tell(|| format!("a reader of feed {shard} is told: {words}"));
                Ok(())
            }
            told => told.map_err(|(words, _)| words),
        }
    }

    /// Counts the faults that struck, and what must follow.
    pub(super) fn note_hits(&mut self) -> Vec<CallFault> {
        let hits = self.disk.take_hits();
        for hit in &hits {
            self.tally.fault(hit.what.fault());
            self.story.tell(|| format!("{:?} at {}", hit.what, hit.path.display()));
            self.life.was_struck = true;
            // A write that takes less is how a full disk begins.
            self.life.was_full |= matches!(hit.what, CallFault::NoSpace | CallFault::ShortWrite);
            let fails = matches!(
                hit.what,
                CallFault::WriteError | CallFault::ShortWrite | CallFault::NoSpace | CallFault::SyncError
            );
            if fails && let Some(shard) = harm::journal_of(&hit.path) {
                self.shards[shard].must_fall = true;
            }
        }
        hits.into_iter().map(|hit| hit.what).collect()
    }

    /// A shard goes down for a reason and stays down.
    pub(super) fn check_down(&mut self, shard: usize, turned: Turned) -> Checked {
        let is_down = turned == Turned::Down;
        let state = &mut self.shards[shard];
        if state.is_down && !is_down {
            return Err(format!("shard {shard} was down and is back without a start"));
        }
        if state.must_fall && !is_down {
            return Err(format!("shard {shard} goes on after a write or sync of its journal failed"));
        }
        let is_new = is_down && !state.is_down;
        state.is_down |= is_down;
        if is_new && !self.life.was_struck && self.disk.is_on() {
            return Err(format!("shard {shard} went down, and nothing had failed"));
        }
        if is_new {
            self.tally.count(Kind::Deed, "shard went down");
        }
        Ok(())
    }

    pub(super) fn collect_sins(&self) -> Checked {
        let sins = self.disk.take_sins();
        if sins.is_empty() { Ok(()) } else { Err(sins.join("; ")) }
    }

    pub(super) fn snapshot(&mut self, shard: usize) -> Checked {
        let crashes = self.dice.one_in(3);
        if crashes {
            self.disk.arm(CallFault::PowerOff, self.dice.below(5) as u32);
        }
        let index = self.shards[shard].index;
        let made = self.engine_mut().snapshot(index);
        self.story.tell(|| format!("a snapshot of shard {shard}: {made:?}"));
        let hits = self.note_hits();
        if hits.contains(&CallFault::PowerOff) {
            self.tally.fault(Fault::CrashInSnapshot);
        } else if crashes {
            self.disk.disarm();
        }
        match made {
            Ok(_) => {
                self.tally.count(Kind::Deed, "snapshot made");
                self.check_reach(shard)
            }
            Err(_) if !hits.is_empty() || !self.profile.is_durable() => Ok(()),
            Err(_) if self.shards[shard].is_down || !self.disk.is_on() => Ok(()),
            Err(error) => {
                Err(format!("a snapshot of shard {shard} was not made, and nothing had failed: {error}"))
            }
        }
    }

    /// The journal reaches back to the oldest snapshot, so that each one will do if the newer ones are damaged.
    fn check_reach(&self, shard: usize) -> Checked {
        let folder = format!("shard-{shard:04}");
        let files = self.disk.files();
        let here = files
            .iter()
            .map(|(path, _)| path)
            .filter(|path| path.parent().is_some_and(|at| at.ends_with(&folder)));
        let (mut segments, mut snapshots) = (Vec::new(), Vec::new());
        for path in here {
            let number =
                path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse::<u64>().ok());
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("journal") => segments.extend(number),
                Some("snapshot") => snapshots.extend(number),
                _ => {}
            }
        }
        let oldest = segments.iter().min().copied().unwrap_or(1);
        let reaches = snapshots.iter().min().is_some_and(|snapshot| oldest <= snapshot + 1);
        if oldest == 1 || reaches {
            return Ok(());
        }
        Err(format!(
            "the journal of shard {shard} begins with event {oldest}, behind the snapshots {snapshots:?}"
        ))
    }

    pub(super) fn read_again(&mut self, shard: usize) -> Checked {
        if !self.disk.is_on() {
            return Ok(());
        }
        self.follow(shard)?;
        let feed = self.feed(shard);
        let last = self.auditor.last_shown(shard);
        let from = (last.0 > 0 && self.dice.coin()).then(|| Seq(self.dice.between(1, last.0)));
        let read = self.auditor.read_again(shard, &feed, from, &mut self.tally);
        self.tally.count(Kind::Deed, "feed read again");
        let struck = !self.note_hits().is_empty();
        match read {
            Ok(()) => Ok(()),
            Err((_, Some(FeedError::Gone { first }))) if from.is_some_and(|from| from < first.seq) => Ok(()),
            Err((_, Some(FeedError::Io { .. }))) if struck || !self.disk.is_on() => Ok(()),
            Err((words, Some(FeedError::Damaged { .. }))) if self.explains_feed(&words) => {
                self.tally.count(Kind::Deed, "feed named the damage");
                Ok(())
            }
            Err((words, _)) => Err(words),
        }
    }

    /// A bit of the journal turns under the running engine: whoever reads over it is told the place, and afterwards the
    /// bit turns back.
    pub(super) fn damage_feed(&mut self) -> Checked {
        if !self.disk.is_on() || !self.profile.is_durable() {
            return Ok(());
        }
        self.disk.disarm();
        self.flip_a_bit();
        let hidden = self.flip.as_ref().and_then(Flip::first_hidden);
        if let Some((shard, first)) = hidden.filter(|(shard, _)| !self.shards[*shard].is_down) {
            let feed = self.feed(shard);
            let bounds = feed.bounds();
            let is_shown = bounds.first.seq <= first && first <= bounds.last.seq;
            let read = self.auditor.read_again(shard, &feed, None, &mut self.tally);
            match read {
                Err((words, Some(FeedError::Damaged { .. }))) if self.explains_feed(&words) => {
                    self.tally.count(Kind::Deed, "feed named the damage");
                }
                Err((words, _)) => return Err(words),
                Ok(()) if is_shown => {
                    return Err(format!(
                        "the feed of shard {shard} shows entries of a damaged batch: {:?}",
                        self.flip
                    ));
                }
                Ok(()) => {}
            }
        }
        self.heal_live();
        Ok(())
    }
}
