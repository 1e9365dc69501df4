//! The generator's own ceiling, against the stub, which decides and stores nothing.
//!
//! Closed loop: the most commands a second, and the client's processor time for one. Open loop: the greatest rate at
//! which it is not late (half a millisecond, whatever the latency: the stub is at its own end there), found by raising the
//! rate until it is, with the lag and the processor time there. Every figure of
//! a server that comes near one of these is a figure of the generator.

use super::latency;
use crate::drive::Field;
use crate::rows::{Load, Subject};
use crate::sizes::Sizes;
use crate::targets::Reading;
use anyhow::{Context, Result};
use stampede_loadgen::compare::point::Point;

/// The first rate of the open loop, and how it rises.
const RATE_FIRST: f64 = 20_000.0;
const RATE_STEP: f64 = 1.25;
const RATE_MAX: f64 = 1_000_000.0;
/// How often a rate is tried before the generator is called late there.
const ATTEMPTS_MAX: usize = 4;
/// Lag at the 99th percentile from which the generator is called late.
const LATE_US: f64 = 500.0;

pub(super) async fn run(field: &Field, sizes: &Sizes) -> Result<Vec<Reading>> {
    let mut readings = Vec::new();
    let closed = [("ceiling-closed-64", 64, sizes.ceiling), ("ceiling-closed-1", 1, sizes.ceiling / 10)];
    for (name, pipeline, requests) in closed {
        let measured = field.run(Subject::Stub, Load::Buy { pipeline }, requests).await?;
        let cpu = measured.client_cores.map_or_else(String::new, |cores| {
            format!("{:.2} µs of the generator's CPU per command", cores * 1e6 / measured.per_second)
        });
        readings.push(Reading::with_note(name, measured.per_second, cpu));
    }
    let best = open(field, sizes.ceiling_s).await?;
    let cpu = best.client_cpu_us_per_command.unwrap_or_default();
    let note = format!(
        "not late up to here: lag p99 {:.0} µs, p99.9 {:.0} µs, {cpu:.2} µs of the generator's CPU per command, {}",
        best.lag_p99_us,
        best.lag_p999_us,
        if best.client_is_urgent { "in the first-in-first-out class" } else { "as an ordinary thread" }
    );
    readings.push(Reading::with_note("ceiling-open", best.due_per_s, note));
    Ok(readings)
}

/// The last rate before the first at which the generator is late in every attempt.
async fn open(field: &Field, seconds: f64) -> Result<Point> {
    let mut best = None;
    let mut rate = RATE_FIRST;
    while rate <= RATE_MAX {
        let mut point = latency::point(field, Subject::Stub, rate, seconds).await?;
        // A slow moment of the machine is no ceiling.
        for _ in 1..ATTEMPTS_MAX {
            if is_in_time(&point) {
                break;
            }
            point = latency::point(field, Subject::Stub, rate, seconds).await?;
        }
        eprintln!(
            "ceiling: {rate:.0} a second, lag p99 {:.0} µs, p99.9 {:.0} µs",
            point.lag_p99_us, point.lag_p999_us
        );
        if !is_in_time(&point) {
            break;
        }
        best = Some(point);
        rate *= RATE_STEP;
    }
    best.with_context(|| format!("the generator is late at {RATE_FIRST} a second"))
}

/// Whether the generator was in time, in a run of which enough counts.
fn is_in_time(point: &Point) -> bool {
    latency::counts_enough(point) && point.lag_p99_us <= LATE_US
}
