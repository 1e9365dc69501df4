//! What the figures of this run come to on the page on scale: its letters, and a national peak.
//!
//! Arithmetic of medians only; the formulas are those of docs/scale.md. Left out where a letter was not measured.
//! Called by `markdown`.

use super::{Report, find};
use crate::figures::{Spread, rate};
use crate::rows::Subject;
use std::fmt::{self, Write};

/// Orders created per second at the largest published peak (Double 11, 2020).
const PEAK: f64 = 583_000.0;
/// Part of its maximum at which a node runs, so that latency stays flat.
const LOAD: f64 = 0.5;
/// Memory of a node, for its reservations.
const NODE_BYTES: f64 = 32.0 * (1_u64 << 30) as f64;

const HOUR: f64 = 3_600.0;

/// The measured letters.
struct Letters {
    /// BUYs accepted per second and node.
    node: f64,
    /// The same of one core that only decides.
    core: f64,
    /// The same with its journal.
    core_and_journal: f64,
    /// Bytes per live reservation.
    memory: f64,
    /// Syncs of the disk per second.
    syncs: f64,
    /// Seconds of recovery per million reservations.
    recovery: Option<f64>,
}

impl Letters {
    fn of(report: &Report) -> Option<Self> {
        let reading = |name| {
            let values: Vec<f64> =
                report.findings.readings(name).iter().map(|reading| reading.ours).collect();
            Spread::of(&values).map(|spread| spread.median)
        };
        Some(Self {
            node: find(&report.cells, ("buy-64", Subject::Stampede))?.per_second?.median,
            core: reading("core-accepted")?,
            core_and_journal: reading("core-journal")?,
            memory: reading("memory")?,
            syncs: report.circumstances.machine.disk_syncs_per_second,
            recovery: reading("recovery-per-million"),
        })
    }
}

/// Appends the section, where every letter that it needs was measured.
pub(super) fn write(report: &Report, out: &mut String) -> fmt::Result {
    let Some(letters) = Letters::of(report) else { return Ok(()) };
    let Letters { node, core, core_and_journal, memory, syncs, recovery } = letters;
    writeln!(out, "\n| for the page on scale | value |\n|---|---|")?;
    writeln!(out, "| B: BUYs accepted per second and node | {} |", rate(node))?;
    writeln!(out, "| C: decided by one core | {} |", rate(core))?;
    writeln!(out, "| J: decided and journalled on one shard | {} |", rate(core_and_journal))?;
    writeln!(out, "| m: bytes per live reservation | {memory:.0} |")?;
    writeln!(out, "| s: syncs per second | {} |", rate(syncs))?;
    if let Some(seconds) = recovery {
        writeln!(out, "| r: seconds of recovery per million reservations | {seconds:.2} |")?;
    }
    writeln!(out, "| reservations in 32 GiB | {:.0} million |", NODE_BYTES / memory / 1e6)?;
    writeln!(out, "| 32 GiB last, at B | {:.0} s |", NODE_BYTES / memory / node)?;
    let nodes = (PEAK / (node * LOAD)).ceil();
    let nodes_by_memory = (PEAK * HOUR * memory / NODE_BYTES).ceil();
    writeln!(out, "| nodes for {} a second, each at half of B | {nodes:.0} |", rate(PEAK))?;
    writeln!(out, "| nodes of 32 GiB for an hour of it | {nodes_by_memory:.0} |")?;
    writeln!(out, "| cores for deciding alone | {:.2} |", PEAK / core)?;
    writeln!(out, "| memory of a minute at the peak | {:.1} GB |", PEAK * 60.0 * memory / 1e9)?;
    writeln!(out, "| memory of an hour at the peak | {:.0} GB |", PEAK * HOUR * memory / 1e9)?;
    writeln!(out, "| an answer waits for the disk at most | {:.2} ms |", 2_000.0 / syncs)
}

#[cfg(test)]
mod tests {
    use crate::report::tests::report;
    use crate::targets::Reading;

    #[test]
    fn the_letters_of_a_whole_run_are_worked_out_and_those_of_a_part_are_left_out() {
        let mut report = report("sync");
        assert!(!report.markdown().contains("page on scale"));
        let readings =
            [("core-accepted", 5e6), ("core-journal", 2e6), ("memory", 160.0), ("recovery-per-million", 0.8)];
        let readings = readings.map(|(name, ours)| Reading::alone(name, ours));
        report.find("core", Ok(readings.to_vec())).unwrap();
        let text = report.markdown();
        // The design's own example: 160 bytes, 5 million a second; the row of the test has 850 BUYs a second.
        for part in ["215 million", "| 1372 |", "| 0.12 |", "5.6 GB", "336 GB", "0.80", "0.13 ms"] {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
    }
}
