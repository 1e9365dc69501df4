//! Puts a shard's thread to sleep when there is nothing to do, and wakes it when there is.
//!
//! The protocol: whoever brings work first makes it visible (pushes a run, moves a watermark, sets a flag), then calls
//! [`Wake::wake`]. The shard first says that it is about to sleep, then looks for work once more, then sleeps. Between
//! the two steps on either side stands a sequentially consistent fence, so at least one of them sees what the other
//! did: either the shard finds the work, or the bringer finds the shard asleep and wakes it. No wake-up is lost, and
//! a shard that is awake costs its bringers one fence and one load, never a system call.
//!
//! What the work is, nothing here knows. Called by the door, the inbox, the shard and journals with a thread of their own.

use crossbeam_utils::CachePadded;
use std::fmt;
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
#[derive(Default)]
pub struct Wake {
    /// Whether the thread sleeps or is about to.
    asleep: CachePadded<AtomicBool>,
    /// The thread, once it runs. Set before `asleep` is ever true.
    thread: OnceLock<Thread>,
    /// Does what the thread would do, on the caller's thread; false: it could not, or there is more to do.
    stand_in: OnceLock<Box<dyn Fn() -> bool + Send + Sync>>,
}

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wake").field("asleep", &self.asleep).finish_non_exhaustive()
    }
}

impl Wake {
    /// Has the work seen to: by the caller, here and now, while the shard's thread sleeps; by that otherwise. For those
    /// who bring little work often, and hold no lock. Make the work visible first.
    pub fn ring(&self) {
        if self.is_asleep() && !self.stand_in.get().is_some_and(|stand_in| stand_in()) {
            self.wake();
        }
    }

    /// Says how to do the thread's work elsewhere. Called once.
    pub(crate) fn set_stand_in(&self, stand_in: Box<dyn Fn() -> bool + Send + Sync>) {
        let is_first = self.stand_in.set(stand_in).is_ok();
        assert!(is_first, "a shard has one stand-in");
    }

    /// Wakes the shard's thread if it sleeps. Make the work visible first.
    pub fn wake(&self) {
        // Pairs with the fence in `is_quiet`: orders the work before the look at `asleep`.
        fence(Ordering::SeqCst);
        // The swap takes the duty to wake from all others. Acquire pairs with the Release store in `is_quiet`,
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

    /// Whether the thread sleeps or is about to. Make the work visible first: if this says no, the thread sees it.
    pub fn is_asleep(&self) -> bool {
        // Pairs with the fence in `is_quiet`: orders the work before the look at `asleep`.
        fence(Ordering::SeqCst);
        self.asleep.load(Ordering::Relaxed)
    }

    /// Looks for work: spins and yields first where `patience` allows, then announces that the thread goes to sleep and
    /// looks once more. If it still found none, the thread has to [`Wake::sleep`] now.
    pub(crate) fn is_quiet(&self, patience: Patience, has_work: &impl Fn() -> bool) -> bool {
        if patience == Patience::Spin && waited(has_work) {
            return false;
        }
        // Release pairs with the Acquire swap in `wake`.
        self.asleep.store(true, Ordering::Release);
        // Pairs with the fence in `wake`: orders the announcement before the last look for work.
        fence(Ordering::SeqCst);
        let is_quiet = !has_work();
        if !is_quiet {
            self.rise();
        }
        is_quiet
    }

    /// Sleeps until somebody wakes the thread, or for `at_most`; it may return early, and the caller looks again.
    pub(crate) fn sleep(&self, at_most: Option<Duration>) {
        match at_most {
            None => thread::park(),
            Some(length) => thread::park_timeout(length),
        }
        self.rise();
    }

    fn rise(&self) {
        // A bringer that still reads `true` rings once too often: the next sleep returns at once.
        self.asleep.store(false, Ordering::Relaxed);
    }
}

/// Spins, then yields, until there is work; false: there was none.
fn waited(has_work: &impl Fn() -> bool) -> bool {
    for _ in 0..SPIN_COUNT {
        if has_work() {
            return true;
        }
        std::hint::spin_loop();
    }
    for _ in 0..YIELD_COUNT {
        if has_work() {
            return true;
        }
        thread::yield_now();
    }
    false
}

/// Whether waiting awake pays. On few cores it takes the time of those who would bring work, and keeps them from seeing
/// to it themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Spin briefly, then yield, then sleep.
    Spin,
    /// Sleep at once.
    Sleep,
}

/// From so many cores on a shard's thread may wait awake: one for itself, one for the journal, two for connections.
const SPIN_CORES_MIN: usize = 4;

impl Patience {
    /// What fits `cores` cores on which `shards` shards run: a spinning shard must not keep a connection from
    /// running.
    pub(crate) fn of(cores: usize, shards: u16) -> Self {
        let may_spin = cores >= SPIN_CORES_MIN && cores > usize::from(shards);
        if may_spin { Patience::Spin } else { Patience::Sleep }
    }
}

#[cfg(test)]
mod tests {
    //! Stress alone rarely meets the few nanoseconds in which a wake-up could be lost; here the look for work itself
    //! plays the bringer, so that both moments are met every time.

    use super::{Patience, SPIN_COUNT, Wake, YIELD_COUNT};
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
            let is_quiet = wake.is_quiet(Patience::Spin, &|| {
                looks.set(looks.get() + 1);
                looks.get() > SPIN_COUNT + YIELD_COUNT && last_look(&wake)
            });
            if is_quiet {
                wake.sleep(None);
            }
            done.send(looks.get())
        });
        is_done.recv_timeout(Duration::from_secs(20)) == Ok(SPIN_COUNT + YIELD_COUNT + 1)
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
