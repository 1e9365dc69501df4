//! An engine without threads: the caller turns each shard and each writer.
//!
//! The same shard loop, journal, recovery and snapshots as in [`Engine`](crate::Engine), on the caller's disk, clock and
//! thread, so that every interleaving can be chosen and repeated. For simulators, and for hosts that bring an event loop
//! of their own. Dropping it is a crash: nothing more is written.

use crate::clock::{Clock, TimeSource};
use crate::config::{EngineConfig, StartError};
use crate::disk::Disk;
use crate::feed::Feed;
use crate::journal::file::FileJournal;
use crate::journal::log::Log;
use crate::journal::writer::{Step, Writer};
use crate::opening::{self, Opened, Pace};
use crate::outbox::Outbox;
use crate::panics::panic_message;
use crate::run::Run;
use crate::shard::{Door, Shard, Stopped, Went};
use crate::slot::{ShardIndex, Slot};
use crate::store::directory::Directory;
use crate::store::{Recovered, SnapshotError, SnapshotReport, Unwatched, follower};
use crate::submit::{Rejected, submit_to};
use stampede_core::{Machine, Settings, Text, UnixMs};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// An engine that stands still between calls.
pub struct Stepped {
    config: EngineConfig,
    directory: Directory,
    shards: Vec<SteppedShard>,
}

impl fmt::Debug for Stepped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stepped").field("config", &self.config).finish_non_exhaustive()
    }
}

struct SteppedShard {
    shard: Shard,
    writer: Writer,
    log: Arc<Log>,
    feed: Feed,
    recovered: Recovered,
    is_down: bool,
}

/// How a turn went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// Something was decided, settled or answered.
    Worked,
    /// There was nothing to do.
    Idle,
    /// The shard has stopped for good; what was here went back as undecided.
    Down,
}

impl Stepped {
    /// Opens the configuration's directory on a disk of the caller's. Nothing in it is random: `hash_key` is what a new
    /// directory's tables are keyed with.
    pub fn start<S: TimeSource + Clone + 'static>(
        config: &EngineConfig,
        source: &S,
        disk: &Arc<dyn Disk>,
        hash_key: u64,
    ) -> Result<Self, StartError> {
        config.check()?;
        let Opened { directory, shards, .. } =
            opening::open(config, source, Arc::clone(disk), hash_key, Pace::OneByOne, &Unwatched)?;
        let step = |opened: opening::OpenedShard| {
            let index = opened.recovered.shard;
            let log = Arc::clone(&opened.writer.log);
            let door = Arc::new(Door::new(index, config.inbox_requests_max));
            let journal = Box::new(FileJournal::new(&opened.writer));
            let clock = Clock::start(Box::new(source.clone()) as Box<dyn TimeSource>, opened.not_before);
            let mut shard = Shard::new(door, opened.machine, journal, clock);
            shard.attach();
            SteppedShard {
                shard,
                feed: Feed::new(Arc::clone(&log), Arc::clone(disk)),
                log,
                writer: opened.writer,
                recovered: opened.recovered,
                is_down: false,
            }
        };
        let shards = shards.into_iter().map(step).collect();
        Ok(Stepped { config: config.clone(), directory, shards })
    }

    /// Every shard, in order.
    pub fn shards(&self) -> impl ExactSizeIterator<Item = ShardIndex> {
        ShardIndex::all(self.shards.len() as u16)
    }

    /// The shard that an offer's or pool's id belongs to.
    pub fn shard_of(&self, id: Text<'_>) -> ShardIndex {
        Slot::shard_of(id, self.shards.len() as u16)
    }

    /// Queues a run for a shard, as [`Engine::submit`](crate::Engine::submit) does.
    pub fn submit(&self, shard: ShardIndex, run: Box<Run>, outbox: &Arc<Outbox>) -> Result<(), Rejected> {
        submit_to(self.shards.get(at(shard)).map(|shard| &shard.shard.door), shard, run, outbox)
    }

    /// One round of a shard's loop: settles, decides and commits what there is, and lets answers go that are due.
    pub fn turn(&mut self, shard: ShardIndex) -> Turned {
        let Some(one) = self.shards.get_mut(at(shard)) else { return Turned::Down };
        if one.is_down {
            while one.shard.hand_back() {}
            return Turned::Down;
        }
        let queued = !one.shard.door.inbox.is_empty();
        let before = one.shard.machine.last_event();
        let went = catch_unwind(AssertUnwindSafe(|| one.shard.go()));
        let stopped = match went {
            Ok(Ok(Went::On)) => return Turned::Worked,
            Ok(Ok(Went::Idle { .. })) => {
                let has_moved = queued || before != one.shard.machine.last_event();
                return if has_moved { Turned::Worked } else { Turned::Idle };
            }
            Ok(Err(stopped)) => stopped,
            Err(panic) => Stopped::Panicked(panic_message(panic.as_ref())),
        };
        one.shard.go_down(&stopped);
        one.is_down = true;
        while one.shard.hand_back() {}
        Turned::Down
    }

    /// One write and, as the durability asks, one sync of what a shard has committed; tells whether there was anything.
    pub fn sync(&mut self, shard: ShardIndex) -> bool {
        self.shards.get_mut(at(shard)).is_some_and(|stepped| stepped.writer.step() == Step::Worked)
    }

    /// Makes a snapshot of what is durable of a shard, and lets go of what it makes needless.
    pub fn snapshot(&mut self, shard: ShardIndex) -> Result<SnapshotReport, SnapshotError> {
        let stepped = self.shards.get_mut(at(shard)).ok_or(SnapshotError::NoShard)?;
        let store = self.directory.shard(shard);
        let settings = Settings { epoch: 1, hash_key: self.directory.hash_key() };
        let report = follower::take(&store, settings, stepped.log.synced(), &AtomicBool::new(false))?;
        stepped.log.note_snapshot(stepped.log.bytes());
        let now: UnixMs = stepped.shard.clock.now();
        follower::let_go(&store, &stepped.log, &self.config.journal, now)?;
        Ok(report)
    }

    /// The feed of a shard.
    pub fn feed(&self, shard: ShardIndex) -> Option<Feed> {
        self.shards.get(at(shard)).map(|stepped| stepped.feed.clone())
    }

    /// The machine of a shard, with what is not durable yet.
    pub fn machine(&self, shard: ShardIndex) -> Option<&Machine> {
        self.shards.get(at(shard)).map(|stepped| &stepped.shard.machine)
    }

    /// What the start found, shard by shard.
    pub fn recovered(&self) -> impl ExactSizeIterator<Item = &Recovered> {
        self.shards.iter().map(|stepped| &stepped.recovered)
    }

    /// Ends in order: what was submitted is decided and answered, and each journal is sealed. Shards that are down stay as
    /// they are.
    pub fn stop(mut self) {
        for shard in ShardIndex::all(self.shards.len() as u16) {
            if let Some(stepped) = self.shards.get(at(shard)) {
                stepped.shard.door.inbox.close();
            }
            while self.turn(shard) == Turned::Worked || self.sync(shard) {}
            if let Some(stepped) = self.shards.get_mut(at(shard)).filter(|stepped| !stepped.is_down) {
                stepped.writer.handoff.close();
                stepped.writer.step();
            }
        }
    }
}

fn at(shard: ShardIndex) -> usize {
    usize::from(shard.get())
}
