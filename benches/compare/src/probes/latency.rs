//! Latency at half of what Redis carries, by the open loop: both get the same schedule, the same buyers, this client,
//! which has a core of its own.
//!
//! Redis's maximum is taken by a closed loop without a pipeline right before, in the same round and on all cores: that is
//! how an open loop sends while a server keeps up. Latency counts from the intended moment. After a run Stampede's books
//! are compared with the answers. A pair of runs in one of which the generator was late is thrown away, both of them, and
//! made again: what is held against lag is the smaller latency of the two, so that a quiet moment is asked of both alike.
//! Each percentile is taken of the first pair in which it was not late at that percentile.

use crate::cores;
use crate::drive::Field;
use crate::peers::redis::Fsync;
use crate::peers::stampede::{Mode, RESERVE_BYTES};
use crate::rows::{Load, Subject};
use crate::sizes::Sizes;
use crate::stalls::Watch;
use crate::targets::Reading;
use anyhow::{Result, ensure};
use stampede_loadgen::compare::point::{self, Drive, Point, Ready, Target};
use stampede_loadgen::report::lag_max_us;
use stampede_loadgen::schedule::Shape;
use std::net::SocketAddr;
use std::time::Duration;

/// Connections of the open loop.
pub(crate) const CONNECTIONS: u16 = 50;
/// An answer later than this counts as none.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);
/// What the names of offers begin with.
pub(crate) const PREFIX: &str = "curve";
/// How often a pair of runs is made before the round is given up.
const ATTEMPTS_MAX: usize = 8;

pub(super) async fn run(field: &Field, sizes: &Sizes, round: u32) -> Result<Vec<Reading>> {
    let rate = half_of_redis(field, sizes).await?;
    let mut readings: [Option<Reading>; 2] = [None, None];
    for thrown_away in 0..ATTEMPTS_MAX {
        // Each goes first in every other round.
        let (ours, theirs) = if round.is_multiple_of(2) {
            let ours = point(field, Subject::Stampede, rate, sizes.latency_s).await?;
            (ours, point(field, Subject::Redis, rate, sizes.latency_s).await?)
        } else {
            let theirs = point(field, Subject::Redis, rate, sizes.latency_s).await?;
            (point(field, Subject::Stampede, rate, sizes.latency_s).await?, theirs)
        };
        for (percentile, reading) in PERCENTILES.iter().zip(&mut readings) {
            if reading.is_none() && !percentile.is_late(&ours, &theirs) && !percentile.is_late(&theirs, &ours)
            {
                *reading = Some(percentile.reading(rate, &ours, &theirs, thrown_away));
            }
        }
        if readings.iter().all(Option::is_some) {
            break;
        }
    }
    let readings: Vec<Reading> = readings.into_iter().flatten().collect();
    ensure!(!readings.is_empty(), "the generator was late in each of {ATTEMPTS_MAX} pairs of runs");
    Ok(readings)
}

/// One percentile of a run.
pub(crate) struct Percentile {
    name: &'static str,
    pub(crate) latency_us: fn(&Point) -> f64,
    lag_us: fn(&Point) -> f64,
    /// The part of all that is slower.
    beyond: f64,
}

/// So many have to be slower than a percentile.
const BEYOND_MIN: f64 = 5.0;
/// So great a part of the commands has to count.
const COUNTED_MIN: f64 = 0.5;

/// 99 of 100, and 999 of 1,000.
pub(crate) const PERCENTILES: [Percentile; 2] = [
    Percentile {
        name: "latency-p99",
        latency_us: |point| point.p99_us,
        lag_us: |point| point.lag_p99_us,
        beyond: 0.01,
    },
    Percentile {
        name: "latency-p999",
        latency_us: |point| point.p999_us,
        lag_us: |point| point.lag_p999_us,
        beyond: 0.001,
    },
];

impl Percentile {
    /// Whether the generator of a run was late, measured against the run or the one beside it, whichever was
    /// faster; or the machine stood still so often that too few commands count.
    pub(crate) fn is_late(&self, run: &Point, beside: &Point) -> bool {
        let faster = (self.latency_us)(run).min((self.latency_us)(beside));
        let has_enough = counts_enough(run) && run.count as f64 * self.beyond >= BEYOND_MIN;
        !has_enough || (self.lag_us)(run) > lag_max_us(faster)
    }

    fn reading(&self, rate: f64, ours: &Point, theirs: &Point, thrown_away: usize) -> Reading {
        let Self { name, latency_us, lag_us, .. } = *self;
        let (latencies, lags) = ((latency_us(ours), latency_us(theirs)), (lag_us(ours), lag_us(theirs)));
        let note = format!(
            "at {rate:.0} a second: {:.0} µs, Redis {:.0} µs; lag {:.0} and {:.0} µs; {:.0} and {:.0} % counted; \
             {thrown_away} pairs thrown away",
            latencies.0,
            latencies.1,
            lags.0,
            lags.1,
            ours.counted * 100.0,
            theirs.counted * 100.0
        );
        Reading { name, ours: latencies.0, peer: Some(latencies.1), note: Some(note) }
    }
}

/// Whether the machine stood still for a part of a run only.
pub(crate) fn counts_enough(run: &Point) -> bool {
    run.counted >= COUNTED_MIN
}

/// BUYs per second: half of Redis's maximum.
pub(super) async fn half_of_redis(field: &Field, sizes: &Sizes) -> Result<f64> {
    let most = field.run(Subject::Redis, Load::Buy { pipeline: 1 }, sizes.calibration).await?;
    Ok(most.per_second / 2.0)
}

/// One point of a latency curve on a server of its own.
pub(crate) async fn point(field: &Field, subject: Subject, rate: f64, seconds: f64) -> Result<Point> {
    let shape = Shape::Constant { rate };
    let drive = Drive { shape, seconds, connections: CONNECTIONS, timeout: TIMEOUT, prefix: PREFIX };
    let (server, target) = match subject {
        Subject::Redis => (field.redis()?.start(Fsync::EverySecond).await?, Target::Redis),
        Subject::RedisAlways => (field.redis()?.start(Fsync::Always).await?, Target::Redis),
        Subject::Stub => (field.stub(Load::Buy { pipeline: 1 }).await?, Target::Unchecked),
        _ => {
            let server = field.stampede().start(Mode::Sync, RESERVE_BYTES).await?;
            return play(server.address, server.process_id, Target::Stampede, drive).await;
        }
    };
    play(server.address(), Some(server.process_id()), target, drive).await
}

/// Drives a server that is fresh, from a core of its own.
pub(crate) async fn play(
    address: SocketAddr,
    process_id: Option<u32>,
    target: Target,
    drive: Drive,
) -> Result<Point> {
    let address = address.to_string();
    process_id.map(cores::keep_off).transpose()?;
    let ready = point::prepare(&address, target, drive)?;
    run_watched(ready).await
}

/// Drives a server from a core of its own. What was due while the machine stood still does not count.
pub(super) async fn run_watched(ready: Ready) -> Result<Point> {
    let run = || {
        // Before the generator has its core: a witness sits on each.
        let watch = Watch::begin()?;
        cores::alone(|| ready.run(|started| watch.end(started)))?
    };
    tokio::task::spawn_blocking(run).await?
}
