//! Lives of the process: how they end, and how the next one begins on what the disk kept.

use super::{Ended, ShardState, ThisLife, World};
use crate::auditor::{Checked, Floor, Recovery};
use crate::disk::{CallFault, End};
use crate::fault::Fault;
use crate::tally::Kind;
use crate::workload::Workload;
use stampede_engine::core::{Seq, Text};
use stampede_engine::stepped::{Stepped, Turned};
use stampede_engine::{Durability, EngineConfig, StartError, StoreError};
use std::time::Duration;

/// The key of the engine's tables; it never reaches the state.
const HASH_KEY: u64 = 0x00dd_ba11;
/// Starts that may fail in a row before one must succeed.
const ATTEMPTS_MAX: usize = 8;
/// Of these, the first ones that something may strike.
const HARMED_STARTS_MAX: usize = 3;

impl World {
    /// The process dies, or the machine with it.
    pub(super) fn crash(&mut self) {
        let was_on = self.disk.is_on();
        let end = if !was_on || self.dice.percent(70) { End::PowerLost } else { End::Killed };
        self.end_life(end, false);
        if was_on {
            self.tally.fault(if end == End::PowerLost { Fault::PowerLost } else { Fault::ProcessKilled });
        }
    }

    /// An end in order, with a seal.
    pub(super) fn stop(&mut self) {
        let Some(engine) = self.engine.take() else { return };
        engine.stop();
        self.story.tell(|| "an orderly stop");
        let is_struck = !self.note_hits().is_empty() || self.life.was_struck;
        self.tally.count(Kind::Deed, "orderly stop");
        if !self.disk.is_on() {
            self.end_life(End::PowerLost, false);
            return;
        }
        // What an orderly stop leaves is durable: the power may as well go.
        let end = if self.dice.coin() { End::PowerLost } else { End::Killed };
        self.end_life(end, !is_struck && !self.is_any_down());
    }

    pub(super) fn end_life(&mut self, end: End, in_order: bool) {
        let lost = self.disk.end_life(end);
        self.engine = None;
        self.note_hits();
        for fault in &lost {
            self.tally.fault(*fault);
        }
        self.story.tell(|| format!("the life ends: {end:?}, in order: {in_order}, lost: {lost:?}"));
        self.lanes.iter_mut().for_each(super::Lane::reset);
        if end == End::PowerLost {
            self.clock.reboot();
        }
        // A power loss in the middle of a chain of failed starts counts for the whole chain.
        let before = self.ended.take();
        let is_worse = before.is_some_and(|before| before.end == End::PowerLost);
        let end = if is_worse { End::PowerLost } else { end };
        self.ended = Some(Ended { end, in_order: in_order && before.is_none_or(|before| before.in_order) });
    }

    /// Starts the engine on what the disk has.
    pub(super) fn start(&mut self) -> Checked {
        if self.ended.is_some() {
            self.rest()?;
        }
        let config = self.profile.config();
        for attempt in 0..ATTEMPTS_MAX {
            if self.ended.is_some() && attempt < HARMED_STARTS_MAX {
                self.harm_start();
            }
            let started = self.try_start(&config);
            let hits = self.note_hits();
            let is_on = self.disk.is_on();
            self.disk.disarm();
            match started {
                Ok(engine) if is_on => {
                    self.engine = Some(engine);
                    return self.settle_in(&config);
                }
                Ok(_) => self.fail_start(),
                Err(error) => {
                    self.story.tell(|| format!("the start fails: {error}"));
                    if !hits.is_empty() || !is_on {
                        self.fail_start();
                    } else if self.explains_start(&error)? {
                        self.tally.count(Kind::Deed, "start refused for damage");
                        self.restore_or_cut(damage_of(&error))?;
                    } else {
                        return Err(format!("the engine does not start: {error}"));
                    }
                }
            }
        }
        Err(format!("the engine did not start in {ATTEMPTS_MAX} attempts"))
    }

    fn try_start(&self, config: &EngineConfig) -> Result<Stepped, StartError> {
        Stepped::start(config, &self.clock, &self.disk.mount(), HASH_KEY)
    }

    /// A start that a fault ended.
    fn fail_start(&mut self) {
        let power_went = !self.disk.is_on();
        if power_went {
            self.tally.fault(Fault::CrashInRecovery);
        }
        // It may have cut what stood behind the end.
        self.stale = None;
        self.has_failed_start = true;
        self.end_life(if power_went { End::PowerLost } else { End::Killed }, false);
    }

    /// Lets something strike while the engine starts.
    fn harm_start(&mut self) {
        if !self.dice.one_in(4) || !self.profile.is_durable() {
            return;
        }
        let what = self.dice.weighted(&[
            (5, CallFault::PowerOff),
            (2, CallFault::ReadError),
            (1, CallFault::WriteError),
            (1, CallFault::SyncError),
            (1, CallFault::ShortWrite),
        ]);
        let calls = if what == CallFault::ReadError { 30 } else { 12 };
        self.disk.arm(what, self.dice.below(calls) as u32);
    }

    /// The engine runs: what it found must be what was promised.
    fn settle_in(&mut self, config: &EngineConfig) -> Checked {
        let engine = self.engine();
        let indices: Vec<_> = engine.shards().collect();
        let found: Vec<_> = engine.recovered().cloned().collect();
        if self.shards.is_empty() {
            let new = |index| ShardState { index, has_opening: false, is_down: false, must_fall: false };
            self.shards = indices.into_iter().map(new).collect();
            let dice = self.dice.split();
            let engine = self.engine();
            let shard_of = |id: &str| usize::from(engine.shard_of(Text::stored(id.as_bytes())).get());
            self.workload = Some(Workload::new(dice, shard_of));
        }
        self.life = ThisLife { was_struck: false, was_full: self.is_low };
        let ended = self.ended.take();
        self.tally.count(Kind::Deed, "start");
        self.story
            .tell(|| format!("the engine starts with {} shards: {found:?}", config.shards.unwrap_or(0)));
        for (shard, found) in found.iter().enumerate() {
            if self.profile.is_durable() && found.epoch <= self.auditor.highest_epoch(shard) {
                return Err(format!("shard {shard} begins epoch {} again", found.epoch));
            }
            let state = &mut self.shards[shard];
            (state.is_down, state.must_fall) = (false, false);
            if let Some(ended) = ended {
                self.check_recovered(shard, ended, found)?;
            }
        }
        self.after_start(ended.is_some())?;
        // Readers have met the damage by now; the next lives should not.
        self.heal();
        (self.stale, self.repaired, self.has_failed_start) = (None, None, false);
        Ok(())
    }

    fn check_recovered(&mut self, shard: usize, ended: Ended, found: &stampede_engine::Recovered) -> Checked {
        let last = if self.profile.is_durable() { found.last.seq } else { Seq(0) };
        let floor = self.floor(shard, found)?;
        self.check_cut(shard, ended, found)?;
        self.auditor.recovered(shard, Recovery { last, end: ended.end, floor })?;
        self.follow(shard)?;
        let machine = self.machine(shard);
        let ledger = self.auditor.ledger(shard);
        let is_under_way = ledger.is_settling() || ledger.is_expiring(machine.last_time());
        if !ended.in_order && last.0 > 0 && is_under_way {
            self.tally.fault(Fault::CrashInSettlement);
            self.story.tell(|| format!("shard {shard} comes back in the middle of a settlement"));
        }
        Ok(())
    }

    /// What may be missing after what was done to the disk.
    fn floor(&mut self, shard: usize, found: &stampede_engine::Recovered) -> Checked<Floor> {
        if let Some((first, is_done)) = self.repaired.and_then(|repaired| repaired.first_of(shard)) {
            let is_exact = found.last.seq.0 + 1 == first.0;
            return if is_exact || (!is_done && found.last.seq >= first) {
                Ok(Floor::Unproven(first))
            } else {
                Err(format!(
                    "shard {shard} was cut before event {}, and comes back up to {}",
                    first.0, found.last
                ))
            };
        }
        let Some(first) = self.flip.as_ref().and_then(|flip| flip.unproven_batch_of(shard)) else {
            return Ok(Floor::Promised);
        };
        if found.last.seq < first && found.cut.is_none() && !self.has_failed_start {
            return Err(format!("shard {shard}: a damaged batch at the end is gone, and nobody was told"));
        }
        Ok(Floor::Unproven(first))
    }

    /// A torn end is reported; where nothing was torn, nothing is cut.
    fn check_cut(&mut self, shard: usize, ended: Ended, found: &stampede_engine::Recovered) -> Checked {
        if let Some(cut) = &found.cut {
            self.tally.count(Kind::Deed, "torn end cut");
            let is_explained =
                !ended.in_order || self.flip.is_some() || self.stale.is_some() || self.repaired.is_some();
            if !is_explained {
                return Err(format!("shard {shard} stopped in order, and {cut:?} was cut"));
            }
        }
        if let Some(stale) = self.stale.as_ref().filter(|stale| stale.shard == shard) {
            let is_cut =
                found.cut.as_ref().is_some_and(|cut| cut.segment == stale.path && cut.offset == stale.offset);
            if !is_cut {
                return Err(format!(
                    "a batch of an older epoch at {stale:?}, and the cut is {:?}",
                    found.cut
                ));
            }
        }
        Ok(())
    }

    /// Asks again for what was answered, and compares the states.
    fn after_start(&mut self, is_restart: bool) -> Checked {
        if !is_restart {
            return Ok(());
        }
        for shard in 0..self.shards.len() {
            if self.dice.coin() {
                self.quiesce(shard)?;
                self.compare(shard)?;
            }
            if self.dice.coin() {
                let every = self.dice.between(5, 60) as usize;
                self.recheck(shard, every)?;
            }
            if self.flip.is_some() || self.dice.one_in(3) {
                self.read_again(shard)?;
            }
        }
        Ok(())
    }

    /// The same requests again get the same answers.
    pub(super) fn recheck(&mut self, shard: usize, every: usize) -> Checked {
        let first = self.dice.index(every.max(1));
        let acks = self.auditor.acks(shard, every, first);
        for some in acks.chunks(100) {
            let answered = self.ask(shard, some.iter().map(|ack| ack.request.clone()).collect())?;
            for (ack, (_, answer)) in some.iter().zip(&answered) {
                if ack.compare(answer)? {
                    self.tally.count(Kind::Deed, "answer asked for again");
                }
            }
        }
        Ok(())
    }

    /// Turns and syncs until nothing is left to do.
    pub(super) fn quiesce(&mut self, shard: usize) -> Checked {
        for _ in 0..100_000 {
            let turned = self.turn(shard)?;
            self.let_sync_fall_due();
            let synced = self.sync(shard)?;
            if turned != Turned::Worked && !synced && self.turn(shard)? != Turned::Worked {
                break;
            }
        }
        self.take_all()?;
        // On a full disk not even time goes on.
        let can_work = !self.shards[shard].is_down && self.disk.is_on() && !self.life.was_full;
        if can_work && self.auditor.ledger(shard).is_settling() {
            return Err(format!(
                "shard {shard} has nothing left to do, and a group that is over has members who were told nothing"
            ));
        }
        Ok(())
    }

    /// Lets the time pass after which a written batch is synced.
    fn let_sync_fall_due(&mut self) {
        if self.profile.durability == Durability::Async {
            self.advance(Duration::from_millis(self.profile.journal.async_sync_ms));
        }
    }

    /// The state is what a replay of the feed gives.
    pub(super) fn compare(&mut self, shard: usize) -> Checked {
        if self.shards[shard].is_down || !self.disk.is_on() {
            return Ok(());
        }
        self.follow(shard)?;
        self.tally.count(Kind::Deed, "state compared with a replay");
        let machine = self.machine(shard);
        self.auditor.compare(shard, machine)
    }

    /// A second server on the same directory is refused.
    pub(super) fn start_second(&mut self) -> Checked {
        if !self.profile.is_durable() || !self.disk.is_on() {
            return Ok(());
        }
        self.disk.disarm();
        let second = self.try_start(&self.profile.config());
        self.tally.fault(Fault::SecondServer);
        self.story.tell(|| "a second server starts");
        match second {
            Err(StartError::Store(StoreError::InUse { .. })) => Ok(()),
            Err(error) => Err(format!("a second server was not told that the directory is in use: {error}")),
            Ok(_) => Err("a second server started on the directory of a running one".to_owned()),
        }
    }

    /// A start with another number of shards is refused.
    pub(super) fn start_with_other_shards(&mut self) -> Checked {
        let config = EngineConfig { shards: Some(self.profile.shards + 1), ..self.profile.config() };
        let started = self.try_start(&config);
        self.tally.fault(Fault::OtherShards);
        match started {
            Err(StartError::Store(StoreError::OtherShards { .. })) => Ok(()),
            Err(error) => Err(format!("a start with other shards was refused for another reason: {error}")),
            Ok(_) => {
                Err("the engine started with another number of shards than its directory has".to_owned())
            }
        }
    }
}

/// What a refused start says about damage.
pub(super) fn damage_of(error: &StartError) -> Option<(&std::path::Path, u64)> {
    match error {
        StartError::Store(StoreError::Damaged { segment, offset, .. }) => Some((segment, *offset)),
        _ => None,
    }
}
