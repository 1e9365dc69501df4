//! Points in time and lengths of time, in milliseconds.
//!
//! Nothing here reads a clock: the caller stamps each batch once and passes the stamp in.

use core::fmt;

/// A point in time: milliseconds since 1970-01-01 UTC. Zero is "the beginning", used for offers open since ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMs(u64);

/// A length of time in milliseconds. Zero is no time at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(u64);

impl UnixMs {
    /// The point `ms` milliseconds after 1970-01-01 UTC.
    pub const fn new(ms: u64) -> Self {
        UnixMs(ms)
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The point `length` later; the far end of time where that would overflow.
    pub const fn after(self, length: Millis) -> Self {
        UnixMs(self.0.saturating_add(length.0))
    }

    /// How long from now until this point; zero when it has passed.
    pub const fn from_now(self, now: UnixMs) -> Millis {
        Millis(self.0.saturating_sub(now.0))
    }
}

impl Millis {
    /// A length of `ms` milliseconds.
    pub const fn new(ms: u64) -> Self {
        Millis(ms)
    }

    /// The length in milliseconds.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for UnixMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0)
    }
}
