//! The open loop: every command leaves at its intended time, whether or not earlier ones are answered.
//!
//! Latency is counted from the intended time, so that a stall of the server shows in all who arrive during
//! it, and so does the generator's own lateness (which is reported apart, as lag). Each client thread owns
//! its connections, its part of the plan and its recorder; nothing is shared while the run is on.
//! Called by the subcommands. What the answers mean for the books is `ledger`'s.

mod connection;
mod pacer;

use std::rc::Rc;
use std::sync::{Arc, Barrier, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use indicatif::ProgressBar;
use tokio::task::LocalSet;

use crate::cpu;
use crate::plan::{Intent, IntentIndex, Plan};
use crate::record::Recorder;
use crate::verdict::Outcome;
use crate::wire::WireError;
use connection::{Connection, Shared};
use pacer::Timer;

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
    /// From the first intended moment to the last answer.
    pub elapsed: Duration,
    /// Connections that broke during the run.
    pub broken_count: u64,
    /// CPU time of the client's threads from the first intended moment on, where the system tells.
    pub client_cpu_s: Option<f64>,
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
    let duration_ns = plan.intents.last().map_or(0, |intent| intent.due_ns);
    let mut parts = Vec::new();
    let start = Start { gate: Barrier::new(threads), moment: OnceLock::new() };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let (plan, start) = (Arc::clone(plan), &start);
                scope.spawn(move || run_thread(&plan, options, (thread, threads), start, bar))
            })
            .collect();
        parts.extend(workers.into_iter().map(|worker| worker.join().expect("a client thread panicked")));
    });
    let mut result = RunResult {
        recorder: Recorder::new(duration_ns),
        outcomes: Vec::new(),
        elapsed: Duration::ZERO,
        broken_count: 0,
        client_cpu_s: Some(0.0),
    };
    for part in parts {
        let part = part?;
        result.recorder.add(&part.recorder);
        result.outcomes.extend(part.outcomes);
        result.elapsed = result.elapsed.max(part.elapsed);
        result.broken_count += part.broken_count;
        result.client_cpu_s = result.client_cpu_s.zip(part.client_cpu_s).map(|(all, part)| all + part);
    }
    Ok(result)
}

/// One start for all threads: the ledger compares times that different threads wrote down.
struct Start {
    gate: Barrier,
    moment: OnceLock<Instant>,
}

fn run_thread(
    plan: &Arc<Plan>,
    options: &OpenLoop,
    (thread, threads): (usize, usize),
    start: &Start,
    bar: &ProgressBar,
) -> Result<RunResult> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the client's runtime");
    let connected = runtime.and_then(|runtime| {
        let lines = runtime.block_on(connect_all(options, thread, threads))?;
        Ok((runtime, lines))
    });
    // Every thread passes the gate, also one that failed: the others would wait for it for ever.
    start.gate.wait();
    let started = *start.moment.get_or_init(now);
    let (runtime, lines) = connected?;
    let tasks = LocalSet::new();
    runtime.block_on(tasks.run_until(run_part(plan, options, (thread, threads), (lines, started), bar)))
}

async fn connect_all(
    options: &OpenLoop,
    thread: usize,
    threads: usize,
) -> Result<Vec<Option<tokio::net::TcpStream>>, WireError> {
    let mut streams = Vec::new();
    for index in 0..usize::from(options.connections) {
        let is_mine = index % threads == thread;
        streams.push(if is_mine { Some(connection::connect(&options.addr).await?) } else { None });
    }
    Ok(streams)
}

async fn run_part(
    plan: &Arc<Plan>,
    options: &OpenLoop,
    (thread, threads): (usize, usize),
    (streams, started): (Vec<Option<tokio::net::TcpStream>>, Instant),
    bar: &ProgressBar,
) -> Result<RunResult> {
    let mine: Vec<IntentIndex> = (0..plan.intents.len() as IntentIndex)
        .filter(|&index| usize::from(plan.intents[index as usize].connection) % threads == thread)
        .collect();
    let shared = Rc::new(Shared::new(Arc::clone(plan), options.clone(), started, bar.clone()));
    let mut readers = Vec::new();
    let connections: Vec<Option<Rc<Connection>>> = streams
        .into_iter()
        .map(|stream| {
            stream.map(|stream| {
                let connection = Rc::new(Connection::new(stream, Rc::clone(&shared)));
                readers.push(tokio::task::spawn_local(Rc::clone(&connection).serve()));
                connection
            })
        })
        .collect();
    let cpu_before = cpu::thread_cpu_s();
    send_all(plan, &mine, &connections, &shared).await?;
    drain(&connections, &shared).await;
    let elapsed = shared.last_answer.get().unwrap_or(started) - started;
    readers.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(RunResult {
        recorder: shared.recorder.borrow().clone(),
        outcomes: shared.outcomes.take(),
        elapsed,
        broken_count: shared.broken_count.get(),
        client_cpu_s: cpu_before.zip(cpu::thread_cpu_s()).map(|(before, after)| after - before),
    })
}

/// Commands handed over in one go before the readers get their turn.
const BURST_LEN: usize = 512;

async fn send_all(
    plan: &Plan,
    mine: &[IntentIndex],
    connections: &[Option<Rc<Connection>>],
    shared: &Shared,
) -> Result<()> {
    let timer = Timer::new().context("cannot make a timer")?;
    let mut next = 0;
    let mut touched = vec![false; connections.len()];
    while next < mine.len() {
        let at_ns = shared.at_ns(now());
        let burst_end = mine.len().min(next + BURST_LEN);
        let mut burst = next;
        while burst < burst_end && plan.intents[mine[burst] as usize].due_ns <= at_ns {
            let Intent { due_ns, connection, .. } = plan.intents[mine[burst] as usize];
            shared.recorder.borrow_mut().lag(at_ns - due_ns);
            if let Some(target) = &connections[usize::from(connection)] {
                target.hand_over(mine[burst]);
                touched[usize::from(connection)] = true;
            }
            burst += 1;
        }
        for (is_touched, connection) in touched.iter_mut().zip(connections) {
            if std::mem::take(is_touched)
                && let Some(connection) = connection
            {
                connection.pump();
            }
        }
        if burst > next {
            next = burst;
            tokio::task::yield_now().await;
        } else {
            let wait_ns = plan.intents[mine[next] as usize].due_ns - at_ns;
            timer.wait(Duration::from_nanos(wait_ns)).await.context("the timer failed")?;
        }
    }
    Ok(())
}

/// Waits for what is in flight; what has not come by the timeout is lost.
async fn drain(connections: &[Option<Rc<Connection>>], shared: &Shared) {
    let deadline = tokio::time::Instant::now() + shared.options.timeout;
    for connection in connections.iter().flatten() {
        let _ = tokio::time::timeout_at(deadline, connection.until_idle()).await;
        connection.give_up();
    }
}

#[expect(clippy::disallowed_methods, reason = "the generator measures; it has no engine clock")]
fn now() -> Instant {
    Instant::now()
}
