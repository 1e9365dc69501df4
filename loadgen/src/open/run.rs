//! What one thread measures, and what every connection of it needs for that.
//!
//! Owns the recorder, the outcomes and the run's time. A command counts as open from the moment at which it is
//! handed to its connection until its one outcome is recorded, or until it is left out: the run is over when
//! none is open. Knows no socket.

use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use super::{OpenLoop, Peer};
use crate::class::Class;
use crate::plan::{Action, Intent, IntentIndex, Plan};
use crate::record::Recorder;
use crate::verdict::{Outcome, Verdict};
use crate::wire::frame::{Frame, Head};

/// Answers between two looks at the progress bar, which reads the clock each time.
const BAR_STEP: u64 = 1_024;

/// One thread's measurements.
pub(super) struct Run {
    pub(super) plan: Arc<Plan>,
    pub(super) options: OpenLoop,
    pub(super) recorder: Recorder,
    pub(super) outcomes: Vec<Outcome>,
    pub(super) lags_ns: Vec<(IntentIndex, u64)>,
    /// When the last answer came, in nanoseconds from the start.
    pub(super) last_answer_ns: u64,
    pub(super) broken_count: u64,
    /// Commands handed over that have no outcome yet.
    pub(super) open_count: usize,
    started: Instant,
    /// Reservations whose latest BUY was refused: paying for them would be noise.
    refused: Vec<bool>,
    bar: ProgressBar,
    unshown: u64,
}

impl Run {
    /// For so many commands; the start is set when it comes.
    pub(super) fn new(
        plan: Arc<Plan>,
        options: OpenLoop,
        commands: usize,
        started: Instant,
        bar: ProgressBar,
    ) -> Self {
        let duration_ns = plan.intents.last().map_or(0, |intent| intent.due_ns);
        // Written once and emptied: the pages are there before the run, and not first touched in it.
        let mut outcomes = vec![Outcome::lost(0); commands];
        outcomes.clear();
        let mut lags_ns = vec![(0, u64::MAX); commands];
        lags_ns.clear();
        Self {
            recorder: Recorder::new(duration_ns),
            outcomes,
            lags_ns,
            last_answer_ns: 0,
            broken_count: 0,
            open_count: 0,
            started,
            refused: vec![false; plan.reservations.len()],
            plan,
            options,
            bar,
            unshown: 0,
        }
    }

    /// The first intended moment.
    pub(super) fn start(&mut self, started: Instant) {
        self.started = started;
    }

    /// Nanoseconds from the start of the run.
    pub(super) fn at_ns(&self, moment: Instant) -> u64 {
        (moment - self.started).as_nanos() as u64
    }

    pub(super) fn intent(&self, index: IntentIndex) -> Intent {
        self.plan.intents[index as usize]
    }

    /// Appends the command, or leaves it out because its purchase was refused.
    pub(super) fn write(&mut self, index: IntentIndex, out: &mut Vec<u8>) -> bool {
        let intent = self.intent(index);
        let follows_up = matches!(intent.action, Action::Pay | Action::Cancel);
        if follows_up && self.refused[intent.reservation as usize] {
            self.recorder.left_out += 1;
            self.close_one();
            return false;
        }
        match &self.options.peer {
            Peer::Stampede => self.plan.write(intent, out),
            Peer::Redis { sha } => self.plan.write_redis(intent, sha, out),
        }
        true
    }

    /// Counts how late a command is sent.
    pub(super) fn lag(&mut self, index: IntentIndex, at_ns: u64) {
        let lag_ns = at_ns.saturating_sub(self.intent(index).due_ns);
        self.recorder.lag(lag_ns);
        self.lags_ns.push((index, lag_ns));
    }

    /// Takes the answer to a command.
    pub(super) fn hear(&mut self, index: IntentIndex, frame: Frame<'_>, at_ns: u64) {
        let intent = self.intent(index);
        let outcome = match self.options.peer {
            Peer::Stampede => Outcome::read(index, intent.reservation, frame),
            Peer::Redis { .. } => redis_outcome(index, frame),
        };
        if intent.action == Action::Buy {
            self.refused[intent.reservation as usize] =
                !outcome.verdict.is_state() && outcome.verdict != Verdict::Lost;
        }
        self.last_answer_ns = at_ns;
        self.record(Outcome { heard_ns: at_ns, ..outcome }, at_ns);
    }

    /// Counts commands that will get no answer.
    pub(super) fn lose(&mut self, lost: impl Iterator<Item = IntentIndex>, at_ns: u64) {
        lost.for_each(|index| self.record(Outcome::lost(index), at_ns));
    }

    fn record(&mut self, outcome: Outcome, at_ns: u64) {
        let intent = self.intent(outcome.intent);
        let latency_ns = at_ns.saturating_sub(intent.due_ns);
        let is_late = Duration::from_nanos(latency_ns) > self.options.timeout;
        let class = outcome.class(intent.action);
        let class = if is_late { Class::Timeout } else { class };
        self.recorder.answer(class, outcome.verdict, latency_ns, at_ns);
        self.outcomes.push(outcome);
        self.close_one();
    }

    fn close_one(&mut self) {
        self.open_count -= 1;
        self.unshown += 1;
        if self.unshown == BAR_STEP {
            self.bar.inc(std::mem::take(&mut self.unshown));
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.bar.inc(self.unshown);
    }
}

/// The sale script's answer in the words of a BUY's.
fn redis_outcome(index: IntentIndex, frame: Frame<'_>) -> Outcome {
    let verdict = match frame.head() {
        Head::Integer(1) => Verdict::Held,
        Head::Integer(0) => Verdict::SoldOut,
        Head::Integer(-1) => Verdict::Limit,
        _ => Verdict::of(frame),
    };
    Outcome { verdict, ..Outcome::lost(index) }
}
