//! `stampede-simulate`: many seeds with progress and counts, or one seed with its story.

use clap::Parser;
use stampede_simulator::{Campaign, Outcome, Trace, command, run, run_many};
use std::process::ExitCode;

/// Runs the engine on a disk and a clock that fail, and checks that nothing promised is lost.
#[derive(Debug, Parser)]
#[command(name = "stampede-simulate", version)]
struct Flags {
    /// How many seeds to play.
    #[arg(long, default_value_t = 1_000, value_name = "COUNT")]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1, value_name = "SEED")]
    first: u64,
    /// Plays this one seed and no other.
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// With --seed: tells every step.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Goes on after something was found, until so many seeds have found something.
    #[arg(long, default_value_t = 1, value_name = "COUNT")]
    found_max: usize,
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    match flags.seed {
        Some(seed) => play_one(seed, if flags.trace { Trace::On } else { Trace::Off }),
        None => play_many(&flags),
    }
}

fn play_one(seed: u64, trace: Trace) -> ExitCode {
    let Outcome { tally, finding, story, .. } = run(seed, trace);
    for line in story {
        println!("{line}");
    }
    print!("{}", tally.table());
    match finding {
        None => {
            println!("seed {seed}: nothing found");
            ExitCode::SUCCESS
        }
        Some(finding) => {
            println!("seed {seed}, step {}: {}", finding.step, finding.what);
            ExitCode::FAILURE
        }
    }
}

fn play_many(flags: &Flags) -> ExitCode {
    let (first, count) = (flags.first, flags.seeds);
    let heard = |done: u64| eprintln!("{done} of {count} seeds");
    let Campaign { runs, tally, found } = run_many(first, count, flags.found_max, &heard);
    println!("{runs} seeds from {first} on:\n{}", tally.table());
    for (seed, finding) in &found {
        println!("seed {seed}, step {}: {}\n  {}", finding.step, finding.what, command(*seed));
    }
    if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
