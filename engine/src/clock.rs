//! The engine's time. The only file that reads a clock.
//!
//! A [`Clock`] starts at the wall's time and from then on follows the boot-time clock, which counts on through a
//! suspended machine and is never set. Once a second it looks at the wall and moves towards it, by at most
//! [`SLEW_PPM`] millionths of the time that passes. So a wall that jumps an hour ahead and back expires nothing, and
//! nothing ever goes back; a wall that was wrong at the start and is set right later is approached at 1.8 s per hour,
//! and taken over whole at the next start.
//!
//! Each shard has a clock of its own, read once per batch: two reads of the system's clocks at most, no system call
//! on Linux, no lock. Called by the engine and the shards. Invariant: [`Clock::now`] never goes back.

use rustix::time::{ClockId, clock_gettime};
use stampede_core::UnixMs;
use std::time::Duration;

/// How fast the engine's time moves towards the wall's, in millionths: the rate at which time daemons slew.
pub const SLEW_PPM: u32 = 500;
/// How often the wall is looked at: rarely enough to cost nothing, often enough to stay within a millisecond.
const LOOK_EVERY: i64 = 1_000_000_000;
/// The difference from the wall that is worth a line in the log: one second.
const WARN_FROM: u64 = 1_000_000_000;

/// Where a [`Clock`] gets its readings: the system, or a test.
pub trait TimeSource: Send + Sync {
    /// Time since some fixed point that never goes back, is never set, and counts while the machine is suspended.
    fn boot(&self) -> Duration;
    /// Time since 1970-01-01 UTC by the wall clock, which may be set at any moment.
    fn wall(&self) -> Duration;
}

impl TimeSource for Box<dyn TimeSource> {
    fn boot(&self) -> Duration {
        self.as_ref().boot()
    }

    fn wall(&self) -> Duration {
        self.as_ref().wall()
    }
}

/// The clocks of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemTimeSource;

impl TimeSource for SystemTimeSource {
    fn boot(&self) -> Duration {
        // Elsewhere than on Linux the monotonic clock comes nearest; it may stop while the machine is suspended.
        #[cfg(target_os = "linux")]
        let id = ClockId::Boottime;
        #[cfg(not(target_os = "linux"))]
        let id = ClockId::Monotonic;
        read(id)
    }

    fn wall(&self) -> Duration {
        read(ClockId::Realtime)
    }
}

/// A reading before the clock's zero (a wall set before 1970) counts as zero.
fn read(id: ClockId) -> Duration {
    let time = clock_gettime(id);
    match (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec)) {
        (Ok(seconds), Ok(nanos)) => Duration::new(seconds, nanos),
        _ => Duration::ZERO,
    }
}

/// One shard's time. All quantities are nanoseconds; `now` counts from 1970.
#[derive(Debug)]
pub struct Clock<S> {
    source: S,
    /// The boot-time clock at the last look at the wall.
    boot: i64,
    /// This clock at the last look.
    now: i64,
    /// How far the wall was ahead at the last look.
    ahead: i64,
    /// The last answer; the next one is not below it.
    last: UnixMs,
    /// Whether the log knows that the wall is far off.
    is_warned: bool,
}

impl<S: TimeSource> Clock<S> {
    /// A clock that starts at the wall's time, but not before `not_before`: the last stamp that an earlier life gave.
    pub fn start(source: S, not_before: UnixMs) -> Self {
        let boot = nanos(source.boot());
        let floor = nanos(Duration::from_millis(not_before.get()));
        let now = nanos(source.wall()).max(floor);
        let last = UnixMs::new(now.unsigned_abs() / 1_000_000);
        Clock { source, boot, now, ahead: 0, last, is_warned: false }
    }

    /// The time now. It never goes back.
    pub fn now(&mut self) -> UnixMs {
        let boot = nanos(self.source.boot());
        let passed = boot.saturating_sub(self.boot).max(0);
        let now = self.now.saturating_add(passed).saturating_add(slew(self.ahead, passed));
        if passed >= LOOK_EVERY {
            self.look(boot, now);
        }
        self.last = self.last.max(UnixMs::new(now.unsigned_abs() / 1_000_000));
        self.last
    }

    /// Looks at the wall and chooses the slew until the next look.
    fn look(&mut self, boot: i64, now: i64) {
        self.boot = boot;
        self.now = now;
        self.ahead = nanos(self.source.wall()).saturating_sub(now);
        let is_far = self.ahead.unsigned_abs() >= WARN_FROM;
        if is_far && !self.is_warned {
            let ahead_ms = self.ahead / 1_000_000;
            tracing::warn!(
                ahead_ms,
                "the wall clock was set; the engine's time moves towards it by 1.8 s per hour"
            );
        }
        self.is_warned = is_far;
    }
}

/// How much of `ahead` is made up for while `passed` goes by.
fn slew(ahead: i64, passed: i64) -> i64 {
    let most = passed / (1_000_000 / i64::from(SLEW_PPM));
    ahead.clamp(-most, most)
}

/// Saturates in the year 2262.
fn nanos(length: Duration) -> i64 {
    i64::try_from(length.as_nanos()).unwrap_or(i64::MAX)
}
