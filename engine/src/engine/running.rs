//! How many shard threads still run, so that a stop can wait for the last one.
//!
//! A thread counts itself out however it ends, in a panic too. Called by the engine alone.

use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::time::Duration;

/// Threads that have not ended.
#[derive(Debug, Default)]
pub(super) struct Running {
    count: Mutex<usize>,
    fewer: Condvar,
}

/// One thread that runs; counted out when it is dropped.
pub(super) struct Counted(Arc<Running>);

impl Running {
    /// Counts a thread in. It takes what this gives along and drops it at its end.
    pub(super) fn count_in(self: &Arc<Self>) -> Counted {
        *self.count.lock() += 1;
        Counted(Arc::clone(self))
    }

    /// Whether no thread runs any more, waiting for that at most so long.
    pub(super) fn wait_for(&self, at_most: Duration) -> bool {
        let mut count = self.count.lock();
        self.fewer.wait_while_for(&mut count, |count| *count > 0, at_most);
        *count == 0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        *self.0.count.lock() -= 1;
        self.0.fewer.notify_all();
    }
}
