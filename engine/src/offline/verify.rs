//! Checks a shard from its first kept event to its last: the chain, each event, and each snapshot against a replay.

use super::{DataDirectory, WalkEnd, Walked, name_of};
use crate::journal::segment::snapshot_path;
use crate::panics::panic_message;
use crate::slot::ShardIndex;
use crate::store::{StoreError, snapshot};
use stampede_core::{EventId, Machine, Seq};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Events read.
    pub entries: u64,
    /// The last one; seq 0 where there is none.
    pub last: EventId,
    /// How the journal ends.
    pub end: WalkEnd,
    /// Each snapshot, oldest first.
    pub snapshots: Vec<SnapshotVerdict>,
    /// Rules that the state at the end breaks; none in a good directory.
    pub broken: Vec<String>,
}

/// What a check found of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotVerdict {
    /// Its name.
    pub file: String,
    /// The last event in it.
    pub last: Seq,
    /// The digest of the state in it, where it could be loaded.
    pub digest: Option<u128>,
    /// The digest of the state that a replay gives at that event, where the journal reaches it.
    pub replayed: Option<u128>,
    /// What is wrong with it.
    pub flaw: Option<String>,
}

impl Verified {
    /// Whether everything is as it was written.
    pub fn is_good(&self) -> bool {
        let is_end_good = matches!(self.end, WalkEnd::Whole | WalkEnd::Torn { .. });
        is_end_good && self.broken.is_empty() && self.snapshots.iter().all(|found| found.flaw.is_none())
    }
}

/// A replay that looks at the digests of snapshots on its way.
struct Replay {
    machine: Option<Machine>,
    verdicts: Vec<SnapshotVerdict>,
    entries: u64,
    contradiction: Option<String>,
}

impl DataDirectory {
    /// Checks a shard wholly. Costs a replay of everything that is kept, and two copies of the state for a while.
    pub fn verify(&self, shard: ShardIndex) -> Result<Verified, StoreError> {
        let store = self.directory.shard(shard);
        let files = self.files(shard)?;
        let first = files.segments.first().map_or(Seq(1), |segment| segment.first);
        let mut base = (first == Seq(1)).then(|| Machine::new(self.settings()));
        let mut verdicts = Vec::new();
        for about in &files.snapshots {
            let mut verdict = SnapshotVerdict {
                file: name_of(&snapshot_path(&store.dir, about.last)),
                last: about.last,
                digest: None,
                replayed: None,
                flaw: None,
            };
            match snapshot::load(&store, about.last, self.settings()) {
                Ok((machine, header)) => {
                    let digest = machine.digest();
                    verdict.digest = Some(digest);
                    if digest != header.digest {
                        verdict.flaw = Some("its state has another digest than it says".to_owned());
                    }
                    base.get_or_insert(machine);
                }
                Err(flaw) => verdict.flaw = Some(flaw.to_string()),
            }
            verdicts.push(verdict);
        }
        let mut replay = Replay { machine: base, verdicts, entries: 0, contradiction: None };
        replay.look();
        let mut end = self.walk(shard, None, &mut |walked| replay.hear(walked))?;
        if let (WalkEnd::Stopped, Some(reason)) = (&end, replay.contradiction.take()) {
            end = WalkEnd::Damaged { segment: store.dir.clone(), offset: 0, reason };
        }
        let last = replay.machine.as_ref().map(Machine::last_event).unwrap_or_default();
        let broken = replay.machine.as_ref().map(|machine| machine.audit().broken).unwrap_or_default();
        Ok(Verified { entries: replay.entries, last, end, snapshots: replay.verdicts, broken })
    }
}

impl Replay {
    fn hear(&mut self, walked: Walked<'_>) -> ControlFlow<()> {
        let Walked::Entry(entry) = walked else { return ControlFlow::Continue(()) };
        self.entries += 1;
        let Some(machine) = &mut self.machine else { return ControlFlow::Continue(()) };
        if entry.stamp.id.seq <= machine.last_event().seq {
            return ControlFlow::Continue(());
        }
        let replayed = catch_unwind(AssertUnwindSafe(|| machine.replay(entry.stamp, &entry.event)));
        if let Err(panic) = replayed {
            let (id, why) = (entry.stamp.id, panic_message(panic.as_ref()));
            self.contradiction = Some(format!("event {id} contradicts those before: {why}"));
            self.machine = None;
            return ControlFlow::Break(());
        }
        self.look();
        ControlFlow::Continue(())
    }

    /// Compares the snapshot of this event, if there is one.
    fn look(&mut self) {
        let Some(machine) = &self.machine else { return };
        let last = machine.last_event().seq;
        for verdict in self.verdicts.iter_mut().filter(|verdict| verdict.last == last) {
            let replayed = machine.digest();
            verdict.replayed = Some(replayed);
            if verdict.flaw.is_none() && verdict.digest != Some(replayed) {
                verdict.flaw = Some("a replay of the journal gives another state".to_owned());
            }
        }
    }
}
