//! Latency at half of what Redis carries, by the open loop: both get the same schedule, the same buyers, this client,
//! which has a core of its own.
//!
//! Redis's maximum is taken by a closed loop without a pipeline right before, in the same round and on all cores: that is
//! how an open loop sends while a server keeps up. Latency counts from the intended moment. After a run Stampede's books
//! are compared with the answers. A pair of runs in one of which the generator was late is thrown away, both of them, and
//! made again: what is held against lag is the smaller latency of the two, so that a quiet moment is asked of both alike.
//! Each percentile is taken of the first pair in which it was not late at that percentile. Stampede in `sync` is set
//! beside Redis with everysec, which is the target, and beside Redis that syncs always; in `memory` beside Redis with
//! everysec, which waits for no disk either.

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

/// Two servers that get the same schedule in turn, and the readings that come of it.
struct Pair {
    ours: Subject,
    theirs: Subject,
    /// What the peer is called beside a figure.
    peer: &'static str,
    /// One for each of [`PERCENTILES`].
    names: [&'static str; PERCENTILES.len()],
}

/// The first is what the target is stated for: it sets a server that syncs before it answers beside one that does not.
/// The others set like beside like.
const PAIRS: [Pair; 3] = [
    Pair {
        ours: Subject::Stampede,
        theirs: Subject::Redis,
        peer: "Redis",
        names: ["latency-p99", "latency-p999"],
    },
    Pair {
        ours: Subject::Stampede,
        theirs: Subject::RedisAlways,
        peer: "Redis that syncs always",
        names: ["latency-always-p99", "latency-always-p999"],
    },
    Pair {
        ours: Subject::Memory,
        theirs: Subject::Redis,
        peer: "Redis",
        names: ["latency-memory-p99", "latency-memory-p999"],
    },
];

pub(super) async fn run(field: &Field, sizes: &Sizes, round: u32) -> Result<Vec<Reading>> {
    let rate = half_of_redis(field, sizes).await?;
    let mut readings = Vec::new();
    for pair in &PAIRS {
        readings.extend(run_pair(field, sizes, round, rate, pair).await?);
    }
    ensure!(!readings.is_empty(), "the generator was late in each of {ATTEMPTS_MAX} pairs of runs");
    Ok(readings)
}

/// Makes a pair of runs until each percentile has one in which the generator was in time, or it is given up.
async fn run_pair(field: &Field, sizes: &Sizes, round: u32, rate: f64, pair: &Pair) -> Result<Vec<Reading>> {
    let mut readings: [Option<Reading>; PERCENTILES.len()] = [const { None }; PERCENTILES.len()];
    for thrown_away in 0..ATTEMPTS_MAX {
        // Each goes first in every other round.
        let (ours, theirs) = if round.is_multiple_of(2) {
            let ours = point(field, pair.ours, rate, sizes.latency_s).await?;
            (ours, point(field, pair.theirs, rate, sizes.latency_s).await?)
        } else {
            let theirs = point(field, pair.theirs, rate, sizes.latency_s).await?;
            (point(field, pair.ours, rate, sizes.latency_s).await?, theirs)
        };
        for (at, (percentile, reading)) in PERCENTILES.iter().zip(&mut readings).enumerate() {
            if reading.is_none() && !percentile.is_late(&ours, &theirs) && !percentile.is_late(&theirs, &ours)
            {
                let note = percentile.note(rate, &ours, &theirs, pair.peer, thrown_away);
                *reading = Some(Reading {
                    name: pair.names[at],
                    ours: (percentile.latency_us)(&ours),
                    peer: Some((percentile.latency_us)(&theirs)),
                    note: Some(note),
                });
            }
        }
        if readings.iter().all(Option::is_some) {
            break;
        }
    }
    Ok(readings.into_iter().flatten().collect())
}

/// One percentile of a run.
pub(crate) struct Percentile {
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
    Percentile { latency_us: |point| point.p99_us, lag_us: |point| point.lag_p99_us, beyond: 0.01 },
    Percentile { latency_us: |point| point.p999_us, lag_us: |point| point.lag_p999_us, beyond: 0.001 },
];

impl Percentile {
    /// Whether the generator of a run was late, measured against the run or the one beside it, whichever was
    /// faster; or the machine stood still so often that too few commands count.
    pub(crate) fn is_late(&self, run: &Point, beside: &Point) -> bool {
        let faster = (self.latency_us)(run).min((self.latency_us)(beside));
        let has_enough = counts_enough(run) && run.count as f64 * self.beyond >= BEYOND_MIN;
        !has_enough || (self.lag_us)(run) > lag_max_us(faster)
    }

    fn note(&self, rate: f64, ours: &Point, theirs: &Point, peer: &str, thrown_away: usize) -> String {
        let Self { latency_us, lag_us, .. } = *self;
        format!(
            "at {rate:.0} a second: {:.0} µs, {peer} {:.0} µs; lag {:.0} and {:.0} µs; {:.0} and {:.0} % counted; \
             {thrown_away} pairs thrown away",
            latency_us(ours),
            latency_us(theirs),
            lag_us(ours),
            lag_us(theirs),
            ours.counted * 100.0,
            theirs.counted * 100.0
        )
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
            let mode = if subject == Subject::Memory { Mode::Memory } else { Mode::Sync };
            let server = field.stampede().start(mode, RESERVE_BYTES).await?;
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
