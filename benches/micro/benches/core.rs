//! The core alone: what one shard's thread could decide if nothing had to be read or sent.
//!
//! Every bench drives a real machine and checks each answer; ids are written outside the timed part.
//! Rates are per element: an intent, a seat, a payment, an expired hold. Both sales start from an empty
//! machine, so that the growth of its tables is part of the figure: the small one in each sample, the
//! large one over all ten, a tenth in each (its mean is the figure, its spread is the growth).

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use stampede_core::Unrecorded;
use stampede_micro::work::{Watch, Work, buy_all, refuse_all, sold_out};
use stampede_micro::{BATCH, Intents, plain, selling};
use std::time::{Duration, Instant};

/// The server's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Reservations of one iteration where an iteration needs a machine of its own.
const HOLD_COUNT: u64 = 192_000;

/// Adds up the time of the timed parts of an iteration.
#[derive(Default)]
struct Stopwatch(Duration);

impl Watch for Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = work();
        self.0 += started.elapsed();
        result
    }
}

/// Runs `iteration` as often as criterion wants; its stopwatch is the measurement.
fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    elements: u64,
    mut iteration: impl FnMut(&mut Stopwatch),
) {
    group.throughput(Throughput::Elements(elements));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|count| {
            let mut watch = Stopwatch::default();
            for _ in 0..count {
                iteration(&mut watch);
            }
            watch.0
        });
    });
}

fn buy_accepted(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("buy_accepted");
    // As few samples as criterion allows, one iteration each: ten parts of the large sale are the whole of it.
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(1));
    for (name, buyers, part) in [("1M_buyers", 1_000_000, 1_000_000), ("10M_buyers", 10_000_000, 1_000_000)] {
        let mut intents = Intents::default();
        let mut machine = selling(plain(buyers));
        let mut sold = 0;
        measure(&mut group, name, part, |watch| {
            if sold == buyers {
                machine = selling(plain(buyers));
                sold = 0;
            }
            for first in (sold..sold + part).step_by(BATCH) {
                intents.write(first);
                let buys = intents.buys();
                watch.time(|| buy_all(&mut machine, &buys, &mut Unrecorded));
            }
            sold += part;
        });
    }
    group.finish();
}

fn buy_refused(criterion: &mut Criterion) {
    let mut group = short(criterion, "buy_refused");
    let mut machine = sold_out();
    let mut intents = Intents::default();
    let mut first = BATCH as u64;
    measure(&mut group, "sold_out", BATCH as u64, |watch| {
        intents.write(first);
        first += BATCH as u64;
        let buys = intents.buys();
        watch.time(|| refuse_all(&mut machine, &buys));
    });
    group.finish();
}

fn group_fill(criterion: &mut Criterion) {
    let mut group = short(criterion, "group_fill");
    measure(&mut group, "open_join_pay_4_seats", HOLD_COUNT, |watch| Work::Groups.run(HOLD_COUNT, watch));
    group.finish();
}

fn pay_held(criterion: &mut Criterion) {
    let mut group = short(criterion, "pay");
    measure(&mut group, "held_to_won", HOLD_COUNT, |watch| Work::Pay.run(HOLD_COUNT, watch));
    group.finish();
}

fn expiry(criterion: &mut Criterion) {
    let mut group = short(criterion, "expiry");
    measure(&mut group, "sweep_due_holds", HOLD_COUNT, |watch| Work::Expiry.run(HOLD_COUNT, watch));
    group.finish();
}

/// A group of benches that take a few seconds each.
fn short<'a>(criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
    group
}

criterion_group!(core, buy_accepted, buy_refused, group_fill, pay_held, expiry);
criterion_main!(core);
