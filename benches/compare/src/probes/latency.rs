//! Latency at half of what Redis carries, by the open loop: both get the same schedule, the same buyers, this client.
//!
//! Redis's maximum is taken by a closed loop without a pipeline right before, in the same round: that is how an open
//! loop sends while a server keeps up. Latency counts from the intended moment. After it Stampede's books are compared
//! with the answers. A round in which the generator was late counts for nothing and fails.

use crate::drive::Field;
use crate::peers::redis::Fsync;
use crate::peers::stampede::Mode;
use crate::rows::{Load, Subject};
use crate::sizes::Sizes;
use crate::targets::Reading;
use anyhow::{Context, Result, ensure};
use stampede_loadgen::compare::point::{self, Drive, Point, Target};
use stampede_loadgen::schedule::Shape;
use std::net::SocketAddr;
use std::time::Duration;

/// Connections of the open loop.
pub(crate) const CONNECTIONS: u16 = 50;
const TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn run(field: &Field, sizes: &Sizes, round: u32) -> Result<Vec<Reading>> {
    let most = field.closed(Subject::Redis, Load::Buy { pipeline: 1 }, sizes.calibration).await?;
    let rate = most / 2.0;
    // Each goes first in every other round.
    let order = [Subject::Stampede, Subject::Redis];
    let mut points = Vec::new();
    for turn in 0..order.len() {
        let subject = order[(turn + round as usize) % order.len()];
        points.push((subject, at(field, subject, rate, sizes.latency_s).await?));
    }
    let of = |wanted| points.iter().find(|(subject, _)| *subject == wanted).map(|(_, point)| point);
    let (ours, theirs) = of(Subject::Stampede).zip(of(Subject::Redis)).context("a side was not measured")?;
    let reading = |name, figure: fn(&Point) -> f64, title: &str| Reading {
        name,
        ours: figure(ours),
        peer: Some(figure(theirs)),
        note: Some(format!("{title} at {rate:.0} a second, lag p99 {:.0} µs", ours.lag_p99_us)),
    };
    Ok(vec![
        reading("latency-p99", |point| point.p99_us, "p99"),
        reading("latency-p999", |point| point.p999_us, "p99.9"),
    ])
}

/// One point of a latency curve on a server of its own; nothing in it where the generator was late.
async fn at(field: &Field, subject: Subject, rate: f64, seconds: f64) -> Result<Point> {
    let point = point(field, subject, rate, seconds).await?;
    ensure!(
        !point.lag_matters,
        "the generator was late (p99 {:.0} µs): this round says nothing",
        point.lag_p99_us
    );
    Ok(point)
}

/// One point of a latency curve on a server of its own.
pub(crate) async fn point(field: &Field, subject: Subject, rate: f64, seconds: f64) -> Result<Point> {
    let drive =
        Drive { shape: Shape::Constant { rate }, seconds, connections: CONNECTIONS, timeout: TIMEOUT };
    let (server, target) = match subject {
        Subject::Redis => (field.redis()?.start(Fsync::EverySecond).await?, Target::Redis),
        Subject::RedisAlways => (field.redis()?.start(Fsync::Always).await?, Target::Redis),
        Subject::Stub => (field.stub(Load::Buy { pipeline: 1 }).await?, Target::Unchecked),
        _ => {
            let server = field.stampede().start(Mode::Sync).await?;
            return play(server.address, Target::Stampede, drive).await;
        }
    };
    play(server.address(), target, drive).await
}

/// Drives a server that is fresh.
pub(crate) async fn play(address: SocketAddr, target: Target, drive: Drive) -> Result<Point> {
    let address = address.to_string();
    tokio::task::spawn_blocking(move || point::run(&address, target, drive)).await?
}
