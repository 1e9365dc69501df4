//! Allocations per intent, from the bytes on the socket to the bytes of the reply.
//!
//! Counting takes an allocator of its own, so the count is that of the server's test, which this runs: one place that
//! counts, and the figure of the table cannot differ from the one that the test bounds.

use crate::process;
use crate::targets::Reading;
use anyhow::{Context, Result};
use std::ffi::OsString;

/// The line of the test that is read.
const LINE_START: &str = "allocations in ";

/// Builds the test, before anything is measured.
pub(crate) fn build() -> Result<()> {
    eprintln!("building the test that counts allocations (release)");
    cargo_test(&["--no-run"]).map(drop)
}

/// Runs the test and reads its line.
pub(super) fn run() -> Result<Vec<Reading>> {
    let printed = cargo_test(&["--", "--nocapture"])?;
    let (intents, counts) = counts(&printed).context("the test that counts allocations printed no count")?;
    let most = counts.iter().copied().max().unwrap_or(0);
    let note = format!("{most} in {intents} intents: tables that double, demand told once a second");
    Ok(vec![Reading::with_note("allocations", most as f64 / intents as f64, note)])
}

fn cargo_test(more: &[&str]) -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let test = ["test", "--release", "--package", "stampede-gateway", "--test", "allocations"];
    process::output_of(cargo, &[&test[..], more].concat())
}

/// Reads `allocations in 25600 intents each: repeats 1, refused 2, accepted 3`.
fn counts(text: &str) -> Option<(u64, Vec<u64>)> {
    let line = text.lines().find_map(|line| line.split_once(LINE_START))?.1;
    let (intents, rest) = line.split_once(" intents each: ")?;
    let counts = rest.split(", ").map(|part| part.rsplit(' ').next()?.trim().parse().ok());
    Some((intents.parse().ok()?, counts.collect::<Option<Vec<u64>>>()?))
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn the_counts_are_read_from_the_line_of_the_test() {
        let text =
            "running 1 test\nallocations in 25600 intents each: repeats 0, refused 2, accepted 13\nok\n";
        assert_eq!(counts(text), Some((25_600, vec![0, 2, 13])));
        assert_eq!(counts("running 1 test\n"), None);
    }
}
