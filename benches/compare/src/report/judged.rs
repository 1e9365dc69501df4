//! The target table: every target with its value, its bound and the verdict, what was missed first.
//!
//! Joins the rows' rates and the probes' readings with `targets`. A target that is stated for a syncing server is left
//! unjudged where the server measured does not sync; one whose probe failed says why.

use super::{Cell, find};
use crate::figures::Spread;
use crate::rows::probe_of;
use crate::targets::{Bound, Reading, TARGETS, Target, Value};
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the probes found, round by round, and those that failed.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Findings {
    pub(super) readings: BTreeMap<&'static str, Vec<Reading>>,
    /// Which probe, and why, each time that it failed.
    pub(super) failures: BTreeMap<&'static str, Vec<String>>,
    /// In how many rounds a probe went through without this reading of it: no run was in time for it.
    pub(super) missing: BTreeMap<&'static str, usize>,
}

impl Findings {
    /// Takes what one run of a probe came to.
    pub(crate) fn add(&mut self, probe: &'static str, outcome: Result<Vec<Reading>>) {
        match outcome {
            Ok(readings) => {
                for name in
                    names_of(probe).filter(|name| readings.iter().all(|reading| reading.name != *name))
                {
                    eprintln!("{name}: no run was in time");
                    *self.missing.entry(name).or_default() += 1;
                }
                for reading in readings {
                    let peer = reading.peer.map_or_else(String::new, |peer| format!(", peer {peer:.3}"));
                    let note = reading.note.as_deref().unwrap_or_default();
                    eprintln!("{}: {:.3}{peer} {note}", reading.name, reading.ours);
                    self.readings.entry(reading.name).or_default().push(reading);
                }
            }
            Err(error) => {
                eprintln!("FAILED: {probe}: {error:#}");
                self.failures.entry(probe).or_default().push(format!("{probe}: {error:#}"));
            }
        }
    }

    /// The most rounds of any reading.
    pub(super) fn rounds(&self) -> usize {
        self.readings.values().map(Vec::len).max().unwrap_or(0)
    }

    /// What a reading came to, round by round.
    pub(super) fn readings(&self, name: &str) -> &[Reading] {
        self.readings.get(name).map_or(&[], Vec::as_slice)
    }

    /// Every failure of every probe.
    pub(super) fn failures(&self) -> impl Iterator<Item = &String> {
        self.failures.values().flatten()
    }

    /// Why a reading is missing: its name begins with its probe's.
    fn failures_of(&self, name: &str) -> &[String] {
        let found = self.failures.iter().filter(|(probe, _)| name.starts_with(**probe));
        found.max_by_key(|(probe, _)| probe.len()).map_or(&[], |(_, why)| why)
    }
}

/// The readings that targets ask of a probe.
fn names_of(probe: &'static str) -> impl Iterator<Item = &'static str> {
    let names = TARGETS.iter().filter_map(|target| match target.value {
        Value::Reading(name) | Value::OverPeer(name) => Some(name),
        Value::Ratio { .. } => None,
    });
    names.filter(move |name| probe_of(name) == Some(probe))
}

/// How a target stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Missed,
    /// Its probe failed, or no run of it was in time.
    NotRun,
    Reached,
    /// The target is stated for `sync`, and the server measured does not sync.
    NotJudged,
    /// Held to nothing.
    Shown,
}

/// One row of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Judged {
    pub(crate) title: &'static str,
    /// Nothing where it was not run.
    pub(crate) value: Option<Spread>,
    /// The value as people read it.
    pub(crate) shown: String,
    pub(crate) target: String,
    pub(crate) verdict: Verdict,
    /// What belongs beside it.
    pub(crate) note: String,
}

/// Every target that was measured or should have been, what was missed first.
pub(super) fn table(cells: &[Cell], findings: &Findings, syncs: bool) -> Vec<Judged> {
    let mut rows: Vec<Judged> =
        TARGETS.iter().filter_map(|target| judge(target, cells, findings, syncs)).collect();
    // Stable: within a verdict the order of the targets stays.
    rows.sort_by_key(|row| row.verdict);
    rows
}

/// Nothing where `--only` left the target out.
fn judge(target: &Target, cells: &[Cell], findings: &Findings, syncs: bool) -> Option<Judged> {
    let (value, note) = match target.value {
        Value::Ratio { over, under } => {
            let (over, under) = (find(cells, over)?, find(cells, under)?);
            let failed = over.failures.iter().chain(&under.failures).last();
            let note = failed.map_or_else(String::new, |why| format!("FAILED: {why}"));
            (Spread::ratio(&over.rates(), &under.rates()), note)
        }
        Value::Reading(name) | Value::OverPeer(name) => {
            let readings = findings.readings(name);
            let failures = findings.failures_of(name);
            let missing = findings.missing.get(name).copied().unwrap_or_default();
            if readings.is_empty() && failures.is_empty() && missing == 0 {
                return None;
            }
            let mut note = readings.last().and_then(|reading| reading.note.clone()).unwrap_or_default();
            if missing > 0 {
                let rounds = readings.len() + failures.len() + missing;
                note = format!("{note} No run was in time in {missing} of {rounds} rounds.");
            }
            if let Some(last) = failures.last() {
                let rounds = readings.len() + failures.len();
                note = format!("{note} FAILED in {} of {rounds} rounds, last: {last}", failures.len());
            }
            let note = note.trim().to_owned();
            (of_readings(target.value, readings), note)
        }
    };
    let verdict = match value {
        None => Verdict::NotRun,
        Some(_) if target.bound == Bound::None => Verdict::Shown,
        Some(_) if target.wants_sync && !syncs => Verdict::NotJudged,
        Some(value) if target.bound.holds(value.median) == Some(true) => Verdict::Reached,
        Some(_) => Verdict::Missed,
    };
    let bound = match target.bound {
        Bound::AtLeast(least) => format!("≥ {}", target.unit.show(least)),
        Bound::AtMost(most) => format!("≤ {}", target.unit.show(most)),
        Bound::None => String::new(),
    };
    let shown = value.map_or_else(String::new, |value| target.unit.show_spread(value));
    Some(Judged { title: target.title, value, shown, target: bound, verdict, note })
}

fn of_readings(value: Value, readings: &[Reading]) -> Option<Spread> {
    if let Value::OverPeer(_) = value {
        let ours: Vec<_> = readings.iter().map(|reading| Some(reading.ours)).collect();
        let peers: Vec<_> = readings.iter().map(|reading| reading.peer).collect();
        return Spread::ratio(&ours, &peers);
    }
    Spread::of(&readings.iter().map(|reading| reading.ours).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::{Findings, Verdict, table};
    use crate::targets::Reading;
    use anyhow::anyhow;

    #[test]
    fn a_probe_that_failed_is_named_with_its_reason() {
        let mut findings = Findings::default();
        findings.add("spike", Err(anyhow!("no quota here")));
        findings.add("core", Ok(vec![Reading::alone("core-refused", 25.0)]));
        let rows = table(&[], &findings, true);
        let rows: Vec<_> = rows.iter().map(|row| (row.verdict, row.note.as_str())).collect();
        let failed = (Verdict::NotRun, "FAILED in 1 of 1 rounds, last: spike: no quota here");
        let no_run = (Verdict::NotRun, "No run was in time in 1 of 1 rounds.");
        assert_eq!(rows, [no_run, failed, failed, (Verdict::Reached, "")]);
    }

    #[test]
    fn a_latency_is_judged_over_that_of_its_peer() {
        let mut findings = Findings::default();
        for (ours, peer) in [(60.0, 100.0), (40.0, 100.0), (30.0, 100.0)] {
            let reading = Reading { name: "latency-p99", ours, peer: Some(peer), note: None };
            findings.add("latency", Ok(vec![reading]));
        }
        let judged = |syncs| {
            let rows = table(&[], &findings, syncs).into_iter();
            rows.map(|row| (row.verdict, row.shown)).collect::<Vec<_>>()
        };
        let verdicts = |syncs| judged(syncs).into_iter().map(|row| row.0).collect::<Vec<_>>();
        assert!(judged(true).contains(&(Verdict::Reached, "0.40 (0.30–0.60)".to_owned())));
        // In none of the three rounds was a run in time at p99.9, nor at the four that set like beside like.
        assert_eq!(verdicts(true).iter().filter(|&&verdict| verdict == Verdict::NotRun).count(), 5);
        assert!(verdicts(false).contains(&Verdict::NotJudged));
    }
}
