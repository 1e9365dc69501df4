//! The core alone, and the core with its journal: work without a socket, in a process of its own.
//!
//! This binary again, in its other role, so that each run begins with fresh memory and can be started under another
//! program that counts its instructions. The workloads are those of the micro-benches. Prints one line of JSON.

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use stampede_gateway::memory;
use stampede_micro::BATCH;
use stampede_micro::shop::{Durability, Shop, take_small_pages};
use stampede_micro::work::{Untimed, Watch, Work};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Memory that is taken before the work begins, as a server's operator is told to: for each intent, and besides.
const RESERVED_PER_INTENT_BYTES: u64 = 200;
const RESERVE_BYTES: u64 = 100 << 20;
/// Reservations that are there before growing is timed.
const GROWING_FROM: u64 = 1_000_000;

/// What is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Task {
    /// Writes the ids and does nothing with them.
    Ids,
    Buy,
    BuyEncoded,
    Refused,
    Pay,
    Groups,
    /// BUYs by batch, while the tables grow.
    Growing,
    /// BUYs through the engine, each batch of events synced before it is answered.
    Journal,
}

impl Task {
    /// Its name on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn work(self) -> Option<Work> {
        match self {
            Self::Ids => Some(Work::Ids),
            Self::Buy => Some(Work::Buy),
            Self::BuyEncoded => Some(Work::BuyEncoded),
            Self::Refused => Some(Work::Refused),
            Self::Pay => Some(Work::Pay),
            Self::Groups => Some(Work::Groups),
            Self::Growing | Self::Journal => None,
        }
    }
}

/// How the time of a task is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Clock {
    /// Around each batch, ids left out.
    Timed,
    /// Not at all: instructions are counted instead.
    Untimed,
}

/// What a task came to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) count: u64,
    /// Of the timed parts.
    pub(crate) seconds: f64,
    /// What one sync made durable on average; 0 where nothing is synced.
    pub(crate) events_per_sync: f64,
    /// How long the batches took; nothing where they are not timed one by one.
    pub(crate) batches: Option<Batches>,
}

/// How long batches took, each over its number of intents, in nanoseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Batches {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) longest: f64,
}

impl Batches {
    /// Of these times of whole batches, of which there is one at least.
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |in_thousand: usize| {
            let place = (times.len() * in_thousand).div_ceil(1_000);
            times[place.max(1) - 1].as_secs_f64() * 1e9 / BATCH as f64
        };
        Self { p50: at(500), p99: at(990), p999: at(999), longest: at(1_000) }
    }
}

/// Adds up the timed parts.
#[derive(Default)]
struct Stopwatch(Duration);

impl Watch for Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "the harness measures real time")]
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = work();
        self.0 += started.elapsed();
        result
    }
}

/// Keeps each timed part.
#[derive(Default)]
struct Laps(Vec<Duration>);

impl Watch for Laps {
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let mut watch = Stopwatch::default();
        let result = watch.time(work);
        self.0.push(watch.0);
        result
    }
}

/// Whole batches.
pub(crate) fn whole_batches(count: u64) -> u64 {
    count.next_multiple_of(BATCH as u64)
}

/// The other role of this binary: runs the task and prints what it came to.
pub(crate) fn serve(task: Task, count: u64, clock: Clock) -> Result<()> {
    let count = whole_batches(count);
    // As the server does; where instructions are counted, those of taking memory would be among them.
    if clock == Clock::Timed {
        memory::reserve(RESERVE_BYTES + count * RESERVED_PER_INTENT_BYTES)?;
    }
    take_small_pages()?;
    let nothing = Done { count, seconds: 0.0, events_per_sync: 0.0, batches: None };
    let done = match (task, task.work(), clock) {
        (_, Some(work), Clock::Timed) => {
            let mut watch = Stopwatch::default();
            work.run(count, &mut watch);
            Done { seconds: watch.0.as_secs_f64(), ..nothing }
        }
        (_, Some(work), Clock::Untimed) => {
            work.run(count, &mut Untimed);
            nothing
        }
        (Task::Growing, None, _) => growing(nothing),
        (_, None, _) => with_journal(nothing),
    };
    println!("{}", serde_json::to_string(&done)?);
    Ok(())
}

/// From the first million on, batch by batch.
fn growing(nothing: Done) -> Done {
    let mut laps = Laps::default();
    Work::Buy.run(nothing.count, &mut laps);
    let first = (GROWING_FROM / BATCH as u64) as usize;
    let times = laps.0.split_off(first.min(laps.0.len() - 1));
    let seconds = times.iter().sum::<Duration>().as_secs_f64();
    Done { seconds, batches: Some(Batches::of(times)), ..nothing }
}

fn with_journal(nothing: Done) -> Done {
    let mut shop = Shop::open(Durability::Sync, nothing.count);
    let mut watch = Stopwatch::default();
    watch.time(|| shop.sell(nothing.count));
    let journal = shop.journal();
    let events_per_sync = journal.synced.seq.0 as f64 / journal.syncs.max(1) as f64;
    Done { seconds: watch.0.as_secs_f64(), events_per_sync, ..nothing }
}

/// The command that runs a task in a process of its own.
pub(crate) fn words(task: Task, count: u64, clock: Clock) -> Result<Vec<String>> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let program = program.to_str().context("the path of this program is not UTF-8")?.to_owned();
    let clock = clock.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
    Ok(vec![program, "alone".into(), task.name(), count.to_string(), clock])
}

/// Runs a task in a process of its own.
pub(crate) fn run(task: Task, count: u64) -> Result<Done> {
    let words = words(task, count, Clock::Timed)?;
    let output = Command::new(&words[0]).args(&words[1..]).stdin(Stdio::null()).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} ended with {}: {errors}", task.name(), output.status);
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{} printed no result: {errors}", task.name()))
}
