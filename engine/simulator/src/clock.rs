//! The time of a run: it passes when the simulator says so, and the wall may be set at any moment.
//!
//! Read by the engine through [`TimeSource`]. What the engine makes of a wall that jumps is the engine's.

use parking_lot::Mutex;
use stampede_engine::TimeSource;
use std::sync::Arc;
use std::time::Duration;

/// Where the wall stands when a run begins: some day in 2023, so that a jump back stays after 1970.
pub(crate) const START: Duration = Duration::from_secs(1_700_000_000);

/// The clocks of the simulated machine.
#[derive(Clone, Debug)]
pub(crate) struct FakeClock(Arc<Mutex<Hands>>);

#[derive(Clone, Copy, Debug)]
struct Hands {
    boot: Duration,
    wall: Duration,
}

impl FakeClock {
    pub(crate) fn new() -> Self {
        FakeClock(Arc::new(Mutex::new(Hands { boot: Duration::from_mins(1), wall: START })))
    }

    /// Time passes, on both clocks.
    pub(crate) fn advance(&self, by: Duration) {
        let mut hands = self.0.lock();
        hands.boot += by;
        hands.wall += by;
    }

    /// Somebody sets the wall ahead.
    pub(crate) fn set_ahead(&self, by: Duration) {
        self.0.lock().wall += by;
    }

    /// Somebody sets the wall back; not before 1970.
    pub(crate) fn set_back(&self, by: Duration) {
        let mut hands = self.0.lock();
        hands.wall = hands.wall.saturating_sub(by);
    }

    /// The machine starts anew: the boot-time clock begins again.
    pub(crate) fn reboot(&self) {
        self.0.lock().boot = Duration::from_secs(1);
    }

    pub(crate) fn wall_ms(&self) -> u64 {
        self.0.lock().wall.as_millis() as u64
    }
}

impl TimeSource for FakeClock {
    fn boot(&self) -> Duration {
        self.0.lock().boot
    }

    fn wall(&self) -> Duration {
        self.0.lock().wall
    }
}
