//! The engine: shards, the way in, and the way to an end.
//!
//! It starts a thread per shard, routes runs to them, counts, and stops them. It decides nothing and keeps no state of
//! a sale. Called by connections, clients and embedders.
//!
//! Invariants: a run is either handed back at once, or comes back through its outbox; what was submitted before
//! [`Engine::stop`] is decided and answered.

use crate::client::Client;
use crate::clock::{Clock, SystemTimeSource, TimeSource};
use crate::config::{Durability, EngineConfig, StartError, cores};
use crate::counters::Counters;
use crate::inbox::Shut;
use crate::journal::{Journal, MemoryJournal};
use crate::outbox::Outbox;
use crate::run::Run;
use crate::shard::{Door, Queues, Shard};
use crate::slot::{ShardIndex, Slot};
use crate::wake::Patience;
use crossbeam_queue::ArrayQueue;
use parking_lot::{Condvar, Mutex};
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
    /// Runs to be filled again.
    spare: ArrayQueue<Box<Run>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    running: Arc<Running>,
}

/// How many shard threads still run.
#[derive(Debug, Default)]
struct Running {
    count: Mutex<usize>,
    fewer: Condvar,
}

/// Counts a shard's thread out, however it ends.
struct CountedOut(Arc<Running>);

impl Drop for CountedOut {
    fn drop(&mut self) {
        *self.0.count.lock() -= 1;
        self.0.fewer.notify_all();
    }
}

/// A run that was not taken: nothing of it was decided, and it is whole.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Rejected {
    /// The run as it was submitted.
    pub run: Box<Run>,
    /// Why.
    pub reason: Reject,
}

/// Why a run was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// The shard's inbox is full.
    #[error("the queue is full; nothing was taken, try again")]
    Busy,
    /// The outbox has no room for another run under way: take some first.
    #[error("too many runs of this connection are under way; nothing was taken")]
    NoRoom,
    /// The engine is stopping.
    #[error("the engine is stopping; nothing was taken")]
    Stopping,
    /// The engine has no such shard; the index is another engine's.
    #[error("the engine has no such shard; nothing was taken")]
    NoShard,
}

/// The deadline of a stop passed: what was not decided by then came back as down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the deadline passed before every request was decided; {undecided} were answered as SHARDDOWN")]
pub struct StopError {
    /// Requests that were waiting in the inboxes at the deadline.
    pub undecided: u64,
}

impl Engine {
    /// Starts an engine on the machine's clocks, with the journal that the configuration asks for.
    ///
    /// ```
    /// use stampede_engine::{Durability, Engine, EngineConfig};
    ///
    /// let engine = Engine::start(EngineConfig { shards: 2, ..EngineConfig::default() })?;
    /// assert_eq!(engine.shard_count(), 2);
    ///
    /// let durable = EngineConfig { durability: Durability::Sync, ..EngineConfig::default() };
    /// let refused = Engine::start(durable).unwrap_err();
    /// assert!(refused.to_string().contains("file journal"));
    /// # Ok::<(), stampede_engine::StartError>(())
    /// ```
    pub fn start(config: EngineConfig) -> Result<Engine, StartError> {
        match config.durability {
            Durability::Memory => {
                Engine::start_with(config, &SystemTimeSource, |_| Box::new(MemoryJournal::default()))
            }
            durability @ (Durability::Sync | Durability::Async) => {
                Err(StartError::NoFileJournal { durability })
            }
        }
    }

    /// Starts an engine on a clock and journals of the caller's. `journal` is called once per shard, in order; the
    /// configuration's durability is not looked at.
    pub fn start_with<S: TimeSource + Clone + 'static>(
        config: EngineConfig,
        source: &S,
        mut journal: impl FnMut(ShardIndex) -> Box<dyn Journal>,
    ) -> Result<Engine, StartError> {
        config.check()?;
        // An epoch is at least 1, even where the wall stands at 1970.
        let epoch = Clock::start(source.clone(), UnixMs::new(1)).now().get();
        let settings = Settings { epoch, hash_key: random_key() };
        let engine = Engine { shared: Arc::new(Shared::new(config, epoch)) };
        for door in &engine.shared.doors {
            let shard = Shard {
                door: Arc::clone(door),
                machine: Machine::new(settings),
                journal: journal(door.index),
                clock: Clock::start(source.clone(), UnixMs::new(epoch)),
                patience: Patience::of(cores(), config.shards),
                queues: Queues::default(),
            };
            engine.shared.spawn(shard)?;
        }
        Ok(engine)
    }

    /// Queues a run for a shard; it comes back through `outbox`.
    ///
    /// # Errors
    /// The run is handed back whole, at once, when it was not taken.
    ///
    /// # Cost
    /// No lock, no allocation, no system call unless the shard sleeps.
    pub fn submit(&self, shard: ShardIndex, mut run: Box<Run>, outbox: &Arc<Outbox>) -> Result<(), Rejected> {
        let Some(door) = self.shared.doors.get(usize::from(shard.get())) else {
            return Err(Rejected { run, reason: Reject::NoShard });
        };
        if !outbox.enter() {
            return Err(Rejected { run, reason: Reject::NoRoom });
        }
        let requests = run.len() as u64;
        run.address(shard, Arc::clone(outbox));
        door.inbox.push(run).map_err(|(mut run, shut)| {
            run.take_address();
            outbox.leave();
            let reason = match shut {
                Shut::Full => Reject::Busy,
                Shut::Closed => Reject::Stopping,
            };
            if reason == Reject::Busy {
                door.counters.add_busy(requests);
            }
            Rejected { run, reason }
        })
    }

    /// The shard that an offer's or pool's id belongs to.
    pub fn shard_of(&self, id: Text<'_>) -> ShardIndex {
        Slot::of(id).shard(self.shard_count())
    }

    /// How many shards there are.
    pub fn shard_count(&self) -> u16 {
        self.shared.config.shards
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
        self.shared.spare.pop().unwrap_or_default()
    }

    /// Gives a run back to be filled again.
    pub fn recycle(&self, mut run: Box<Run>) {
        run.clear();
        // With enough spare runs this one is freed.
        let _kept = self.shared.spare.push(run);
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
    fn new(config: EngineConfig, epoch: u64) -> Self {
        let doors = ShardIndex::all(config.shards)
            .map(|index| Arc::new(Door::new(index, config.inbox_requests_max)))
            .collect();
        Shared {
            config,
            epoch,
            doors,
            spare: ArrayQueue::new(SPARE_RUNS_MAX),
            threads: Mutex::default(),
            running: Arc::default(),
        }
    }

    fn spawn<S: TimeSource + 'static>(&self, shard: Shard<S>) -> Result<(), StartError> {
        let index = shard.door.index.get();
        *self.running.count.lock() += 1;
        let counted = CountedOut(Arc::clone(&self.running));
        let thread = thread::Builder::new().name(format!("shard-{index}")).spawn(move || {
            let _counted = counted;
            shard.run();
        });
        let thread = thread.map_err(|source| StartError::Thread { shard: index, source })?;
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
    }
}

impl Running {
    /// Whether no thread runs any more, waiting for that at most so long.
    fn wait_for(&self, at_most: Duration) -> bool {
        let mut count = self.count.lock();
        self.fewer.wait_while_for(&mut count, |count| *count > 0, at_most);
        *count == 0
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for door in &self.doors {
            door.inbox.close();
        }
    }
}

/// A key that no buyer can guess: the standard library's hashers are keyed by the system at random.
fn random_key() -> u64 {
    RandomState::new().build_hasher().finish()
}
