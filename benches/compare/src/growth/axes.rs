//! The things that grow, and what is sold at each size.
//!
//! Owns the servers and the purchases of one step; how steps are judged and shown is in `growth`.

use super::Step;
use crate::machine::{CpuTimes, cpu_times, memory};
use crate::peers::stampede::{Mode, Persisted, RESERVE_BYTES, Stampede, command, configure};
use crate::process::{self, Server};
use crate::recovery::subjects::StampedeData;
use crate::sizes::GrowthSizes;
use anyhow::{Context, Result, ensure};
use stampede_loadgen::closed::{self, ClosedLoop, Work};
use stampede_loadgen::setup;
use stampede_loadgen::wire::client::Client;
use stampede_loadgen::wire::encode::Part;
use std::net::SocketAddr;
use std::time::Duration;

/// Memory taken ahead for each reservation, more than it needs: larger pages leave more of it unused.
const RESERVATION_BYTES: u64 = 170;
/// How often each size is measured that has a server of its own; odd, so that there is a median.
const ROUNDS: usize = 3;
/// Offers over which purchases are spread where shards grow: a hundred.
const SHARD_OFFER_DIGITS: usize = 2;
/// In flight on each connection where connections grow.
const FEW_IN_FLIGHT: usize = 16;
/// The most purchases of one connection where connections grow: an only one pays a sync for each sixteen.
const WINDOW_PER_CONNECTION: u64 = 200_000;
const PRICE: u64 = 1_990;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    Reservations,
    Offers,
    Connections,
    Shards,
}

/// One thing that grows.
#[derive(Debug)]
pub(crate) struct Axis {
    pub(crate) name: &'static str,
    /// The reading that the target table judges, if any.
    pub(crate) reading: Option<&'static str>,
    what: What,
}

/// Every axis.
pub(crate) const AXES: &[Axis] = &[
    Axis { name: "reservations", reading: Some("growth-reservations"), what: What::Reservations },
    Axis { name: "offers", reading: Some("growth-offers"), what: What::Offers },
    Axis { name: "connections", reading: Some("growth-connections"), what: What::Connections },
    Axis { name: "shards", reading: None, what: What::Shards },
];

impl Axis {
    /// Every size. What needs a server of its own for each is gone through several times, all sizes in turn; of each size
    /// the run stands whose cost is the median.
    pub(super) async fn steps(&self, stampede: &Stampede, sizes: &GrowthSizes) -> Result<Vec<Step>> {
        // All sizes of reservations share a server, whose filling takes minutes.
        let count = if matches!(self.what, What::Reservations) { 1 } else { ROUNDS };
        let mut rounds = Vec::new();
        for _ in 0..count {
            rounds.push(self.round(stampede, sizes).await?);
        }
        let median = |at: usize| {
            let mut steps: Vec<Step> = rounds.iter().map(|round| round[at]).collect();
            steps.sort_by(|one, other| one.cpu_us.total_cmp(&other.cpu_us));
            steps[count / 2]
        };
        Ok((0..rounds[0].len()).map(median).collect())
    }

    /// Every size once.
    async fn round(&self, stampede: &Stampede, sizes: &GrowthSizes) -> Result<Vec<Step>> {
        let window = sizes.window;
        let mut steps = Vec::new();
        match self.what {
            What::Reservations => return reservations(stampede, &sizes.reservations, window).await,
            What::Offers => {
                for &digits in &sizes.offer_digits {
                    let shop = Shop { digits, connections: 50, pipeline: 64, shards: 1 };
                    steps.push(Step { size: shop.offers(), ..shop.sell(stampede, window).await? });
                }
            }
            What::Connections => {
                for &connections in &sizes.connections {
                    let shop = Shop { digits: 0, connections, pipeline: FEW_IN_FLIGHT, shards: 1 };
                    let size = connections as u64;
                    let window = window.min(size * WINDOW_PER_CONNECTION);
                    steps.push(Step { size, ..shop.sell(stampede, window).await? });
                }
            }
            What::Shards => {
                for &shards in &sizes.shards {
                    let shop = Shop { digits: SHARD_OFFER_DIGITS, connections: 50, pipeline: 64, shards };
                    steps.push(Step { size: u64::from(shards), ..shop.sell(stampede, window).await? });
                }
            }
        }
        Ok(steps)
    }
}

/// Fills one server; the last purchases before each size are timed.
async fn reservations(stampede: &Stampede, sizes: &[u64], window: u64) -> Result<Vec<Step>> {
    let most = sizes.last().copied().context("no size is asked for")?;
    let data = StampedeData::create(stampede, most, RESERVE_BYTES + most * RESERVATION_BYTES)?;
    let server = data.start().await?;
    let (address, id) = (server.address(), server.process_id());
    let (mut sold, mut steps) = (0, Vec::new());
    for &size in sizes {
        let before = size.checked_sub(window).filter(|&before| before >= sold);
        let before = before.context("a timed window is longer than what is sold before it")?;
        if before > sold {
            data.sell(address, sold, before - sold).await?;
        }
        let cpu = cpu_times(id)?;
        let seconds = data.sell_timed(address, before, size - before).await?;
        steps.push(step(id, cpu, size, size - before, seconds)?);
        sold = size;
    }
    data.check(address)?;
    Ok(steps)
}

fn step(id: u32, before: CpuTimes, size: u64, count: u64, seconds: f64) -> Result<Step> {
    let CpuTimes { user, kernel } = cpu_times(id)?;
    let per_buy = |time: Duration, before| time.saturating_sub(before).as_secs_f64() * 1e6 / count as f64;
    let kernel_us = per_buy(kernel, before.kernel);
    Ok(Step {
        size,
        per_second: count as f64 / seconds,
        cpu_us: per_buy(user, before.user) + kernel_us,
        kernel_us,
        memory_bytes: memory(id)?,
    })
}

/// A server with ten to the power of `digits` offers.
struct Shop {
    digits: usize,
    connections: usize,
    pipeline: usize,
    shards: u16,
}

impl Shop {
    fn offers(&self) -> u64 {
        10_u64.pow(self.digits as u32)
    }

    async fn start(&self, stampede: &Stampede) -> Result<Server> {
        let program = stampede.program().context("growth starts servers itself")?;
        let directory = process::data_directory()?;
        let address = process::free_address()?;
        let mut command = command(program, address, &directory.path().join("data"), Mode::Sync);
        command.args(["--shards", &self.shards.to_string()]);
        // As many connections as are measured, and those that ask besides.
        let settings = "[limits]\nconnections = 20000\n[journal]\nsnapshot_bytes = 0\n";
        configure(&mut command, directory.path(), settings)?;
        command.args(["--reserve-bytes", &RESERVE_BYTES.to_string()]);
        Server::start("stampede", command, address, directory).await
    }

    /// The offer's name ends in the last digits of the purchase's serial.
    fn words(&self) -> Vec<Vec<Part>> {
        let text = |word: &str| Part::Text(word.as_bytes().to_vec());
        let counted = |start: &str, digits| vec![text(start), Part::Serial { digits, index: 0 }];
        vec![vec![text("BUY")], counted("o", self.digits), counted("b", 12), counted("r", 12)]
    }

    fn put_offers(&self, address: SocketAddr, units: u64) -> Result<()> {
        let mut client = Client::connect_plain(&address.to_string())?;
        for number in 0..self.offers() {
            let width = self.digits;
            let name = if width == 0 { "o".to_owned() } else { format!("o{number:0width$}") };
            setup::put_offer(&mut client, &name, &setup::plain_offer(units, PRICE))?;
        }
        Ok(())
    }

    async fn sell(&self, stampede: &Stampede, count: u64) -> Result<Step> {
        let server = self.start(stampede).await?;
        let (address, id) = (server.address(), server.process_id());
        self.put_offers(address, count + 1)?;
        let before = Persisted::of(address)?.context("the server keeps no journal")?;
        let mut plan = ClosedLoop::new(&address.to_string(), Work::Custom(self.words()), count);
        plan.connections = self.connections;
        plan.pipeline = self.pipeline;
        let cpu = cpu_times(id)?;
        let report = tokio::task::spawn_blocking(move || closed::run(&plan)).await??;
        let step = step(id, cpu, 0, count, report.elapsed_s)?;
        let error = report.first_error.unwrap_or_default();
        ensure!(
            report.accepted == count,
            "{} of {count} were taken; the first error: {error}",
            report.accepted
        );
        // An acceptance is one event: a refusal would be missing here.
        let events = Persisted::of(address)?.context("the server keeps no journal")?.events - before.events;
        ensure!(events >= count, "{count} purchases were taken and {events} events kept");
        let audit = Client::connect_plain(&address.to_string())?.command(&[b"AUDIT"])?;
        let status = audit.frame().field_text(b"status");
        ensure!(status == Some(b"OK"), "AUDIT says {}", audit.frame().sentence());
        Ok(step)
    }
}
