//! What a recovery costs the core: entries to bytes, bytes to entries, entries replayed, a machine saved and loaded.
//!
//! Everything is in memory: what the disk adds is measured with the engine. One sale of distinct buyers with their
//! holds; rates are per element, an entry or a reservation. What was loaded or replayed has the digest of the
//! machine that made it, or the bench fails.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use stampede_core::{
    CodecError, Entries, Entry, EventId, Machine, Offer, Record, Request, Seq, Settings, Status, encode,
};
use stampede_micro::{BATCH, Intents, NOW, OFFER, expect, plain};
use std::convert::Infallible;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The server's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIZES: [(&str, u64); 2] = [("1M_reservations", 1_000_000), ("10M_reservations", 10_000_000)];
/// The whole journal is one batch.
const FIRST: EventId = EventId { epoch: 1, seq: Seq(1) };

/// A journal in memory.
#[derive(Default)]
struct Journal {
    body: Vec<u8>,
}

impl Record for Journal {
    fn record(&mut self, entry: &Entry<'_>) {
        encode(entry, NOW, &mut self.body);
    }
}

/// A sale, the machine after it and its journal.
struct Sale {
    machine: Machine,
    journal: Journal,
    digest: u128,
}

fn sale(reservations: u64) -> Sale {
    let mut machine = Machine::new(Settings::default());
    let mut journal = Journal::default();
    let definition: Box<Offer> = Box::new(plain(reservations));
    machine.handle(&Request::OfferPut { offer: OFFER, definition }, NOW, &mut journal);
    let mut intents = Intents::default();
    for first in (0..reservations).step_by(BATCH) {
        intents.write(first);
        for buy in intents.buys().iter().take(usize::try_from(reservations - first).unwrap_or(BATCH)) {
            expect(&machine.handle(buy, NOW, &mut journal), Status::Held);
        }
    }
    let digest = machine.digest();
    Sale { machine, journal, digest }
}

/// Runs `work` on the sale as often as criterion wants. What `work` leaves is looked at outside the measured time.
fn measure<T>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    elements: u64,
    mut work: impl FnMut() -> T,
    look: impl Fn(T),
) {
    group.throughput(Throughput::Elements(elements));
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|count| (0..count).map(|_| time(&mut work, &look)).sum());
    });
}

#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
fn time<T>(work: &mut impl FnMut() -> T, look: &impl Fn(T)) -> Duration {
    let started = Instant::now();
    let result = black_box(work());
    let took = started.elapsed();
    look(result);
    took
}

fn recovery(criterion: &mut Criterion) {
    for (size, reservations) in SIZES {
        let mut group = criterion.benchmark_group(format!("recovery/{size}"));
        group.sample_size(10).sampling_mode(SamplingMode::Flat);
        group.warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_secs(1));
        // Made when the first bench of the group is wanted.
        let made = std::cell::OnceCell::new();
        let sale = || made.get_or_init(|| sale(reservations));
        let is_sale =
            |machine: Machine| assert_eq!(machine.digest(), sale().digest, "another state came back");
        let entries = reservations + 1;
        let pieces = std::cell::OnceCell::new();
        let pieces = || pieces.get_or_init(|| saved(&sale().machine));
        measure(
            &mut group,
            "read",
            entries,
            || read(&sale().journal.body),
            |count| assert_eq!(count, entries),
        );
        measure(
            &mut group,
            "encode",
            entries,
            || encode_again(&sale().journal),
            |bytes| {
                assert_eq!(bytes, sale().journal.body.len());
            },
        );
        measure(&mut group, "replay", entries, || replayed(&sale().journal.body), is_sale);
        measure(
            &mut group,
            "save",
            reservations,
            || saved(&sale().machine),
            |pieces| {
                assert!(!pieces.is_empty());
            },
        );
        measure(&mut group, "load", reservations, || loaded(pieces()), is_sale);
        if let (Some(sale), Some(bytes)) = (made.get(), made.get().map(|_| pieces().concat().len())) {
            let journal = sale.journal.body.len();
            eprintln!("{size}: journal {journal} bytes, snapshot {bytes} bytes");
        }
        group.finish();
    }
}

fn read(body: &[u8]) -> u64 {
    let mut entries = Entries::new(body, FIRST, NOW);
    let mut count = 0;
    while let Some(entry) = entries.next().expect("a journal can be read") {
        black_box(&entry);
        count += 1;
    }
    count
}

/// Reads every entry and writes it again: less the time of `read`, this is what encoding costs.
fn encode_again(journal: &Journal) -> usize {
    let mut entries = Entries::new(&journal.body, FIRST, NOW);
    let mut out = Vec::with_capacity(journal.body.len() + 1_024);
    while let Some(entry) = entries.next().expect("a journal can be read") {
        encode(&entry, NOW, &mut out);
    }
    out.len()
}

fn replayed(body: &[u8]) -> Machine {
    let mut machine = Machine::new(Settings::default());
    let mut entries = Entries::new(body, FIRST, NOW);
    while let Some(entry) = entries.next().expect("a journal can be read") {
        machine.replay(entry.stamp, &entry.event);
    }
    machine
}

fn saved(machine: &Machine) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let put = |piece: &[u8]| -> Result<(), Infallible> {
        pieces.push(piece.to_vec());
        Ok(())
    };
    machine.save(put).expect("a list takes every piece");
    pieces
}

fn loaded(pieces: &[Vec<u8>]) -> Machine {
    let mut pieces = pieces.iter();
    let next = |buffer: &mut Vec<u8>| -> Result<bool, CodecError> {
        let piece = pieces.next();
        buffer.extend(piece.into_iter().flatten());
        Ok(piece.is_some())
    };
    Machine::load(Settings::default(), next).expect("what was saved can be loaded")
}

criterion_group!(benches, recovery);
criterion_main!(benches);
