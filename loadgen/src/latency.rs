//! The one kind of latency histogram, so that any two can be added.
//!
//! Three significant digits: a percentile is right to a thousandth. Called by all that measure.

use hdrhistogram::Histogram;

/// The shortest and the longest latency told apart, in nanoseconds: 1 µs and 2 minutes.
pub const BOUNDS_NS: (u64, u64) = (1_000, 120_000_000_000);

/// An empty histogram of nanoseconds.
pub fn latency_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(BOUNDS_NS.0, BOUNDS_NS.1, 3).expect("the bounds are valid constants")
}

/// An empty histogram of two digits, for the many slices of a timeline.
pub fn coarse_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(BOUNDS_NS.0, BOUNDS_NS.1, 2).expect("the bounds are valid constants")
}
