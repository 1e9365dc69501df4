//! `cargo xtask crash`: the crash tests of the gateway with as many cycles as one likes.
//!
//! The tests themselves run a few cycles with every `cargo test`; what they do is said in `gateway/tests/crash`.

use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::tree::Tree;

/// Kills a server `cycles` times under load and as often with the loss of power; `seed` brings back the requests of a run.
pub fn run(tree: &Tree, cycles: u64, seed: Option<u64>) -> Result<()> {
    let mut tests = Command::new("cargo");
    tests
        .args([
            "test",
            "--package",
            "stampede-gateway",
            "--test",
            "crash",
            "--",
            "--nocapture",
            "--test-threads",
            "1",
            "loss::",
        ])
        .env("STAMPEDE_CRASH_CYCLES", cycles.to_string())
        .env("STAMPEDE_POWER_CYCLES", cycles.to_string())
        .current_dir(tree.root());
    if let Some(seed) = seed {
        tests.env("STAMPEDE_CRASH_SEED", seed.to_string());
    }
    process::run(&mut tests)
}
