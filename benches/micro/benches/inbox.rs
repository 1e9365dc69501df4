//! The way to a shard and back: filling a run, the inbox, the wake-up, the outbox.
//!
//! Every request asks for a pool's counts, the cheapest decision there is, so that the figure is the
//! hand-over's and not the core's. It goes through the engine's public face, as a connection does:
//! the inbox itself is private to the engine. Rates are per request.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use stampede_engine::core::{Answer, Money, Offer, Request, Text};
use stampede_engine::{Engine, EngineConfig, Outbox, Outcome, ShardIndex};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// The server's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const POOL: Text<'static> = Text::stored(b"sku");
/// Runs that one connection has under way, where it has several.
const RUNS_UNDER_WAY: usize = 16;
/// Requests of one run: a usual pipeline.
const PIPELINE: usize = 64;
/// Connections, where there are several.
const CONNECTIONS: usize = 4;
/// Exchanges of each connection in one iteration, where there are several.
const EXCHANGES: usize = 50;

/// One connection's end of a shard.
struct Line {
    engine: Engine,
    shard: ShardIndex,
    outbox: Arc<Outbox>,
}

impl Line {
    fn new(engine: &Engine) -> Self {
        let (shard, outbox) = (engine.shard_of(POOL), Outbox::new(RUNS_UNDER_WAY));
        Self { engine: engine.clone(), shard, outbox }
    }

    /// Submits `runs` runs of `requests` requests each, then takes every answer.
    fn exchange(&self, runs: usize, requests: usize) {
        for _ in 0..runs {
            let mut run = self.engine.run();
            for _ in 0..requests {
                run.push(&Request::PoolGet { pool: POOL }).expect("a pipeline fits a run");
            }
            self.engine.submit(self.shard, run, &self.outbox).expect("the inbox has room for every line");
        }
        for _ in 0..runs {
            let run = self.outbox.take_blocking().expect("a submitted run comes back");
            assert_eq!((run.outcome(), run.len()), (Outcome::Answered, requests));
            assert!(matches!(run.answers().last(), Some(Answer::Pool(_))), "POOL GET was answered otherwise");
            self.engine.recycle(run);
        }
    }
}

fn running() -> Engine {
    let engine = Engine::start(EngineConfig { shards: Some(1), ..EngineConfig::in_memory() })
        .expect("one shard starts");
    let definition = Box::new(Offer::with_stock(Money::cash(1_990), 1));
    engine.client().call(&Request::OfferPut { offer: POOL, definition }).expect("the offer is taken");
    engine
}

fn one_connection(criterion: &mut Criterion) {
    let engine = running();
    let line = Line::new(&engine);
    let mut group = criterion.benchmark_group("inbox/one_connection");
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    for (name, runs, requests) in [
        ("round_trip", 1, 1),
        ("pipeline_64", 1, PIPELINE),
        ("pipeline_64_16_runs_under_way", RUNS_UNDER_WAY, PIPELINE),
    ] {
        group.throughput(Throughput::Elements((runs * requests) as u64));
        group.bench_function(name, |bencher| bencher.iter(|| line.exchange(runs, requests)));
    }
    group.finish();
}

fn several_connections(criterion: &mut Criterion) {
    let engine = running();
    let lines: Vec<Line> = (0..CONNECTIONS).map(|_| Line::new(&engine)).collect();
    let mut group = criterion.benchmark_group("inbox/4_connections");
    group.sample_size(20).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    group.throughput(Throughput::Elements((CONNECTIONS * EXCHANGES * RUNS_UNDER_WAY * PIPELINE) as u64));
    group.bench_function("pipeline_64_16_runs_under_way", |bencher| {
        bencher.iter_custom(|count| exchange_on_all(&lines, count));
    });
    group.finish();
}

/// Lets every line exchange on a thread of its own; the threads' start is within the time, next to
/// thousands of requests each.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn exchange_on_all(lines: &[Line], count: u64) -> Duration {
    let started = Instant::now();
    thread::scope(|scope| {
        for line in lines {
            scope.spawn(move || {
                for _ in 0..count {
                    for _ in 0..EXCHANGES {
                        line.exchange(RUNS_UNDER_WAY, PIPELINE);
                    }
                }
            });
        }
    });
    started.elapsed()
}

criterion_group!(inbox, one_connection, several_connections);
criterion_main!(inbox);
