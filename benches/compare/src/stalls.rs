//! When the machine stood still while a latency was measured.
//!
//! A virtual machine has no processor while its host gives it to others, for tens of milliseconds at a time, and a
//! latency measured then is the host's. On each core a witness sleeps for half a millisecond, over and over, in the
//! first-in-first-out class, ahead of the generator: no thread's own work makes it late. Where it is late, the core
//! stood still. What was due shortly before, meanwhile, and until the backlog can be gone again does not count,
//! whichever server it was for; the spans depend on the witness alone, never on an answer.
//!
//! A server can still make a witness late through the kernel, and through what its writes make the host do. How much
//! counted is therefore told beside each figure, of both servers. Where the class is not granted nobody watches, and
//! everything counts.

use crate::cores;
use anyhow::{Context, Result};
use stampede_loadgen::open::urgency;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Between two looks of a witness.
const STEP: Duration = Duration::from_micros(500);
/// Later than this, the core stood still.
const LATE: Duration = Duration::from_micros(500);
/// What was due so long before or after is spoilt too.
const MARGIN: Duration = Duration::from_millis(5);
/// At half of its maximum a server works off a backlog in the time in which it came; twice that is allowed.
const WORKED_OFF: u32 = 2;
/// Ahead of the generator.
const PRIORITY: u8 = urgency::BUYER + 1;

/// From when until when a core stood still.
type Stall = Range<Instant>;

/// The witnesses, while they watch.
pub(crate) struct Watch {
    is_over: Arc<AtomicBool>,
    witnesses: Vec<JoinHandle<Vec<Stall>>>,
}

impl Watch {
    /// Sets a witness on every core that this program may use.
    pub(crate) fn begin() -> Result<Self> {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut watch = Self { is_over, witnesses: Vec::new() };
        for core in cores::allowed()? {
            let is_over = Arc::clone(&watch.is_over);
            let witness = move || {
                let may_watch = cores::stay_on(core).is_ok() && urgency::raise(PRIORITY);
                if may_watch {
                    return watch_until(&is_over);
                }
                eprintln!("core {core} is not watched: everything counts");
                Vec::new()
            };
            let witness = thread::Builder::new().name(format!("witness-{core}")).spawn(witness);
            watch.witnesses.push(witness.context("cannot start a witness")?);
        }
        Ok(watch)
    }

    /// Ends the watch. The due moments that do not count, in nanoseconds from `started`.
    pub(crate) fn end(mut self, started: Instant) -> Vec<Range<u64>> {
        self.is_over.store(true, Ordering::Relaxed);
        let witnesses = self.witnesses.drain(..);
        let stalls =
            witnesses.flat_map(|witness| witness.join().unwrap_or_else(|panic| resume_unwind(panic)));
        stalls.map(|stall| spoilt(&stall, started)).collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

#[expect(clippy::disallowed_methods, reason = "a witness measures the machine's own time")]
fn watch_until(is_over: &AtomicBool) -> Vec<Stall> {
    let mut stalls = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let due = Instant::now() + STEP;
        thread::sleep(STEP);
        let woken = Instant::now();
        if woken > due + LATE {
            stalls.push(due..woken);
        }
    }
    stalls
}

fn spoilt(stall: &Stall, started: Instant) -> Range<u64> {
    let from_start = |moment: Instant| moment.saturating_duration_since(started).as_nanos() as u64;
    let worked_off = stall.end + (stall.end - stall.start) * WORKED_OFF + MARGIN;
    let before = from_start(stall.start).saturating_sub((STEP + MARGIN).as_nanos() as u64);
    before..from_start(worked_off)
}

#[cfg(test)]
mod tests {
    use super::{MARGIN, STEP, spoilt};
    use std::time::{Duration, Instant};

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment will do")]
    fn a_stall_spoils_what_was_due_before_it_in_it_and_until_the_backlog_is_gone() {
        let started = Instant::now();
        let ms = Duration::from_millis;
        let span = spoilt(&(started + ms(100)..started + ms(110)), started);
        assert_eq!(u128::from(span.start), ms(100).saturating_sub(STEP + MARGIN).as_nanos());
        assert_eq!(u128::from(span.end), (ms(130) + MARGIN).as_nanos());
        let early = spoilt(&(started + ms(1)..started + ms(2)), started + ms(50));
        assert!(early.is_empty(), "a stall long before the start spoils nothing");
    }
}
