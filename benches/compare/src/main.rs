//! Runs the same work on Stampede and on what people use today, in one run, and prints the ratios.
//!
//! ```text
//! cargo run --release -p stampede-compare -- --runs 5 --markdown table.md --json table.json
//! ```
//!
//! # Method
//! - Every figure is measured by the same client (the load generator's closed loop, or `redis-benchmark`),
//!   on the same machine, in the same run. A closed loop finds the maximum throughput; nothing here is a
//!   latency.
//! - A round runs every row on every server once; rounds follow one another, so that servers alternate and a
//!   slow minute of the machine falls on all of them. A figure is the median of the rounds, its spread the
//!   least and the greatest. A ratio is that of the medians, its spread that of the ratios within rounds.
//! - Each timed run has a server of its own, started afresh and alone with the client, and ended after it.
//!   Hash tables grow and pages are touched for the first time within the timed run, on every server alike.
//! - What is accepted, refused and answered otherwise is counted apart. After each timed run the server's
//!   own record must agree with the answers: AUDIT and POOL GET on Stampede, stock and buyers on Redis, stock
//!   and orders on `PostgreSQL`. A difference fails the timed run: its figure is left out, the report says why, and
//!   the comparison goes on and ends with an error.
//! - The report is written after every timed run, so that a comparison that is ended early leaves what it had.
//! - *The stub* (`stub`) is the wire's limit: it parses the same frames and answers the bytes that Stampede
//!   answered just before, deciding and storing nothing.
//! - The durability mode stands beside each figure. Stampede runs as it is started without a word, in `sync`,
//!   and beside it in `memory`; how many events one sync made durable is the server's own count over the timed
//!   run. The disk is probed in the same run.
//! - After each timed run on Stampede its feed is read: every accepted reservation is on it, once.
//!
//! - Everything else that the target table asks for is a probe (`probes`): the core alone, latency at half of Redis's
//!   maximum, memory, allocations, growth, a step of load, recovery. Short ones run in each round, long ones once.
//! - The report begins with the target table, what was missed or could not be run first.
//!
//! Subcommands: `curves` (latency over load), `growth` (cost as work grows), `recovery` (starts after a kill),
//! `instructions` (what an intent costs the processor). `--quick` tries everything out with small counts.
//!
//! Straight line: `options` → `drive` (start, sell, drive, check; the servers are in `peers`) and `probes` → `report`,
//! by `targets`.

mod alone;
mod benchmark;
mod cores;
mod curves;
mod drive;
mod figures;
mod growth;
mod instructions;
mod machine;
mod options;
mod peers;
mod plot;
mod probes;
mod process;
mod recovery;
mod report;
mod rows;
mod sizes;
mod stalls;
mod stub;
mod targets;

use crate::drive::{Field, request_count};
use crate::machine::Machine;
use crate::options::{Options, Role};
use crate::report::{Cell, Circumstances, Report};
use crate::rows::{Kind, chosen, chosen_probes};
use crate::sizes::Sizes;
use crate::stub::answer::{Answer, from_hex};
use anyhow::{Result, bail, ensure};
use clap::Parser;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// The server's allocator, for the works that run here without a server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long a client that is cut off by an interruption may take to notice.
const WIND_DOWN_MAX: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stampede-compare: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    // Before any thread is started: what these two do is measured to the instruction.
    match &options.role {
        Some(Role::Alone { task, count, clock }) => return alone::serve(*task, *count, *clock),
        Some(Role::Instructions(options)) => return instructions::run(options),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        match &options.role {
            Some(Role::Stub { listen, answer, id }) => {
                stub::serve(*listen, Answer::from_sample(&from_hex(answer)?, id)?).await
            }
            Some(Role::Recovery(options)) => tokio::select! {
                result = recovery::run(options, command_line()) => result,
                result = interruption() => result,
            },
            Some(Role::Curves(options)) => tokio::select! {
                result = curves::run(options, command_line()) => result,
                result = interruption() => result,
            },
            Some(Role::Growth(options)) => tokio::select! {
                result = growth::run(options, command_line()) => result,
                result = interruption() => result,
            },
            Some(Role::Alone { .. } | Role::Instructions(_)) => Ok(()),
            // Whichever ends first drops the other, and with it every server that runs.
            None => tokio::select! {
                result = compare(options) => result,
                result = interruption() => result,
            },
        }
    });
    runtime.shutdown_timeout(WIND_DOWN_MAX);
    result
}

/// Ends with an error when the harness is told to stop.
async fn interruption() -> Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    bail!("interrupted; every server that was started has been ended")
}

async fn compare(options: &Options) -> Result<()> {
    refuse_debug_build()?;
    let (rows, probes) = (chosen(&options.only), chosen_probes(&options.only));
    let sizes = Sizes::of(options.quick);
    // Before anything is built: the harness's own work is no other's.
    let machine = Machine::survey()?;
    let field = Field::prepare(options, &rows, &probes).await?;
    if probes.iter().any(|probe| probe.kind == Kind::Allocations)
        && let Err(error) = probes::allocations::build()
    {
        // The probe will fail and say so; everything else can be measured.
        eprintln!("{error:#}");
    }
    let circumstances = Circumstances {
        command: command_line(),
        machine,
        versions: field.versions()?,
        durability: field.durability()?,
    };
    let mut cells: Vec<Cell> = Vec::new();
    for row in &rows {
        let requests = request_count(row, options.requests());
        let subjects = row.subjects.iter().filter(|&&subject| field.has(subject));
        cells.extend(subjects.map(|subject| Cell::new(row, *subject, requests)));
    }
    let cell_count = cells.len();
    let mut report = Report::new(circumstances, cells);
    for earlier in &options.join {
        report.join(earlier, &probes)?;
    }
    for round in 1..=options.runs() {
        for index in 0..cell_count {
            let Cell { row, subject, requests, .. } = report.cells[index];
            let outcome = field.measure(row, subject, requests).await;
            report.add(index, round, outcome)?;
            options.output.save(&report.markdown(), &report)?;
        }
        for probe in probes.iter().filter(|probe| probe.is_in_each_round) {
            report.find(probe.name, probes::run(probe, &field, &sizes, round).await)?;
            options.output.save(&report.markdown(), &report)?;
        }
    }
    for probe in probes.iter().filter(|probe| !probe.is_in_each_round) {
        report.find(probe.name, probes::run(probe, &field, &sizes, 1).await)?;
        options.output.save(&report.markdown(), &report)?;
    }
    options.output.publish(&report.markdown(), &report)?;
    report.must_be_whole()
}

fn refuse_debug_build() -> Result<()> {
    ensure!(
        !cfg!(debug_assertions),
        "this is a debug build, whose figures mean nothing: run it with `cargo run --release`"
    );
    Ok(())
}

/// The command that repeats this run. Files stand there by name: their folders belong to one machine.
fn command_line() -> String {
    let mut words = vec!["cargo run --release -p stampede-compare --".to_owned()];
    words.extend(std::env::args().skip(1).map(|word| without_folders(&word)));
    words.join(" ")
}

/// The word without the folders of the file that it names, alone or behind `--option=`.
fn without_folders(word: &str) -> String {
    let (option, value) = word.split_at(word.find('=').map_or(0, |at| at + 1));
    let name = value.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
    format!("{option}{name}")
}

#[cfg(test)]
mod tests {
    use super::without_folders;

    #[test]
    fn a_command_names_files_without_their_folders() {
        let words = ["--runs", "--json=/home/me/out.json", "../target/release/stampede", "127.0.0.1:7878"];
        let shown = words.map(without_folders);
        assert_eq!(shown, ["--runs", "--json=out.json", "stampede", "127.0.0.1:7878"]);
    }
}
