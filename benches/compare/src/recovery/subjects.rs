//! The two servers with a directory that outlives them: filled with sales, started again, checked, measured in bytes.
//!
//! Owns their directories and what is in them. When they are started and timed is up to `recovery`.

use crate::peers::redis::{self, Fsync, Redis};
use crate::peers::stampede::{self, Mode, Stampede};
use crate::process::{self, Server};
use anyhow::{Context, Result, ensure};
use stampede_loadgen::closed::{self, ClosedLoop, Work};
use stampede_loadgen::setup;
use stampede_loadgen::wire::client::Client;
use stampede_loadgen::wire::encode::Part;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::sleep;

const OFFER: &str = "sku";
const PRICE: u64 = 1_990;
/// What every id begins with; twelve digits follow, and make 28 bytes of a buyer and 36 of a reservation.
const BUYER_START: &str = "oX4bK9wQz7Lm2RtV";
const RESERVATION_START: &str = "3f2b8c1e-7d4a-4e0b-9c55-";
/// The part of the sales that the snapshot has: the rest is in the journal behind it.
const IN_SNAPSHOT_PERCENT: u64 = 90;
/// Between two questions whether a background job is done.
const JOB_POLL: Duration = Duration::from_millis(100);
/// How often Redis syncs its log, with room.
const EVERY_SECOND: Duration = Duration::from_secs(2);

fn text(word: &str) -> Vec<Part> {
    vec![Part::Text(word.as_bytes().to_vec())]
}

fn counted(start: &str) -> Vec<Part> {
    vec![Part::Text(start.as_bytes().to_vec()), Part::Serial { digits: 12, index: 0 }]
}

/// Sends `count` times the command `words`, from the serial `first` on, and answers how many seconds it took. Fails at
/// the first error.
async fn send(address: SocketAddr, words: Vec<Vec<Part>>, first: u64, count: u64) -> Result<f64> {
    let mut plan = ClosedLoop::new(&address.to_string(), Work::Custom(words), count);
    plan.serial_start = first;
    let report = tokio::task::spawn_blocking(move || closed::run(&plan)).await??;
    let error = report.first_error.unwrap_or_default();
    ensure!(
        report.accepted == count,
        "{} of {count} sales were taken; the first error: {error}",
        report.accepted
    );
    Ok(report.elapsed_s)
}

/// Bytes of all files below `directory` that `is_wanted` by their name.
fn bytes_of(directory: &Path, is_wanted: &dyn Fn(&str) -> bool) -> Result<u64> {
    let mut bytes = 0;
    for entry in directory.read_dir().with_context(|| format!("cannot read {}", directory.display()))? {
        let (path, kind) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
        if kind.is_dir() {
            bytes += bytes_of(&path, is_wanted)?;
        } else if is_wanted(&path.file_name().unwrap_or_default().to_string_lossy()) {
            bytes += path.metadata()?.len();
        }
    }
    Ok(bytes)
}

/// Waits until INFO no longer says that `job` is under way.
async fn wait_for(client: &mut Client, job: &str) -> Result<()> {
    let is_done = format!("{job}:0");
    loop {
        let reply = client.command(&[b"INFO"])?;
        let info = String::from_utf8_lossy(reply.frame().text().unwrap_or_default()).into_owned();
        ensure!(info.contains(job), "INFO names no {job}");
        if info.lines().any(|line| line.trim() == is_done) {
            return Ok(());
        }
        sleep(JOB_POLL).await;
    }
}

/// Stampede with a data directory.
pub(crate) struct StampedeData {
    program: PathBuf,
    directory: TempDir,
    count: u64,
    /// Memory that the server takes at each start.
    reserve_bytes: u64,
}

impl StampedeData {
    /// A directory for `count` reservations, and a server that takes `reserve_bytes` of memory at each start.
    pub(crate) fn create(stampede: &Stampede, count: u64, reserve_bytes: u64) -> Result<Self> {
        let program = stampede.program().context("recovery starts servers itself")?.to_owned();
        let directory = process::data_directory()?;
        Ok(Self { program, directory, count, reserve_bytes })
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    pub(crate) fn command(&self) -> Result<(Command, SocketAddr)> {
        let address = process::free_address()?;
        let mut command = stampede::command(&self.program, address, &self.data(), Mode::Sync);
        // Snapshots come when this harness asks, and no other time.
        let settings = format!("reserve_bytes = {}\n[journal]\nsnapshot_bytes = 0\n", self.reserve_bytes);
        stampede::configure(&mut command, self.directory(), &settings)?;
        Ok((command, address))
    }

    /// Starts the server and opens the sale.
    pub(crate) async fn start(&self) -> Result<Server> {
        let (server, _) = super::ready("stampede", self.command()?, self.directory()).await?;
        let mut client = Client::connect_plain(&server.address().to_string())?;
        // Held for a day, so that nothing falls due while the figures are taken.
        let definition = serde_json::json!({ "price": PRICE, "stock": self.count, "hold": "24h" });
        setup::put_offer(&mut client, OFFER, &definition)?;
        Ok(server)
    }

    /// Sells `count` units to buyers from the serial `first` on.
    pub(crate) async fn sell(&self, address: SocketAddr, first: u64, count: u64) -> Result<()> {
        self.sell_timed(address, first, count).await.map(drop)
    }

    /// The same, with the seconds from the first write to the last answer.
    pub(crate) async fn sell_timed(&self, address: SocketAddr, first: u64, count: u64) -> Result<f64> {
        let words = vec![text("BUY"), text(OFFER), counted(BUYER_START), counted(RESERVATION_START)];
        send(address, words, first, count).await
    }

    /// Sells most, takes a snapshot, sells the rest. The server is killed at the end.
    pub(crate) async fn fill(&self) -> Result<()> {
        let server = self.start().await?;
        let address = server.address();
        let early = self.count * IN_SNAPSHOT_PERCENT / 100;
        self.sell(address, 0, early).await?;
        let mut client = Client::connect_plain(&address.to_string())?;
        client.command(&[b"BGSAVE"])?;
        wait_for(&mut client, "rdb_bgsave_in_progress").await?;
        let snapshots = bytes_of(&self.data(), &|name| name.ends_with(".snapshot"))?;
        ensure!(snapshots > 0, "BGSAVE is done and left no snapshot");
        self.sell(address, early, self.count - early).await?;
        self.check(address)
    }

    /// Fails unless every unit is taken and every invariant holds.
    pub(crate) fn check(&self, address: SocketAddr) -> Result<()> {
        let count = self.count;
        let mut client = Client::connect_plain(&address.to_string())?;
        let pool = client.command(&[b"POOL", b"GET", OFFER.as_bytes()])?;
        let held = pool.frame().field_number(b"held");
        ensure!(held == Some(count.cast_signed()), "{count} units were taken, POOL GET says {held:?}");
        let audit = client.command(&[b"AUDIT"])?;
        ensure!(
            audit.frame().field_text(b"status") == Some(b"OK"),
            "AUDIT says {}",
            audit.frame().sentence()
        );
        Ok(())
    }

    /// Removes every snapshot, so that the next start reads the whole journal.
    pub(crate) fn forget_snapshots(&self) -> Result<()> {
        for shard in self.data().read_dir()?.flatten().filter(|entry| entry.path().is_dir()) {
            for file in shard.path().read_dir()?.flatten() {
                if file.path().extension().is_some_and(|extension| extension == "snapshot") {
                    std::fs::remove_file(file.path())?;
                }
            }
        }
        Ok(())
    }

    /// Snapshots, and segments with the room that was made ahead in them.
    pub(crate) fn bytes(&self) -> Result<u64> {
        bytes_of(&self.data(), &|name| name.ends_with(".snapshot") || name.ends_with(".journal"))
    }
}

/// Redis with a data directory.
pub(crate) struct RedisData {
    redis: Redis,
    directory: TempDir,
    count: u64,
}

impl RedisData {
    pub(crate) fn create(redis: &Redis, count: u64) -> Result<Self> {
        Ok(Self { redis: redis.clone(), directory: process::data_directory()?, count })
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn command(&self) -> Result<(Command, SocketAddr)> {
        let address = process::free_address()?;
        Ok((self.redis.command(address, self.directory.path(), Fsync::EverySecond), address))
    }

    /// Sells everything. The server is killed at the end.
    pub(crate) async fn fill(&self) -> Result<()> {
        let (server, _) = super::ready("redis-server", self.command()?, self.directory()).await?;
        let sale = redis::Sale::open(server.address(), self.count)?;
        let mut words: Vec<Vec<Part>> = sale.words("", "").iter().map(|word| text(word)).collect();
        words.truncate(words.len() - 2);
        words.extend([counted(BUYER_START), counted(RESERVATION_START)]);
        send(server.address(), words, 0, self.count).await?;
        self.check(server.address())?;
        // With `everysec` Redis may hold its log back while a sync is under way, answered or not: killed now, it would
        // come back with fewer sales.
        let mut client = Client::connect_plain(&server.address().to_string())?;
        sleep(EVERY_SECOND).await;
        wait_for(&mut client, "aof_buffer_length").await?;
        wait_for(&mut client, "aof_pending_bio_fsync").await
    }

    pub(crate) fn check(&self, address: SocketAddr) -> Result<()> {
        redis::check(address, self.count)
    }

    /// Lets Redis rewrite its log, its own way to start faster. The server is killed at the end.
    pub(crate) async fn rewrite(&self) -> Result<()> {
        let (server, _) = super::ready("redis-server", self.command()?, self.directory()).await?;
        let mut client = Client::connect_plain(&server.address().to_string())?;
        client.command(&[b"BGREWRITEAOF"])?;
        wait_for(&mut client, "aof_rewrite_scheduled").await?;
        wait_for(&mut client, "aof_rewrite_in_progress").await
    }

    pub(crate) fn bytes(&self) -> Result<u64> {
        bytes_of(&self.directory.path().join("appendonlydir"), &|_| true)
    }
}
