//! `cargo xtask test`: every check of this repository, one after the other, with what each took.
//!
//! A step that fails does not stop the next ones: one run shows everything that is wrong. The last line
//! is `N passed, M failed`, over the tests of all steps; a step that has no tests of its own counts as one.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::tally::Tally;
use crate::tree::Tree;
use crate::{clients, docs, process, programs, setup};

/// One step of the run: its name and what it does.
struct Step {
    name: &'static str,
    run: fn(&Tree) -> Result<Tally>,
}

const STEPS: &[Step] = &[
    Step { name: "set-up", run: |tree| setup::prepare(tree).map(|()| Tally::PASSED) },
    Step { name: "format", run: |tree| cargo(tree, &["fmt", "--all", "--check"]) },
    Step {
        name: "lints",
        run: |tree| {
            let arguments = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];
            cargo(tree, &arguments)
        },
    },
    Step { name: "tests", run: |tree| tests(tree, &["--lib", "--bins", "--tests"]) },
    Step { name: "doc tests", run: |tree| tests(tree, &["--doc"]) },
    Step { name: "doc build", run: doc_build },
    Step { name: "example", run: example },
    Step { name: "generated docs", run: |tree| docs::check(tree).map(|()| Tally::PASSED) },
    Step { name: "real clients", run: clients::run },
];

/// Runs every step and prints the totals.
pub fn run(tree: &Tree) -> ExitCode {
    let mut total = Tally::default();
    let mut lines = Vec::new();
    for (index, step) in STEPS.iter().enumerate() {
        println!("\n=== {} of {}: {}", index + 1, STEPS.len(), step.name);
        let (outcome, took) = timed(|| (step.run)(tree));
        let tally = outcome.unwrap_or_else(|error| {
            println!("{}: {error:#}", step.name);
            Tally::FAILED
        });
        total += tally;
        let verdict = if tally.is_clean() { "ok" } else { "FAILED" };
        lines.push(format!("{:<16}{:>8.1} s   {verdict:<8}{tally}", step.name, took.as_secs_f64()));
    }
    println!("\n=== what each step took");
    for line in lines {
        println!("{line}");
    }
    if total.ignored > 0 {
        println!(
            "{} tests carry #[ignore]; this repository skips nothing: run them or remove them",
            total.ignored
        );
    }
    println!("{total}");
    if total.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures how long a step took; no product code sees this time"
)]
fn timed<T>(action: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let outcome = action();
    (outcome, start.elapsed())
}

fn cargo(tree: &Tree, arguments: &[&str]) -> Result<Tally> {
    process::run(Command::new("cargo").args(arguments).current_dir(tree.root()))?;
    Ok(Tally::PASSED)
}

fn tests(tree: &Tree, which: &[&str]) -> Result<Tally> {
    let mut command = Command::new("cargo");
    command.args(["test", "--workspace", "--no-fail-fast"]).args(which).current_dir(tree.root());
    process::run_counted(&mut command)
}

fn doc_build(tree: &Tree) -> Result<Tally> {
    let mut command = Command::new("cargo");
    command.args(["doc", "--quiet", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
    process::run(command.current_dir(tree.root()))?;
    Ok(Tally::PASSED)
}

/// The example of the embedded engine: it fails where the engine does not start, answer or stop.
fn example(tree: &Tree) -> Result<Tally> {
    programs::build(tree)?;
    process::run(&mut Command::new(tree.built("examples/flash_sale")))?;
    Ok(Tally::PASSED)
}
