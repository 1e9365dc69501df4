//! Waits to the microsecond.
//!
//! Tokio's timers are rounded to a millisecond, which at 50,000 intents a second would send fifty at once
//! and call the wait between them latency. Linux has a timer that is a file; it costs no spinning, which on a
//! machine shared with the server would take the server's core. Elsewhere Tokio's timer has to do.

use std::io;
use std::time::Duration;

#[cfg(target_os = "linux")]
mod precise {
    use std::io;
    use std::os::fd::OwnedFd;
    use std::time::Duration;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::unix::AsyncFd;

    /// A timer of the kernel.
    pub(super) struct Precise(AsyncFd<OwnedFd>);

    impl Precise {
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            #[expect(
                deprecated,
                reason = "the new constructor is unsafe for types that lend out a foreign \
                                           descriptor; an OwnedFd owns its own"
            )]
            let timer = AsyncFd::new(timer)?;
            Ok(Self(timer))
        }

        pub(super) async fn wait(&self, duration: Duration) -> io::Result<()> {
            let value = Timespec {
                tv_sec: duration.as_secs().cast_signed(),
                // Zero would switch the timer off.
                tv_nsec: i64::from(duration.subsec_nanos().max(1)),
            };
            let once = Timespec { tv_sec: 0, tv_nsec: 0 };
            let spec = Itimerspec { it_interval: once, it_value: value };
            timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &spec)?;
            let mut ready = self.0.readable().await?;
            // The count of expiries is read away, or the next wait would end at once.
            let mut expiries = [0_u8; 8];
            let _ = ready.try_io(|timer| Ok(rustix::io::read(timer, &mut expiries)?));
            Ok(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod precise {
    use std::io;
    use std::time::Duration;

    /// Tokio's timer.
    pub(super) struct Precise;

    impl Precise {
        pub(super) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) async fn wait(&self, duration: Duration) -> io::Result<()> {
            tokio::time::sleep(duration).await;
            Ok(())
        }
    }
}

/// Waits for the next due moment.
pub(super) struct Timer(precise::Precise);

impl Timer {
    pub(super) fn new() -> io::Result<Self> {
        precise::Precise::new().map(Self)
    }

    pub(super) async fn wait(&self, duration: Duration) -> io::Result<()> {
        self.0.wait(duration).await
    }
}
