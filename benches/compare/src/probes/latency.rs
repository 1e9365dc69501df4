//! Latency at half of what Redis carries, by the open loop: both get the same schedule, the same buyers, this client.
//!
//! Redis's maximum is taken by a closed loop without a pipeline right before, in the same round: that is how an open
//! loop sends while a server keeps up. The generator has a core of its own. Latency counts from the intended moment. After it Stampede's books are compared
//! with the answers. A run in which the generator was late is thrown away and made again, a dozen times at most.

use crate::cores;
use crate::drive::Field;
use crate::peers::redis::Fsync;
use crate::peers::stampede::Mode;
use crate::rows::{Load, Subject};
use crate::sizes::Sizes;
use crate::targets::Reading;
use anyhow::{Context, Result, bail};
use stampede_loadgen::compare::point::{self, Drive, Point, Target};
use stampede_loadgen::schedule::Shape;
use std::net::SocketAddr;
use std::time::Duration;

/// Connections of the open loop.
pub(crate) const CONNECTIONS: u16 = 50;
/// An answer later than this counts as none.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);
/// What the names of offers begin with.
pub(crate) const PREFIX: &str = "curve";
/// How often a run is made before the round is given up.
const ATTEMPTS_MAX: usize = 12;

pub(super) async fn run(field: &Field, sizes: &Sizes, round: u32) -> Result<Vec<Reading>> {
    let rate = half_of_redis(field, sizes).await?;
    // Each goes first in every other round.
    let order = [Subject::Stampede, Subject::Redis];
    let mut points = Vec::new();
    for turn in 0..order.len() {
        let subject = order[(turn + round as usize) % order.len()];
        points.push((subject, at(field, subject, rate, sizes.latency_s).await?));
    }
    let of = |wanted| points.iter().find(|(subject, _)| *subject == wanted).map(|(_, point)| point);
    let (ours, theirs) = of(Subject::Stampede).zip(of(Subject::Redis)).context("a side was not measured")?;
    let reading = |name, figure: fn(&Point) -> f64, lag: fn(&Point) -> f64| Reading {
        name,
        ours: figure(ours),
        peer: Some(figure(theirs)),
        note: Some(format!(
            "at {rate:.0} a second: {:.0} µs, Redis {:.0} µs; lag {:.0} and {:.0} µs",
            figure(ours),
            figure(theirs),
            lag(ours),
            lag(theirs)
        )),
    };
    Ok(vec![
        reading("latency-p99", |point| point.p99_us, |point| point.lag_p99_us),
        reading("latency-p999", |point| point.p999_us, |point| point.lag_p999_us),
    ])
}

/// BUYs per second: half of Redis's maximum.
pub(super) async fn half_of_redis(field: &Field, sizes: &Sizes) -> Result<f64> {
    let most = field.run(Subject::Redis, Load::Buy { pipeline: 1 }, sizes.calibration).await?;
    Ok(most.per_second / 2.0)
}

/// One point of a latency curve on a server of its own, of a run in which the generator was not late.
pub(super) async fn at(field: &Field, subject: Subject, rate: f64, seconds: f64) -> Result<Point> {
    let mut least = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ATTEMPTS_MAX {
        let point = point(field, subject, rate, seconds).await?;
        if !point.lag_matters {
            return Ok(point);
        }
        least = (least.0.min(point.lag_p99_us), least.1.min(point.lag_p999_us));
    }
    let (p99, p999) = least;
    bail!(
        "the generator was late in each of {ATTEMPTS_MAX} runs on {subject:?}, at least p99 {p99:.0}, p99.9 {p999:.0} µs"
    )
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
            let server = field.stampede().start(Mode::Sync).await?;
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
    tokio::task::spawn_blocking(move || cores::alone(|| point::prepare(&address, target, drive)?.run())?)
        .await?
}
