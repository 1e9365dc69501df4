//! The harness's command line.
//!
//! Parsing and checking only; `main` acts on it.

use crate::alone::{Clock, Task};
use crate::peers::stampede::Stampede;
use crate::rows;
use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};
use serde::Serialize;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Runs the same work on Stampede and its peers, in one run, and prints medians, spreads and ratios.
#[derive(Parser, Debug)]
#[command(name = "stampede-compare", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    /// Rounds; each runs every row on every server once. Fewer than 5 are for trying out [default: 5; 1 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) runs: Option<u32>,
    /// Requests of one timed run; rows that go slowly take a fixed part of it [default: 2000000; 100000 with --quick]
    #[arg(long, value_parser = clap::value_parser!(u64).range(20_000..=100_000_000))]
    pub(crate) requests: Option<u64>,
    /// Small counts and one round, to try the harness out; nothing of it is to be quoted
    #[arg(long)]
    pub(crate) quick: bool,
    /// Only this row or probe; may be given several times.
    #[arg(long, value_name = "ROW", value_parser = PossibleValuesParser::new(rows::names()))]
    pub(crate) only: Vec<String>,
    /// Take what this run does not measure from an earlier report in JSON; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) join: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Measure the Stampede that runs at this address instead of starting one. Its offers stay.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) addr: Option<SocketAddr>,
    /// The server's binary; otherwise it is built from this workspace, in release mode.
    #[arg(long, value_name = "FILE", conflicts_with = "addr")]
    pub(crate) stampede: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) role: Option<Role>,
}

impl Options {
    pub(crate) fn runs(&self) -> u32 {
        self.runs.unwrap_or(if self.quick { 1 } else { 5 })
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.unwrap_or(if self.quick { 100_000 } else { 2_000_000 })
    }
}

/// Where a report goes besides standard output.
#[derive(Args, Debug)]
pub(crate) struct Output {
    /// Also write the report as JSON, every round in it; it is written anew after each timed run.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Also write the report as Markdown; it is written anew after each timed run.
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
}

impl Output {
    /// Prints the Markdown, and writes what was asked for.
    pub(crate) fn publish(&self, markdown: &str, report: &impl Serialize) -> Result<()> {
        println!("{markdown}");
        self.save(markdown, report)
    }

    /// Writes what was asked for. Called after every timed run, so that whatever ends a long comparison early leaves
    /// what it had.
    pub(crate) fn save(&self, markdown: &str, report: &impl Serialize) -> Result<()> {
        if let Some(path) = &self.markdown {
            replace(path, markdown)?;
        }
        if let Some(path) = &self.json {
            replace(path, &(serde_json::to_string_pretty(report)? + "\n"))?;
        }
        Ok(())
    }
}

/// Writes a file beside and renames it: a reader finds the old text or the new one, never half of it.
fn replace(path: &Path, text: &str) -> Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    written.with_context(|| format!("cannot write {}", path.display()))
}

/// How recovery is measured.
#[derive(Args, Debug)]
pub(crate) struct RecoveryOptions {
    /// Reservations to come back with; several counts apart by commas.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000_000, 10_000_000],
        value_parser = clap::value_parser!(u64).range(1_000..=100_000_000))]
    pub(crate) counts: Vec<u64>,
    /// Starts of each kind; the median is shown.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) runs: u32,
    /// The server's binary; otherwise it is built from this workspace, in release mode.
    #[arg(long, value_name = "FILE")]
    pub(crate) stampede: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// How curves are drawn.
#[derive(Args, Debug)]
pub(crate) struct FigureOptions {
    /// The folder for plots, tables and JSON
    #[arg(long, value_name = "DIR", default_value = "docs/figures")]
    pub(crate) out: PathBuf,
    /// Small sizes, to try it out; nothing of it is to be quoted
    #[arg(long)]
    pub(crate) quick: bool,
    /// The server's binary; otherwise it is built from this workspace, in release mode.
    #[arg(long, value_name = "FILE")]
    pub(crate) stampede: Option<PathBuf>,
}

impl FigureOptions {
    /// The server that is measured.
    pub(crate) fn stampede(&self) -> Result<Stampede> {
        self.stampede.clone().map_or_else(Stampede::build, |binary| Ok(Stampede::Binary(binary)))
    }

    /// Prints the Markdown and writes `name.md` and `name.json` beside the plots.
    pub(crate) fn publish(&self, name: &str, markdown: &str, report: &impl Serialize) -> Result<()> {
        let file = |ending: &str| Some(self.out.join(format!("{name}.{ending}")));
        Output { json: file("json"), markdown: file("md") }.publish(markdown, report)
    }
}

/// How instructions are counted.
#[derive(Args, Debug)]
pub(crate) struct InstructionsOptions {
    /// Intents of the smaller of the two runs; the larger has twice as many.
    #[arg(long, default_value_t = 32_000, value_parser = clap::value_parser!(u64).range(64..=10_000_000))]
    pub(crate) count: u64,
    /// The table's file.
    #[arg(long, value_name = "FILE", default_value = "docs/figures/instructions.tsv")]
    pub(crate) out: PathBuf,
}

/// What else this binary is.
#[derive(Subcommand, Debug)]
pub(crate) enum Role {
    /// Fills Stampede and Redis with as many sales, kills them, and times how long they take to serve again
    Recovery(RecoveryOptions),
    /// Latency over load on Stampede, Redis and the stub, open loop, as plot and table
    Curves(FigureOptions),
    /// The cost of a BUY as reservations, offers, connections and shards grow, as plots and table
    Growth(FigureOptions),
    /// Counts the instructions of one BUY, PAY and group seat with callgrind, and writes them to a file
    Instructions(InstructionsOptions),
    /// Runs a work without a socket; the harness starts this itself.
    #[command(hide = true)]
    Alone { task: Task, count: u64, clock: Clock },
    /// Serves as the stub; the harness starts this itself.
    #[command(hide = true)]
    Stub {
        #[arg(long)]
        listen: SocketAddr,
        /// The answer to every BUY, as hexadecimal digits.
        #[arg(long)]
        answer: String,
        /// The id inside the answer, which each request's own id replaces.
        #[arg(long)]
        id: String,
    },
}

#[cfg(test)]
mod tests {
    use super::Options;
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn a_row_that_does_not_exist_is_refused_with_those_that_do() {
        let error = Options::try_parse_from(["stampede-compare", "--only", "buy"]).unwrap_err().to_string();
        assert!(error.contains("buy-64") && error.contains("ping-1"), "{error}");
    }

    #[test]
    fn no_runs_or_too_few_requests_are_refused() {
        assert!(Options::try_parse_from(["stampede-compare", "--runs", "0"]).is_err());
        assert!(Options::try_parse_from(["stampede-compare", "--requests", "19999"]).is_err());
    }
}
