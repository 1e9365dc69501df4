//! What keeping events costs: as bytes and back, hashed in batches, and the core with the journal behind it.
//!
//! The codec and the hash run alone. The last group goes through the engine's public face: one thread submits BUYs
//! of distinct buyers and takes the answers, the shard decides, the journal's thread writes and syncs; in `sync` an
//! answer comes after the sync that covers it. The disk is the one under the directory for temporary files. Rates are
//! per event, of the hash per byte.

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use stampede_core::{
    Accepted, Entries, Entry, Event, EventId, Names, OfferIndex, ReservationNames, Seq, Stamp, Status, Units,
    UnixMs, encode,
};
use stampede_engine::Durability;
use stampede_micro::shop::{RUNS_UNDER_WAY, Shop};
use stampede_micro::{BATCH, HOLD, Intents, NOW, OFFER, PRICE};
use std::hint::black_box;
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_64;

/// The server's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Where the entries of a bench begin.
const FIRST: EventId = EventId { epoch: 1_700_000_000_000, seq: Seq(1) };
/// Batches of entries that are written and read back.
const BATCHES: u64 = 64;
/// Reservations of one engine; then a new one starts, in a directory of its own.
const SALE: u64 = 2_000_000;
/// BUYs of one timed part: whole rounds of all runs under way.
const PART: u64 = (RUNS_UNDER_WAY * BATCH * 64) as u64;

fn acceptance(intents: &Intents, index: usize, seq: u64) -> Entry<'_> {
    let (id, buyer, qty) = (intents.reservations.at(index), intents.buyers.at(index), 1 as Units);
    Entry {
        stamp: Stamp { id: EventId { seq: Seq(seq), ..FIRST }, at: NOW },
        event: Event::Accepted(Accepted {
            offer: OfferIndex(0),
            id,
            buyer,
            qty,
            price: PRICE,
            status: Status::Held,
            expires: Some(UnixMs::new(NOW.get() + HOLD.get())),
            seat: None,
            referrer: None,
        }),
        names: Names {
            offer: Some(OFFER),
            reservation: Some(ReservationNames { id, buyer, qty, price: PRICE }),
            group: None,
        },
    }
}

/// Appends the acceptances of one batch of intents.
fn encode_batch(intents: &Intents, first: u64, out: &mut Vec<u8>) {
    for index in 0..BATCH {
        encode(&acceptance(intents, index, first + index as u64), NOW, out);
    }
}

fn codec(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("codec");
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3));
    let mut intents = Intents::default();
    intents.write(7_000_000);
    let mut body = Vec::with_capacity(1 << 20);
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("encode_acceptance", |bencher| {
        bencher.iter(|| {
            body.clear();
            encode_batch(black_box(&intents), 1, &mut body);
            black_box(body.len())
        });
    });
    body.clear();
    for batch in 0..BATCHES {
        intents.write(batch * BATCH as u64);
        encode_batch(&intents, batch * BATCH as u64 + 1, &mut body);
    }
    let count = BATCHES * BATCH as u64;
    println!("one acceptance with ids of 13 bytes takes {} bytes", body.len() as u64 / count);
    group.throughput(Throughput::Elements(count));
    group.bench_function("decode_acceptance", |bencher| {
        bencher.iter(|| {
            let mut entries = Entries::new(black_box(&body), FIRST, NOW);
            let mut walked = 0;
            while let Some(entry) = entries.next().expect("they were just encoded") {
                walked += u64::from(matches!(entry.event, Event::Accepted(_)));
            }
            assert_eq!(walked, count);
        });
    });
    group.finish();
}

fn hash(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hash");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for (name, bytes) in
        [("batch_of_4_KiB", 4 << 10), ("batch_of_64_KiB", 64 << 10), ("batch_of_1_MiB", 1 << 20)]
    {
        let batch: Vec<u8> = (0..bytes).map(|index: u64| (index * 31) as u8).collect();
        group.throughput(Throughput::Bytes(bytes));
        group.bench_function(name, |bencher| bencher.iter(|| xxh3_64(black_box(&batch))));
    }
    group.finish();
}

fn core_and_journal(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("core_and_journal");
    // As few samples as criterion allows: together they are one sale from empty to sold out.
    group.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(PART));
    group.warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(2));
    for durability in [Durability::Sync, Durability::Async, Durability::Memory] {
        let mut shop = Shop::open(durability, SALE);
        group.bench_function(durability.name(), |bencher| {
            bencher.iter_custom(|count| {
                let mut total = Duration::ZERO;
                for _ in 0..count {
                    if shop.left() < PART {
                        shop = Shop::open(durability, SALE);
                    }
                    total += timed(|| shop.sell(PART));
                }
                total
            });
        });
        let journal = shop.journal();
        if let Some(nanos) = journal.sync_nanos.checked_div(journal.syncs) {
            let each = journal.synced.seq.0 as f64 / journal.syncs as f64;
            println!("{}: {each:.0} events per sync, {nanos} ns per sync", durability.name());
        }
    }
    group.finish();
}

#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

criterion_group!(journal, codec, hash, core_and_journal);
criterion_main!(journal);
