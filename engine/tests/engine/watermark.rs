//! An answer leaves once the events that it saw are durable, and not before.

use crate::support::{TestJournal, audit, is_held, put, start_with_journal, text, within_a_minute};
use stampede_engine::core::{Answer, Request, Seq};
use stampede_engine::{Engine, EngineConfig, Outbox};
use std::sync::Arc;

fn submit(engine: &Engine, request: &Request<stampede_engine::core::Text<'_>>, outbox: &Arc<Outbox>) {
    let mut run = engine.run();
    run.push(request).expect("it fits");
    engine.submit(engine.shard_of(text("sku")), run, outbox).expect("there is room");
}

/// Waits until the shard has decided so many requests, which no answer shows while the journal holds them.
fn decided(engine: &Engine, count: u64) {
    let shard = engine.shard_of(text("sku"));
    while engine.counters(shard).requests < count {
        std::thread::yield_now();
    }
}

#[test]
fn decisions_refusals_and_reads_wait_for_the_events_that_they_saw() {
    within_a_minute(|| {
        let journal = TestJournal::default();
        let engine =
            start_with_journal(EngineConfig { shards: Some(1), ..EngineConfig::in_memory() }, &journal);
        put(&mut engine.client(), "sku", 1);
        let shard = engine.shard_of(text("sku"));
        let before = audit(&mut engine.client(), shard).event.seq;
        let asked = engine.counters(shard).requests;

        journal.sync_to(before);
        let outbox = Outbox::new(8);
        submit(&engine, &Request::buy(text("sku"), text("alice"), text("r1")), &outbox);
        decided(&engine, asked + 1);
        submit(&engine, &Request::buy(text("sku"), text("bob"), text("r2")), &outbox);
        submit(&engine, &Request::Show { offer: text("sku"), id: text("r1") }, &outbox);
        decided(&engine, asked + 3);
        assert!(outbox.try_take().is_none(), "nothing leaves before its events are durable");

        journal.sync_to(Seq(before.0 + 1));
        let bought = outbox.take_blocking().expect("three runs are under way");
        assert!(bought.answers().all(|answer| is_held(&answer)));
        let refused = outbox.take_blocking().expect("two runs are under way");
        assert!(refused.answers().all(|answer| matches!(answer, Answer::Refused(_))));
        let shown = outbox.take_blocking().expect("one run is under way");
        assert!(shown.answers().all(|answer| is_held(&answer)));
    });
}

#[test]
fn a_journal_without_room_holds_the_next_batch_and_goes_on_when_it_has_room() {
    within_a_minute(|| {
        let journal = TestJournal::default();
        let engine =
            start_with_journal(EngineConfig { shards: Some(1), ..EngineConfig::in_memory() }, &journal);
        put(&mut engine.client(), "sku", 1_000);
        let shard = engine.shard_of(text("sku"));
        for round in 0..200_u32 {
            journal.fill_up();
            let outbox = Outbox::new(1);
            let id = format!("r{round}");
            submit(&engine, &Request::buy(text("sku"), text(&id), text(&id)), &outbox);
            journal.make_room();
            let run = outbox.take_blocking().expect("a run is under way");
            assert!(run.answers().all(|answer| is_held(&answer)));
        }
        journal.hold();
        journal.let_go();
        assert_eq!(audit(&mut engine.client(), shard).held, 200);
    });
}
