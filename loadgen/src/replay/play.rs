//! Sends the steps of a script over many connections and keeps every answer.
//!
//! A step ends when its last answer is heard: what the next step needs (a group to join) is then decided.
//! What is answered BUSY is sent again, because a replay must leave out nothing.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use hdrhistogram::Histogram;
use indicatif::ProgressBar;

use super::{Replay, now};
use crate::latency::latency_histogram;
use crate::plan::{IntentIndex, Plan};
use crate::verdict::{Outcome, Verdict};
use crate::wire::WireError;
use crate::wire::drive::{Line, Pace, Source};
use crate::wire::frame::Frame;

/// How often one step is sent again to a busy server.
const BUSY_ROUNDS_MAX: u32 = 1_000;

/// What was heard.
#[derive(Debug)]
pub struct Played {
    /// Every answer.
    pub outcomes: Vec<Outcome>,
    /// Time from a batch's write to an answer's arrival.
    pub latency_ns: Histogram<u64>,
    /// Time spent sending and hearing.
    pub playing: Duration,
    /// Time spent waiting for windows.
    pub waiting: Duration,
}

/// Plays steps.
pub(super) struct Player {
    plan: Arc<Plan>,
    lines: Vec<Line>,
    pace: Pace,
    sink: Rc<RefCell<Sink>>,
    playing: Duration,
    waiting: Duration,
}

struct Sink {
    outcomes: Vec<Outcome>,
    latency_ns: Histogram<u64>,
}

impl Player {
    pub(super) async fn connect(plan: &Arc<Plan>, replay: &Replay) -> Result<Self, WireError> {
        let mut lines = Vec::new();
        for _ in 0..replay.connections {
            let mut line = Line::connect(&replay.addr).await?;
            line.hello().await?;
            lines.push(line);
        }
        let outcomes = Vec::with_capacity(plan.intents.len());
        Ok(Self {
            plan: Arc::clone(plan),
            lines,
            pace: Pace { pipeline: replay.pipeline, silence_max: Duration::from_secs(30) },
            sink: Rc::new(RefCell::new(Sink { outcomes, latency_ns: latency_histogram() })),
            playing: Duration::ZERO,
            waiting: Duration::ZERO,
        })
    }

    /// Sends one step and hears all its answers.
    pub(super) async fn send(&mut self, range: Range<IntentIndex>, bar: &ProgressBar) -> Result<()> {
        let started = now();
        let mut due: Vec<IntentIndex> = range.collect();
        for round in 0.. {
            let heard_before = self.sink.borrow().outcomes.len();
            self.send_once(&due, bar).await?;
            let sink = self.sink.borrow();
            let busy =
                sink.outcomes[heard_before..].iter().filter(|outcome| outcome.verdict == Verdict::Busy);
            due = busy.map(|outcome| outcome.intent).collect();
            if due.is_empty() {
                break;
            }
            ensure!(
                round < BUSY_ROUNDS_MAX,
                "the server stays busy: {} commands of a step are left",
                due.len()
            );
        }
        self.playing += started.elapsed();
        Ok(())
    }

    async fn send_once(&mut self, due: &[IntentIndex], bar: &ProgressBar) -> Result<()> {
        let mut parts = vec![Vec::new(); self.lines.len()];
        for &index in due {
            parts[usize::from(self.plan.intents[index as usize].connection)].push(index);
        }
        let mut drives = Vec::new();
        for (mut line, intents) in self.lines.drain(..).zip(parts) {
            let mut part = Part {
                plan: Arc::clone(&self.plan),
                intents,
                sent: 0,
                heard: 0,
                sink: Rc::clone(&self.sink),
                bar: bar.clone(),
            };
            let pace = self.pace;
            drives.push(tokio::task::spawn_local(
                async move { line.drive(&mut part, pace).await.map(|()| line) },
            ));
        }
        for drive in drives {
            self.lines.push(drive.await.expect("a connection's task panicked")?);
        }
        Ok(())
    }

    /// Lets time pass.
    pub(super) async fn wait(&mut self, duration: Duration) {
        let started: Instant = now();
        tokio::time::sleep(duration).await;
        self.waiting += started.elapsed();
    }

    pub(super) fn finish(self) -> Played {
        let mut sink = self.sink.borrow_mut();
        Played {
            outcomes: std::mem::take(&mut sink.outcomes),
            latency_ns: sink.latency_ns.clone(),
            playing: self.playing,
            waiting: self.waiting,
        }
    }
}

/// One connection's part of a step.
struct Part {
    plan: Arc<Plan>,
    intents: Vec<IntentIndex>,
    sent: usize,
    heard: usize,
    sink: Rc<RefCell<Sink>>,
    bar: ProgressBar,
}

impl Source for Part {
    fn fill(&mut self, room: usize, out: &mut Vec<u8>) -> usize {
        let end = self.intents.len().min(self.sent + room);
        for &index in &self.intents[self.sent..end] {
            self.plan.write(self.plan.intents[index as usize], out);
        }
        let count = end - self.sent;
        self.sent = end;
        self.bar.inc(count as u64);
        count
    }

    fn answer(&mut self, frame: Frame<'_>, latency: Duration) {
        let mut sink = self.sink.borrow_mut();
        let index = self.intents[self.heard];
        let reservation = self.plan.intents[index as usize].reservation;
        sink.outcomes.push(Outcome::read(index, reservation, frame));
        sink.latency_ns.saturating_record(latency.as_nanos() as u64);
        self.heard += 1;
    }
}
