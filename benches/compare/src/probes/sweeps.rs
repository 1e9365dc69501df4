//! Plain BUYs while much falls due in one instant: a million holds, or a hundred thousand groups.
//!
//! A server sells what is to fall due, then is stopped (SIGSTOP) until the last deadline is past, and goes on: nothing is
//! spread over the time that the sale took. At that moment the open loop begins to buy another offer of the same campaign,
//! which is on the same shard, at half of Redis's maximum. Beside it the same server with the same reservations, whose
//! deadlines are an hour off, and Redis under the same load. Each percentile is of the first run in which the generator
//! was not late at it. Afterwards every unit must be back, AUDIT be OK, and the
//! books of the plain BUYs agree with their answers.

use super::latency::{self, CONNECTIONS, PERCENTILES, TIMEOUT, half_of_redis};
use crate::cores;
use crate::drive::Field;
use crate::peers::stampede::{Measurable, Mode, RESERVE_BYTES};
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
const SOON: Duration = Duration::from_secs(8);
const NOT_SOON: Duration = Duration::from_hours(1);
/// Past the last deadline.
const ROOM: Duration = Duration::from_millis(200);
/// Between two looks at what is left.
const LOOK: Duration = Duration::from_millis(20);
/// How long everything may take to come back.
const BACK_MAX: Duration = Duration::from_mins(1);

/// Of the time in which everything comes back, so much at most may not count.
const LEFT_OUT_MAX: f64 = 0.25;

/// How often a run is made before it is given up; on Redis, where nothing has to be sold first, more often.
const ATTEMPTS_MAX: usize = 8;
const REDIS_ATTEMPTS_MAX: usize = 12;

/// What falls due.
#[derive(Clone, Copy)]
enum Due {
    /// Unpaid reservations.
    Holds(u64),
    /// Groups of three seats with two members, of whom one has paid.
    Groups(u64),
}

/// The first run in which the generator was not late at a percentile, for each of [`PERCENTILES`]; with it, how long after
/// the instant of the deadlines everything was back.
type InTime = [Option<(Point, Duration)>; PERCENTILES.len()];

pub(super) async fn holds(field: &Field, sizes: &Sizes) -> Result<Vec<Reading>> {
    let names = ["sweeps-holds-p99", "sweeps-holds-p999"];
    run(field, sizes, Due::Holds(sizes.swept_holds), names, "sweeps-holds-busy").await
}

pub(super) async fn groups(field: &Field, sizes: &Sizes) -> Result<Vec<Reading>> {
    let names = ["sweeps-groups-p99", "sweeps-groups-p999"];
    run(field, sizes, Due::Groups(sizes.swept_groups), names, "sweeps-groups-busy").await
}

async fn run(
    field: &Field,
    sizes: &Sizes,
    due: Due,
    names: [&'static str; PERCENTILES.len()],
    busy: &'static str,
) -> Result<Vec<Reading>> {
    let (rate, seconds) = (half_of_redis(field, sizes).await?, sizes.latency_s);
    let load = (rate, seconds);
    let redis = redis_in_time(field, load).await.context("Redis")?;
    let calm = in_time(field, due, NOT_SOON, load, &redis).await.context("with nothing due")?;
    let swept = in_time(field, due, SOON, load, &redis).await.context(due.title())?;
    let mut readings = Vec::new();
    for (at, (percentile, name)) in PERCENTILES.iter().zip(names).enumerate() {
        let figure = percentile.latency_us;
        let (Some((ours, back)), Some((theirs, _))) = (&swept[at], &redis[at]) else { continue };
        let calm = calm[at].as_ref().map(|(calm, _)| format!(", {:.0} with nothing due", figure(calm)));
        let note = format!(
            "{} at {rate:.0} a second: {:.0} µs{}, Redis {:.0}; {} of {:.0} BUYs turned away as BUSY, all units back \
             after {:.2} s; lag p99 {:.0}, p99.9 {:.0} µs; {:.0} % counted, Redis {:.0} %",
            due.title(),
            figure(ours),
            calm.unwrap_or_default(),
            figure(theirs),
            ours.busy,
            ours.due_per_s * seconds,
            back.as_secs_f64(),
            ours.lag_p99_us,
            ours.lag_p999_us,
            ours.counted * 100.0,
            theirs.counted * 100.0
        );
        readings.push(Reading { name, ours: figure(ours), peer: Some(figure(theirs)), note: Some(note) });
    }
    // An answer that turns a buyer away is a fast one: its share belongs beside the latencies.
    let of_any = swept.iter().flatten().next();
    let share = of_any.map(|(swept, _)| swept.busy as f64 / (swept.due_per_s * seconds));
    readings.extend(share.map(|share| Reading::alone(busy, share)));
    Ok(readings)
}

/// Runs of Redis in which the generator was not late.
async fn redis_in_time(field: &Field, (rate, seconds): (f64, f64)) -> Result<InTime> {
    let mut found = InTime::default();
    for _ in 0..REDIS_ATTEMPTS_MAX {
        let point = latency::point(field, Subject::Redis, rate, seconds).await?;
        tell("Redis", &point);
        if keep(&mut found, &(point, Duration::ZERO), |_, point| point) {
            return Ok(found);
        }
    }
    judged(found, REDIS_ATTEMPTS_MAX)
}

/// Runs in which the generator was not late, nor beside Redis's latency.
async fn in_time(
    field: &Field,
    due: Due,
    after: Duration,
    load: (f64, f64),
    redis: &InTime,
) -> Result<InTime> {
    let mut found = InTime::default();
    for _ in 0..ATTEMPTS_MAX {
        let Some(run) = one(field, due, after, load).await? else { continue };
        let what = if after == SOON { due.title() } else { "nothing due".to_owned() };
        tell(&what, &run.0);
        if !counts_meanwhile(&run) {
            continue;
        }
        if keep(&mut found, &run, |at, point| redis[at].as_ref().map_or(point, |(beside, _)| beside)) {
            return Ok(found);
        }
    }
    judged(found, ATTEMPTS_MAX)
}

/// Keeps a run for each percentile that has none yet and at which the generator was not late, beside another run too. Says
/// whether every percentile has one.
fn keep<'a>(
    found: &mut InTime,
    run: &'a (Point, Duration),
    beside: impl Fn(usize, &'a Point) -> &'a Point,
) -> bool {
    for (at, percentile) in PERCENTILES.iter().enumerate() {
        if found[at].is_none() && !percentile.is_late(&run.0, beside(at, &run.0)) {
            found[at] = Some(run.clone());
        }
    }
    found.iter().all(Option::is_some)
}

fn tell(title: &str, point: &Point) {
    eprintln!(
        "{title}: p99 {:.0} µs, p99.9 {:.0} µs, lag {:.0} and {:.0} µs, {:.0} % counted",
        point.p99_us,
        point.p999_us,
        point.lag_p99_us,
        point.lag_p999_us,
        point.counted * 100.0
    );
}

/// Whether most of what was due until everything was back counts: a run without the sweep says nothing of it.
fn counts_meanwhile((point, back): &(Point, Duration)) -> bool {
    let back = back.as_nanos() as u64;
    let mut spoilt: Vec<_> =
        point.spoilt.iter().map(|span| span.start.min(back)..span.end.min(back)).collect();
    spoilt.sort_unstable_by_key(|span| span.start);
    let (mut left_out, mut until) = (0, 0);
    for span in spoilt {
        left_out += span.end.saturating_sub(span.start.max(until));
        until = until.max(span.end);
    }
    left_out as f64 <= LEFT_OUT_MAX * back as f64
}

/// Something was in time at one percentile at least.
fn judged(found: InTime, attempts: usize) -> Result<InTime> {
    ensure!(found.iter().any(Option::is_some), "the generator was late in each of {attempts} runs");
    Ok(found)
}

/// Plain BUYs on a server whose reservations fall due `after` their acceptance; with it, how long after the instant of
/// the deadlines everything was back. Nothing where the sale took so long that deadlines passed in it.
async fn one(
    field: &Field,
    due: Due,
    after: Duration,
    (rate, seconds): (f64, f64),
) -> Result<Option<(Point, Duration)>> {
    let server = field.stampede().start(Mode::Sync, RESERVE_BYTES).await?;
    let started = Instant::now();
    let sale = due.sell(server.address, after).await;
    if started.elapsed() >= after {
        eprintln!("the sale took {:.1} s: deadlines passed in it", started.elapsed().as_secs_f64());
        return Ok(None);
    }
    sale?;
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
        stop_until(&server, sold + SOON + ROOM).await?;
        back = tokio::spawn(all_back(server.address));
    }
    let point = latency::run_watched(ready).await?;
    let back = back.await??;
    due.check(server.address, after)?;
    Ok(Some((point, back)))
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
