//! What a comparison came to: every round's figure, medians, ratios, and what they were measured on.
//!
//! Gathers and judges; `markdown` lays it out for people, serde for programs. Called by `main` after each timed
//! run, so that what is written is whole at any moment. A target that is stated for a syncing server is left
//! unjudged where the server measured does not sync.

mod join;
mod judged;
mod markdown;
mod scale;

use crate::figures::{Spread, rate};
use crate::machine::{Machine, load_average};
use crate::rows::{ROWS, Row, Subject};
use crate::targets::Reading;
use anyhow::ensure;
use join::Joined;
use judged::{Findings, Judged};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Instant;

/// One timed run of one row on one subject.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// What the row counts, per second.
    pub(crate) per_second: f64,
    pub(crate) seconds: f64,
    /// Answers that the row does not count: BUSY, other refusals. They are part of the time.
    pub(crate) other_answers: u64,
    /// Processor cores that the server kept busy, where it is one process of ours.
    pub(crate) server_cores: Option<f64>,
    /// The same of the client; near 1 its single thread was the limit.
    pub(crate) client_cores: Option<f64>,
    /// Events that one sync made durable on average, where the server tells.
    pub(crate) events_per_sync: Option<f64>,
}

impl Measured {
    /// A figure of a client that counts nothing but its own requests.
    pub(crate) fn uncounted(per_second: f64, seconds: f64, server_cores: Option<f64>) -> Self {
        Self {
            per_second,
            seconds,
            other_answers: 0,
            server_cores,
            client_cores: None,
            events_per_sync: None,
        }
    }
}

/// How a subject keeps what it has acknowledged.
pub(crate) type Durability = BTreeMap<&'static str, String>;

/// One row on one subject, all rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Cell {
    #[serde(serialize_with = "row_name")]
    pub(crate) row: &'static Row,
    pub(crate) subject: Subject,
    pub(crate) requests: u64,
    /// Nothing where the timed run failed: rounds stay in step with those of other cells.
    pub(crate) rounds: Vec<Option<Measured>>,
    /// Why timed runs failed.
    pub(crate) failures: Vec<String>,
    pub(crate) per_second: Option<Spread>,
}

impl Cell {
    pub(crate) fn new(row: &'static Row, subject: Subject, requests: u64) -> Self {
        Self { row, subject, requests, rounds: Vec::new(), failures: Vec::new(), per_second: None }
    }

    fn add(&mut self, outcome: Result<Measured, String>) {
        match outcome {
            Ok(measured) => self.rounds.push(Some(measured)),
            Err(why) => {
                self.rounds.push(None);
                self.failures.push(why);
            }
        }
        self.per_second = Spread::of(&self.rates().into_iter().flatten().collect::<Vec<_>>());
    }

    pub(crate) fn rates(&self) -> Vec<Option<f64>> {
        self.rounds.iter().map(|round| round.map(|round| round.per_second)).collect()
    }

    /// The median of the cores that the server used; nothing where it was not measured.
    fn server_cores(&self) -> Option<f64> {
        self.median_of(|round| round.server_cores)
    }

    /// The same of the client.
    fn client_cores(&self) -> Option<f64> {
        self.median_of(|round| round.client_cores)
    }

    /// The median of the events that one sync made durable.
    fn events_per_sync(&self) -> Option<f64> {
        self.median_of(|round| round.events_per_sync)
    }

    fn median_of(&self, figure: impl Fn(&Measured) -> Option<f64>) -> Option<f64> {
        let figures: Vec<f64> = self.rounds.iter().flatten().filter_map(figure).collect();
        Spread::of(&figures).map(|spread| spread.median)
    }

    fn other_answers(&self) -> u64 {
        self.rounds.iter().flatten().map(|round| round.other_answers).sum()
    }
}

/// What a comparison was made with and on.
#[derive(Debug, Serialize)]
pub(crate) struct Circumstances {
    /// The command that repeats it.
    pub(crate) command: String,
    pub(crate) machine: Machine,
    /// What exactly each server is, by name.
    pub(crate) versions: BTreeMap<&'static str, String>,
    pub(crate) durability: Durability,
}

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    pub(crate) circumstances: Circumstances,
    /// Earlier runs that it has figures of.
    joined: Vec<Joined>,
    /// When the last timed run ended.
    pub(crate) load_average_after: f64,
    /// From the first timed run to the end of the last.
    pub(crate) minutes: f64,
    pub(crate) rounds: usize,
    pub(crate) cells: Vec<Cell>,
    pub(crate) findings: Findings,
    /// The target table: what was missed first.
    pub(crate) judged: Vec<Judged>,
    #[serde(skip)]
    started: Instant,
}

impl Report {
    /// A report without a figure.
    #[expect(clippy::disallowed_methods, reason = "the harness measures real time")]
    pub(crate) fn new(circumstances: Circumstances, cells: Vec<Cell>) -> Self {
        Self {
            load_average_after: circumstances.machine.load_average_before,
            circumstances,
            joined: Vec::new(),
            minutes: 0.0,
            rounds: 0,
            cells,
            findings: Findings::default(),
            judged: Vec::new(),
            started: Instant::now(),
        }
    }

    /// Takes what one timed run came to.
    pub(crate) fn add(
        &mut self,
        cell: usize,
        round: u32,
        outcome: anyhow::Result<Measured>,
    ) -> anyhow::Result<()> {
        let Cell { row, subject, .. } = self.cells[cell];
        let title = format!("round {round}, {} on {subject:?}", row.name);
        let outcome = outcome.map_err(|error| format!("{title}: {error:#}"));
        match &outcome {
            Ok(measured) => eprintln!("{title}: {} {} per second", rate(measured.per_second), row.counts),
            Err(why) => eprintln!("FAILED: {why}"),
        }
        self.cells[cell].add(outcome);
        self.judge()
    }

    /// Takes what one run of a probe came to.
    pub(crate) fn find(
        &mut self,
        probe: &'static str,
        outcome: anyhow::Result<Vec<Reading>>,
    ) -> anyhow::Result<()> {
        self.findings.add(probe, outcome);
        self.judge()
    }

    fn judge(&mut self) -> anyhow::Result<()> {
        let syncs = self.circumstances.durability.get("stampede").is_some_and(|mode| mode == "sync");
        self.judged = judged::table(&self.cells, &self.findings, syncs);
        let rounds = self.cells.iter().map(|cell| cell.rounds.len()).max().unwrap_or(0);
        self.rounds = rounds.max(self.findings.rounds());
        self.minutes = self.started.elapsed().as_secs_f64() / 60.0;
        self.load_average_after = load_average()?;
        Ok(())
    }

    /// Every timed run that failed, and why.
    fn failures(&self) -> impl Iterator<Item = &str> {
        let of_cells = self.cells.iter().flat_map(|cell| &cell.failures);
        of_cells.chain(self.findings.failures()).map(String::as_str)
    }

    /// Fails where a timed run failed: a figure is missing, or a server's record differed from its answers.
    pub(crate) fn must_be_whole(&self) -> anyhow::Result<()> {
        let count = self.failures().count();
        ensure!(count == 0, "{count} timed runs failed; the report names them");
        Ok(())
    }

    fn cell(&self, row: &str, subject: Subject) -> Option<&Cell> {
        find(&self.cells, (row, subject))
    }

    /// The rows that were run, in the table's order.
    fn rows(&self) -> impl Iterator<Item = &'static Row> + '_ {
        ROWS.iter().filter(|row| self.cells.iter().any(|cell| cell.row.name == row.name))
    }
}

fn row_name<S: serde::Serializer>(row: &Row, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(row.name)
}

pub(crate) fn find<'a>(cells: &'a [Cell], (row, subject): (&str, Subject)) -> Option<&'a Cell> {
    cells.iter().find(|cell| cell.row.name == row && cell.subject == subject)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::judged::Verdict;
    use super::{Cell, Circumstances, Durability, Measured, Report};
    use crate::machine::Machine;
    use crate::rows::{ROWS, Subject};
    use anyhow::anyhow;

    fn cell(row: &str, subject: Subject, rates: &[f64]) -> Cell {
        let row = ROWS.iter().find(|known| known.name == row).unwrap();
        let mut cell = Cell::new(row, subject, 1_000);
        for &per_second in rates {
            cell.add(Ok(Measured {
                per_second,
                seconds: 1.0,
                other_answers: 0,
                server_cores: Some(0.5),
                client_cores: Some(1.0),
                events_per_sync: (subject == Subject::Stampede).then_some(120.4),
            }));
        }
        cell
    }

    pub(super) fn report(mode: &str) -> Report {
        let machine = Machine {
            cpu: "a processor".to_owned(),
            cores: 2,
            memory_gib: 16.0,
            kernel: "6.1".to_owned(),
            load_average_before: 0.1,
            disk_syncs_per_second: 15_000.0,
            disk_large_syncs_per_second: 2_000.0,
            disk_sync_p99_us: 200.0,
            disk_sync_p999_us: 2_000.0,
            commit: "abc".to_owned(),
        };
        let cells = vec![
            cell("buy-64", Subject::Stampede, &[800.0, 900.0, 850.0]),
            cell("buy-64", Subject::Stub, &[1_000.0, 1_000.0, 1_000.0]),
            cell("buy-64", Subject::Redis, &[100.0, 100.0, 100.0]),
            cell("buy-64", Subject::Memory, &[900.0, 900.0, 900.0]),
            cell("sold-out-64", Subject::Stampede, &[850.0]),
            cell("sold-out-64", Subject::Stub, &[1_000.0]),
        ];
        let durability = Durability::from([("stampede", mode.to_owned()), ("redis", "AOF".to_owned())]);
        let versions = [("Redis", "7.0".to_owned())].into();
        let circumstances =
            Circumstances { command: "the command".to_owned(), machine, versions, durability };
        let mut report = Report::new(circumstances, cells);
        report.judge().unwrap();
        report
    }

    #[test]
    fn a_timed_run_that_failed_is_named_and_leaves_the_rounds_of_others_in_step() {
        let mut report = report("sync");
        report.add(2, 4, Err(anyhow!("7 units are missing"))).unwrap();
        report.add(2, 5, Ok(Measured::uncounted(90.0, 1.0, None))).unwrap();
        report.add(0, 4, Ok(Measured::uncounted(2_000.0, 1.0, None))).unwrap();
        report.add(0, 5, Ok(Measured::uncounted(900.0, 1.0, None))).unwrap();
        let ratio = report.judged.iter().find(|row| row.title.contains("64 / Redis + Lua (every")).unwrap();
        // The round in which Redis's run failed has no ratio: 2,000 is set against nothing.
        let spread = ratio.value.unwrap();
        assert_eq!((spread.min.to_bits(), spread.max.to_bits()), (8.0_f64.to_bits(), 10.0_f64.to_bits()));
        assert!(report.markdown().contains("7 units are missing"));
        assert!(report.must_be_whole().is_err());
    }

    #[test]
    fn a_target_for_sync_is_judged_only_on_a_server_that_syncs() {
        let verdicts = |mode| -> Vec<Verdict> { report(mode).judged.iter().map(|row| row.verdict).collect() };
        // What was missed comes first.
        let judged = [Verdict::Missed, Verdict::Reached, Verdict::Reached, Verdict::Shown];
        assert_eq!(verdicts("sync"), judged);
        let judged = [Verdict::Missed, Verdict::NotJudged, Verdict::NotJudged, Verdict::Shown];
        assert_eq!(verdicts("memory"), judged);
    }

    #[test]
    fn the_table_shows_medians_spreads_modes_and_too_few_rounds() {
        let text = report("memory").markdown();
        for part in [
            "850 (800–900), 0.5 + 1.0 cores, 120 events per sync",
            "Stampede (memory)",
            "8.50 (8.00–9.00)",
            "≥ 8.00",
            "Rounds: 3, fewer than 5",
            "a processor",
            "15.0 k",
            "131 MB",
            "`the command`",
        ] {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
    }

    #[test]
    fn programs_find_every_round_in_the_json() {
        let json = serde_json::to_value(report("memory")).unwrap();
        assert_eq!(json["cells"][0]["rounds"][1]["per_second"], 900.0);
        assert_eq!(json["cells"][0]["per_second"]["median"], 850.0);
        assert_eq!(json["judged"][0]["verdict"], "missed");
        assert_eq!(json["durability"]["stampede"], "memory");
    }
}
