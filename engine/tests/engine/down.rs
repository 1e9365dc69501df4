//! A shard that stops for good, and the shards beside it.

use crate::support::{TestJournal, is_held, offer_on, put, start_with_journal, text, within_a_minute};
use stampede_engine::core::Request;
use stampede_engine::{CallError, Engine, EngineConfig, Outbox, Outcome};
use std::time::Duration;

/// Two shards with an offer each; shard 0 has the journal.
fn two_shards(journal: &TestJournal) -> (Engine, [String; 2]) {
    let engine = start_with_journal(EngineConfig { shards: Some(2), ..EngineConfig::in_memory() }, journal);
    let offers = [offer_on(&engine, 0), offer_on(&engine, 1)];
    for offer in &offers {
        put(&mut engine.client(), offer, 1_000);
    }
    (engine, offers)
}

fn buy(engine: &Engine, offer: &str, id: &str) -> Result<bool, CallError> {
    let reply = engine.client().call(&Request::buy(text(offer), text(id), text(id)))?;
    Ok(is_held(&reply.answer()))
}

/// Breaks shard 0 and checks what both say afterwards.
fn stays_down_alone(break_it: impl FnOnce(&TestJournal)) {
    let journal = TestJournal::default();
    let (engine, [broken, whole]) = two_shards(&journal);
    assert_eq!(buy(&engine, &broken, "before"), Ok(true));
    break_it(&journal);
    assert_eq!(buy(&engine, &broken, "at"), Err(CallError::ShardDown));
    for id in ["after-1", "after-2"] {
        assert_eq!(buy(&engine, &broken, id), Err(CallError::ShardDown));
        assert_eq!(buy(&engine, &whole, id), Ok(true), "the other shard goes on");
    }
    let show = Request::Show { offer: text(&broken), id: text("before") };
    let read = engine.client().call(&show).map(|_| ());
    assert_eq!(read, Err(CallError::ShardDown), "a read is no guess either");
    let down: Vec<bool> = engine.shards().map(|shard| engine.counters(shard).is_down).collect();
    assert_eq!(down, [true, false]);
    assert_eq!(engine.stop(Duration::from_secs(10)), Ok(()), "a stopped shard does not hold up the end");
}

#[test]
fn a_panic_stops_its_shard_for_good_and_the_others_go_on() {
    within_a_minute(|| stays_down_alone(TestJournal::panic));
}

#[test]
fn a_failed_journal_stops_its_shard_for_good_and_the_others_go_on() {
    within_a_minute(|| stays_down_alone(TestJournal::fail));
}

#[test]
fn everything_that_waits_when_a_shard_stops_comes_back_as_down_in_order() {
    within_a_minute(|| {
        let journal = TestJournal::default();
        let (engine, [offer, _]) = two_shards(&journal);
        let outbox = Outbox::new(64);
        let submit = |ids: std::ops::Range<u32>| {
            for n in ids {
                let mut run = engine.run();
                let id = format!("r{n}");
                run.push(&Request::buy(text(&offer), text(&id), text(&id))).expect("it fits");
                engine.submit(engine.shard_of(text(&offer)), run, &outbox).expect("there is room");
            }
        };
        // Decided but not durable, then queued, then submitted to a shard that is down.
        journal.hold();
        submit(0..20);
        journal.fill_up();
        submit(20..40);
        journal.panic();
        journal.make_room();
        submit(40..60);
        for n in 0..60 {
            let run = outbox.take_blocking().expect("60 runs are under way");
            assert_eq!((run.outcome(), run.answers().len()), (Outcome::ShardDown, 0));
            let Some(Request::Buy(buy)) = run.requests().next() else { panic!("one BUY was sent") };
            assert_eq!(buy.id.as_str(), format!("r{n}"));
            engine.recycle(run);
        }
    });
}
