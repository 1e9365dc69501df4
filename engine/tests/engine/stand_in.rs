//! Who turns a shard: its own thread, or whoever brings a little work while that sleeps.

use crate::support::{put, text, within_a_minute};
use parking_lot::Mutex;
use stampede_engine::core::{Entry, Request, Seq};
use stampede_engine::{Engine, EngineConfig, Journal, JournalError, Outbox, Outcome, SystemTimeSource};
use std::sync::Arc;
use std::thread::{self, ThreadId};

/// Notes on which thread each turn was committed.
#[derive(Clone, Default)]
struct Noting {
    threads: Arc<Mutex<Vec<ThreadId>>>,
    last: Seq,
}

impl Journal for Noting {
    fn record(&mut self, entry: &Entry<'_>) {
        self.last = entry.stamp.id.seq;
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        self.threads.lock().push(thread::current().id());
        Ok(())
    }

    fn durable(&self) -> Result<Seq, JournalError> {
        Ok(self.last)
    }
}

/// Buys so often in one run, and says on which thread that was decided.
fn decided_on(engine: &Engine, journal: &Noting, first: u32, count: u32) -> ThreadId {
    let outbox = Outbox::new(1);
    let mut run = engine.run();
    for n in first..first + count {
        let id = format!("r{n}");
        run.push(&Request::buy(text("sku"), text(&id), text(&id))).expect("it fits");
    }
    engine.submit(engine.shard_of(text("sku")), run, &outbox).expect("there is room");
    let run = outbox.take_blocking().expect("a run is under way");
    assert_eq!((run.outcome(), run.answers().len()), (Outcome::Answered, count as usize));
    *journal.threads.lock().last().expect("purchases are events")
}

#[test]
fn a_short_run_is_decided_by_who_brings_it_and_a_long_one_by_the_shards_thread() {
    within_a_minute(|| {
        let journal = Noting::default();
        let config = EngineConfig { shards: Some(1), ..EngineConfig::in_memory() };
        let engine = Engine::start_with(config, &SystemTimeSource, |_| Box::new(journal.clone()))
            .expect("the configuration is valid");
        put(&mut engine.client(), "sku", u64::from(u32::MAX));
        let mine = thread::current().id();
        // Until the shard's thread has fallen asleep it decides the short ones too.
        let mut bought = 0;
        while decided_on(&engine, &journal, bought, 1) != mine {
            bought += 1;
        }
        for n in 0..100 {
            assert_ne!(decided_on(&engine, &journal, 1_000_000 + n * 64, 64), mine);
        }
    });
}
