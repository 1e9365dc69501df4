//! The end of an engine.

use crate::support::{TestJournal, put, start, start_with_journal, text, within_a_minute};
use stampede_engine::core::Request;
use stampede_engine::{Engine, EngineConfig, Outbox, Outcome, Reject};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Submits plain BUYs until the engine refuses, and answers how many were taken and how many came back answered.
fn buy_until_refused(engine: &Engine, connection: u32, is_busy: &AtomicBool) -> (u64, u64) {
    let outbox = Outbox::new(16);
    let (mut taken, mut answered) = (0, 0);
    let mut count_back = |outbox: &Outbox| {
        if let Some(run) = outbox.take_blocking() {
            assert_eq!(run.outcome(), Outcome::Answered);
            answered += run.answers().len() as u64;
            engine.recycle(run);
        }
    };
    for n in 0_u64.. {
        if !outbox.has_room() {
            count_back(&outbox);
        }
        let mut run = engine.run();
        let id = format!("{connection}-{n}");
        run.push(&Request::buy(text("sku"), text(&id), text(&id))).expect("it fits");
        match engine.submit(engine.shard_of(text("sku")), run, &outbox) {
            Ok(()) => taken += 1,
            Err(rejected) => {
                assert_eq!(rejected.reason, Reject::Stopping);
                break;
            }
        }
        is_busy.store(taken > 100, Ordering::Relaxed);
    }
    while outbox.under_way() > 0 {
        count_back(&outbox);
    }
    (taken, answered)
}

#[test]
fn what_was_submitted_is_answered_and_what_comes_later_is_refused() {
    within_a_minute(|| {
        let engine = start(2);
        put(&mut engine.client(), "sku", 1 << 39);
        let is_busy = Arc::new(AtomicBool::new(false));
        let connections: Vec<_> = (0..8)
            .map(|connection| {
                let (engine, is_busy) = (engine.clone(), Arc::clone(&is_busy));
                thread::spawn(move || buy_until_refused(&engine, connection, &is_busy))
            })
            .collect();
        while !is_busy.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        assert_eq!(engine.stop(Duration::from_secs(30)), Ok(()));
        for connection in connections {
            let (taken, answered) = connection.join().expect("a connection ends");
            assert_eq!(taken, answered);
        }
        let rejected = engine.client().call(&Request::OfferGet { offer: text("sku") }).map(|_| ());
        assert_eq!(rejected, Err(Reject::Stopping.into()));
        assert_eq!(engine.stop(Duration::ZERO), Ok(()), "stopping twice is stopping once");
    });
}

#[test]
fn what_a_journal_holds_up_beyond_the_deadline_comes_back_as_down() {
    within_a_minute(|| {
        let journal = TestJournal::default();
        let engine =
            start_with_journal(EngineConfig { shards: Some(1), ..EngineConfig::in_memory() }, &journal);
        put(&mut engine.client(), "sku", 10);
        journal.hold();
        let outbox = Outbox::new(1);
        let mut run = engine.run();
        run.push(&Request::buy(text("sku"), text("alice"), text("r1"))).expect("it fits");
        engine.submit(engine.shard_of(text("sku")), run, &outbox).expect("there is room");
        assert!(engine.stop(Duration::from_millis(20)).is_err());
        let run = outbox.take_blocking().expect("a run is under way");
        assert_eq!(run.outcome(), Outcome::ShardDown);
    });
}

#[test]
fn an_engine_that_is_dropped_still_answers_what_it_took() {
    within_a_minute(|| {
        let engine = start(1);
        put(&mut engine.client(), "sku", 10);
        let outbox = Outbox::new(1);
        let mut run = engine.run();
        run.push(&Request::buy(text("sku"), text("alice"), text("r1"))).expect("it fits");
        engine.submit(engine.shard_of(text("sku")), run, &outbox).expect("there is room");
        drop(engine);
        let run = outbox.take_blocking().expect("a run is under way");
        assert_eq!((run.outcome(), run.answers().len()), (Outcome::Answered, 1));
    });
}
