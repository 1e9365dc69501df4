//! What is full says so at once, and takes nothing.

use crate::support::{TestJournal, audit, put, start, start_with_journal, text, within_a_minute};
use stampede_engine::core::{Money, Offer, Request, Text};
use stampede_engine::{
    CallError, Engine, EngineConfig, JournalConfig, Outbox, RUN_BYTES_MAX, RUN_ENTRIES_MAX, RUN_REQUESTS_MAX,
    Reject, Rejected, Run, RunFull, SHARDS_MAX,
};
use std::sync::Arc;

const INBOX: usize = RUN_REQUESTS_MAX;

/// Submits one run of `count` BUYs.
fn submit_buys(engine: &Engine, prefix: &str, count: usize, outbox: &Arc<Outbox>) -> Result<(), Rejected> {
    let mut run = engine.run();
    for n in 0..count {
        let id = format!("{prefix}{n}");
        run.push(&Request::buy(text("sku"), text(&id), text(&id))).expect("it fits");
    }
    submit(engine, run, outbox)
}

fn submit(engine: &Engine, run: Box<Run>, outbox: &Arc<Outbox>) -> Result<(), Rejected> {
    engine.submit(engine.shard_of(text("sku")), run, outbox)
}

#[test]
fn a_full_inbox_hands_the_run_back_whole_and_what_was_taken_is_answered() {
    within_a_minute(|| {
        let journal = TestJournal::default();
        let config = EngineConfig { shards: Some(1), inbox_requests_max: INBOX, ..EngineConfig::in_memory() };
        let engine = start_with_journal(config, &journal);
        let shard = engine.shard_of(text("sku"));
        put(&mut engine.client(), "sku", 1_000_000);

        // A journal without room keeps the shard from taking anything, so that the inbox fills.
        journal.fill_up();
        let outbox = Outbox::new(64);
        let mut taken = 0;
        let rejected = loop {
            match submit_buys(&engine, &format!("taken-{taken}-"), 10, &outbox) {
                Ok(()) => taken += 1,
                Err(rejected) => break rejected,
            }
        };
        assert!(taken >= INBOX / 10, "{taken} runs of 10 requests were taken");
        assert_eq!(rejected.reason, Reject::Busy);
        assert_eq!(rejected.run.len(), 10);
        assert_eq!(engine.counters(shard).busy, 10);
        assert_eq!(engine.counters(shard).queued, (taken * 10) as u64);
        assert_eq!(outbox.under_way(), taken, "the rejected run does not count");

        journal.make_room();
        for _ in 0..taken {
            engine.recycle(outbox.take_blocking().expect("what was taken is answered"));
        }
        assert_eq!(audit(&mut engine.client(), shard).held, (taken * 10) as u64, "busy took nothing");

        submit(&engine, rejected.run, &outbox).expect("there is room again");
        let run = outbox.take_blocking().expect("a run is under way");
        assert_eq!(run.answers().len(), 10);
    });
}

#[test]
fn an_outbox_bounds_the_runs_under_way() {
    within_a_minute(|| {
        let engine = start(1);
        let outbox = Outbox::new(2);
        for prefix in ["a", "b"] {
            submit_buys(&engine, prefix, 1, &outbox).expect("two runs have room");
        }
        assert!(!outbox.has_room());
        let rejected = submit_buys(&engine, "c", 1, &outbox).expect_err("a third has none");
        assert_eq!(rejected.reason, Reject::NoRoom);
        engine.recycle(outbox.take_blocking().expect("two are under way"));
        submit(&engine, rejected.run, &outbox).expect("one place is free again");
        assert!(outbox.take_blocking().is_some());
        assert!(outbox.take_blocking().is_some());
        assert!(outbox.take_blocking().is_none(), "nothing is under way any more");
    });
}

#[test]
fn a_run_takes_so_many_requests_bytes_and_list_entries_and_no_more() {
    let mut run = Run::new();
    let show = Request::Show { offer: text("sku"), id: text("r1") };
    for _ in 0..RUN_REQUESTS_MAX {
        run.push(&show).expect("up to the most requests");
    }
    assert_eq!(run.push(&show), Err(RunFull));
    assert_eq!(run.len(), RUN_REQUESTS_MAX);

    run.clear();
    let many = vec!["x".repeat(60); 16].join(",");
    let Request::Buy(mut buy) = Request::buy(text("sku"), text("b"), text("r")) else { unreachable!() };
    buy.tags = Some(Text::tags(many.as_bytes()).expect("16 tags of 60 bytes are a list"));
    let buy = Request::Buy(buy);
    let bytes = many.len() + "skubr".len();
    for _ in 0..RUN_BYTES_MAX / bytes {
        run.push(&buy).expect("up to the most bytes");
    }
    assert_eq!(run.push(&buy), Err(RunFull));
    assert_eq!(run.requests().len(), RUN_BYTES_MAX / bytes);
    // What was refused has left nothing behind.
    run.push(&show).expect("so short a request still fits");
    let read: Vec<String> = run.requests().map(|request| format!("{request:?}")).collect();
    assert_eq!(read[RUN_BYTES_MAX / bytes - 1..], [format!("{buy:?}"), format!("{show:?}")]);

    run.clear();
    let buyer = Request::Buyer { offer: text("sku"), buyer: text("alice") };
    for _ in 0..RUN_ENTRIES_MAX / 1_000 {
        run.push(&buyer).expect("up to the most entries");
    }
    assert_eq!(run.push(&buyer), Err(RunFull));
    assert_eq!(run.push(&show), Err(RunFull));
}

#[test]
fn a_text_that_no_check_let_through_is_refused_and_the_client_goes_on() {
    let engine = start(1);
    let mut client = engine.client();
    let huge = vec![b'x'; RUN_BYTES_MAX + 1];
    let request = Request::Show { offer: text("sku"), id: Text::stored(&huge) };
    assert_eq!(client.call(&request).expect_err("it fits no run"), CallError::TooLong);
    assert_eq!(
        client.call(&Request::Audit { offer: None }).expect_err("it names no shard"),
        CallError::NoKey
    );
    put(&mut client, "sku", 1);
}

#[test]
fn a_definition_travels_as_it_was_put() {
    let engine = start(1);
    let mut run = engine.run();
    let definition = Box::new(Offer::with_stock(Money::cash(1_990), 7));
    run.push(&Request::OfferPut { offer: text("sku"), definition: definition.clone() }).expect("it fits");
    let Some(Request::OfferPut { definition: held, .. }) = run.requests().next() else {
        panic!("one was pushed")
    };
    assert_eq!(held, definition);
}

#[test]
fn a_configuration_out_of_range_is_refused_with_the_field_and_the_range() {
    let refused = |config| Engine::start(config).expect_err("it is out of range").to_string();
    let config = EngineConfig::in_memory;
    for shards in [0, SHARDS_MAX + 1] {
        let message = refused(EngineConfig { shards: Some(shards), ..config() });
        assert_eq!(message, format!("shards: 1 to 256 is expected, not {shards}"));
    }
    let message = refused(EngineConfig { inbox_requests_max: 1, ..config() });
    assert_eq!(message, "inbox_requests_max: 256 to 16777216 is expected, not 1");
    let rows = [
        (
            JournalConfig { segment_bytes: 4_096, ..JournalConfig::DEFAULT },
            "segment_bytes: 64 KiB to 4 GiB is",
        ),
        (JournalConfig { async_sync_ms: 0, ..JournalConfig::DEFAULT }, "async_sync_ms: 1 to 60,000 is"),
        (JournalConfig { snapshots: 1, ..JournalConfig::DEFAULT }, "snapshots: at least 2 is"),
    ];
    for (journal, expected) in rows {
        let message = refused(EngineConfig { journal, ..config() });
        assert_eq!(message, format!("journal.{expected} expected"));
    }
}

#[test]
fn an_index_of_another_engine_is_refused() {
    let (one, two) = (start(1), start(2));
    let far = two.shards().last().expect("there are two shards");
    let outbox = Outbox::new(1);
    let rejected = one.submit(far, one.run(), &outbox).expect_err("there is one shard");
    assert_eq!(rejected.reason, Reject::NoShard);
    assert_eq!(outbox.under_way(), 0);
}
