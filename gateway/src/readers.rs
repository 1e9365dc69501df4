//! How many reads of feeds go on at once, and the pages that they read into.
//!
//! Feeds are read from files, so each read has a thread of its own for as long as it lasts. Two lanes: readers close behind the sale
//! never queue behind those who read old entries. A read is bounded by its caller, a lane takes its readers in order, and
//! so everybody's turn comes. Made by the server, used by connections.

use parking_lot::Mutex;
use stampede_engine::FeedPage;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;

/// The most reads at once in each lane.
const LANE_READS_MAX: usize = 4;

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Somebody close behind the sale.
    Near,
    /// Somebody who reads old entries.
    Far,
}

/// The threads of the runtime are gone: the server has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended;

/// The places of both lanes.
#[derive(Debug)]
pub(crate) struct Readers {
    near: Arc<Semaphore>,
    far: Arc<Semaphore>,
    /// Pages to be filled again, at most one for each place.
    pages: Mutex<Vec<FeedPage>>,
    /// Readers that wait for something to happen.
    blocked: AtomicU64,
}

impl Readers {
    /// A quarter of the processors for each lane, at least one: the rest is for the sale.
    pub(crate) fn new() -> Arc<Self> {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let reads = (processors / 4).clamp(1, LANE_READS_MAX);
        Arc::new(Readers {
            near: Arc::new(Semaphore::new(reads)),
            far: Arc::new(Semaphore::new(reads)),
            pages: Mutex::default(),
            blocked: AtomicU64::new(0),
        })
    }

    /// Runs `read` on a thread once there is a place in the lane. Dropping the future gives the place up, or lets the read
    /// that has begun end by itself.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        lane: Lane,
        read: impl FnOnce(&mut FeedPage) -> T + Send + 'static,
    ) -> Result<T, Ended> {
        let places = match lane {
            Lane::Near => &self.near,
            Lane::Far => &self.far,
        };
        let place = Arc::clone(places).acquire_owned().await.map_err(|_| Ended)?;
        let readers = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || {
            let mut page = readers.pages.lock().pop().unwrap_or_default();
            let found = read(&mut page);
            readers.pages.lock().push(page);
            drop(place);
            found
        });
        reading.await.map_err(|error| {
            tracing::error!(%error, "reading a feed failed");
            Ended
        })
    }

    /// Counts a waiting reader until the guard is dropped.
    pub(crate) fn block(self: &Arc<Self>) -> Blocked {
        self.blocked.fetch_add(1, Ordering::Relaxed);
        Blocked(Arc::clone(self))
    }

    /// How many readers wait.
    pub(crate) fn blocked(&self) -> u64 {
        self.blocked.load(Ordering::Relaxed)
    }
}

/// One waiting reader.
#[derive(Debug)]
pub(crate) struct Blocked(Arc<Readers>);

impl Drop for Blocked {
    fn drop(&mut self) {
        self.0.blocked.fetch_sub(1, Ordering::Relaxed);
    }
}
