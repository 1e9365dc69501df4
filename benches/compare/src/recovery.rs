//! How long a server takes from its start until it serves what it had, and how much disk that needs.
//!
//! ```text
//! cargo run --release -p stampede-compare -- recovery --counts 1000000,10000000
//! ```
//!
//! # Method
//! - Both servers sell the same units to the same buyers (36-byte reservation ids, 28-byte buyers), each over its
//!   own wire as fast as it takes them, and are then killed (SIGKILL), as in a crash of the process.
//! - A start is timed from the spawn of the process until INFO answers `loading:0`. Then its record is checked (units
//!   taken, AUDIT; buyers), outside the time, and it is killed again.
//! - Stampede starts from a snapshot taken at nine tenths and the journal behind it, and from the journal alone: the
//!   same files without the snapshot. Redis starts from its log of commands, and from the log as `BGREWRITEAOF`
//!   leaves it. Redis keeps less per sale: the buyer, not the reservation.
//! - The files were written just before and are in the page cache: reading a cold disk is not part of it.
//!
//! Straight line: this file (order of things) → `subjects` (fill, check, files of each server) → `table`.

pub(crate) mod subjects;
mod table;

use crate::figures::Spread;
use crate::machine::{self, Machine};
use crate::options::RecoveryOptions;
use crate::peers::stampede::{NO_RESERVE, Stampede};
use crate::process::{LOG, Server, log_tail};
use anyhow::{Context, Result, bail};
use serde::Serialize;
use stampede_loadgen::wire::client::Client;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use subjects::{RedisData, StampedeData};
use table::Recovery;
use tokio::time::{Instant, sleep};

/// How long one start may take.
const READY_MAX: Duration = Duration::from_mins(10);
/// Between two questions whether a server is ready: the figures are no finer.
const READY_POLL: Duration = Duration::from_millis(2);

/// One way to come back with so many reservations.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) way: &'static str,
    pub(crate) reservations: u64,
    /// Files that the start reads.
    pub(crate) bytes: u64,
    /// Of each start.
    pub(crate) seconds: Vec<f64>,
    /// Memory of the process once it was ready, the most that it ever had.
    pub(crate) peak_memory_bytes: u64,
}

impl Row {
    fn spread(&self) -> Option<Spread> {
        Spread::of(&self.seconds)
    }
}

/// Fills, kills, starts, and prints the table.
pub(crate) async fn run(options: &RecoveryOptions, command: String) -> Result<()> {
    crate::refuse_debug_build()?;
    let stampede = match &options.stampede {
        Some(binary) => Stampede::Binary(binary.clone()),
        None => Stampede::build()?,
    };
    let machine = Machine::survey()?;
    let redis = crate::peers::redis::Redis::find()?;
    let mut rows = Vec::new();
    for &count in &options.counts {
        rows.extend(stampede_rows(&stampede, count, options.runs).await?);
        rows.extend(redis_rows(&redis, count, options.runs).await?);
    }
    let recovery = Recovery {
        command,
        versions: [("Stampede", stampede.description()), ("Redis", redis.version()?)].into(),
        machine,
        load_average_after: machine::load_average()?,
        rows,
    };
    options.output.publish(&recovery.markdown(), &recovery)
}

/// Seconds of one start of each with `count` reservations: Stampede's from snapshot and journal, Redis's from its log.
pub(crate) async fn brief(
    stampede: &Stampede,
    redis: &crate::peers::redis::Redis,
    count: u64,
) -> Result<(f64, f64)> {
    let data = StampedeData::create(stampede, count, NO_RESERVE)?;
    data.fill().await.context("Stampede, while it was filled")?;
    let ours = time(&Timed::stampede(&data, "Stampede: snapshot at 90 % + journal"), 1).await?;
    drop(data);
    let data = RedisData::create(redis, count)?;
    data.fill().await.context("Redis, while it was filled")?;
    let theirs = time(&Timed::redis(&data, "Redis: log of commands (AOF)"), 1).await?;
    let seconds = |row: &Row| row.seconds.first().copied().context("no start was timed");
    Ok((seconds(&ours)?, seconds(&theirs)?))
}

async fn stampede_rows(stampede: &Stampede, count: u64, runs: u32) -> Result<Vec<Row>> {
    let data = StampedeData::create(stampede, count, NO_RESERVE)?;
    data.fill().await.context("Stampede, while it was filled")?;
    let with_snapshot = time(&Timed::stampede(&data, "Stampede: snapshot at 90 % + journal"), runs).await?;
    data.forget_snapshots()?;
    let journal_alone = time(&Timed::stampede(&data, "Stampede: journal alone"), runs).await?;
    Ok(vec![with_snapshot, journal_alone])
}

async fn redis_rows(redis: &crate::peers::redis::Redis, count: u64, runs: u32) -> Result<Vec<Row>> {
    let data = RedisData::create(redis, count)?;
    data.fill().await.context("Redis, while it was filled")?;
    let log = time(&Timed::redis(&data, "Redis: log of commands (AOF)"), runs).await?;
    data.rewrite().await.context("Redis, while it rewrote its log")?;
    let rewritten = time(&Timed::redis(&data, "Redis: rewritten log (AOF with RDB preamble)"), runs).await?;
    Ok(vec![log, rewritten])
}

/// A start that is to be timed: of whom, and what must be there after it.
struct Timed<'a> {
    way: &'static str,
    subject: Subject<'a>,
}

#[derive(Clone, Copy)]
enum Subject<'a> {
    Stampede(&'a StampedeData),
    Redis(&'a RedisData),
}

impl<'a> Timed<'a> {
    fn stampede(data: &'a StampedeData, way: &'static str) -> Self {
        Self { way, subject: Subject::Stampede(data) }
    }

    fn redis(data: &'a RedisData, way: &'static str) -> Self {
        Self { way, subject: Subject::Redis(data) }
    }
}

async fn time(timed: &Timed<'_>, runs: u32) -> Result<Row> {
    let (reservations, bytes) = match timed.subject {
        Subject::Stampede(data) => (data.count(), data.bytes()?),
        Subject::Redis(data) => (data.count(), data.bytes()?),
    };
    let mut row = Row { way: timed.way, reservations, bytes, seconds: Vec::new(), peak_memory_bytes: 0 };
    for run in 1..=runs {
        let (server, seconds) = match timed.subject {
            Subject::Stampede(data) => ready("stampede", data.command()?, data.directory()).await?,
            Subject::Redis(data) => ready("redis-server", data.command()?, data.directory()).await?,
        };
        row.peak_memory_bytes = row.peak_memory_bytes.max(machine::peak_memory(server.process_id())?);
        match timed.subject {
            Subject::Stampede(data) => data.check(server.address())?,
            Subject::Redis(data) => data.check(server.address())?,
        }
        row.seconds.push(seconds);
        eprintln!("{}, {reservations} reservations, start {run} of {runs}: {seconds:.3} s", timed.way);
    }
    Ok(row)
}

/// Starts a server and answers once it serves, with the seconds that it took.
async fn ready(name: &str, command: (Command, SocketAddr), directory: &Path) -> Result<(Server, f64)> {
    let (command, address) = command;
    let started = Instant::now();
    let mut server = Server::spawn(name, command, address, directory)?;
    let log = || log_tail(&directory.join(LOG));
    while !is_ready(address).await {
        if let Some(status) = server.ended()? {
            bail!("{name} ended with {status}; it wrote:\n{}", log());
        }
        if started.elapsed() > READY_MAX {
            bail!("{name} took longer than {} s; it wrote:\n{}", READY_MAX.as_secs(), log());
        }
        sleep(READY_POLL).await;
    }
    Ok((server, started.elapsed().as_secs_f64()))
}

/// Whether the server answers, and has read what it had.
async fn is_ready(address: SocketAddr) -> bool {
    let asked = tokio::task::spawn_blocking(move || {
        let reply = Client::connect_plain(&address.to_string())?.command(&[b"INFO"])?;
        let text = reply.frame().text().unwrap_or_default().to_vec();
        Ok::<_, anyhow::Error>(String::from_utf8_lossy(&text).lines().any(|line| line == "loading:0"))
    });
    // Nobody listens yet, or hangs up: not ready.
    matches!(asked.await, Ok(Ok(true)))
}
