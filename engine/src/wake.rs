//! Puts a shard's thread to sleep when there is nothing to do, and wakes it when there is.
//!
//! The protocol: whoever brings work first makes it visible (pushes a run, moves a watermark, sets a flag), then calls
//! [`Wake::wake`]. The shard first says that it is about to sleep, then looks for work once more, then sleeps. Between
//! the two steps on either side stands a sequentially consistent fence, so at least one of them sees what the other
//! did: either the shard finds the work, or the bringer finds the shard asleep and wakes it. No wake-up is lost, and
//! a shard that is awake costs its bringers one fence and one load, never a system call.
//!
//! What the work is, nothing here knows. Called by the inbox, the shard and journals with a thread of their own.

use crossbeam_utils::CachePadded;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::thread::{self, Thread};
use std::time::Duration;

/// How often a waiting shard looks for work before it gives up its time slice: a few microseconds, about the time in
/// which a busy connection comes back with its next run.
const SPIN_COUNT: u32 = 64;
/// How often it then lets other threads run before it sleeps: sleeping and waking costs two system calls.
const YIELD_COUNT: u32 = 4;

/// The bell of one shard's thread.
#[derive(Debug, Default)]
pub struct Wake {
    /// Whether the thread sleeps or is about to.
    asleep: CachePadded<AtomicBool>,
    /// The thread, once it runs. Set before `asleep` is ever true.
    thread: OnceLock<Thread>,
}

impl Wake {
    /// Wakes the shard's thread if it sleeps. Make the work visible first.
    pub fn wake(&self) {
        // Pairs with the fence in `sleep_unless`: orders the work before the look at `asleep`.
        fence(Ordering::SeqCst);
        // The swap takes the duty to wake from all others. Acquire pairs with the Release store in `sleep_unless`,
        // which comes after `thread` was set.
        if self.asleep.load(Ordering::Relaxed)
            && self.asleep.swap(false, Ordering::Acquire)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Names the calling thread as the one to wake. Called once, by the shard's thread, before it waits.
    pub(crate) fn bind(&self) {
        let bound = self.thread.set(thread::current());
        assert!(bound.is_ok(), "a shard has one thread");
    }

    /// Waits until there is work, or for `at_most`; it may return early, and the caller looks again. Spins first where
    /// `patience` allows, then yields, then sleeps.
    pub(crate) fn wait(&self, patience: Patience, at_most: Option<Duration>, has_work: impl Fn() -> bool) {
        if at_most == Some(Duration::ZERO) {
            return;
        }
        if patience == Patience::Spin {
            for _ in 0..SPIN_COUNT {
                if has_work() {
                    return;
                }
                std::hint::spin_loop();
            }
        }
        for _ in 0..YIELD_COUNT {
            if has_work() {
                return;
            }
            thread::yield_now();
        }
        self.sleep_unless(at_most, has_work);
    }

    fn sleep_unless(&self, at_most: Option<Duration>, has_work: impl Fn() -> bool) {
        // Release pairs with the Acquire swap in `wake`.
        self.asleep.store(true, Ordering::Release);
        // Pairs with the fence in `wake`: orders the announcement before the last look for work.
        fence(Ordering::SeqCst);
        if !has_work() {
            match at_most {
                None => thread::park(),
                Some(length) => thread::park_timeout(length),
            }
        }
        // A bringer that still reads `true` rings once too often: the next sleep returns at once.
        self.asleep.store(false, Ordering::Relaxed);
    }
}

/// Whether spinning pays: not on a single core, where the bringer cannot run meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Spin briefly, then yield, then sleep.
    Spin,
    /// Yield, then sleep.
    Yield,
}

impl Patience {
    /// What fits `cores` cores on which `shards` shards run: a spinning shard must not keep a connection from
    /// running.
    pub(crate) fn of(cores: usize, shards: u16) -> Self {
        if cores > usize::from(shards) { Patience::Spin } else { Patience::Yield }
    }
}

#[cfg(test)]
mod tests {
    //! Stress alone rarely meets the few nanoseconds in which a wake-up could be lost; here the look for work itself
    //! plays the bringer, so that both moments are met every time.

    use super::{Patience, Wake, YIELD_COUNT};
    use std::cell::Cell;
    use std::sync::Arc;
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    /// Waits on a thread of its own; `last_look` answers the look that comes after the announcement.
    fn returns(last_look: impl Fn(&Wake) -> bool + Send + 'static) -> bool {
        let (done, is_done) = channel();
        thread::spawn(move || {
            let wake = Arc::new(Wake::default());
            wake.bind();
            let looks = Cell::new(0);
            wake.wait(Patience::Yield, None, || {
                looks.set(looks.get() + 1);
                looks.get() > YIELD_COUNT && last_look(&wake)
            });
            done.send(looks.get())
        });
        is_done.recv_timeout(Duration::from_secs(20)) == Ok(YIELD_COUNT + 1)
    }

    #[test]
    fn work_that_came_just_before_the_last_look_keeps_the_shard_awake() {
        assert!(returns(|_| true));
    }

    #[test]
    fn work_that_comes_just_after_the_last_look_wakes_the_shard() {
        assert!(returns(|wake| {
            wake.wake();
            false
        }));
    }
}
