//! Once everything has been around, an intent on its way through the engine allocates nothing.
//!
//! A file of its own: it counts the allocations of the whole process, every thread included.

use stampede_engine::core::{Answer, Money, Offer, Refusal, Request, Text};
use stampede_engine::{Engine, EngineConfig, Journal, MemoryJournal, Outbox, RUN_REQUESTS_MAX, TimeSource};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::sync::Arc;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const RUNS: usize = 400;

/// Time stands still: what is told of the demand once a second costs nothing per intent, and would be counted by chance.
#[derive(Clone, Copy)]
struct Still;

impl TimeSource for Still {
    fn boot(&self) -> Duration {
        Duration::ZERO
    }

    fn wall(&self) -> Duration {
        Duration::from_secs(1_700_000_000)
    }
}

fn text(id: &str) -> Text<'_> {
    Text::id(id.as_bytes()).expect("the ids are valid")
}

/// Sends `RUNS` full runs of BUYs, each buyer once, and answers how many were accepted. `ids` gives the texts, made
/// before, so that making them counts for nothing.
fn buy(engine: &Engine, outbox: &Arc<Outbox>, ids: &[String]) -> usize {
    let offer = text("sku");
    let mut accepted = 0;
    for part in ids.chunks(RUN_REQUESTS_MAX) {
        let mut run = engine.run();
        for id in part {
            run.push(&Request::buy(offer, text(id), text(id))).expect("a full run fits");
        }
        engine.submit(engine.shard_of(offer), run, outbox).expect("there is room");
        let run = outbox.take_blocking().expect("a run is under way");
        for answer in run.answers() {
            match answer {
                Answer::Reservation(_) => accepted += 1,
                Answer::Refused(Refusal::SoldOut) => {}
                other => panic!("{other:?}"),
            }
        }
        engine.recycle(run);
    }
    accepted
}

#[test]
fn an_intent_on_its_way_through_the_engine_allocates_nothing() {
    let config = EngineConfig { shards: Some(1), ..EngineConfig::in_memory() };
    let journal = |shard| -> Box<dyn Journal> { Box::new(MemoryJournal::new(shard, 1, 1 << 30)) };
    let engine = Engine::start_with(config, &Still, journal).expect("the defaults work");
    let outbox = Outbox::new(1);
    let requests = RUNS * RUN_REQUESTS_MAX;
    let stock = requests as u64 * 3 / 2;
    let definition = Box::new(Offer::with_stock(Money::cash(1_990), stock));
    engine.client().call(&Request::OfferPut { offer: text("sku"), definition }).expect("the shard is up");
    let [warm, measured, refused] =
        ["a", "b", "c"].map(|round| (0..requests).map(|n| format!("{round}{n:015}")).collect::<Vec<_>>());

    buy(&engine, &outbox, &warm);
    let region = Region::new(ALLOCATOR);
    assert_eq!(buy(&engine, &outbox, &measured), requests / 2);
    let accepting = region.change();
    // The machine's tables grow by doubling; nothing grows with each intent.
    let count = accepting.allocations + accepting.reallocations;
    assert!(count < 200, "{count} allocations for {requests} intents: {accepting:?}");

    let region = Region::new(ALLOCATOR);
    assert_eq!(buy(&engine, &outbox, &refused), 0);
    let refusing = region.change();
    let count = refusing.allocations + refusing.reallocations;
    assert_eq!(count, 0, "{requests} refused intents: {refusing:?}");
}
