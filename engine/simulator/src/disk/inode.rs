//! One file's bytes: those that survive a power loss, those that a reader sees, and what lies between.
//!
//! Synced bytes never change by a crash: only ranges written since the last sync are drawn, each as it was, as it was
//! written, or as something else. Called by the disk.

use crate::dice::Dice;
use crate::fault::Fault;
use std::ops::Range;

/// The unit in which a disk keeps or loses bytes when several writes are unsynced.
const SECTOR: usize = 512;

/// The bytes of one file.
#[derive(Debug, Default)]
pub(super) struct Inode {
    /// What a power loss leaves.
    kept: Vec<u8>,
    /// What a reader sees.
    now: Vec<u8>,
    /// Changes since the last sync, in order.
    pending: Vec<Change>,
    /// A write or sync of it failed in this life of the process.
    pub(super) has_failed: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Bytes(Range<usize>),
    Len(usize),
}

impl Inode {
    pub(super) fn len(&self) -> usize {
        self.now.len()
    }

    pub(super) fn now(&self) -> &[u8] {
        &self.now
    }

    pub(super) fn kept(&self) -> &[u8] {
        &self.kept
    }

    pub(super) fn write(&mut self, bytes: &[u8], offset: usize) {
        if bytes.is_empty() {
            return;
        }
        let end = offset + bytes.len();
        if end > self.now.len() {
            self.now.resize(end, 0);
        }
        self.now[offset..end].copy_from_slice(bytes);
        self.pending.push(Change::Bytes(offset..end));
    }

    pub(super) fn set_len(&mut self, len: usize) {
        self.now.resize(len, 0);
        self.pending.push(Change::Len(len));
    }

    /// Makes everything survive.
    pub(super) fn sync(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            self.keep(&change);
        }
    }

    /// A sync that fails: each change survives or is given up for good, and the next sync believes that all is well.
    pub(super) fn fail_sync(&mut self, dice: &mut Dice) {
        for change in std::mem::take(&mut self.pending) {
            if dice.coin() {
                self.keep(&change);
            }
        }
        self.has_failed = true;
    }

    /// Writes at rest: survives at once.
    pub(super) fn set(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        for side in [&mut self.kept, &mut self.now] {
            if end > side.len() {
                side.resize(end, 0);
            }
            side[offset..end].copy_from_slice(bytes);
        }
    }

    /// The power goes: what was not synced is drawn. Tells what came of it.
    pub(super) fn lose(&mut self, dice: &mut Dice) -> Vec<Fault> {
        let pending = std::mem::take(&mut self.pending);
        let writes = pending.iter().filter(|change| matches!(change, Change::Bytes(_))).count();
        let found = match dice.below(10) {
            _ if pending.is_empty() => Vec::new(),
            0..=2 => {
                if writes > 0 {
                    vec![Fault::LostWrite]
                } else {
                    Vec::new()
                }
            }
            3 => {
                for change in &pending {
                    self.keep(change);
                }
                Vec::new()
            }
            4..=6 => self.keep_prefix(&pending, dice),
            7..=8 => self.keep_sectors(&pending, dice, false),
            _ => self.keep_sectors(&pending, dice, true),
        };
        self.now.clone_from(&self.kept);
        found
    }

    fn keep(&mut self, change: &Change) {
        match change {
            Change::Len(len) => self.kept.resize(*len, 0),
            Change::Bytes(range) => {
                let range = range.start.min(self.now.len())..range.end.min(self.now.len());
                self.keep_range(range);
            }
        }
    }

    fn keep_range(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        if range.end > self.kept.len() {
            self.kept.resize(range.end, 0);
        }
        self.kept[range.clone()].copy_from_slice(&self.now[range]);
    }

    /// The first changes survive, the next one up to some byte.
    fn keep_prefix(&mut self, pending: &[Change], dice: &mut Dice) -> Vec<Fault> {
        let whole = dice.index(pending.len());
        pending[..whole].iter().for_each(|change| self.keep(change));
        let mut found = Vec::new();
        if let Change::Bytes(range) = &pending[whole] {
            let some = dice.index(range.len());
            self.keep(&Change::Bytes(range.start..range.start + some));
            found.push(if some > 0 { Fault::TornWrite } else { Fault::LostWrite });
        }
        if pending[whole + 1..].iter().any(|change| matches!(change, Change::Bytes(_))) {
            found.push(Fault::LostWrite);
        }
        found
    }

    /// Any sectors of the writes survive; where it garbles, some come back as other bytes.
    fn keep_sectors(&mut self, pending: &[Change], dice: &mut Dice, garbles: bool) -> Vec<Fault> {
        let mut found = Vec::new();
        for change in pending {
            let Change::Bytes(range) = change else {
                if dice.coin() {
                    self.keep(change);
                }
                continue;
            };
            let (mut lost, mut kept) = (0, 0);
            for part in sectors(range) {
                match dice.below(if garbles { 3 } else { 2 }) {
                    0 => lost += 1,
                    1 => {
                        self.keep(&Change::Bytes(part));
                        kept += 1;
                    }
                    _ => {
                        self.garble(&part, dice);
                        found.push(Fault::GarbledWrite);
                    }
                }
            }
            match (lost, kept) {
                (1.., 1..) => found.push(Fault::TornWrite),
                (1.., 0) => found.push(Fault::LostWrite),
                _ => {}
            }
        }
        found
    }

    /// Other bytes: noise, or a copy of what stands elsewhere in the file. What was written again as it was stays: a
    /// write into the middle of a sector relies on that for the rest of the sector.
    fn garble(&mut self, part: &Range<usize>, dice: &mut Dice) {
        let part = part.start..part.end.min(self.now.len());
        if part.is_empty() {
            return;
        }
        if part.end > self.kept.len() {
            self.kept.resize(part.end, 0);
        }
        let from = dice.coin().then(|| dice.index(self.kept.len() - part.len() + 1));
        for at in part.clone() {
            let other = from.map_or_else(|| dice.byte(), |from| self.kept[from + at - part.start]);
            if self.kept[at] != self.now[at] {
                self.kept[at] = other;
            }
        }
    }
}

/// The parts of a range that lie in one sector each.
fn sectors(range: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let (start, end) = (range.start, range.end);
    (start / SECTOR..end.div_ceil(SECTOR))
        .map(move |sector| (sector * SECTOR).max(start)..((sector + 1) * SECTOR).min(end))
}
