//! How many requests a second go through the engine: submit → shard → journal → answers, without sockets.
//!
//! `cargo run --release -p stampede-engine --example throughput -- [CONNECTIONS] [REQUESTS PER RUN] [RUNS UNDER WAY] [NEW DATA DIRECTORY]`
//!
//! Without a directory nothing is kept (durability memory); with one everything is synced before it is answered.
//! One thread plays all connections, as one worker of a server would; the shard has a thread of its own. Filling the
//! runs and reading every answer is part of the time, making the texts is not. First plain BUYs of distinct
//! buyers are accepted, then as many are refused as sold out, then as many name an unknown offer, which costs the
//! machine next to nothing and so shows the engine's own share. "CPU" is what both threads used together, which says
//! more than the clock on a machine that has other things to do.

use rustix::time::{ClockId, clock_gettime};
use stampede_engine::core::{Answer, Money, Offer, Refusal, Request, Text};
use stampede_engine::{Engine, EngineConfig, Outbox, RUN_REQUESTS_MAX, Rejected, Run};
use std::env::args;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Intents in each part.
const INTENTS: usize = 4_000_000;

struct Load {
    connections: Vec<Arc<Outbox>>,
    requests_per_run: usize,
}

#[derive(Default)]
struct Seen {
    accepted: u64,
    refused: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = args().skip(1);
    let mut number = |default| words.next().map_or(Ok(default), |word| word.parse::<usize>());
    let connections = number(50)?;
    let requests_per_run = number(64)?.clamp(1, RUN_REQUESTS_MAX);
    let runs_under_way = number(1)?;
    let outboxes = (0..connections.max(1)).map(|_| Outbox::new(runs_under_way)).collect();
    let load = Load { connections: outboxes, requests_per_run };

    let config = match words.next() {
        Some(dir) => EngineConfig { data: dir.into(), ..EngineConfig::default() },
        None => EngineConfig::in_memory(),
    };
    let engine = Engine::start(EngineConfig { shards: Some(1), ..config })?;
    let definition = Box::new(Offer::with_stock(Money::cash(1_990), INTENTS as u64));
    engine.client().call(&Request::OfferPut { offer: Text::id(b"sku")?, definition })?;

    println!(
        "{connections} connections, {requests_per_run} requests per run, {runs_under_way} runs under way each"
    );
    for (part, offer, prefix) in
        [("accepted", "sku", 'a'), ("sold out", "sku", 'b'), ("unknown", "none", 'c')]
    {
        let ids: Vec<String> = (0..INTENTS).map(|n| format!("{prefix}{n:09}")).collect();
        let cpu_before = cpu();
        let (seen, took) = measure(|| load.send(&engine, Text::id(offer.as_bytes())?, &ids))?;
        let rate = INTENTS as f64 / took.as_secs_f64() / 1e6;
        let each = cpu().saturating_sub(cpu_before) / INTENTS as u32;
        println!(
            "{part}: {rate:.2} M/s, CPU {each:?} each ({} accepted, {} refused)",
            seen.accepted, seen.refused
        );
    }
    for shard in engine.shards() {
        let counters = engine.counters(shard);
        let per_batch = counters.requests / counters.batches.max(1);
        println!("shard {shard}: {counters:?}, {per_batch} requests per batch");
        println!("{:?}", engine.journal(shard).unwrap_or_default());
    }
    engine.stop(Duration::from_secs(10))?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "measures how long the work took")]
fn measure<T>(work: impl FnOnce() -> Result<T, Box<dyn Error>>) -> Result<(T, Duration), Box<dyn Error>> {
    let start = Instant::now();
    let done = work()?;
    Ok((done, start.elapsed()))
}

/// The processor time that this process has used.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

impl Load {
    /// Goes round the connections: each takes what came back and sends its next runs.
    fn send(&self, engine: &Engine, offer: Text<'_>, ids: &[String]) -> Result<Seen, Box<dyn Error>> {
        let mut seen = Seen::default();
        let mut chunks = ids.chunks(self.requests_per_run);
        let mut is_empty = false;
        while !is_empty || self.connections.iter().any(|outbox| outbox.under_way() > 0) {
            let mut is_idle = true;
            for outbox in &self.connections {
                while let Some(run) = outbox.try_take() {
                    seen.count(&run);
                    engine.recycle(run);
                    is_idle = false;
                }
                while outbox.has_room() && !is_empty {
                    match chunks.next() {
                        Some(chunk) => submit(engine, offer, chunk, outbox)?,
                        None => is_empty = true,
                    }
                    is_idle = false;
                }
            }
            if is_idle {
                std::thread::yield_now();
            }
        }
        Ok(seen)
    }
}

fn submit(
    engine: &Engine,
    offer: Text<'_>,
    ids: &[String],
    outbox: &Arc<Outbox>,
) -> Result<(), Box<dyn Error>> {
    let mut run = engine.run();
    for id in ids {
        let id = Text::id(id.as_bytes())?;
        run.push(&Request::buy(offer, id, id))?;
    }
    engine.submit(engine.shard_of(offer), run, outbox).map_err(|Rejected { reason, .. }| reason)?;
    Ok(())
}

impl Seen {
    fn count(&mut self, run: &Run) {
        for answer in run.answers() {
            match answer {
                Answer::Reservation(_) => self.accepted += 1,
                Answer::Refused(Refusal::SoldOut | Refusal::OfferUnknown) => self.refused += 1,
                other => panic!("{other:?}"),
            }
        }
    }
}
