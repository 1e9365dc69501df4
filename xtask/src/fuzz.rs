//! `cargo xtask fuzz`: runs one fuzz target of the gateway for a while, on the stable compiler.
//!
//! cargo-fuzz wants a nightly compiler for the address sanitizer. There is no unsafe code behind these targets, so
//! coverage alone is enough, and LLVM's coverage pass is reachable from stable by `-C passes`. The targets are in
//! `gateway/fuzz/fuzz_targets`; what a run finds interesting is kept below `target/`, a crash beside the package.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::process;
use crate::tree::Tree;

/// What cargo-fuzz passes too, without the sanitizer: the coverage pass and the checks of a debug build.
const RUSTFLAGS: &str = "--cfg fuzzing -Cdebug-assertions -Coverflow-checks -Ccodegen-units=1 \
    -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Prints the targets, one per line.
pub fn list(tree: &Tree) -> Result<()> {
    for target in targets(tree)? {
        println!("{target}");
    }
    Ok(())
}

/// Builds a target and runs it for so many seconds.
///
/// # Errors
/// When there is no such target, it does not build, or it finds an input that crashes.
pub fn run(tree: &Tree, target: &str, seconds: u64) -> Result<()> {
    let targets = targets(tree)?;
    if !targets.iter().any(|known| known == target) {
        bail!("there is no fuzz target `{target}`; there is: {}", targets.join(", "));
    }
    let folder = tree.root().join("gateway/fuzz");
    let workshop = tree.workshop().join("fuzz");
    let corpus = workshop.join("corpus").join(target);
    fs::create_dir_all(&corpus).with_context(|| format!("creating {}", corpus.display()))?;
    // A named target triple keeps the flags away from build scripts and procedural macros.
    let triple = host_triple()?;
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--bin", target, "--target", &triple, "--target-dir"]).arg(&workshop);
    process::run(build.env("RUSTFLAGS", RUSTFLAGS).current_dir(&folder))?;
    let mut fuzz = Command::new(workshop.join(triple).join("release").join(target));
    fuzz.arg(&corpus);
    let seeds = folder.join("seeds").join(target);
    if seeds.is_dir() {
        fuzz.arg(seeds);
    }
    fuzz.arg(format!("-max_total_time={seconds}")).args(["-print_final_stats=1", "-rss_limit_mb=2048"]);
    process::run(fuzz.current_dir(&folder)).context("the input that crashed it is in gateway/fuzz/crash-…")
}

fn targets(tree: &Tree) -> Result<Vec<String>> {
    let folder = tree.root().join("gateway/fuzz/fuzz_targets");
    let mut targets = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            targets.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    targets.sort();
    Ok(targets)
}

fn host_triple() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("asking rustc for the host")?;
    let text = String::from_utf8(output.stdout).context("rustc prints text")?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("`rustc -vV` names no host")
}
