//! Waits to the microsecond, together with the sockets.
//!
//! The wait of `poll` is rounded to a millisecond, which at 50,000 intents a second would send fifty at once
//! and call the wait between them latency. Linux has a timer that is a file; it costs no spinning, which on a
//! machine shared with the server would take the server's core. Elsewhere `poll`'s own wait has to do.

use std::io;
use std::time::Duration;

use mio::{Registry, Token};

#[cfg(target_os = "linux")]
mod precise {
    use std::io;
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::time::Duration;

    use mio::unix::SourceFd;
    use mio::{Interest, Registry, Token};
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };

    /// A timer of the kernel.
    pub(super) struct Precise(OwnedFd);

    impl Precise {
        pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
            Ok(Self(timer))
        }

        /// Setting it forgets what ran out before; nothing need be read.
        pub(super) fn set(&self, wait: Duration) -> io::Result<Option<Duration>> {
            let value = Timespec {
                tv_sec: wait.as_secs().cast_signed(),
                // Zero would switch the timer off.
                tv_nsec: i64::from(wait.subsec_nanos().max(1)),
            };
            let once = Timespec { tv_sec: 0, tv_nsec: 0 };
            let spec = Itimerspec { it_interval: once, it_value: value };
            timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &spec)?;
            Ok(None)
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod precise {
    use std::io;
    use std::time::Duration;

    use mio::{Registry, Token};

    /// The wait of `poll`.
    pub(super) struct Precise;

    impl Precise {
        pub(super) fn new(_: &Registry, _: Token) -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) fn set(&self, wait: Duration) -> io::Result<Option<Duration>> {
            Ok(Some(wait))
        }
    }
}

/// Wakes the poll at the next due moment.
pub(super) struct Timer {
    precise: precise::Precise,
    /// The moment for which it is set, in nanoseconds from the start.
    set_for_ns: Option<u64>,
}

impl Timer {
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        Ok(Self { precise: precise::Precise::new(registry, token)?, set_for_ns: None })
    }

    /// Sets the timer for `due_ns`, and answers how long `poll` may wait where there is no timer. Answers that
    /// come before the moment do not cost a system call each: the timer stays as it is.
    pub(super) fn wake_at(&mut self, due_ns: u64, at_ns: u64) -> io::Result<Option<Duration>> {
        if cfg!(target_os = "linux") && self.set_for_ns == Some(due_ns) {
            return Ok(None);
        }
        self.set_for_ns = Some(due_ns);
        self.precise.set(Duration::from_nanos(due_ns - at_ns))
    }
}
