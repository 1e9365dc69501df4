//! Plain BUYs while much falls due in one instant: a million holds, or a hundred thousand groups.
//!
//! A server sells what is to fall due, then is stopped (SIGSTOP) until the last deadline is past, and goes on: nothing is
//! spread over the time that the sale took. At that moment the open loop begins to buy another offer of the same campaign,
//! which is on the same shard, at half of Redis's maximum. Beside it the same server with the same reservations, whose
//! deadlines are an hour off, and Redis under the same load. Afterwards every unit must be back, AUDIT be OK, and the
//! books of the plain BUYs agree with their answers.

use super::latency::{self, CONNECTIONS, TIMEOUT, half_of_redis, is_late};
use crate::cores;
use crate::drive::Field;
use crate::peers::stampede::{Measurable, Mode};
use crate::rows::Subject;
use crate::sizes::Sizes;
use crate::targets::Reading;
use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use stampede_loadgen::closed::{self, ClosedLoop, Work};
use stampede_loadgen::compare::point::{self, Drive, Point, Target};
use stampede_loadgen::schedule::Shape;
use stampede_loadgen::setup;
use stampede_loadgen::wire::client::Client;
use stampede_loadgen::wire::encode::Part;
use stampede_loadgen::wire::frame::Head;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The offer whose reservations fall due, and what the other offers' names begin with: one campaign.
const SWEPT: &str = "{sweep}due";
const PLAIN: &str = "{sweep}plain";
/// How long after its acceptance a reservation falls due. All must be taken by then.
const SOON: Duration = Duration::from_secs(12);
const NOT_SOON: Duration = Duration::from_hours(1);
/// Past the last deadline.
const ROOM: Duration = Duration::from_millis(200);
/// Between two looks at what is left.
const LOOK: Duration = Duration::from_millis(20);
/// How long everything may take to come back.
const BACK_MAX: Duration = Duration::from_mins(1);

/// How often a run is made before it is given up; beside Redis, where nothing has to be sold first, more often.
const ATTEMPTS_MAX: usize = 4;
const REDIS_ATTEMPTS_MAX: usize = 12;

/// What falls due.
#[derive(Clone, Copy)]
enum Due {
    /// Unpaid reservations.
    Holds(u64),
    /// Groups of three seats with two members, of whom one has paid.
    Groups(u64),
}

pub(super) async fn run(field: &Field, sizes: &Sizes) -> Result<Vec<Reading>> {
    let rate = half_of_redis(field, sizes).await?;
    let redis = redis_in_time(field, rate, sizes.sweep_s).await.context("Redis")?;
    let mut readings = Vec::new();
    let holds =
        (Due::Holds(sizes.swept_holds), ["sweeps-holds-p99", "sweeps-holds-p999", "sweeps-holds-busy"]);
    let groups =
        (Due::Groups(sizes.swept_groups), ["sweeps-groups-p99", "sweeps-groups-p999", "sweeps-groups-busy"]);
    for (due, [p99, p999, busy]) in [holds, groups] {
        let load = (rate, sizes.sweep_s);
        let (calm, _) = in_time(field, due, NOT_SOON, load, &redis).await.context("with nothing due")?;
        let (swept, back) = in_time(field, due, SOON, load, &redis).await.context(due.title())?;
        let reading = |name, figure: fn(&Point) -> f64| Reading {
            name,
            ours: figure(&swept),
            peer: Some(figure(&redis)),
            note: Some(format!(
                "{} at {rate:.0} a second: {:.0} µs, {:.0} with nothing due, Redis {:.0}; {} of {:.0} BUYs turned away \
                 as BUSY, all units back after {:.2} s; lag p99 {:.0} µs",
                due.title(),
                figure(&swept),
                figure(&calm),
                figure(&redis),
                swept.busy,
                swept.due_per_s * sizes.sweep_s,
                back.as_secs_f64(),
                swept.lag_p99_us
            )),
        };
        readings.push(reading(p99, |point| point.p99_us));
        readings.push(reading(p999, |point| point.p999_us));
        // An answer that turns a buyer away is a fast one: its share belongs beside the latencies.
        readings.push(Reading::alone(busy, swept.busy as f64 / (swept.due_per_s * sizes.sweep_s)));
    }
    Ok(readings)
}

/// One run of Redis in which the generator was not late.
async fn redis_in_time(field: &Field, rate: f64, seconds: f64) -> Result<Point> {
    for _ in 0..REDIS_ATTEMPTS_MAX {
        let point = latency::point(field, Subject::Redis, rate, seconds).await?;
        if !point.lag_matters {
            return Ok(point);
        }
    }
    bail!("the generator was late in each of {REDIS_ATTEMPTS_MAX} runs")
}

/// One run in which the generator was not late, nor beside Redis's latency.
async fn in_time(
    field: &Field,
    due: Due,
    after: Duration,
    load: (f64, f64),
    redis: &Point,
) -> Result<(Point, Duration)> {
    let mut lag_us = 0.0;
    for _ in 0..ATTEMPTS_MAX {
        let (point, back) = one(field, due, after, load).await?;
        if !is_late(&point, redis) {
            return Ok((point, back));
        }
        lag_us = point.lag_p99_us;
    }
    bail!("the generator was late in each of {ATTEMPTS_MAX} runs, the last by {lag_us:.0} µs (p99)")
}

/// Plain BUYs on a server whose reservations fall due `after` their acceptance; with it, how long after the instant of
/// the deadlines everything was back.
async fn one(
    field: &Field,
    due: Due,
    after: Duration,
    (rate, seconds): (f64, f64),
) -> Result<(Point, Duration)> {
    let server = field.stampede().start(Mode::Sync).await?;
    let started = Instant::now();
    due.sell(server.address, after).await?;
    let sold = Instant::now();
    let drive = Drive {
        shape: Shape::Constant { rate },
        seconds,
        connections: CONNECTIONS,
        timeout: TIMEOUT,
        prefix: PLAIN,
    };
    let address = server.address.to_string();
    let ready = point::prepare(&address, Target::Stampede, drive)?;
    server.process_id.map(cores::keep_off).transpose()?;
    let mut back = tokio::spawn(async { Ok(Duration::ZERO) });
    if after == SOON {
        ensure!(
            started.elapsed() < SOON,
            "the sale took {:.1} s: deadlines passed in it",
            started.elapsed().as_secs_f64()
        );
        stop_until(&server, sold + SOON + ROOM).await?;
        back = tokio::spawn(all_back(server.address));
    }
    let point = tokio::task::spawn_blocking(move || cores::alone(|| ready.run())).await???;
    let back = back.await??;
    due.check(server.address, after)?;
    Ok((point, back))
}

/// Stops the server's process until `moment`. It ends with its owner also while it is stopped.
async fn stop_until(server: &Measurable, moment: Instant) -> Result<()> {
    let id = server.process_id.context("a server that runs already is not stopped")?;
    let id = Pid::from_raw(i32::try_from(id)?).context("a process without a number")?;
    kill_process(id, Signal::STOP)?;
    tokio::time::sleep_until(moment).await;
    kill_process(id, Signal::CONT)?;
    Ok(())
}

/// How long it takes until every unit of the swept offer is available.
async fn all_back(address: SocketAddr) -> Result<Duration> {
    let started = Instant::now();
    while started.elapsed() < BACK_MAX {
        let left = tokio::task::spawn_blocking(move || Pool::ask(address)).await??;
        if left.is_some_and(|left| left.available == left.total) {
            return Ok(started.elapsed());
        }
        sleep(LOOK).await;
    }
    bail!("units were still taken {} s after their deadline", BACK_MAX.as_secs())
}

/// The swept offer's units.
struct Pool {
    available: u64,
    total: u64,
}

impl Pool {
    /// Nothing while the server is busy with what is due.
    fn ask(address: SocketAddr) -> Result<Option<Self>> {
        let pool =
            Client::connect_plain(&address.to_string())?.command(&[b"POOL", b"GET", SWEPT.as_bytes()])?;
        let frame = pool.frame();
        if let Head::Error(text) = frame.head()
            && text.starts_with(b"BUSY")
        {
            return Ok(None);
        }
        let count = |name: &str| {
            let number = frame.field_number(name.as_bytes());
            let number =
                number.with_context(|| format!("POOL GET answered without {name}: {}", frame.sentence()))?;
            u64::try_from(number).context("a negative count")
        };
        Ok(Some(Self { available: count("available")?, total: count("total")? }))
    }

    fn of(address: SocketAddr) -> Result<Self> {
        Self::ask(address)?.context("the server is busy although nothing is due")
    }
}

fn text(word: &str) -> Vec<Part> {
    vec![Part::Text(word.as_bytes().to_vec())]
}

fn counted(start: &str) -> Vec<Part> {
    vec![Part::Text(start.as_bytes().to_vec()), Part::Serial { digits: 12, index: 0 }]
}

impl Due {
    fn title(self) -> String {
        match self {
            Self::Holds(count) => format!("{count} holds end at once"),
            Self::Groups(count) => format!("{count} groups fail at once"),
        }
    }

    /// Units taken while nothing is due.
    fn units(self) -> u64 {
        match self {
            Self::Holds(count) => count,
            Self::Groups(count) => 2 * count,
        }
    }

    /// Puts the offer on sale and takes everything.
    async fn sell(self, address: SocketAddr, after: Duration) -> Result<()> {
        let span = format!("{}ms", after.as_millis());
        let definition = match self {
            Self::Holds(count) => json!({ "price": 1_990, "stock": count, "hold": span }),
            Self::Groups(count) => json!({
                "price": 1_990,
                "stock": 2 * count,
                "hold": "2h",
                "settle": { "group": { "size": 3, "open": span } },
            }),
        };
        setup::put_offer(&mut Client::connect_plain(&address.to_string())?, SWEPT, &definition)?;
        let buy = |buyer: &str, id: &str| vec![text("BUY"), text(SWEPT), counted(buyer), counted(id)];
        match self {
            Self::Holds(count) => send(address, buy("b", "r"), count).await?,
            Self::Groups(count) => {
                let seat = |words: Vec<_>, group| [words, vec![text("GROUP"), group]].concat();
                send(address, seat(buy("b", "r"), text("NEW")), count).await?;
                send(address, seat(buy("c", "s"), counted("r")), count).await?;
                send(address, vec![text("PAY"), text(SWEPT), counted("r")], count).await?;
            }
        }
        let pool = Pool::of(address)?;
        ensure!(pool.available == 0, "{} units of {} were not taken", pool.available, self.units());
        Ok(())
    }

    /// Fails unless every invariant holds and the units are where they should be.
    fn check(self, address: SocketAddr, after: Duration) -> Result<()> {
        let audit = Client::connect_plain(&address.to_string())?.command(&[b"AUDIT"])?;
        let status = audit.frame().field_text(b"status");
        ensure!(status == Some(b"OK"), "AUDIT says {}", audit.frame().sentence());
        let available = Pool::of(address)?.available;
        let expected = if after == SOON { self.units() } else { 0 };
        ensure!(available == expected, "{available} units are available, expected {expected}");
        Ok(())
    }
}

/// Sends `count` times the command `words`; fails at the first error.
async fn send(address: SocketAddr, words: Vec<Vec<Part>>, count: u64) -> Result<()> {
    let plan = ClosedLoop::new(&address.to_string(), Work::Custom(words), count);
    let report = tokio::task::spawn_blocking(move || closed::run(&plan)).await??;
    let error = report.first_error.unwrap_or_default();
    ensure!(report.accepted == count, "{} of {count} were taken; the first error: {error}", report.accepted);
    Ok(())
}
