//! The engine: shards, the way in, and the way to an end.
//!
//! It starts a thread per shard, routes runs to them, counts, and stops them. It decides nothing and keeps no state of
//! a sale. Called by connections, clients and embedders.
//!
//! Invariants: a run is either handed back at once, or comes back through its outbox; what was submitted before
//! [`Engine::stop`] is decided and answered.

mod running;

use crate::client::Client;
use crate::clock::{Clock, SystemTimeSource, TimeSource};
use crate::config::{Durability, EngineConfig, StartError, cores, shards_default};
use crate::counters::Counters;
use crate::disk::{Disk, FileDisk};
use crate::feed::{Feed, JournalStatus};
use crate::journal::file::FileJournal;
use crate::journal::{Journal, MemoryJournal};
use crate::keeping::Keeping;
use crate::opening::{self, Pace};
use crate::outbox::Outbox;
use crate::run::Run;
use crate::shard::{Door, Shard};
use crate::slot::{ShardIndex, Slot};
use crate::store::{Recovered, RecoveryProgress, SnapshotError, SnapshotReport, Unwatched};
use crate::submit::{Rejected, submit_to};
use crate::wake::Patience;
use parking_lot::Mutex;
use running::Running;
use stampede_core::{Machine, Settings, Text, UnixMs};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Empty runs kept to be filled again. One that has been full holds some 100 KiB.
const SPARE_RUNS_MAX: usize = 512;

/// A running engine. Clones are the same engine. When the last one is dropped, what was submitted is still decided,
/// without waiting for it; [`Engine::stop`] waits.
#[derive(Clone, Debug)]
pub struct Engine {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: EngineConfig,
    epoch: u64,
    doors: Box<[Arc<Door>]>,
    feeds: Box<[Option<Feed>]>,
    /// The data directory; `None` without one.
    keeping: Option<Arc<Keeping>>,
    /// The thread that makes snapshots.
    keeper: Mutex<Option<JoinHandle<()>>>,
    /// Runs to be filled again. The last that came back goes first: its memory is still close to the processor.
    #[expect(clippy::vec_box, reason = "a run travels as its box, which is kept with it")]
    spare: Mutex<Vec<Box<Run>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    running: Arc<Running>,
}

/// The deadline of a stop passed: what was not decided by then came back as down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the deadline passed before every request was decided; {undecided} were answered as SHARDDOWN")]
pub struct StopError {
    /// Requests that were waiting in the inboxes at the deadline.
    pub undecided: u64,
}

impl Engine {
    /// Starts an engine on the machine's clocks and disk. With a journal, what an earlier life left in the data
    /// directory is recovered first; it is made if it is not there.
    ///
    /// ```
    /// use stampede_engine::{Engine, EngineConfig};
    ///
    /// let engine = Engine::start(EngineConfig { shards: Some(2), ..EngineConfig::in_memory() })?;
    /// assert_eq!(engine.shard_count(), 2);
    /// # Ok::<(), stampede_engine::StartError>(())
    /// ```
    pub fn start(config: EngineConfig) -> Result<Engine, StartError> {
        Engine::start_watched(config, &Unwatched)
    }

    /// Like [`Engine::start`]; `progress` hears how far the recovery has come.
    pub fn start_watched(
        config: EngineConfig,
        progress: &dyn RecoveryProgress,
    ) -> Result<Engine, StartError> {
        config.check()?;
        match config.durability {
            Durability::Memory => Engine::start_in_memory(config),
            Durability::Sync | Durability::Async => Engine::start_on_disk(config, progress),
        }
    }

    fn start_in_memory(config: EngineConfig) -> Result<Engine, StartError> {
        let feed_bytes = usize::try_from(config.journal.feed_bytes).unwrap_or(usize::MAX);
        let disk: Arc<dyn Disk> = Arc::new(FileDisk);
        let settings = fresh_settings(&SystemTimeSource);
        let parts = ShardIndex::all(config.shards.unwrap_or_else(shards_default)).map(|shard| {
            let journal = MemoryJournal::new(shard, settings.epoch, feed_bytes);
            let feed = Feed::new(Arc::clone(journal.log()), Arc::clone(&disk));
            Part { feed: Some(feed), ..Part::fresh(settings, Box::new(journal)) }
        });
        Engine::assemble(config, settings.epoch, &SystemTimeSource, parts.collect(), None)
    }

    fn start_on_disk(config: EngineConfig, progress: &dyn RecoveryProgress) -> Result<Engine, StartError> {
        let (source, disk) = (SystemTimeSource, Arc::new(FileDisk));
        let opened = opening::open(&config, &source, disk, random_key(), Pace::SideBySide, progress)?;
        let mut parts = Vec::with_capacity(opened.shards.len());
        let mut keeping = Keeping::new(opened.directory, &config);
        for shard in opened.shards {
            let log = Arc::clone(&shard.writer.log);
            keeping.add(Arc::clone(&log), shard.recovered.clone());
            let index = shard.recovered.shard.get();
            let begun = FileJournal::spawn(shard.writer);
            let journal = begun.map_err(|cause| StartError::Thread { shard: index, cause })?;
            parts.push(Part {
                machine: shard.machine,
                journal: Box::new(journal),
                feed: Some(Feed::new(log, keeping.disk())),
                not_before: shard.not_before,
            });
        }
        Engine::assemble(config, opened.epoch, &source, parts, Some(Arc::new(keeping)))
    }

    /// Starts an engine on a clock and journals of the caller's. `journal` is called once per shard, in order; the
    /// configuration's durability and directory are not looked at.
    pub fn start_with<S: TimeSource + Clone + 'static>(
        config: EngineConfig,
        source: &S,
        mut journal: impl FnMut(ShardIndex) -> Box<dyn Journal>,
    ) -> Result<Engine, StartError> {
        config.check()?;
        let settings = fresh_settings(source);
        let parts = ShardIndex::all(config.shards.unwrap_or_else(shards_default))
            .map(|shard| Part::fresh(settings, journal(shard)));
        Engine::assemble(config, settings.epoch, source, parts.collect(), None)
    }

    fn assemble<S: TimeSource + Clone + 'static>(
        config: EngineConfig,
        epoch: u64,
        source: &S,
        parts: Vec<Part>,
        keeping: Option<Arc<Keeping>>,
    ) -> Result<Engine, StartError> {
        let shards = parts.len() as u16;
        let feeds = parts.iter().map(|part| part.feed.clone()).collect();
        let engine = Engine { shared: Arc::new(Shared::new(config, shards, epoch, feeds, keeping.clone())) };
        for (door, part) in engine.shared.doors.iter().zip(parts) {
            let clock = Clock::start(Box::new(source.clone()) as Box<dyn TimeSource>, part.not_before);
            engine.shared.spawn(Shard::new(Arc::clone(door), part.machine, part.journal, clock))?;
        }
        if let Some(keeping) = keeping {
            let thread = Keeping::spawn(keeping);
            let thread = thread.map_err(|cause| StartError::Thread { shard: 0, cause })?;
            *engine.shared.keeper.lock() = Some(thread);
        }
        Ok(engine)
    }

    /// The feed of a shard; `None` for an index of another engine, or with a journal of the caller's.
    pub fn feed(&self, shard: ShardIndex) -> Option<Feed> {
        self.shared.feeds.get(usize::from(shard.get()))?.clone()
    }

    /// What the start found in the data directory, shard by shard; nothing in memory mode.
    pub fn recovered(&self) -> Vec<Recovered> {
        self.shared.keeping.as_ref().map(|keeping| keeping.recovered()).unwrap_or_default()
    }

    /// How a shard's journal stands; `None` where it has none of the engine's own.
    pub fn journal(&self, shard: ShardIndex) -> Option<JournalStatus> {
        let feed = self.feed(shard)?;
        let mut status = feed.status();
        if let Some(keeping) = &self.shared.keeping {
            keeping.complete(shard, &mut status);
        }
        Some(status)
    }

    /// Makes a snapshot of a shard as it is durable now, and lets go of what it makes needless. Blocks until that is
    /// done; the shard goes on meanwhile.
    ///
    /// # Cost
    /// A second copy of the shard's state while it runs.
    pub fn snapshot(&self, shard: ShardIndex) -> Result<SnapshotReport, SnapshotError> {
        self.shared.keeping.as_ref().ok_or(SnapshotError::Memory)?.snapshot(shard)
    }

    /// Queues a run for a shard; it comes back through `outbox`.
    ///
    /// # Errors
    /// The run is handed back whole, at once, when it was not taken.
    ///
    /// # Cost
    /// No allocation, and no lock for a request: a run takes a few that nobody holds for long. No system call unless
    /// the shard sleeps.
    pub fn submit(&self, shard: ShardIndex, run: Box<Run>, outbox: &Arc<Outbox>) -> Result<(), Rejected> {
        let door = self.shared.doors.get(usize::from(shard.get()));
        submit_to(door, shard, run, outbox)
    }

    /// The shard that an offer's or pool's id belongs to.
    pub fn shard_of(&self, id: Text<'_>) -> ShardIndex {
        Slot::shard_of(id, self.shard_count())
    }

    /// How many shards there are.
    pub fn shard_count(&self) -> u16 {
        self.shared.doors.len() as u16
    }

    /// Every shard, in order.
    pub fn shards(&self) -> impl ExactSizeIterator<Item = ShardIndex> {
        ShardIndex::all(self.shard_count())
    }

    /// What the engine was started with.
    pub fn config(&self) -> &EngineConfig {
        &self.shared.config
    }

    /// The epoch of this life's events: in memory mode the start time in Unix milliseconds.
    pub fn epoch(&self) -> u64 {
        self.shared.epoch
    }

    /// What a shard has done so far; nothing, for an index of another engine.
    pub fn counters(&self, shard: ShardIndex) -> Counters {
        let door = self.shared.doors.get(usize::from(shard.get()));
        door.map_or_else(Counters::default, |door| door.counters.read(door.inbox.requests()))
    }

    /// An empty run, one that has been around if there is one.
    pub fn run(&self) -> Box<Run> {
        self.shared.spare.lock().pop().unwrap_or_default()
    }

    /// Gives a run back to be filled again.
    pub fn recycle(&self, mut run: Box<Run>) {
        run.clear();
        let mut spare = self.shared.spare.lock();
        // With enough spare runs this one is freed.
        if spare.len() < SPARE_RUNS_MAX {
            spare.push(run);
        }
    }

    /// A blocking client. It has a place of its own; threads each make one.
    pub fn client(&self) -> Client {
        Client::new(self.clone())
    }

    /// Stops: what was submitted is decided and answered, what comes later is refused. Blocks until that is done, or
    /// until `deadline` has passed; what is left then comes back as down. A second call waits likewise.
    ///
    /// A shard that hangs in its journal keeps its thread; the others end.
    pub fn stop(&self, deadline: Duration) -> Result<(), StopError> {
        for door in &self.shared.doors {
            door.inbox.close();
        }
        if self.shared.running.wait_for(deadline) {
            self.shared.join();
            return Ok(());
        }
        let undecided = self.shared.doors.iter().map(|door| door.inbox.requests() as u64).sum();
        for door in &self.shared.doors {
            door.abandon();
        }
        Err(StopError { undecided })
    }
}

impl Shared {
    fn new(
        config: EngineConfig,
        shards: u16,
        epoch: u64,
        feeds: Box<[Option<Feed>]>,
        keeping: Option<Arc<Keeping>>,
    ) -> Self {
        let doors = ShardIndex::all(shards)
            .map(|index| Arc::new(Door::new(index, config.inbox_requests_max)))
            .collect();
        Shared {
            config,
            epoch,
            doors,
            feeds,
            keeping,
            keeper: Mutex::default(),
            spare: Mutex::default(),
            threads: Mutex::default(),
            running: Arc::default(),
        }
    }

    fn spawn(&self, shard: Shard) -> Result<(), StartError> {
        let door = Arc::clone(&shard.door);
        let index = door.index.get();
        let patience = Patience::of(cores(), self.doors.len() as u16);
        let counted = self.running.count_in();
        let thread = thread::Builder::new().name(format!("shard-{index}")).spawn(move || {
            let _counted = counted;
            door.seat(shard);
            door.run(patience);
        });
        let thread = thread.map_err(|cause| StartError::Thread { shard: index, cause })?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// Joins threads that have counted themselves out.
    fn join(&self) {
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a shard's thread ended in a panic outside its loop");
            }
        }
        self.end_keeping();
    }

    /// Ends the thread that makes snapshots, after the one that it is making.
    fn end_keeping(&self) {
        if let Some(keeping) = &self.keeping {
            keeping.end();
        }
        if let Some(thread) = self.keeper.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that makes snapshots ended in a panic");
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for door in &self.doors {
            door.inbox.close();
        }
        if let Some(keeping) = &self.keeping {
            keeping.end();
        }
    }
}

/// What one shard begins with.
struct Part {
    machine: Machine,
    journal: Box<dyn Journal>,
    feed: Option<Feed>,
    /// The time of its last event: the clock does not start before it.
    not_before: UnixMs,
}

impl Part {
    /// A shard that has seen nothing yet and has no feed.
    fn fresh(settings: Settings, journal: Box<dyn Journal>) -> Self {
        let not_before = UnixMs::new(settings.epoch);
        Part { machine: Machine::new(settings), journal, feed: None, not_before }
    }
}

/// A first life. Its epoch is at least 1, even where the wall stands at 1970.
fn fresh_settings<S: TimeSource + Clone>(source: &S) -> Settings {
    let epoch = Clock::start(source.clone(), UnixMs::new(1)).now().get();
    Settings { epoch, hash_key: random_key() }
}

/// A key that no buyer can guess: the standard library's hashers are keyed by the system at random.
fn random_key() -> u64 {
    RandomState::new().build_hasher().finish()
}
