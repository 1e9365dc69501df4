//! The `stampede` binary: allocator, command line, exit code. Everything else is the library's.

use clap::Parser;
use stampede_gateway::cli::{Cli, run};
use std::process::ExitCode;

/// Many small buffers of many connections come and go on several threads; this allocator keeps them apart per thread.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stampede: {error:#}");
            ExitCode::FAILURE
        }
    }
}
