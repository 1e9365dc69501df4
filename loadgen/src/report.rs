//! What a run is told as: one structure, from which the terminal, JSON and HTML are written.
//!
//! Field names and units are part of the contract: the unit is the end of the name, and a name never changes
//! its meaning. Owns the figures; their looks are in `terminal`, `html` and `plot`.

pub mod html;
pub mod plot;
pub mod terminal;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use rustix::fs::{Access, access};
use serde::Serialize;

use crate::class::Class;
use crate::closed::ClosedLoopReport;
use crate::ledger::Judgement;
use crate::open::RunResult;
use crate::record::Recorder;
use crate::replay::ReplayReport;
use crate::verdict::Verdict;

/// The version of the JSON: it rises when a field changes its meaning or goes.
pub const SCHEMA: &str = "stampede-load/1";

/// Everything that one invocation of the generator found out.
#[derive(Debug, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The command line.
    pub command: String,
    /// What the server says of itself: version, durability.
    pub server: BTreeMap<String, String>,
    /// The seed from which everything was drawn.
    pub seed: u64,
    /// Open-loop runs.
    pub runs: Vec<RunReport>,
    /// Closed-loop runs.
    pub maximum_throughput: Vec<ClosedReport>,
    /// Replays of records.
    pub replays: Vec<ReplayReport>,
    /// Whether every check of every run held.
    pub is_clean: bool,
}

/// One open-loop run.
#[derive(Debug, Serialize)]
pub struct RunReport {
    /// What was run, in a few words.
    pub title: String,
    /// Commands that were due.
    pub planned: u64,
    /// Commands left out because their purchase was refused.
    pub left_out: u64,
    /// From the first intended moment to the last answer.
    pub elapsed_s: f64,
    /// Accepted reservations per second: the goodput.
    pub goodput_per_s: f64,
    /// Answers by class, each with its latency.
    pub classes: Vec<ClassReport>,
    /// Answers by status or error, those that came at all.
    pub statuses: BTreeMap<&'static str, u64>,
    /// Latency of all answers from the intended time.
    pub latency: Percentiles,
    /// How late the generator was.
    pub lag: Percentiles,
    /// Whether the generator was so late that the latencies say more about it than about the server.
    pub lag_matters: bool,
    /// CPU time of the client per answered command, in microseconds, where the system tells.
    pub client_cpu_us_per_command: Option<f64>,
    /// Whether the client's threads ran ahead of all ordinary ones, as buyers with machines of their own do.
    pub client_is_urgent: bool,
    /// Connections that broke.
    pub broken_connections: u64,
    /// The run in slices.
    pub timeline: Vec<SliceReport>,
    /// What agreed and what did not; none for a peer that has no books.
    pub judgement: Option<Judgement>,
    /// For plots.
    #[serde(skip)]
    pub recorder: Recorder,
}

/// One class of answers.
#[derive(Debug, Serialize)]
pub struct ClassReport {
    /// The class.
    pub class: Class,
    /// How many.
    pub count: u64,
    /// Latency from the intended time.
    pub latency: Percentiles,
}

/// A latency distribution, in microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Percentiles {
    /// The median.
    pub p50_us: f64,
    /// Nine of ten are faster.
    pub p90_us: f64,
    /// 99 of 100.
    pub p99_us: f64,
    /// 999 of 1,000.
    pub p999_us: f64,
    /// The slowest.
    pub max_us: f64,
}

impl Percentiles {
    /// Reads a histogram of nanoseconds.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
        Self {
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: histogram.max() as f64 / 1_000.0,
        }
    }
}

/// A slice of the run.
#[derive(Debug, Serialize)]
pub struct SliceReport {
    /// Where it starts.
    pub at_s: f64,
    /// How long it is.
    pub length_s: f64,
    /// Answers by class that came in it.
    pub answers: BTreeMap<&'static str, u64>,
    /// Latency of these answers.
    pub latency: Percentiles,
}

/// One closed-loop run.
#[derive(Debug, Serialize)]
pub struct ClosedReport {
    /// What was run, in a few words.
    pub title: String,
    /// Connections.
    pub connections: usize,
    /// Commands in flight on each.
    pub pipeline: usize,
    /// Answers of all kinds per second.
    pub answered_per_s: f64,
    /// Accepted reservations per second.
    pub accepted_per_s: f64,
    /// CPU time of the client per answered command, in microseconds, where the system tells.
    pub client_cpu_us_per_command: Option<f64>,
    /// Time from a batch's write to an answer; no buyer's latency.
    pub batch_latency: Percentiles,
    /// The counts.
    #[serde(flatten)]
    pub counts: ClosedLoopReport,
    /// Events read from the feed, every reservation found once; none where the feed could not be read.
    pub feed_events: Option<u64>,
    /// What did not hold: errors, or counts that the server's books do not show.
    pub faults: Vec<String>,
}

/// Lag below this is never held against a run: it is of the size of a wake-up.
const LAG_FELT_US: f64 = 200.0;
/// The part of a latency that may be lag.
const LAG_SHARE_MAX: f64 = 0.25;

/// How late the generator may be beside a latency, both in microseconds and at the same percentile. Latency counts from
/// the intended moment, so lag is part of it: it may be a quarter.
pub fn lag_max_us(latency_us: f64) -> f64 {
    LAG_FELT_US.max(latency_us * LAG_SHARE_MAX)
}

/// Whether the generator was so late that the latencies say more about it than about the server.
fn lag_matters(lag: &Percentiles, latency: &Percentiles) -> bool {
    lag.p99_us > lag_max_us(latency.p99_us) || lag.p999_us > lag_max_us(latency.p999_us)
}

impl RunReport {
    /// Turns what was measured into figures.
    pub fn new(title: String, planned: usize, result: RunResult, judgement: Option<Judgement>) -> Self {
        let recorder = result.recorder;
        let elapsed_s = result.elapsed.as_secs_f64();
        let latency = Percentiles::of(&recorder.latency_of_all());
        let lag = Percentiles::of(&recorder.lag_ns);
        let classes = Class::ALL.into_iter().filter(|&class| recorder.count(class) > 0);
        let classes = classes
            .map(|class| ClassReport {
                class,
                count: recorder.count(class),
                latency: Percentiles::of(&recorder.latency_ns[class.index()]),
            })
            .collect();
        let statuses = Verdict::ALL.iter().filter(|&&verdict| recorder.verdicts[verdict as usize] > 0);
        Self {
            title,
            planned: planned as u64,
            left_out: recorder.left_out,
            elapsed_s,
            goodput_per_s: recorder.count(Class::Accepted) as f64 / elapsed_s.max(1e-9),
            classes,
            statuses: statuses
                .map(|&verdict| (verdict.name(), recorder.verdicts[verdict as usize]))
                .collect(),
            latency,
            lag,
            lag_matters: lag_matters(&lag, &latency),
            client_cpu_us_per_command: cpu_us_each(result.client_cpu_s, recorder.count_all()),
            client_is_urgent: result.is_urgent,
            broken_connections: result.broken_count,
            timeline: timeline(&recorder),
            judgement,
            recorder,
        }
    }

    /// How many answers of a class.
    pub fn count(&self, class: Class) -> u64 {
        self.classes.iter().find(|report| report.class == class).map_or(0, |report| report.count)
    }

    /// Whether every check held.
    pub fn is_clean(&self) -> bool {
        self.judgement.as_ref().is_none_or(Judgement::is_clean)
    }
}

fn cpu_us_each(seconds: Option<f64>, commands: u64) -> Option<f64> {
    seconds.filter(|_| commands > 0).map(|seconds| seconds * 1e6 / commands as f64)
}

fn timeline(recorder: &Recorder) -> Vec<SliceReport> {
    let length_s = recorder.slice_ns as f64 / 1e9;
    let slices = recorder.slices.iter().enumerate();
    slices
        .map(|(index, slice)| SliceReport {
            at_s: index as f64 * length_s,
            length_s,
            answers: Class::ALL
                .into_iter()
                .filter(|class| slice.answers[class.index()] > 0)
                .map(|class| (class.name(), slice.answers[class.index()]))
                .collect(),
            latency: Percentiles::of(&slice.latency_ns),
        })
        .collect()
}

impl ClosedReport {
    /// Turns counts into figures.
    pub fn new(title: String, (connections, pipeline): (usize, usize), counts: ClosedLoopReport) -> Self {
        Self {
            title,
            connections,
            pipeline,
            answered_per_s: counts.answered_per_s(),
            accepted_per_s: counts.accepted_per_s(),
            client_cpu_us_per_command: cpu_us_each(counts.client_cpu_s, counts.answered),
            batch_latency: Percentiles::of(&counts.batch_latency_ns),
            counts,
            feed_events: None,
            faults: Vec::new(),
        }
    }
}

impl Report {
    /// An empty report.
    pub fn new(command: String, seed: u64) -> Self {
        Self {
            schema: SCHEMA,
            command,
            server: BTreeMap::new(),
            seed,
            runs: Vec::new(),
            maximum_throughput: Vec::new(),
            replays: Vec::new(),
            is_clean: true,
        }
    }

    /// Sums up whether everything held.
    pub fn close(&mut self) {
        self.is_clean = self.runs.iter().all(RunReport::is_clean)
            && self.maximum_throughput.iter().all(|run| run.faults.is_empty())
            && self.replays.iter().all(|replay| replay.judgement.is_clean());
    }

    /// Writes the report as JSON.
    pub fn write_json(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self).context("cannot write the report as JSON")?;
        text.push('\n');
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Writes the report as one HTML file that needs nothing else.
    pub fn write_html(&self, path: &Path) -> Result<()> {
        let page = html::page(self)?;
        std::fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Whether a file can be written here, as far as that can be told without writing: what is found out before the run does
/// not cost one.
///
/// # Errors
/// No folder of this name, a folder in place of a file, or no leave to write.
pub fn check_writable(path: &Path) -> Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    ensure!(!path.is_dir(), "{}: it is a folder", cannot());
    if path.exists() {
        return access(path, Access::WRITE_OK).with_context(cannot);
    }
    // The dot makes a file in the place of the folder an error.
    let folder = path.parent().unwrap_or(path).join(".");
    access(&folder, Access::WRITE_OK | Access::EXEC_OK).with_context(cannot)
}

#[cfg(test)]
mod tests {
    use super::{Percentiles, lag_matters};

    fn at(p99_us: f64, one_in_thousand_us: f64) -> Percentiles {
        Percentiles { p99_us, p999_us: one_in_thousand_us, ..Percentiles::default() }
    }

    #[test]
    fn a_run_counts_while_lag_is_a_wake_up_or_a_quarter_of_the_latency() {
        assert!(!lag_matters(&at(150.0, 190.0), &at(160.0, 200.0)));
        assert!(!lag_matters(&at(240.0, 900.0), &at(1_000.0, 4_000.0)));
        assert!(lag_matters(&at(260.0, 300.0), &at(1_000.0, 4_000.0)), "at p99");
        assert!(lag_matters(&at(100.0, 1_100.0), &at(1_000.0, 4_000.0)), "at p99.9");
    }
}
