//! The open loop: every command leaves at its intended time, whether or not earlier ones are answered.
//!
//! Latency is counted from the intended time, so that a stall of the server shows in all who arrive during
//! it, and so does the generator's own lateness (which is reported apart, as lag). Each client thread owns
//! its connections, its part of the plan and its recorder; nothing is shared while the run is on.
//! Called by the subcommands. What the answers mean for the books is `ledger`'s.
//!
//! Straight line: `part` (one thread: what is due leaves, what came is read, then it waits) → `connection`
//! (bytes out, bytes in) → `run` (what is measured). `timer` waits, `urgency` sees to it that the thread runs
//! when the wait is over.

mod connection;
mod part;
mod run;
mod timer;
pub mod urgency;

use std::sync::{Arc, Barrier, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use indicatif::ProgressBar;

use crate::plan::{IntentIndex, Plan};
use crate::record::Recorder;
use crate::verdict::Outcome;
use part::Part;

/// How the plan is sent.
#[derive(Debug, Clone)]
pub struct OpenLoop {
    /// The server's address, `host:port`.
    pub addr: String,
    /// Connections; the plan's connection numbers are below it.
    pub connections: u16,
    /// Client threads.
    pub threads: usize,
    /// Commands in flight on one connection at once; more wait, and their wait counts as latency.
    pub in_flight_max: usize,
    /// An answer later than this is a timeout.
    pub timeout: Duration,
    /// What the commands are sent as.
    pub peer: Peer,
}

/// Whom the plan is played against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// Stampede, as planned.
    Stampede,
    /// Redis with the sale script: every BUY becomes an EVALSHA on the keys of its offer.
    Redis {
        /// The loaded script.
        sha: String,
    },
}

/// What a run brought.
#[derive(Debug)]
pub struct RunResult {
    /// What was measured.
    pub recorder: Recorder,
    /// Every answer, in no order across connections.
    pub outcomes: Vec<Outcome>,
    /// How late each command was sent, in nanoseconds.
    pub lags_ns: Vec<(IntentIndex, u64)>,
    /// The first intended moment.
    pub started: Instant,
    /// From the first intended moment to the last answer.
    pub elapsed: Duration,
    /// Connections that broke during the run.
    pub broken_count: u64,
    /// CPU time of the client's threads from the first intended moment on, where the system tells.
    pub client_cpu_s: Option<f64>,
    /// Whether the client's threads ran ahead of all ordinary ones.
    pub is_urgent: bool,
}

/// Sends the plan and waits for the last answer or its timeout.
///
/// # Errors
/// The server cannot be reached, or the arguments make no sense. A connection that breaks during the run is
/// not an error: its commands are counted as lost.
pub fn run(plan: &Arc<Plan>, options: &OpenLoop, bar: &ProgressBar) -> Result<RunResult> {
    ensure!(options.connections >= 1, "connections: expected at least 1");
    ensure!(options.in_flight_max >= 1, "pipeline: expected at least 1");
    let threads = options.threads.clamp(1, usize::from(options.connections));
    let start = Start { gate: Barrier::new(threads), moment: OnceLock::new() };
    let mut parts = Vec::new();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let (plan, start) = (Arc::clone(plan), &start);
                scope.spawn(move || run_thread(plan, options, Share { thread, threads }, start, bar))
            })
            .collect();
        parts.extend(workers.into_iter().map(|worker| worker.join().expect("a client thread panicked")));
    });
    let mut result = RunResult {
        recorder: Recorder::new(plan.intents.last().map_or(0, |intent| intent.due_ns)),
        outcomes: Vec::new(),
        lags_ns: Vec::new(),
        started: *start.moment.get_or_init(now),
        elapsed: Duration::ZERO,
        broken_count: 0,
        client_cpu_s: Some(0.0),
        is_urgent: true,
    };
    for part in parts {
        result.add(part?);
    }
    Ok(result)
}

impl RunResult {
    fn add(&mut self, part: Self) {
        self.recorder.add(&part.recorder);
        self.outcomes.extend(part.outcomes);
        self.lags_ns.extend(part.lags_ns);
        self.elapsed = self.elapsed.max(part.elapsed);
        self.broken_count += part.broken_count;
        self.client_cpu_s = self.client_cpu_s.zip(part.client_cpu_s).map(|(all, part)| all + part);
        self.is_urgent &= part.is_urgent;
    }
}

/// One start for all threads: the ledger compares times that different threads wrote down.
struct Start {
    gate: Barrier,
    moment: OnceLock<Instant>,
}

/// Which of so many threads: connection `n` belongs to thread `n % threads`.
#[derive(Debug, Clone, Copy)]
struct Share {
    thread: usize,
    threads: usize,
}

fn run_thread(
    plan: Arc<Plan>,
    options: &OpenLoop,
    share: Share,
    start: &Start,
    bar: &ProgressBar,
) -> Result<RunResult> {
    // Everything that takes time is done before the gate: at the first intended moment there is only sending.
    let part = Part::prepare(plan, options, share, bar);
    // Every thread passes the gate, also one that failed: the others would wait for it for ever.
    start.gate.wait();
    let started = *start.moment.get_or_init(now);
    part?.play(started)
}

#[expect(clippy::disallowed_methods, reason = "the generator measures; it has no engine clock")]
fn now() -> Instant {
    Instant::now()
}
