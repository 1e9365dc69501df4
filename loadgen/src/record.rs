//! Keeps what a run measured: latency per class, answers over time, generator lag.
//!
//! One recorder per client thread, added up after the run. Timeouts and BUSY are recorded like all others:
//! leaving them out would make an overloaded server look fast. Owns no clock; times come from the caller.

use hdrhistogram::Histogram;

use crate::class::Class;
use crate::latency::{coarse_histogram, latency_histogram};
use crate::verdict::Verdict;

/// Answers within one slice of the run.
#[derive(Debug, Clone)]
pub struct Slice {
    /// Answers by class, by the time at which they came.
    pub answers: [u64; Class::ALL.len()],
    /// Latency of all answers that came in this slice, in nanoseconds.
    pub latency_ns: Histogram<u64>,
}

impl Slice {
    fn new() -> Self {
        Self { answers: [0; Class::ALL.len()], latency_ns: coarse_histogram() }
    }
}

/// The most slices that a timeline has; later answers fall into the last.
const SLICES_MAX: usize = 240;

/// The measurements of a run.
#[derive(Debug, Clone)]
pub struct Recorder {
    /// Latency by class, in nanoseconds from the intended time.
    pub latency_ns: Vec<Histogram<u64>>,
    /// How late commands were sent, in nanoseconds.
    pub lag_ns: Histogram<u64>,
    /// Answers by status.
    pub verdicts: Vec<u64>,
    /// The run in slices.
    pub slices: Vec<Slice>,
    /// How long a slice is.
    pub slice_ns: u64,
    /// Commands left out because their purchase was refused.
    pub left_out: u64,
}

impl Recorder {
    /// A recorder for a run of this length, cut into slices of at least 100 ms.
    pub fn new(duration_ns: u64) -> Self {
        Self {
            latency_ns: Class::ALL.iter().map(|_| latency_histogram()).collect(),
            lag_ns: latency_histogram(),
            verdicts: vec![0; Verdict::ALL.len()],
            slices: Vec::new(),
            slice_ns: (duration_ns / 100).max(100_000_000),
            left_out: 0,
        }
    }

    /// One answer: its class and status, how long after its intended time, and when in the run.
    pub fn answer(&mut self, class: Class, verdict: Verdict, latency_ns: u64, at_ns: u64) {
        self.latency_ns[class.index()].saturating_record(latency_ns);
        self.verdicts[verdict as usize] += 1;
        let index = ((at_ns / self.slice_ns) as usize).min(SLICES_MAX - 1);
        while self.slices.len() <= index {
            self.slices.push(Slice::new());
        }
        let slice = &mut self.slices[index];
        slice.answers[class.index()] += 1;
        slice.latency_ns.saturating_record(latency_ns);
    }

    /// How late a command was sent.
    pub fn lag(&mut self, lag_ns: u64) {
        self.lag_ns.saturating_record(lag_ns);
    }

    /// How many answers of a class.
    pub fn count(&self, class: Class) -> u64 {
        self.latency_ns[class.index()].len()
    }

    /// How many answers in all.
    pub fn count_all(&self) -> u64 {
        self.latency_ns.iter().map(Histogram::len).sum()
    }

    /// The latency of all answers together, timeouts included.
    pub fn latency_of_all(&self) -> Histogram<u64> {
        let mut all = latency_histogram();
        for histogram in &self.latency_ns {
            all += histogram;
        }
        all
    }

    /// Adds another thread's measurements.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.latency_ns.iter_mut().zip(&other.latency_ns) {
            *mine += theirs;
        }
        self.lag_ns += &other.lag_ns;
        for (mine, theirs) in self.verdicts.iter_mut().zip(&other.verdicts) {
            *mine += theirs;
        }
        while self.slices.len() < other.slices.len() {
            self.slices.push(Slice::new());
        }
        for (mine, theirs) in self.slices.iter_mut().zip(&other.slices) {
            for (count, more) in mine.answers.iter_mut().zip(&theirs.answers) {
                *count += more;
            }
            mine.latency_ns += &theirs.latency_ns;
        }
        self.left_out += other.left_out;
    }
}
