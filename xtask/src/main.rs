//! The command line of the project's chores: `cargo xtask test`, `docs`, `clients`, `feed`, `crash`, `fuzz`, `setup`.
//!
//! Each chore has a module of its own; this file only names them and turns the outcome into an exit code.
//! Developers and `.ci/run` call it. No chore changes a committed file, except `docs` without `--check`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{clients, crash, docs, feed, fuzz, setup, suite, tree::Tree};

/// The project's chores.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Every check of this repository: set-up, format, lints, tests, docs, layers, real clients.
    Test,
    /// Rewrites the generated sections of the docs from the code.
    Docs {
        /// Change nothing; fail where a section differs from what the code says.
        #[arg(long)]
        check: bool,
    },
    /// Runs the real Redis clients against a freshly built server.
    Clients,
    /// Follows the feed through three real clients while a sale runs, and compares what they saw with the answers.
    Feed {
        /// How many events the sale makes.
        #[arg(long, default_value_t = 1_000_000)]
        events: u64,
    },
    /// Kills the server under load, by kill -9 and by the loss of power, and checks that nothing answered is lost.
    Crash {
        /// How often, each.
        #[arg(long, default_value_t = 200)]
        cycles: u64,
        /// The seed that a failed run printed.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Fuzzes one target for a while. Needs no nightly compiler.
    Fuzz {
        /// The target, one of those that `cargo xtask fuzz --list` prints.
        #[arg(default_value = "frames")]
        target: String,
        /// How long to run.
        #[arg(long, default_value_t = 30)]
        seconds: u64,
        /// Print the targets and end.
        #[arg(long)]
        list: bool,
    },
    /// Installs what the real clients need: redis-tools, redis-py, node-redis, ioredis.
    Setup,
}

fn main() -> ExitCode {
    let outcome = Tree::find().and_then(|tree| run(&tree, Arguments::parse().chore));
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(tree: &Tree, chore: Chore) -> anyhow::Result<ExitCode> {
    match chore {
        Chore::Test => return Ok(suite::run(tree)),
        Chore::Docs { check: true } => docs::check(tree)?,
        Chore::Docs { check: false } => docs::rewrite(tree)?,
        Chore::Clients => {
            setup::prepare(tree)?;
            let tally = clients::run(tree)?;
            println!("{tally}");
            if !tally.is_clean() {
                return Ok(ExitCode::FAILURE);
            }
        }
        Chore::Feed { events } => feed::run(tree, events)?,
        Chore::Crash { cycles, seed } => crash::run(tree, cycles, seed)?,
        Chore::Fuzz { list: true, .. } => fuzz::list(tree)?,
        Chore::Fuzz { target, seconds, list: false } => fuzz::run(tree, &target, seconds)?,
        Chore::Setup => setup::prepare(tree)?,
    }
    Ok(ExitCode::SUCCESS)
}
