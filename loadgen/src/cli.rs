//! The command line: every flag with its unit and its default, declared once.
//!
//! Parses and checks the form of arguments; what they mean together is checked where they are used, with the
//! flag named. Called by `main`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::replay::Match;
use crate::schedule::Arrivals;

/// Rehearses a sale against a running server, measures it, and checks every answer.
///
/// Ends with 0 if everything agrees, 1 if the server's answers and its books differ, 2 on a mistake or a fault.
#[derive(Debug, Parser)]
#[command(name = "stampede-load", version, max_term_width = 110)]
pub struct Cli {
    /// What to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Starts a server, plays a flash sale and real group buys over TCP, and says what happened
    #[cfg(feature = "demo")]
    Demo(DemoArgs),
    /// A quiet start, one step up to the peak, and back: the moment a sale opens
    Spike(SpikeArgs),
    /// A steady rate, or a ramp; with --closed the maximum throughput
    Steady(SteadyArgs),
    /// Many offers of uneven heat: purchases, groups, payments, cancellations, repeats
    Mixed(MixedArgs),
    /// Plays recorded group buys and checks that the same groups come out
    Replay(ReplayArgs),
    /// The same load on Stampede and on Redis with a sale script, in turn, and the ratios
    Compare(CompareArgs),
}

impl Command {
    /// Where the report goes.
    pub fn output(&self) -> &Output {
        match self {
            #[cfg(feature = "demo")]
            Command::Demo(args) => &args.output,
            Command::Spike(args) => &args.output,
            Command::Steady(args) => &args.output,
            Command::Mixed(args) => &args.output,
            Command::Replay(args) => &args.output,
            Command::Compare(args) => &args.output,
        }
    }
}

/// Where the server is and how it is reached.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// The server's address, host:port
    #[arg(long, default_value = "127.0.0.1:7878")]
    pub addr: String,
    /// Connections open at once
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub connections: u16,
    /// Commands in flight on one connection at most [default: 64 in a closed loop and a replay, 1000 otherwise]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub pipeline: Option<u32>,
    /// Client threads; connections are dealt out to them
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub threads: u16,
    /// The seed of every random choice: the same seed plans the same run
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// What offer ids start with [default: load-, seed and time, so that a run can be repeated]
    #[arg(long)]
    pub prefix: Option<String>,
    /// An answer later than this is counted as a timeout
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    pub timeout: Duration,
}

impl Target {
    /// Commands in flight per connection, or what the subcommand thinks right.
    pub fn pipeline_or(&self, default: usize) -> usize {
        self.pipeline.map_or(default, |pipeline| pipeline as usize)
    }
}

/// Where the report goes besides the terminal.
#[derive(Debug, Clone, Args)]
pub struct Output {
    /// Write the report as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the report as one self-contained HTML file
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

impl Output {
    /// Every file that the report is written to.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        [&self.json, &self.html].into_iter().flatten().map(PathBuf::as_path)
    }
}

/// Who comes.
#[derive(Debug, Clone, Args)]
pub struct People {
    /// Distinct buyers
    #[arg(long, default_value_t = 100_000)]
    pub buyers: u32,
    /// Repeats of an earlier id among all BUYs, in percent
    #[arg(long, default_value_t = 5.0, value_name = "PERCENT")]
    pub duplicates: f64,
    /// Bots among all BUYs, each time with a new id, in percent
    #[arg(long, default_value_t = 5.0, value_name = "PERCENT")]
    pub bots: f64,
    /// Accepted reservations that are paid, in percent
    #[arg(long, default_value_t = 90.0, value_name = "PERCENT")]
    pub pays: f64,
    /// Accepted reservations that somebody tries to cancel, in percent
    #[arg(long, default_value_t = 2.0, value_name = "PERCENT")]
    pub cancels: f64,
    /// Units one buyer may have of one offer; 0 for no limit
    #[arg(long, default_value_t = 1)]
    pub limit: u32,
    /// Price per unit, in minor units of money
    #[arg(long, default_value_t = 990)]
    pub price: i64,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Units on sale
    #[arg(long, default_value_t = 1_000)]
    pub stock: u64,
    /// People who want one
    #[arg(long, default_value_t = 100_000)]
    pub buyers: u32,
    /// Make the server's data directory here; it is removed at the end [default: the system's place for
    /// temporary files]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where the server listens [default: a free port; 127.0.0.1:7878 with --stay]
    #[arg(long)]
    pub listen: Option<String>,
    /// Leave the server running until Ctrl-C
    #[arg(long)]
    pub stay: bool,
    /// The seed of every random choice
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Where the report goes.
    #[command(flatten)]
    pub output: Output,
}

/// Arguments of `spike`.
#[derive(Debug, Args)]
pub struct SpikeArgs {
    /// The server.
    #[command(flatten)]
    pub target: Target,
    /// The buyers.
    #[command(flatten)]
    pub people: People,
    /// The report.
    #[command(flatten)]
    pub output: Output,
    /// BUYs per second during the spike
    #[arg(long, default_value_t = 30_000.0)]
    pub rate: f64,
    /// BUYs per second before and after it
    #[arg(long, default_value_t = 500.0)]
    pub base: f64,
    /// How long the whole run lasts; the spike is its middle third
    #[arg(long, default_value = "9s", value_parser = parse_duration)]
    pub duration: Duration,
    /// Offers on sale
    #[arg(long, default_value_t = 1)]
    pub offers: u32,
    /// How uneven the offers' heat is: 0 alike, 1 as in a usual shop
    #[arg(long, default_value_t = 0.0)]
    pub zipf: f64,
    /// Units per offer
    #[arg(long, default_value_t = 1_000)]
    pub stock: u64,
}

/// What the commands of `steady` are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SteadyWork {
    /// Purchases by distinct buyers, all accepted
    Buy,
    /// Purchases on an offer that is sold out
    Soldout,
    /// Groups: one opens, others join, all pay
    Groups,
}

/// Arguments of `steady`.
#[derive(Debug, Args)]
pub struct SteadyArgs {
    /// The server.
    #[command(flatten)]
    pub target: Target,
    /// The buyers.
    #[command(flatten)]
    pub people: People,
    /// The report.
    #[command(flatten)]
    pub output: Output,
    /// BUYs per second
    #[arg(long, default_value_t = 20_000.0)]
    pub rate: f64,
    /// Start at this rate and rise to --rate in a straight line
    #[arg(long)]
    pub from: Option<f64>,
    /// How long
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub duration: Duration,
    /// How BUYs lie within the rate
    #[arg(long, value_enum, default_value_t = Arrivals::Poisson)]
    pub arrivals: Arrivals,
    /// What the commands are
    #[arg(long, value_enum, default_value_t = SteadyWork::Buy)]
    pub work: SteadyWork,
    /// Offers on sale
    #[arg(long, default_value_t = 1)]
    pub offers: u32,
    /// How uneven the offers' heat is: 0 alike, 1 as in a usual shop
    #[arg(long, default_value_t = 0.0)]
    pub zipf: f64,
    /// Seats per group
    #[arg(long, default_value_t = 3)]
    pub group_size: u32,
    /// Closed loop, one hot offer: each connection sends its next batch once the last is answered
    #[arg(long)]
    pub closed: bool,
    /// Commands of a closed loop
    #[arg(long, default_value_t = 2_000_000, requires = "closed")]
    pub requests: u64,
}

/// Arguments of `mixed`.
#[derive(Debug, Args)]
pub struct MixedArgs {
    /// The server.
    #[command(flatten)]
    pub target: Target,
    /// The buyers.
    #[command(flatten)]
    pub people: People,
    /// The report.
    #[command(flatten)]
    pub output: Output,
    /// BUYs per second; payments and cancellations come on top
    #[arg(long, default_value_t = 10_000.0)]
    pub rate: f64,
    /// How long
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub duration: Duration,
    /// Offers on sale
    #[arg(long, default_value_t = 200)]
    pub offers: u32,
    /// How uneven the offers' heat is: 0 alike, 1 as in a usual shop
    #[arg(long, default_value_t = 1.0)]
    pub zipf: f64,
    /// Group offers among all, in percent
    #[arg(long, default_value_t = 30.0, value_name = "PERCENT")]
    pub groups: f64,
    /// Seats per group
    #[arg(long, default_value_t = 3)]
    pub group_size: u32,
    /// Units per offer
    #[arg(long, default_value_t = 500)]
    pub stock: u64,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Records, plain or gzip: `leader  item  [member …]`, apart by tabs
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The server.
    #[command(flatten)]
    pub target: Target,
    /// The report.
    #[command(flatten)]
    pub output: Output,
    /// How members find their group
    #[arg(long = "match", value_enum, default_value_t = Match::Friends)]
    pub matching: Match,
    /// How long groups of formed lines stay open: longer than the whole replay takes
    #[arg(long, default_value = "24h", value_parser = parse_duration)]
    pub open_formed: Duration,
    /// How long groups of failed lines stay open: longer than one chunk takes; the run waits for it at the end
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub open_failed: Duration,
    /// Lines of failed groups that are opened before the first of them pays
    #[arg(long, default_value_t = 5_000)]
    pub chunk: usize,
    /// Price per unit, in minor units of money
    #[arg(long, default_value_t = 990)]
    pub price: i64,
    /// Leave out lines that are no records instead of refusing the file
    #[arg(long)]
    pub skip_bad_lines: bool,
}

/// Arguments of `compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The server.
    #[command(flatten)]
    pub target: Target,
    /// The buyers.
    #[command(flatten)]
    pub people: People,
    /// The report.
    #[command(flatten)]
    pub output: Output,
    /// The Redis server to compare with, host:port
    #[arg(long, value_name = "ADDR")]
    pub redis: String,
    /// BUYs per second, the same for both
    #[arg(long, default_value_t = 20_000.0)]
    pub rate: f64,
    /// How long each run lasts
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    pub duration: Duration,
    /// Runs of each, in turn; the median is shown
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=101))]
    pub rounds: u32,
    /// Units on sale [default: enough for all]
    #[arg(long)]
    pub stock: Option<u64>,
    /// Closed loop, distinct buyers, one hot offer: maximum throughput instead of latency
    #[arg(long)]
    pub closed: bool,
    /// Commands of each closed loop
    #[arg(long, default_value_t = 1_000_000, requires = "closed")]
    pub requests: u64,
}

/// A time with its unit.
fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|error| format!("expected a time with its unit, such as 500ms, 10s or 2m: {error}"))
}
