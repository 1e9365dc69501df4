//! Many runs, side by side: each seed is a run of its own, so threads share nothing but the next seed.
//!
//! A panic inside a run is a finding like any other. Called by the command line and the tests.

use crate::story::Trace;
use crate::tally::Tally;
use crate::world::{Finding, Outcome, run};
use parking_lot::Mutex;
use std::any::Any;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// What came of many runs.
#[derive(Debug, Default)]
pub struct Campaign {
    /// Runs that were played to their end or to their finding.
    pub runs: u64,
    /// What they reached together.
    pub tally: Tally,
    /// Seeds with what was found, the smallest seed first.
    pub found: Vec<(u64, Finding)>,
}

/// Plays `count` runs from the seed `first` on. Ends early once `found_max` of them have found something. `heard` is told
/// how many are done, about a hundred times.
pub fn run_many(first: u64, count: u64, found_max: usize, heard: &(dyn Fn(u64) + Sync)) -> Campaign {
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let is_enough = AtomicBool::new(false);
    let campaign = Mutex::new(Campaign::default());
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // Relaxed: the numbers order nothing, each seed is played by whoever got it.
                while !is_enough.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= count {
                        return;
                    }
                    let outcome = run_caught(first.wrapping_add(at));
                    if campaign.lock().add(outcome) >= found_max {
                        is_enough.store(true, Ordering::Relaxed);
                    }
                    let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                    if done.is_multiple_of((count / 100).max(1)) {
                        heard(done);
                    }
                }
            });
        }
    });
    let mut campaign = campaign.into_inner();
    campaign.found.sort_by_key(|(seed, _)| *seed);
    campaign
}

impl Campaign {
    /// Adds a run; tells how many have found something.
    fn add(&mut self, outcome: Outcome) -> usize {
        self.runs += 1;
        self.tally.add(&outcome.tally);
        self.found.extend(outcome.finding.map(|finding| (outcome.seed, finding)));
        self.found.len()
    }
}

/// A run whose panic is its finding.
fn run_caught(seed: u64) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| run(seed, Trace::Off))).unwrap_or_else(|panic| {
        let what = format!("a panic: {}", words(panic.as_ref()));
        Outcome { seed, tally: Tally::default(), finding: Some(Finding { step: 0, what }), story: Vec::new() }
    })
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a word".to_owned())
}

/// The one command that plays a seed again and tells its story.
pub fn command(seed: u64) -> String {
    format!("cargo run --release -p stampede-simulator -- --seed {seed} --trace")
}
