//! What is done to the machine: faults armed, clocks set, space taken, bytes changed while it is off.

use super::World;
use super::life::damage_of;
use crate::auditor::Checked;
use crate::disk::{CallFault, PLENTY};
use crate::fault::Fault;
use crate::segment::{self, Batch, HEADER};
use crate::tally::Kind;
use stampede_engine::StartError;
use stampede_engine::core::Seq;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A bit that turned, and what it stands in.
#[derive(Clone, Debug)]
pub(super) struct Flip {
    path: PathBuf,
    offset: usize,
    /// The byte before and after.
    was: u8,
    is: u8,
    what: Place,
}

/// What a byte of the data directory belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    SegmentHeader,
    /// A batch, and where it begins. It is unproven while no later batch says that it was durable: then nothing tells
    /// its damage from a torn write.
    Batch {
        start: usize,
        shard: usize,
        first: Seq,
        has_entries: bool,
        is_unproven: bool,
    },
    /// Behind the last batch of a segment, or between two.
    Padding,
    Snapshot,
    Other,
}

/// A deposed writer's batch and where it was put.
#[derive(Clone, Debug)]
pub(super) struct Stale {
    pub(super) shard: usize,
    pub(super) path: PathBuf,
    pub(super) offset: u64,
}

impl Flip {
    /// The first entry that a reader from the beginning cannot have, if it stands in one. The number of the shard in a
    /// batch's header is nothing to a reader, who knows whose journal it is.
    pub(super) fn first_hidden(&self) -> Option<(usize, Seq)> {
        match self.what {
            Place::Batch { start, shard, first, has_entries: true, .. } => {
                let in_shard_number = (start + 6..start + 8).contains(&self.offset);
                (!in_shard_number).then_some((shard, first))
            }
            _ => None,
        }
    }

    /// The batch that it stands in: its shard, where it begins, its first event.
    pub(super) fn batch(&self) -> Option<(usize, u64, Seq)> {
        match self.what {
            Place::Batch { shard, start, first, .. } => Some((shard, start as u64, first)),
            _ => None,
        }
    }

    /// The first event of the batch that may be lost, if nothing behind it says that it was durable.
    pub(super) fn unproven_batch_of(&self, shard: usize) -> Option<Seq> {
        match self.what {
            Place::Batch { shard: of, first, is_unproven: true, .. } if of == shard => Some(first),
            _ => None,
        }
    }
}

/// The shard whose journal this file is part of.
pub(super) fn journal_of(path: &Path) -> Option<usize> {
    let is_segment = path.extension().is_some_and(|extension| extension == "journal");
    is_segment.then(|| shard_of(path)).flatten()
}

/// The shard in whose directory this file lies.
fn shard_of(path: &Path) -> Option<usize> {
    path.parent()?.file_name()?.to_str()?.strip_prefix("shard-")?.parse().ok()
}

impl World {
    /// Lets something strike one of the next calls to the disk.
    pub(super) fn arm(&mut self) {
        let what = self.dice.weighted(&[
            (8, CallFault::PowerOff),
            (2, CallFault::WriteError),
            (2, CallFault::ShortWrite),
            (4, CallFault::NoSpace),
            (3, CallFault::SyncError),
            (2, CallFault::ReadError),
        ]);
        let calls = self.dice.below(14) as u32;
        self.story.tell(|| format!("{what:?} will strike after {calls} calls"));
        self.disk.arm(what, calls);
    }

    pub(super) fn set_clock(&mut self) {
        let by = Duration::from_millis(self.dice.pick(&[40, 400, 400, 5_000, 3_600_000]));
        let fault = self.dice.pick(&[Fault::WallAhead, Fault::WallBack, Fault::Suspended]);
        self.story.tell(|| format!("{} by {by:?}", fault.name()));
        self.tally.fault(fault);
        match fault {
            Fault::WallAhead => self.clock.set_ahead(by),
            Fault::WallBack => self.clock.set_back(by),
            _ => self.clock.advance(by),
        }
    }

    pub(super) fn change_space(&mut self) {
        let is_low = !self.is_low && self.dice.percent(60);
        let reserve = self.profile.journal.segment_bytes + self.profile.journal.free_bytes_min;
        let bytes = if is_low { self.dice.below(reserve) } else { PLENTY };
        self.story.tell(|| format!("{bytes} bytes are free"));
        self.disk.set_free_bytes(bytes);
        self.is_low = is_low;
        if is_low {
            self.life.was_full = true;
            self.tally.fault(Fault::LowSpace);
        }
    }

    /// Room for everything again.
    pub(super) fn free_space(&mut self) {
        self.disk.set_free_bytes(PLENTY);
        self.is_low = false;
    }

    /// Only a disk that was full may be called full.
    pub(super) fn check_full(&self, answer: &stampede_engine::core::Answer<&'static str>) -> Checked {
        use stampede_engine::core::{Answer, Misuse};
        match answer {
            Answer::Misuse(Misuse::DiskFull { free_bytes }) if !self.life.was_full => {
                Err(format!("the disk is called full with {free_bytes} bytes free, and never was"))
            }
            _ => Ok(()),
        }
    }

    /// What happens to the disk while the machine is off.
    pub(super) fn rest(&mut self) -> Checked {
        if self.dice.coin() {
            self.free_space();
        }
        let pause = self.dice.pick(&[5, 5, 80, 2_000]);
        self.advance(Duration::from_millis(pause));
        if !self.profile.is_durable() {
            return Ok(());
        }
        match self.dice.below(12) {
            0..=2 => self.flip_a_bit(),
            3..=4 => self.put_stale_batch(),
            5 => return self.start_with_other_shards(),
            _ => {}
        }
        Ok(())
    }

    pub(super) fn flip_a_bit(&mut self) {
        let mut files = self.disk.files();
        files.retain(|(path, len)| *len > 0 && path.extension().is_some());
        if files.is_empty() {
            return;
        }
        let (path, _) = files[self.dice.index(files.len())].clone();
        let bytes = self.disk.bytes(&path);
        if bytes != self.disk.kept_bytes(&path) {
            // After a kill some of it may not be on the disk yet, and only what is there turns.
            return;
        }
        let batches = if journal_of(&path).is_some() { segment::batches(&bytes) } else { Vec::new() };
        let offset = match batches.len() {
            0 => self.dice.index(bytes.len()),
            len if self.dice.percent(90) => {
                let batch = &batches[self.dice.index(len)];
                batch.bytes.start + self.dice.index(batch.bytes.len())
            }
            _ => self.dice.index(batches[0].bytes.start),
        };
        let what = self.place(&path, &batches, offset);
        let (was, is) = (bytes[offset], bytes[offset] ^ (1 << self.dice.below(8)));
        let flip = Flip { path, offset, was, is, what };
        self.story.tell(|| format!("a bit turns: {flip:?}"));
        self.tally.fault(Fault::BitFlip);
        self.disk.set(&flip.path, &[is], offset);
        self.flip = Some(flip);
    }

    fn place(&self, path: &Path, batches: &[Batch], offset: usize) -> Place {
        if path.extension().is_some_and(|extension| extension == "snapshot") {
            return Place::Snapshot;
        }
        let Some(shard) = journal_of(path) else { return Place::Other };
        if offset < HEADER {
            return Place::SegmentHeader;
        }
        let files = self.disk.files();
        let last_segment =
            files.iter().map(|(path, _)| path).filter(|path| journal_of(path) == Some(shard)).max();
        let hit = batches.iter().position(|batch| batch.bytes.contains(&offset));
        hit.map_or(Place::Padding, |at| Place::Batch {
            start: batches[at].bytes.start,
            shard,
            first: batches[at].first,
            has_entries: batches[at].count > 0,
            is_unproven: last_segment.is_some_and(|last| last == path)
                && batches[at + 1..].iter().all(|later| !later.is_after_sync),
        })
    }

    /// Turns the bit back, where its file still has it: somebody restored the file.
    pub(super) fn heal(&mut self) {
        let Some(flip) = self.flip.take() else { return };
        // What was cut, by a start or by an operator, is not there any more; other bytes stand in its place.
        let is_cut = matches!(flip.what, Place::Batch { is_unproven: true, .. } | Place::Padding);
        let is_gone = (is_cut && self.engine.is_some()) || self.repaired.is_some();
        let stands = self.disk.bytes(&flip.path).get(flip.offset) == Some(&flip.is);
        if !is_gone && stands {
            self.disk.set(&flip.path, &[flip.was], flip.offset);
        }
    }

    /// Turns the bit back under the running engine.
    pub(super) fn heal_live(&mut self) {
        if let Some(flip) = self.flip.take() {
            self.disk.set(&flip.path, &[flip.was], flip.offset);
        }
    }

    /// Whether the refusal of a start is the right one for the bit that turned.
    pub(super) fn explains_start(&self, error: &StartError) -> Checked<bool> {
        let Some(flip) = &self.flip else { return Ok(false) };
        let expected = match flip.what {
            Place::Batch { start, .. } => start as u64,
            Place::SegmentHeader => 0,
            Place::Padding => return Ok(true),
            // At least two snapshots are kept, and the journal reaches back to the older one; but a cut may have set the
            // newer one aside.
            Place::Snapshot if self.is_last_after_cut(&flip.path) => return Ok(true),
            Place::Snapshot => {
                return Err(format!(
                    "a bit turned in a snapshot: {flip:?}; the start was refused with: {error}"
                ));
            }
            Place::Other => return Ok(flip.path.extension().is_some_and(|extension| extension == "json")),
        };
        match damage_of(error) {
            Some((segment, offset)) if segment == flip.path && offset == expected => Ok(true),
            // A cut that the power ended has sealed the journal there, and it is the rest that does not fit.
            Some((segment, offset)) if self.repaired.is_some() && segment >= flip.path.as_path() => {
                Ok(segment > flip.path.as_path() || offset == expected + HEADER as u64)
            }
            Some((segment, offset)) => Err(format!(
                "a bit turned: {flip:?}; the start was refused for {} at {offset}",
                segment.display()
            )),
            None => Err(format!("a bit turned: {flip:?}; the start was refused with: {error}")),
        }
    }

    /// Whether a snapshot is the only one that an operator's cut has left of its shard.
    fn is_last_after_cut(&self, path: &Path) -> bool {
        let is_sibling =
            |other: &Path| other.parent() == path.parent() && other.extension() == path.extension();
        let files = self.disk.files();
        shard_of(path).is_some_and(|shard| self.cut_shards.contains(&shard))
            && files.iter().filter(|(other, _)| is_sibling(other)).count() == 1
    }

    /// Whether a reader of the feed was told of the bit that turned.
    pub(super) fn explains_feed(&self, words: &str) -> bool {
        let names_file = |flip: &Flip| {
            let file = flip.path.file_name().and_then(|name| name.to_str());
            file.is_some_and(|file| words.contains(file))
        };
        self.flip.as_ref().is_some_and(names_file)
    }

    /// A writer that was replaced wakes up and writes once more, behind the end.
    fn put_stale_batch(&mut self) {
        let files = self.disk.files();
        let shard = self.dice.index(self.shards.len());
        let of_shard = files.iter().filter(|(path, _)| journal_of(path) == Some(shard));
        let Some((path, len)) = of_shard.max() else { return };
        let bytes = self.disk.bytes(path);
        if bytes != self.disk.kept_bytes(path) {
            // It would stand on the disk behind a batch that does not.
            return;
        }
        let batches = segment::batches(&bytes);
        let Some(last) = batches.last().filter(|last| last.epoch > 1) else { return };
        let stale = segment::stale_batch(last);
        if last.end() + stale.len() > *len {
            return;
        }
        self.disk.set(path, &stale, last.end());
        let put = Stale { shard, path: path.clone(), offset: last.end() as u64 };
        self.story.tell(|| format!("a deposed writer's batch: {put:?}"));
        self.tally.fault(Fault::StaleBatch);
        self.tally.count(Kind::Deed, "stale batch put");
        self.stale = Some(put);
    }
}
