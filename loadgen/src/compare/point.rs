//! One point of a latency curve: one rate, one server, purchases by distinct buyers of one hot offer.
//!
//! Called by the comparison harness, once for each rate. Stampede's and Redis's books are compared with the answers
//! afterwards, and a difference fails the point; a peer without books is driven alone.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use serde::Serialize;

use super::Pair;
use crate::class::Class;
use crate::feed::{self, Mark};
use crate::latency::latency_histogram;
use crate::ledger;
use crate::open::{self, OpenLoop, Peer, RunResult};
use crate::plan::{IntentIndex, Plan};
use crate::population::Crowd;
use crate::report::{Percentiles, RunReport};
use crate::schedule::{Arrivals, Schedule, Shape};
use crate::setup;
use crate::verdict::Verdict;
use crate::wire::client::Client;

/// Commands in flight on one connection; more wait in the client, and their wait counts.
const IN_FLIGHT_MAX: usize = 1_000;

/// Who is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Stampede, audited.
    Stampede,
    /// Redis with the sale script, its stock audited.
    Redis,
    /// A server that answers a BUY and keeps nothing.
    Unchecked,
}

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub struct Drive {
    /// When BUYs are due.
    pub shape: Shape,
    /// For how long, in seconds.
    pub seconds: f64,
    /// Over how many connections.
    pub connections: u16,
    /// An answer later than this counts as none.
    pub timeout: Duration,
    /// What the offer's name begins with.
    pub prefix: &'static str,
}

/// What came of it. Latencies count from the intended moment, in microseconds; these and lag are of the commands that
/// count, everything else is of all.
#[derive(Debug, Clone, Serialize)]
pub struct Point {
    /// BUYs that were due, per second.
    pub due_per_s: f64,
    /// Accepted per second, until the last answer.
    pub goodput_per_s: f64,
    /// The median.
    pub p50_us: f64,
    /// 99 of 100 are faster.
    pub p99_us: f64,
    /// 999 of 1,000 are faster.
    pub p999_us: f64,
    /// How late the generator was, 99 of 100.
    pub lag_p99_us: f64,
    /// The same, 999 of 1,000.
    pub lag_p999_us: f64,
    /// Turned away by overload.
    pub busy: u64,
    /// Answered too late, or never.
    pub timeouts: u64,
    /// Of the commands, the part that counts: the machine did not stand still about them.
    pub counted: f64,
    /// How many commands count.
    pub count: u64,
    /// The due moments that do not, in nanoseconds from the start.
    #[serde(skip)]
    pub spoilt: Vec<Range<u64>>,
    /// CPU time of the client per command, where the system tells.
    pub client_cpu_us_per_command: Option<f64>,
    /// Whether the client's thread ran ahead of all ordinary ones.
    pub client_is_urgent: bool,
    /// From the first intended moment to the last answer, in seconds.
    pub elapsed_s: f64,
    /// The most accepted within one of the slices, per second.
    pub goodput_peak_per_s: f64,
}

/// A point whose offer is on sale and whose plan is made: nothing is left but to send.
#[derive(Debug)]
pub struct Ready {
    plan: Arc<Plan>,
    open: OpenLoop,
    target: Target,
    due_per_s: f64,
    /// Where Stampede's feed stood before the offer.
    from: Option<Mark>,
}

/// Makes the plan, and puts its offer on sale where the server keeps books.
///
/// # Errors
/// The server cannot be reached, or the drive makes no sense.
pub fn prepare(addr: &str, target: Target, drive: Drive) -> Result<Ready> {
    let duration = Duration::from_secs_f64(drive.seconds);
    let schedule = Schedule::new(drive.shape, Arrivals::Poisson, duration, 1)?;
    let plan = Arc::new(crowd(schedule.due_ns.len(), drive).plan(&schedule)?);
    let mut from = None;
    if target == Target::Stampede {
        let mut client = Client::connect(addr)?;
        from = Some(feed::mark(&mut client)?);
        setup::put_offers(&mut client, &plan.offers)?;
    }
    let open = OpenLoop {
        addr: addr.to_owned(),
        connections: drive.connections,
        threads: 1,
        in_flight_max: IN_FLIGHT_MAX,
        timeout: drive.timeout,
        peer: Peer::Stampede,
    };
    Ok(Ready { plan, open, target, due_per_s: schedule.due_ns.len() as f64 / drive.seconds, from })
}

impl Ready {
    /// Drives the server and compares its books with its answers. `spoilt` is asked afterwards which due moments do not
    /// count, in nanoseconds from the start that it is given, in any order.
    ///
    /// # Errors
    /// The server cannot be reached, or its books differ from its answers.
    pub fn run(self, spoilt: impl FnOnce(Instant) -> Vec<Range<u64>>) -> Result<Point> {
        let (plan, open, bar) = (&self.plan, &self.open, ProgressBar::hidden());
        let (result, judgement) = match self.target {
            Target::Stampede => {
                let from = self.from.context("no mark on the feed")?;
                let result = open::run(plan, open, &bar)?;
                let mut client = Client::connect(&open.addr)?;
                let judgement = ledger::judge(plan, &result.outcomes, &from, &mut client)?;
                ensure!(judgement.is_clean(), "the server's books differ from its answers: {judgement:?}");
                (result, Some(judgement))
            }
            Target::Redis => {
                let pair = Pair { stampede: String::new(), redis: open.addr.clone(), rounds: 1 };
                (super::run_redis(&pair, plan, open, &bar)?, None)
            }
            Target::Unchecked => (open::run(plan, open, &bar)?, None),
        };
        let counting = Counting::of(plan, &result, open.timeout, spoilt(result.started));
        let report = RunReport::new(String::new(), plan.intents.len(), result, judgement);
        Ok(Point::of(&report, counting, self.due_per_s))
    }
}

fn crowd(intents: usize, drive: Drive) -> Crowd {
    Crowd {
        buyers: intents as u32,
        offers: 1,
        zipf: 0.0,
        duplicates_percent: 0.0,
        bots_percent: 0.0,
        pays_percent: 0.0,
        cancels_percent: 0.0,
        groups_percent: 0.0,
        group_size: 3,
        stock: intents as u64 + 1,
        price: 1_990,
        limit: 1,
        connections: drive.connections,
        prefix: drive.prefix.to_owned(),
        seed: 1,
    }
}

/// The commands that count.
struct Counting {
    latency_ns: Histogram<u64>,
    lag_ns: Histogram<u64>,
    /// The part of all that they are.
    share: f64,
    /// When the others were due.
    spoilt: Vec<Range<u64>>,
}

impl Counting {
    fn of(plan: &Plan, result: &RunResult, timeout: Duration, spoilt: Vec<Range<u64>>) -> Self {
        let is_spoilt: Vec<bool> = plan.intents.iter().map(|intent| is_in(intent.due_ns, &spoilt)).collect();
        let mut counting =
            Self { latency_ns: latency_histogram(), lag_ns: latency_histogram(), share: 0.0, spoilt };
        let counts = |intent: IntentIndex| !is_spoilt[intent as usize];
        for outcome in result.outcomes.iter().filter(|outcome| counts(outcome.intent)) {
            // What was never answered counts with the timeout.
            let latency_ns = match outcome.verdict {
                Verdict::Lost => timeout.as_nanos() as u64,
                _ => outcome.heard_ns.saturating_sub(plan.intents[outcome.intent as usize].due_ns),
            };
            counting.latency_ns.saturating_record(latency_ns);
        }
        for &(_, lag_ns) in result.lags_ns.iter().filter(|(intent, _)| counts(*intent)) {
            counting.lag_ns.saturating_record(lag_ns);
        }
        counting.share = counting.latency_ns.len() as f64 / (result.outcomes.len() as f64).max(1.0);
        counting
    }
}

fn is_in(due_ns: u64, spoilt: &[Range<u64>]) -> bool {
    spoilt.iter().any(|span| span.contains(&due_ns))
}

impl Point {
    fn of(report: &RunReport, counting: Counting, due_per_s: f64) -> Self {
        let latency = Percentiles::of(&counting.latency_ns);
        let lag = Percentiles::of(&counting.lag_ns);
        let accepted = |slice: &crate::report::SliceReport| {
            let count = slice.answers.get(Class::Accepted.name()).copied().unwrap_or(0);
            count as f64 / slice.length_s
        };
        Self {
            due_per_s,
            goodput_per_s: report.goodput_per_s,
            p50_us: latency.p50_us,
            p99_us: latency.p99_us,
            p999_us: latency.p999_us,
            lag_p99_us: lag.p99_us,
            lag_p999_us: lag.p999_us,
            counted: counting.share,
            count: counting.latency_ns.len(),
            spoilt: counting.spoilt,
            busy: report.count(Class::Busy),
            timeouts: report.count(Class::Timeout),
            client_cpu_us_per_command: report.client_cpu_us_per_command,
            client_is_urgent: report.client_is_urgent,
            elapsed_s: report.elapsed_s,
            goodput_peak_per_s: report.timeline.iter().map(accepted).fold(0.0, f64::max),
        }
    }
}
