//! One run: a machine with a clock and a disk, the engine on it, life after life, until the steps are used up.
//!
//! Each step does one small thing, drawn from the seed: send, decide, sync, read, let time pass, or harm something. The
//! auditor hears of all of it. A run ends early with the first thing that is wrong. Nothing here knows the rules of a
//! sale or the bytes of a journal.

mod finish;
mod harm;
mod lanes;
mod life;
mod profile;
mod repair;
mod watch;

use crate::auditor::{Auditor, Checked};
use crate::clock::FakeClock;
use crate::dice::Dice;
use crate::disk::{End, FakeDisk};
use crate::story::{Story, Trace};
use crate::tally::{Kind, Tally};
use crate::workload::{View, Workload};
use harm::Flip;
use lanes::Lane;
use profile::Profile;
use stampede_engine::core::Machine;
use stampede_engine::stepped::{Stepped, Turned};
use stampede_engine::{Feed, ShardIndex};
use std::collections::BTreeSet;
use std::time::Duration;

/// What came of one run.
#[derive(Debug)]
pub struct Outcome {
    /// The seed that gives this run again.
    pub seed: u64,
    /// What it reached.
    pub tally: Tally,
    /// What is wrong, and in which step; `None`: nothing.
    pub finding: Option<Finding>,
    /// What happened, if somebody listens.
    pub story: Vec<String>,
}

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In which step.
    pub step: u32,
    /// What it is.
    pub what: String,
}

/// Plays the run of a seed.
pub fn run(seed: u64, trace: Trace) -> Outcome {
    let mut world = World::new(seed, trace);
    let played = world.play();
    let World { step, mut story, tally, .. } = world;
    if let Err(what) = &played {
        story.tell(|| format!("FOUND: {what}"));
    }
    let finding = played.err().map(|what| Finding { step, what });
    Outcome { seed, tally, finding, story: story.into_lines() }
}

struct World {
    dice: Dice,
    profile: Profile,
    clock: FakeClock,
    disk: FakeDisk,
    engine: Option<Stepped>,
    auditor: Auditor,
    workload: Option<Workload>,
    lanes: Vec<Lane>,
    shards: Vec<ShardState>,
    tally: Tally,
    story: Story,
    step: u32,
    /// Counts runs, so that they are told apart and ordered.
    runs: u64,
    /// How the last life ended.
    ended: Option<Ended>,
    flip: Option<Flip>,
    /// What an operator cut off because it was damaged.
    repaired: Option<repair::Repaired>,
    /// Shards whose journal an operator has cut: the snapshots behind the cut are set aside.
    cut_shards: BTreeSet<usize>,
    /// Where a deposed writer's batch was put, while the machine was off.
    stale: Option<harm::Stale>,
    life: ThisLife,
    /// A start since the last life failed; it may have mended something.
    has_failed_start: bool,
    /// There is too little space now.
    is_low: bool,
}

/// What the simulator knows of a shard.
#[derive(Clone, Copy, Debug)]
struct ShardState {
    index: ShardIndex,
    has_opening: bool,
    is_down: bool,
    /// A write or sync of its journal failed: its next turn must find it down.
    must_fall: bool,
}

/// What befell the process since it started.
#[derive(Clone, Copy, Debug, Default)]
struct ThisLife {
    /// Something struck that may take shards down.
    was_struck: bool,
    /// The disk was or seemed full.
    was_full: bool,
}

/// How a life ended.
#[derive(Clone, Copy, Debug)]
struct Ended {
    end: End,
    /// In order, with a seal.
    in_order: bool,
}

/// What a step does.
#[derive(Clone, Copy, Debug)]
enum Action {
    Send,
    Turn,
    Sync,
    Take,
    Round,
    Advance,
    ReadAgain,
    Snapshot,
    Arm,
    Crash,
    Stop,
    SetClock,
    Space,
    SecondServer,
    DamageFeed,
}

const ACTIONS: [(u32, Action); 15] = [
    (40, Action::Send),
    (36, Action::Turn),
    (26, Action::Sync),
    (24, Action::Take),
    (34, Action::Round),
    (20, Action::Advance),
    (5, Action::ReadAgain),
    (5, Action::Snapshot),
    (5, Action::Arm),
    (4, Action::Crash),
    (1, Action::Stop),
    (3, Action::SetClock),
    (3, Action::Space),
    (1, Action::SecondServer),
    (2, Action::DamageFeed),
];

impl World {
    fn new(seed: u64, trace: Trace) -> World {
        let mut dice = Dice::new(seed);
        let profile = Profile::draw(&mut dice);
        let mut story = Story::new(trace);
        story.tell(|| format!("seed {seed}: {profile:?}"));
        World {
            clock: FakeClock::new(),
            disk: FakeDisk::new(dice.split()),
            engine: None,
            auditor: Auditor::new(profile.durability, usize::from(profile.shards)),
            workload: None,
            lanes: (0..profile.connections).map(|_| Lane::new()).collect(),
            shards: Vec::new(),
            tally: Tally::default(),
            story,
            step: 0,
            runs: 0,
            ended: None,
            flip: None,
            repaired: None,
            cut_shards: BTreeSet::new(),
            stale: None,
            life: ThisLife::default(),
            has_failed_start: false,
            is_low: false,
            dice,
            profile,
        }
    }

    fn play(&mut self) -> Checked {
        for step in 1..=self.profile.steps {
            self.begin(step);
            self.step()?;
        }
        self.begin(self.profile.steps + 1);
        self.finish()
    }

    fn begin(&mut self, step: u32) {
        self.step = step;
        self.story.begin_step(step);
        self.tally.count(Kind::Deed, "step");
    }

    fn step(&mut self) -> Checked {
        if self.engine.is_none() {
            return self.start();
        }
        if !self.disk.is_on() || (self.is_any_down() && self.dice.one_in(4)) {
            self.crash();
            return Ok(());
        }
        let settling = (0..self.shards.len()).find(|shard| self.auditor.ledger(*shard).is_settling());
        if let Some(shard) = settling {
            // A settlement lasts for a few turns: few crashes and snapshots would fall into it by chance.
            match self.dice.below(6) {
                0 => self.snapshot(shard)?,
                1..=3 => {
                    self.crash();
                    return Ok(());
                }
                _ => {}
            }
            if !self.disk.is_on() {
                self.crash();
                return Ok(());
            }
        }
        if self.is_low && self.dice.one_in(8) {
            self.change_space();
        }
        let shard = self.dice.index(self.shards.len());
        match self.dice.weighted(&ACTIONS) {
            Action::Send => self.send(shard),
            Action::Turn => self.turn(shard).map(|_| ()),
            Action::Sync => self.sync(shard).map(|_| ()),
            Action::Take => self.take_all(),
            Action::Round => self.round(),
            Action::Advance => {
                let by = self.dice.weighted(&[(12, 2), (10, 15), (5, 50), (2, 250), (1, 1_500)]);
                let by = Duration::from_micros(by * 1_000 + self.dice.below(1_000));
                self.advance(by);
                Ok(())
            }
            Action::ReadAgain => self.read_again(shard),
            Action::Snapshot => self.snapshot(shard),
            Action::Arm => {
                self.arm();
                Ok(())
            }
            Action::Crash => {
                self.crash();
                Ok(())
            }
            Action::Stop => {
                self.stop();
                Ok(())
            }
            Action::SetClock => {
                self.set_clock();
                Ok(())
            }
            Action::Space => {
                self.change_space();
                Ok(())
            }
            Action::SecondServer => self.start_second(),
            Action::DamageFeed => self.damage_feed(),
        }
    }

    fn advance(&mut self, by: Duration) {
        self.story.tell(|| format!("{by:?} pass"));
        self.clock.advance(by);
    }

    /// Something for every shard, decided, synced and answered.
    fn round(&mut self) -> Checked {
        for shard in 0..self.shards.len() {
            self.send(shard)?;
            self.turn(shard)?;
            if self.dice.percent(80) {
                self.sync(shard)?;
            }
            if self.dice.percent(80) {
                self.turn(shard)?;
            }
        }
        self.take_all()
    }

    fn engine(&self) -> &Stepped {
        self.engine.as_ref().expect("a step that needs the engine comes after its start")
    }

    fn engine_mut(&mut self) -> &mut Stepped {
        self.engine.as_mut().expect("a step that needs the engine comes after its start")
    }

    fn machine(&self, shard: usize) -> &Machine {
        self.engine().machine(self.shards[shard].index).expect("the engine has the shards that it names")
    }

    fn feed(&self, shard: usize) -> Feed {
        self.engine().feed(self.shards[shard].index).expect("the engine has the shards that it names")
    }

    fn is_any_down(&self) -> bool {
        self.shards.iter().any(|shard| shard.is_down)
    }

    /// One turn of a shard's loop. A turn in the middle of a settlement may be its last.
    fn turn(&mut self, shard: usize) -> Checked<Turned> {
        let index = self.shards[shard].index;
        let before = self.machine(shard).last_event().seq;
        let turned = self.engine_mut().turn(index);
        let after = self.machine(shard).last_event().seq;
        self.story.tell(|| format!("shard {shard} turns: {turned:?}, event {} to {}", before.0, after.0));
        self.note_decided(shard, before, after);
        self.note_hits();
        self.check_down(shard, turned)?;
        self.collect_sins()?;
        Ok(turned)
    }

    /// Writes and syncs what waits.
    fn sync(&mut self, shard: usize) -> Checked<bool> {
        let index = self.shards[shard].index;
        let did = self.engine_mut().sync(index);
        self.story.tell(|| format!("shard {shard} syncs: {did}"));
        self.note_hits();
        self.collect_sins()?;
        self.follow(shard)?;
        Ok(did)
    }

    /// Sends what the workload draws for a shard.
    fn send(&mut self, shard: usize) -> Checked {
        let now = self.clock.wall_ms();
        let Some(workload) = &mut self.workload else { return Ok(()) };
        if !workload.uses(shard) {
            return Ok(());
        }
        let requests = if self.shards[shard].has_opening {
            workload.requests(shard, &View { ledger: self.auditor.ledger(shard), now })
        } else {
            self.shards[shard].has_opening = true;
            workload.opening(shard, now)
        };
        let lane = self.dice.index(self.lanes.len());
        self.submit(lane, shard, requests)
    }
}
