//! Takes over what an earlier run measured and this one does not: the rest of a comparison that was ended early.
//!
//! Reads the JSON that a report leaves. What both have stays as this run measures it. The report names each earlier run
//! with its commit and the load before it, so that figures of two commits are never one table in silence.
//! Called by `main` before the first timed run.

use super::{Cell, Measured, Report};
use crate::figures::Spread;
use crate::rows::{PROBES, Probe, ROWS, Subject, probe_of};
use crate::targets::{Reading, reading_name};
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// An earlier run that a report has figures of.
#[derive(Debug, Serialize)]
pub(crate) struct Joined {
    pub(super) file: String,
    pub(super) command: String,
    pub(super) commit: String,
    pub(super) load_average_before: f64,
}

/// The parts of a report that are read.
#[derive(Deserialize)]
struct Earlier {
    command: String,
    machine: EarlierMachine,
    cells: Vec<EarlierCell>,
    findings: EarlierFindings,
}

#[derive(Deserialize)]
struct EarlierMachine {
    commit: String,
    load_average_before: f64,
}

#[derive(Deserialize)]
struct EarlierCell {
    row: String,
    subject: Subject,
    requests: u64,
    rounds: Vec<Option<Measured>>,
    failures: Vec<String>,
}

#[derive(Deserialize)]
struct EarlierFindings {
    readings: BTreeMap<String, Vec<EarlierReading>>,
    failures: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    missing: BTreeMap<String, usize>,
}

#[derive(Deserialize)]
struct EarlierReading {
    ours: f64,
    peer: Option<f64>,
    note: Option<String>,
}

impl Report {
    /// Adds the rows of the report in `path` that have no cell here, and the readings of probes that are not in `probes`.
    pub(crate) fn join(&mut self, path: &Path, probes: &[&'static Probe]) -> Result<()> {
        let shown = path.display();
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
        let earlier: Earlier =
            serde_json::from_str(&text).with_context(|| format!("{shown} is no report of this harness"))?;
        for cell in earlier.cells {
            self.join_cell(cell).with_context(|| format!("in {shown}"))?;
        }
        let is_measured_here =
            |name: &str| probe_of(name).is_some_and(|found| probes.iter().any(|probe| probe.name == found));
        for (name, readings) in earlier.findings.readings {
            let known =
                reading_name(&name).with_context(|| format!("{shown} has an unknown reading {name}"))?;
            if !is_measured_here(&name) {
                let readings = readings.into_iter().map(|reading| reading.named(known));
                self.findings.readings.entry(known).or_insert_with(|| readings.collect());
            }
        }
        for (name, failures) in earlier.findings.failures {
            let probe = PROBES.iter().find(|probe| probe.name == name);
            let probe = probe.with_context(|| format!("{shown} has an unknown probe {name}"))?;
            if !is_measured_here(&name) {
                self.findings.failures.entry(probe.name).or_insert(failures);
            }
        }
        for (name, rounds) in earlier.findings.missing {
            let known =
                reading_name(&name).with_context(|| format!("{shown} has an unknown reading {name}"))?;
            if !is_measured_here(&name) {
                self.findings.missing.entry(known).or_insert(rounds);
            }
        }
        self.joined.push(Joined {
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            command: earlier.command,
            commit: earlier.machine.commit,
            load_average_before: earlier.machine.load_average_before,
        });
        self.judge()
    }

    fn join_cell(&mut self, earlier: EarlierCell) -> Result<()> {
        let EarlierCell { row, subject, requests, rounds, failures } = earlier;
        let found = ROWS.iter().find(|known| known.name == row);
        let row = found.with_context(|| format!("an unknown row {row}"))?;
        ensure!(row.subjects.contains(&subject), "{} is not run on {subject:?}", row.name);
        if super::find(&self.cells, (row.name, subject)).is_none() {
            let rates: Vec<f64> = rounds.iter().flatten().map(|round| round.per_second).collect();
            self.cells.push(Cell {
                row,
                subject,
                requests,
                rounds,
                failures,
                per_second: Spread::of(&rates),
            });
        }
        Ok(())
    }
}

impl EarlierReading {
    fn named(self, name: &'static str) -> Reading {
        Reading { name, ours: self.ours, peer: self.peer, note: self.note }
    }
}

#[cfg(test)]
mod tests {
    use crate::report::tests::report;
    use crate::rows::PROBES;
    use crate::targets::Reading;

    #[test]
    fn what_an_earlier_run_has_is_taken_over_and_what_both_have_is_not() {
        let mut earlier = report("sync");
        earlier.find("memory", Ok(vec![Reading::alone("memory", 150.0)])).unwrap();
        earlier.find("core", Ok(vec![Reading::alone("core-refused", 20.0)])).unwrap();
        earlier.find("core-journal", Ok(vec![Reading::alone("core-journal", 2e6)])).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), serde_json::to_string(&earlier).unwrap()).unwrap();

        let mut later = report("sync");
        let sold_out = later.cells.iter().position(|cell| cell.row.name == "sold-out-64").unwrap();
        later.cells.truncate(sold_out);
        later.cells[0].rounds.truncate(1);
        let core: Vec<_> = PROBES.iter().filter(|probe| probe.name == "core").collect();
        later.join(file.path(), &core).unwrap();
        assert_eq!(later.cells.len(), earlier.cells.len(), "the sold-out rows came back");
        assert_eq!(later.cells[0].rounds.len(), 1, "its own rounds stay");
        let has = |name: &str| later.judged.iter().any(|row| row.title.contains(name));
        assert!(has("memory per live") && has("core + journal") && !has("core alone, BUY refused"));
        assert!(later.markdown().contains("of the run"));
    }
}
