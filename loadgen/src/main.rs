//! The `stampede-load` binary: parses the command line, runs it, turns the outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;
use stampede_loadgen::cli::Cli;
use stampede_loadgen::command;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let command_line = std::iter::once("stampede-load".to_owned()).chain(std::env::args().skip(1));
    match command::run(&cli, command_line.collect::<Vec<_>>().join(" ")) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("stampede-load: {error:#}");
            ExitCode::from(2)
        }
    }
}
