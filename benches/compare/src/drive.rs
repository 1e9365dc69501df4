//! Runs one row on one server once: starts it, puts goods on sale, drives it, checks its record.
//!
//! Owns what a comparison needs throughout (the peers' programs, the stub's samples); each server
//! lives for one timed run, so that no two share the machine. A run whose record differs from what
//! the client was answered fails the comparison: its figure would mean nothing.

use crate::benchmark::{BUYER, Benchmark, RESERVATION};
use crate::machine::cpu_time;
use crate::options::Options;
use crate::peers::postgres::{Cluster, Commit};
use crate::peers::redis::{self, Fsync, Redis};
use crate::peers::stampede::{
    GROUP_SIZE, Goods, Measurable, Mode, NO_RESERVE, Persisted, RESERVE_BYTES, Sale, Sample, Stampede,
};
use crate::peers::stub;
use crate::process::Server;
use crate::report::{Durability, Measured};
use crate::rows::{CONNECTION_COUNT, Kind, Load, Probe, Row, Subject};
use anyhow::{Context, Result, bail, ensure};
use stampede_loadgen::closed::{self, ClosedLoop, ClosedLoopReport, Work};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Everything that the timed runs share.
pub(crate) struct Field {
    stampede: Stampede,
    redis: Option<Redis>,
    benchmark: Option<Benchmark>,
    cluster: Option<Cluster>,
    samples: Option<Samples>,
    offer_count: Cell<u64>,
}

/// What Stampede answered just before the measurement.
struct Samples {
    accepted: Sample,
    sold_out: Sample,
}

/// How one closed loop is sent.
#[derive(Clone, Copy)]
struct Shape {
    connections: usize,
    pipeline: usize,
}

/// What a load needs of the server in figures of its row.
enum Counted {
    Accepted,
    Refused,
    Seats,
    Read,
}

impl Field {
    /// Finds every peer that `rows` name, or says which package is missing; proves that the peers
    /// sell rightly; takes the samples for the stub.
    pub(crate) async fn prepare(
        options: &Options,
        rows: &[&'static Row],
        probes: &[&'static Probe],
    ) -> Result<Self> {
        let wanted = |subject| rows.iter().any(|row| row.subjects.contains(&subject));
        let wants_redis = [Subject::Redis, Subject::RedisAlways, Subject::RedisOff].into_iter().any(wanted)
            || probes.iter().any(|probe| probe.kind.uses_redis());
        let redis = wants_redis.then(Redis::find).transpose()?;
        let benchmark =
            rows.iter().any(|row| row.load == Load::RedisBenchmark).then(Benchmark::find).transpose()?;
        let cluster = wanted(Subject::Postgres).then(Cluster::create).transpose()?;
        let stampede = match (options.addr, &options.stampede) {
            (Some(address), _) => Stampede::Running(address),
            (None, Some(binary)) => Stampede::Binary(binary.clone()),
            (None, None) => Stampede::build()?,
        };
        let mut field =
            Self { stampede, redis, benchmark, cluster, samples: None, offer_count: Cell::new(0) };
        if let Some(redis) = &field.redis {
            redis.prove().await?;
        }
        if let Some(cluster) = &field.cluster {
            cluster.start(Commit::Synchronous)?.prove().await?;
        }
        if wanted(Subject::Stub) || probes.iter().any(|probe| probe.kind == Kind::Ceiling) {
            field.samples = Some(field.take_samples().await.context("no sample answers for the stub")?);
        }
        Ok(field)
    }

    /// What latency curves need: every server but `PostgreSQL`.
    pub(crate) async fn of_curves(stampede: Stampede) -> Result<Self> {
        let redis = Redis::find()?;
        redis.prove().await?;
        let offer_count = Cell::new(0);
        let mut field =
            Self { stampede, redis: Some(redis), benchmark: None, cluster: None, samples: None, offer_count };
        field.samples = Some(field.take_samples().await.context("no sample answers for the stub")?);
        Ok(field)
    }

    /// How each server that takes part keeps what it acknowledged.
    pub(crate) fn durability(&self) -> Result<Durability> {
        let mut modes = Durability::from([
            ("stampede", self.stampede.durability()?),
            ("memory", Mode::Memory.durability().to_owned()),
        ]);
        if self.redis.is_some() {
            modes.insert("redis", Fsync::EverySecond.durability().to_owned());
            modes.insert("redis-always", Fsync::Always.durability().to_owned());
            modes.insert("redis-off", Fsync::Never.durability().to_owned());
        }
        if self.cluster.is_some() {
            modes.insert("postgres", Commit::Synchronous.durability().to_owned());
            modes.insert("postgres-async", Commit::Asynchronous.durability().to_owned());
        }
        Ok(modes)
    }

    /// What exactly each server is.
    pub(crate) fn versions(&self) -> Result<BTreeMap<&'static str, String>> {
        let mut versions = BTreeMap::from([("Stampede", self.stampede.description())]);
        if let Some(redis) = &self.redis {
            versions.insert("Redis", redis.version()?);
        }
        if self.cluster.is_some() {
            versions.insert("PostgreSQL", Cluster::version()?);
        }
        Ok(versions)
    }

    /// Whether `subject` can be measured: the mode of a server that runs already is what it is.
    pub(crate) fn has(&self, subject: Subject) -> bool {
        subject != Subject::Memory || self.stampede.program().is_some()
    }

    /// The server that is compared.
    pub(crate) fn stampede(&self) -> &Stampede {
        &self.stampede
    }

    /// The peer that most probes compare with.
    pub(crate) fn redis(&self) -> Result<&Redis> {
        self.redis.as_ref().context("Redis was not prepared")
    }

    /// Starts the stub with the answers of `load`.
    pub(crate) async fn stub(&self, load: Load) -> Result<Server> {
        let samples = self.samples.as_ref().context("the stub has no sample answers")?;
        let sample = if let Load::SoldOut { .. } = load { &samples.sold_out } else { &samples.accepted };
        stub::start(sample).await
    }

    /// One timed run.
    pub(crate) async fn measure(&self, row: &Row, subject: Subject, requests: u64) -> Result<Measured> {
        self.run(subject, row.load, requests).await
    }

    /// The same of any load.
    pub(crate) async fn run(&self, subject: Subject, load: Load, requests: u64) -> Result<Measured> {
        match subject {
            Subject::Stampede => self.measure_stampede(Mode::Sync, load, requests).await,
            Subject::Memory => self.measure_stampede(Mode::Memory, load, requests).await,
            Subject::Stub => self.measure_stub(load, requests).await,
            Subject::Redis => self.measure_redis(Fsync::EverySecond, load, requests).await,
            Subject::RedisAlways => self.measure_redis(Fsync::Always, load, requests).await,
            Subject::RedisOff => self.measure_redis(Fsync::Never, load, requests).await,
            Subject::Postgres => self.measure_postgres(Commit::Synchronous, load, requests).await,
            Subject::PostgresAsync => self.measure_postgres(Commit::Asynchronous, load, requests).await,
        }
    }

    async fn take_samples(&self) -> Result<Samples> {
        let server = self.stampede.start(Mode::Memory, NO_RESERVE).await?;
        let accepted = self.open(&server, Goods::Units(1_000))?.sample("HELD")?;
        let sold_out = self.open(&server, Goods::Nothing)?.sample("SOLD_OUT")?;
        Ok(Samples { accepted, sold_out })
    }

    /// Opens an offer; its name is new also on a server that was running before.
    fn open(&self, server: &Measurable, goods: Goods) -> Result<Sale> {
        let number = self.offer_count.replace(self.offer_count.get() + 1);
        server.open(&format!("sku-{}-{number}", std::process::id()), goods)
    }

    async fn measure_stampede(&self, mode: Mode, load: Load, requests: u64) -> Result<Measured> {
        let server = self.stampede.start(mode, RESERVE_BYTES).await?;
        let goods = match load {
            Load::SoldOut { .. } => Goods::Nothing,
            Load::Groups { .. } => Goods::Groups(requests),
            // One more than is asked for: the last unit is another row's business.
            _ => Goods::Units(requests + 1),
        };
        let mut sale = self.open(&server, goods)?;
        if load == Load::RedisBenchmark {
            let words = ["BUY", sale.offer(), BUYER, RESERVATION];
            let before = Persisted::of(server.address)?;
            let measured = self.benchmark(server.address, server.process_id, requests, &words).await?;
            let events_per_sync = events_per_sync(server.address, before)?;
            sale.check(requests)?;
            sale.check_feed(0, requests, 0)?;
            return Ok(Measured { events_per_sync, ..measured });
        }
        let offer = sale.offer().to_owned();
        let work = match load {
            Load::Groups { .. } => Work::Groups { offer, size: GROUP_SIZE },
            Load::Ping { .. } => Work::Ping,
            _ => Work::Buy { offer },
        };
        let before = Persisted::of(server.address)?;
        let timed = timed(server.address, server.process_id, work, shape(load), requests).await?;
        let events_per_sync = events_per_sync(server.address, before)?;
        sale.check(timed.report.accepted)?;
        sale.check_feed(timed.report.accepted, 0, timed.serial_end)?;
        if let Load::SoldOut { .. } = load {
            let accepted = timed.report.accepted;
            ensure!(accepted == 0, "Stampede accepted {accepted} intents on an offer that was sold out");
        }
        if let Load::Groups { .. } = load {
            let sold = sale.sold()?;
            ensure!(
                sold == timed.report.settled,
                "{} seats were paid, but {sold} units sold",
                timed.report.settled
            );
        }
        Ok(Measured { events_per_sync, ..timed.measured(&counted(load)) })
    }

    async fn measure_stub(&self, load: Load, requests: u64) -> Result<Measured> {
        let server = self.stub(load).await?;
        let (address, id) = (server.address(), Some(server.process_id()));
        let offer = format!("sku-{}-0", std::process::id());
        if load == Load::RedisBenchmark {
            return self.benchmark(address, id, requests, &["BUY", &offer, BUYER, RESERVATION]).await;
        }
        let work = if let Load::Ping { .. } = load { Work::Ping } else { Work::Buy { offer } };
        Ok(timed(address, id, work, shape(load), requests).await?.measured(&counted(load)))
    }

    async fn measure_redis(&self, fsync: Fsync, load: Load, requests: u64) -> Result<Measured> {
        let redis = self.redis.as_ref().context("Redis was not prepared")?;
        let server = redis.start(fsync).await?;
        let (address, id) = (server.address(), Some(server.process_id()));
        let units = if let Load::SoldOut { .. } = load { 0 } else { requests + 1 };
        let mut sale = redis::Sale::open(address, units)?;
        if load == Load::RedisBenchmark {
            let measured = self.benchmark(address, id, requests, &sale.words(BUYER, RESERVATION)).await?;
            sale.check(requests)?;
            return Ok(measured);
        }
        let work = if let Load::Ping { .. } = load { Work::Ping } else { sale.work() };
        let timed = timed(address, id, work, shape(load), requests).await?;
        sale.check(timed.report.accepted)?;
        Ok(timed.measured(&counted(load)))
    }

    async fn measure_postgres(&self, commit: Commit, load: Load, requests: u64) -> Result<Measured> {
        let Load::FewClients { clients } = load else { bail!("PostgreSQL runs no {load:?}") };
        let cluster = self.cluster.as_ref().context("PostgreSQL was not prepared")?;
        let sold = cluster.start(commit)?.sell(requests + 1, clients, requests).await?;
        ensure!(sold.accepted == requests, "PostgreSQL sold {} of {requests}", sold.accepted);
        let seconds = sold.elapsed.as_secs_f64();
        // Its work is spread over a process per connection: no single process to account for.
        let per_second = sold.accepted as f64 / seconds;
        Ok(Measured::uncounted(per_second, seconds, None))
    }

    async fn benchmark(
        &self,
        address: SocketAddr,
        process_id: Option<u32>,
        requests: u64,
        words: &[&str],
    ) -> Result<Measured> {
        let benchmark = self.benchmark.as_ref().context("redis-benchmark was not prepared")?;
        let before = process_id.map(cpu_time).transpose()?;
        let per_second = benchmark.run(address, requests, words).await?;
        let seconds = requests as f64 / per_second;
        let server_cores = cores(process_id, before, seconds)?;
        Ok(Measured::uncounted(per_second, seconds, server_cores))
    }
}

/// How many requests `row` sends when `--requests` says `all`.
pub(crate) fn request_count(row: &Row, all: u64) -> u64 {
    let share = all / row.divisor;
    match row.load {
        Load::RedisBenchmark => Benchmark::whole_pipelines(share),
        // Whole groups: each seat is one BUY and one PAY.
        Load::Groups { .. } => share.next_multiple_of(2 * GROUP_SIZE as u64),
        _ => share,
    }
}

fn shape(load: Load) -> Shape {
    match load {
        Load::Buy { pipeline }
        | Load::SoldOut { pipeline }
        | Load::Groups { pipeline }
        | Load::Ping { pipeline } => Shape { connections: CONNECTION_COUNT, pipeline },
        Load::FewClients { clients } => Shape { connections: clients as usize, pipeline: 1 },
        Load::RedisBenchmark => Shape { connections: CONNECTION_COUNT, pipeline: 64 },
    }
}

fn counted(load: Load) -> Counted {
    match load {
        Load::Buy { .. } | Load::FewClients { .. } | Load::RedisBenchmark => Counted::Accepted,
        Load::SoldOut { .. } => Counted::Refused,
        Load::Groups { .. } => Counted::Seats,
        Load::Ping { .. } => Counted::Read,
    }
}

/// One closed loop and what its server used meanwhile.
struct Timed {
    report: ClosedLoopReport,
    serial_end: u64,
    server_cores: Option<f64>,
}

async fn timed(
    address: SocketAddr,
    process_id: Option<u32>,
    work: Work,
    shape: Shape,
    requests: u64,
) -> Result<Timed> {
    let mut plan = ClosedLoop::new(&address.to_string(), work, requests);
    plan.connections = shape.connections;
    plan.pipeline = shape.pipeline;
    let before = process_id.map(cpu_time).transpose()?;
    let serial_end = plan.serial_end();
    let report = tokio::task::spawn_blocking(move || closed::run(&plan)).await??;
    if let Some(error) = &report.first_error {
        bail!(
            "{} of {} requests were answered with errors, the first: {error}",
            report.errors,
            report.answered
        );
    }
    ensure!(report.answered == requests, "{} of {requests} requests were answered", report.answered);
    let server_cores = cores(process_id, before, report.elapsed_s)?;
    Ok(Timed { report, serial_end, server_cores })
}

/// What one sync made durable on average since `before`; nothing on a server that keeps no journal.
fn events_per_sync(address: SocketAddr, before: Option<Persisted>) -> Result<Option<f64>> {
    let after = Persisted::of(address)?;
    Ok(after.zip(before).and_then(|(after, before)| after.events_per_sync(before)))
}

fn cores(process_id: Option<u32>, before: Option<Duration>, seconds: f64) -> Result<Option<f64>> {
    let after = process_id.map(cpu_time).transpose()?;
    let Some((after, before)) = after.zip(before) else { return Ok(None) };
    let used = after.checked_sub(before).context("the server's processor time ran backwards")?;
    Ok(Some(used.as_secs_f64() / seconds))
}

impl Timed {
    fn measured(&self, counted: &Counted) -> Measured {
        let report = &self.report;
        let (count, all) = match counted {
            Counted::Accepted => (report.accepted, report.accepted),
            Counted::Refused => (report.refused, report.refused),
            Counted::Seats => (report.settled, report.settled + report.accepted),
            Counted::Read => (report.read, report.read),
        };
        Measured {
            per_second: count as f64 / report.elapsed_s,
            seconds: report.elapsed_s,
            other_answers: report.answered - all,
            server_cores: self.server_cores,
            client_cores: report.client_cpu_s.map(|cpu| cpu / report.elapsed_s),
            events_per_sync: None,
        }
    }
}
