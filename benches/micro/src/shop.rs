//! The core and the journal through the engine's own face: one thread submits BUYs of distinct buyers and takes the
//! answers, the shard decides, the journal's thread writes and syncs.
//!
//! In `sync` an answer comes after the sync that covers it. Owns the engine and its directory; no clock. Called by
//! the criterion bench `journal` and by the harness.

use crate::sale::{BATCH, Intents, OFFER, plain};
use stampede_core::{Answer, Request, Status};
pub use stampede_engine::{Durability, take_small_pages};
use stampede_engine::{Engine, EngineConfig, JournalStatus, Outbox, Outcome};
use std::sync::Arc;
use tempfile::TempDir;

/// Runs that are submitted before the first is taken back.
pub const RUNS_UNDER_WAY: usize = 32;

/// One engine with one shard and a sale of so many units on it.
#[derive(Debug)]
pub struct Shop {
    // Declared before the directory: its threads must be gone when the files are removed.
    engine: Engine,
    outbox: Arc<Outbox>,
    intents: Intents,
    units: u64,
    sold: u64,
    _directory: TempDir,
}

impl Shop {
    /// Starts the engine in a directory of its own, below the one for temporary files, and opens the sale.
    ///
    /// # Panics
    /// When the engine does not start or the offer is refused.
    pub fn open(durability: Durability, units: u64) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let config = EngineConfig {
            shards: Some(1),
            durability,
            data: directory.path().join("data"),
            ..EngineConfig::default()
        };
        let engine = Engine::start(config).expect("one shard starts");
        let definition = Box::new(plain(units));
        engine.client().call(&Request::OfferPut { offer: OFFER, definition }).expect("the offer is taken");
        let outbox = Outbox::new(RUNS_UNDER_WAY);
        Self { engine, outbox, intents: Intents::default(), units, sold: 0, _directory: directory }
    }

    /// Units that are left for another part.
    pub fn left(&self) -> u64 {
        self.units - self.sold
    }

    /// What the journal has done so far.
    ///
    /// # Panics
    /// When the shard is gone.
    pub fn journal(&self) -> JournalStatus {
        self.engine.journal(self.engine.shard_of(OFFER)).expect("the shard is there")
    }

    fn submit(&mut self) {
        self.intents.write(self.sold);
        let mut run = self.engine.run();
        for buy in self.intents.buys() {
            run.push(&buy).expect("a batch fits a run");
        }
        let shard = self.engine.shard_of(OFFER);
        self.engine.submit(shard, run, &self.outbox).expect("the inbox has room");
        self.sold += BATCH as u64;
    }

    fn take(&self) {
        let run = self.outbox.take_blocking().expect("a submitted run comes back");
        assert_eq!((run.outcome(), run.len()), (Outcome::Answered, BATCH));
        let is_held =
            |answer: &Answer<_>| matches!(answer, Answer::Reservation(made) if made.status == Status::Held);
        assert!(run.answers().all(|answer| is_held(&answer)), "a BUY was answered otherwise");
        self.engine.recycle(run);
    }

    /// Sells `units`, whole batches, with [`RUNS_UNDER_WAY`] runs under way.
    ///
    /// # Panics
    /// When an answer is another than a hold.
    pub fn sell(&mut self, units: u64) {
        let runs = (units / BATCH as u64) as usize;
        for run in 0..runs + RUNS_UNDER_WAY {
            if run >= RUNS_UNDER_WAY {
                self.take();
            }
            if run < runs {
                self.submit();
            }
        }
    }
}
