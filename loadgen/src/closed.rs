//! The closed loop, "maximum throughput": every connection sends its next batch once the last is answered.
//!
//! Its figures say what a server can take, never how long a buyer waits: a slow server slows the questions
//! down too. Latency is for `open`. All peers of a comparison (Stampede, Redis with a script, the wire alone)
//! are driven by this same code with different words. Called by `stampede-load steady --closed` and by the
//! comparison harness; set-up of offers and scripts is the caller's (`setup`).

pub mod on_feed;
pub mod work;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::class::Class;
use crate::cpu;
use crate::latency::latency_histogram;
use crate::wire::WireError;
use crate::wire::drive::{Line, Pace};
pub use work::Work;
use work::WorkSource;

/// What to send, and how hard.
#[derive(Debug, Clone)]
pub struct ClosedLoop {
    /// The server's address, `host:port`.
    pub addr: String,
    /// Connections open at once.
    pub connections: usize,
    /// Commands in flight per connection.
    pub pipeline: usize,
    /// Client threads; connections are dealt out to them in turn.
    pub threads: usize,
    /// What the commands are.
    pub work: Work,
    /// How many commands to send, all connections together.
    pub requests: u64,
    /// Serial numbers start here; a second run on the same offer starts after the first one's.
    pub serial_start: u64,
    /// How long the server may be silent before the run fails.
    pub silence_max: Duration,
}

impl ClosedLoop {
    /// Fifty connections, 64 commands in flight on each, one client thread.
    pub fn new(addr: &str, work: Work, requests: u64) -> Self {
        Self {
            addr: addr.to_owned(),
            connections: 50,
            pipeline: 64,
            threads: 1,
            work,
            requests,
            serial_start: 0,
            silence_max: Duration::from_secs(30),
        }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// An argument out of its range, named.
    pub fn check(&self) -> Result<()> {
        ensure!(self.connections >= 1, "connections: at least 1 is needed");
        ensure!(self.pipeline >= 1, "pipeline: at least 1 is needed");
        ensure!(self.requests >= 1, "requests: at least 1 is needed");
        Ok(())
    }

    /// The serials of this run's commands lie below this one.
    pub fn serial_end(&self) -> u64 {
        // Connections take turns; the last turn may be a part of one for each.
        self.serial_start + self.requests + self.connections as u64 * work::ROUND_SERIALS_MAX
    }
}

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct ClosedLoopReport {
    /// Commands answered.
    pub answered: u64,
    /// BUYs that took units.
    pub accepted: u64,
    /// BUYs answered with what their id already had.
    pub replayed: u64,
    /// BUYs refused.
    pub refused: u64,
    /// PAYs and the like that were answered with a state.
    pub settled: u64,
    /// Questions and PINGs answered.
    pub read: u64,
    /// Turned away by overload.
    pub busy: u64,
    /// Other errors.
    pub errors: u64,
    /// The first error's text, if any.
    pub first_error: Option<String>,
    /// From the first write to the last answer.
    pub elapsed_s: f64,
    /// CPU time of the client's threads, where the system tells.
    pub client_cpu_s: Option<f64>,
    /// Time from a batch's write to an answer's arrival, in nanoseconds. Closed loop: not a buyer's latency.
    #[serde(skip)]
    pub batch_latency_ns: Histogram<u64>,
}

impl ClosedLoopReport {
    /// Answers of all kinds per second.
    pub fn answered_per_s(&self) -> f64 {
        self.answered as f64 / self.elapsed_s
    }

    /// Accepted reservations per second: the goodput.
    pub fn accepted_per_s(&self) -> f64 {
        self.accepted as f64 / self.elapsed_s
    }

    fn merge(&mut self, part: &Tally) {
        let count = |class: Class| part.counts[class.index()];
        self.answered += part.counts.iter().sum::<u64>();
        self.accepted += count(Class::Accepted);
        self.replayed += count(Class::Replayed);
        self.refused += count(Class::Refused);
        self.settled += count(Class::Settled);
        self.read += count(Class::Read);
        self.busy += count(Class::Busy);
        self.errors += count(Class::Error);
        if self.first_error.is_none() {
            self.first_error.clone_from(&part.first_error);
        }
        self.batch_latency_ns += &part.latency_ns;
    }
}

/// One thread's counts.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) counts: [u64; Class::ALL.len()],
    pub(crate) first_error: Option<String>,
    pub(crate) latency_ns: Histogram<u64>,
}

impl Tally {
    fn new() -> Self {
        Self { counts: [0; Class::ALL.len()], first_error: None, latency_ns: latency_histogram() }
    }
}

/// Runs the plan and waits for its end.
///
/// Blocks the calling thread, and starts threads of its own: call it from anywhere, also inside a runtime's
/// blocking pool.
///
/// # Errors
/// A plan that makes no sense, a connection that fails, a server that falls silent.
pub fn run(plan: &ClosedLoop) -> Result<ClosedLoopReport> {
    plan.check()?;
    let threads = plan.threads.clamp(1, plan.connections);
    let started = now();
    let parts = std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..threads).map(|index| scope.spawn(move || run_thread(plan, index, threads))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a client thread panicked")).collect::<Vec<_>>()
    });
    let parts = parts.into_iter().collect::<Result<Vec<_>>>()?;
    // Connecting is not part of the figure: the clock starts with the first write.
    let first_write = parts.iter().map(|part| part.first_write).min().unwrap_or(started);
    let last_answer = parts.iter().map(|part| part.last_answer).max().unwrap_or(started);
    let mut report = ClosedLoopReport {
        answered: 0,
        accepted: 0,
        replayed: 0,
        refused: 0,
        settled: 0,
        read: 0,
        busy: 0,
        errors: 0,
        first_error: None,
        elapsed_s: (last_answer - first_write).as_secs_f64(),
        client_cpu_s: parts.iter().map(|part| part.cpu_s).sum(),
        batch_latency_ns: latency_histogram(),
    };
    for part in &parts {
        report.merge(&part.tally);
    }
    Ok(report)
}

struct ThreadReport {
    tally: Tally,
    first_write: Instant,
    last_answer: Instant,
    cpu_s: Option<f64>,
}

fn run_thread(plan: &ClosedLoop, thread: usize, threads: usize) -> Result<ThreadReport> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the client's runtime")?;
    runtime.block_on(async {
        let mut lines = Vec::new();
        for connection in (thread..plan.connections).step_by(threads) {
            lines.push((connection, Line::connect(&plan.addr).await?));
        }
        let cpu_before = cpu::thread_cpu_s();
        let first_write = now();
        let tally = drive_all(plan, lines).await?;
        let last_answer = now();
        let cpu_s = cpu_before.zip(cpu::thread_cpu_s()).map(|(before, after)| after - before);
        Ok(ThreadReport { tally, first_write, last_answer, cpu_s })
    })
}

async fn drive_all(plan: &ClosedLoop, lines: Vec<(usize, Line)>) -> Result<Tally, WireError> {
    let tally = std::rc::Rc::new(std::cell::RefCell::new(Tally::new()));
    let tasks = tokio::task::LocalSet::new();
    let pace = Pace { pipeline: plan.pipeline, silence_max: plan.silence_max };
    let drives: Vec<_> = lines
        .into_iter()
        .map(|(connection, mut line)| {
            let mut source = WorkSource::new(plan, connection, std::rc::Rc::clone(&tally));
            tasks.spawn_local(async move { line.drive(&mut source, pace).await })
        })
        .collect();
    tasks
        .run_until(async {
            for drive in drives {
                drive.await.expect("a connection's task panicked")?;
            }
            Ok::<_, WireError>(())
        })
        .await?;
    drop(tasks);
    Ok(std::rc::Rc::into_inner(tally).expect("every connection has ended").into_inner())
}

#[expect(clippy::disallowed_methods, reason = "the generator measures; it has no engine clock")]
fn now() -> Instant {
    Instant::now()
}
