//! The command line of `stampede`: what it takes, and what each subcommand does.
//!
//! `main` calls [`run`] and turns its error into an exit code. The texts of the flags come from the table of
//! configuration keys.

mod check;
mod inspect;
mod offers_file;
mod recovery;
mod repair;
mod replay;
mod serve;
mod shown;
mod snapshot;

use crate::config::{self, RawConfig};
use crate::docs::{self, Section};
use crate::offer_text;
use clap::{Args, Parser, Subcommand};
use std::io::{self, Write};
use std::path::PathBuf;

/// Sells flash sales and group buys: decides, in order and at once, who gets a unit.
#[derive(Debug, Parser)]
#[command(name = "stampede", version, about, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server until SIGTERM or SIGINT.
    Serve(ServeArgs),
    /// Shows what lies in a data directory, as JSON lines, and whether it is as it was written.
    Inspect(inspect::InspectArgs),
    /// Rebuilds the state of a shard as it was at an event or an instant, and shows what it says.
    Replay(replay::ReplayArgs),
    /// Cuts a damaged journal and sets aside what stands behind, after saying what that costs.
    Repair(repair::RepairArgs),
    /// Makes a snapshot of each shard while no server runs.
    Snapshot(snapshot::SnapshotArgs),
    /// Checks a file of offers or a configuration file, and says what is wrong with it.
    Check {
        /// The file: a configuration, or a file of offers with [[offer]] tables.
        file: PathBuf,
    },
    /// Prints the JSON schema of an offer.
    Schema,
    /// Prints a part of the documentation that follows from the code, as Markdown.
    Docs {
        /// Which part.
        section: Section,
    },
}

/// The flags of `stampede serve`; each goes before the same key of the file.
#[derive(Debug, Args)]
struct ServeArgs {
    /// A TOML file with any of the keys of the configuration; the limits stand there under [limits].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[arg(long, value_name = "ADDRESS", help = config::flag_help("listen"))]
    listen: Option<String>,
    #[arg(long, value_name = "ADDRESS", help = config::flag_help("ops"))]
    ops: Option<String>,
    #[arg(long, value_name = "DIR", help = config::flag_help("data"))]
    data: Option<PathBuf>,
    #[arg(long, value_name = "MODE", help = config::flag_help("durability"))]
    durability: Option<String>,
    #[arg(long, value_name = "N", help = config::flag_help("shards"))]
    shards: Option<u64>,
    #[arg(long, value_name = "FILE", help = config::flag_help("offers"))]
    offers: Option<PathBuf>,
    #[arg(long, value_name = "N", help = config::flag_help("reserve_bytes"))]
    reserve_bytes: Option<u64>,
}

/// Does what the command line says.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Serve(args) => {
            let file = args.config.as_deref().map_or_else(|| Ok(RawConfig::default()), config::read_file)?;
            serve::serve(args.into_raw().or(file).check()?)
        }
        Command::Inspect(args) => inspect::inspect(&args),
        Command::Replay(args) => print(&replay::replay(&args)?),
        Command::Repair(args) => print(&repair::repair(&args)?),
        Command::Snapshot(args) => snapshot::snapshot(&args),
        Command::Check { file } => print(&check::check(&file)?),
        Command::Schema => print(&format!("{:#}\n", offer_text::schema())),
        Command::Docs { section } => print(&docs::markdown(section)),
    }
}

impl ServeArgs {
    fn into_raw(self) -> RawConfig {
        RawConfig {
            listen: self.listen,
            ops: self.ops,
            data: self.data,
            durability: self.durability,
            shards: self.shards,
            offers: self.offers,
            reserve_bytes: self.reserve_bytes,
            ..RawConfig::default()
        }
    }
}

/// A reader that has seen enough and left is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}
