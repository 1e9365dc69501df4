//! `PostgreSQL` as people use it for a flash sale: one hot row, one order per buyer.
//!
//! Owns a temporary cluster made with `initdb`, the statement, its clients and the check
//! afterwards. Each purchase is one transaction in one round trip: take a unit from the hot row,
//! insert the order; the commit is synchronous, as `PostgreSQL` ships, or not. Everything else stays at its
//! default. As root the programs run as the `postgres` user, as `PostgreSQL` demands.

use crate::process::{self, output_of};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_postgres::{Client, NoTls};

/// When a commit is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Commit {
    /// Once it is on disk, as it ships.
    Synchronous,
    /// Before: a crash loses the last ones.
    Asynchronous,
}

impl Commit {
    /// What stands beside each figure.
    pub(crate) fn durability(self) -> &'static str {
        match self {
            Self::Synchronous => "synchronous commit",
            Self::Asynchronous => "commit not synchronous",
        }
    }

    fn setting(self) -> &'static str {
        match self {
            Self::Synchronous => "on",
            Self::Asynchronous => "off",
        }
    }
}

const PACKAGE: &str = "postgresql";
const USER: &str = "postgres";

const TABLES: &str = "\
DROP TABLE IF EXISTS orders; DROP TABLE IF EXISTS stock; \
CREATE TABLE stock (sku text PRIMARY KEY, units bigint NOT NULL CHECK (units >= 0)); \
CREATE TABLE orders (id text PRIMARY KEY, sku text NOT NULL, buyer text NOT NULL, UNIQUE (sku, buyer));";
const BUY: &str = "\
WITH taken AS (UPDATE stock SET units = units - 1 WHERE sku = $1 AND units > 0 RETURNING sku) \
INSERT INTO orders (id, sku, buyer) SELECT $2, sku, $3 FROM taken";

/// A cluster of its own in a temporary directory; dropping it stops the server and removes it.
pub(crate) struct Cluster {
    programs: PathBuf,
    directory: TempDir,
    address: SocketAddr,
}

impl Cluster {
    pub(crate) fn version() -> Result<String> {
        let text = output_of(programs()?.join("postgres"), &["--version"])?;
        let version = text.split_whitespace().nth(2).context("postgres --version names no version")?;
        Ok(version.to_owned())
    }

    /// Makes a cluster; it is started by `start`.
    pub(crate) fn create() -> Result<Self> {
        let programs = programs()?;
        let directory = process::data_directory()?;
        if is_root()? {
            let id = |flag| output_of("id", &[flag, USER]);
            let (user, group) = (id("-u")?.trim().parse()?, id("-g")?.trim().parse()?);
            chown(directory.path(), Some(user), Some(group))
                .context("cannot give PostgreSQL its directory")?;
        }
        let cluster = Self { programs, directory, address: process::free_address()? };
        let data = cluster.data();
        let data = data.to_str().context("the temporary directory's path is not UTF-8")?;
        // Trust is enough: the cluster listens on 127.0.0.1 for the length of the run.
        cluster.run(
            "initdb",
            &["-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        )?;
        Ok(cluster)
    }

    /// Starts the server; it runs until the returned value is dropped.
    pub(crate) fn start(&self, commit: Commit) -> Result<Running<'_>> {
        let running = Running { cluster: self };
        let options = format!(
            "-c listen_addresses={} -p {} -c unix_socket_directories='' -c synchronous_commit={}",
            self.address.ip(),
            self.address.port(),
            commit.setting()
        );
        let (data, log) = (self.data(), self.directory.path().join("server.log"));
        let (data, log_text) = (data.to_string_lossy(), log.to_string_lossy());
        self.run("pg_ctl", &["start", "-w", "-s", "-D", &data, "-l", &log_text, "-o", &options])
            .with_context(|| format!("PostgreSQL does not start; it wrote:\n{}", process::log_tail(&log)))?;
        Ok(running)
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String> {
        let path = self.programs.join(program);
        if is_root()? {
            let path = path.to_string_lossy();
            let mut words = vec!["-u", USER, "--", &*path];
            words.extend_from_slice(arguments);
            output_of("runuser", &words)
        } else {
            output_of(path, arguments)
        }
    }

    async fn connect(&self) -> Result<Client> {
        let config =
            format!("host={} port={} user={USER} dbname=postgres", self.address.ip(), self.address.port());
        let (client, connection) = tokio_postgres::connect(&config, NoTls).await?;
        // Ends with its client; what breaks it is reported by the client's next call.
        tokio::spawn(connection);
        Ok(client)
    }
}

/// The started cluster.
pub(crate) struct Running<'a> {
    cluster: &'a Cluster,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let data = self.cluster.data();
        if data.join("postmaster.pid").exists() {
            let data = data.to_string_lossy();
            if let Err(error) = self.cluster.run("pg_ctl", &["stop", "-s", "-D", &data, "-m", "immediate"]) {
                eprintln!("PostgreSQL could not be stopped: {error:#}");
            }
        }
    }
}

/// What a run of purchases came to.
pub(crate) struct Sold {
    pub(crate) accepted: u64,
    pub(crate) elapsed: Duration,
}

impl Running<'_> {
    /// Shows that the peer is a fair one: each unit sold once, the rest refused.
    pub(crate) async fn prove(&self) -> Result<()> {
        let sold = self.sell(25, 4, 40).await?.accepted;
        ensure!(sold == 25, "the hot row sold {sold} of 25 units to 40 buyers");
        Ok(())
    }

    /// Puts `stock` units on sale and lets `clients` buy `requests` units, one at a time each.
    pub(crate) async fn sell(&self, stock: u64, clients: u64, requests: u64) -> Result<Sold> {
        let watcher = self.cluster.connect().await?;
        watcher.batch_execute(TABLES).await?;
        let units = i64::try_from(stock)?;
        watcher.execute("INSERT INTO stock VALUES ('sku', $1)", &[&units]).await?;
        let mut buyers = Vec::new();
        for number in 0..clients {
            let client = self.cluster.connect().await?;
            let statement = client.prepare(BUY).await?;
            let share = requests / clients + u64::from(number < requests % clients);
            buyers.push((client, statement, number, share));
        }
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        for (client, statement, number, share) in buyers {
            tasks.spawn(async move {
                let mut accepted = 0;
                for count in 0..share {
                    let (id, buyer) =
                        (format!("r{number:04}{count:012}"), format!("b{number:04}{count:012}"));
                    accepted += client.execute(&statement, &[&"sku", &id, &buyer]).await?;
                }
                Ok::<u64, tokio_postgres::Error>(accepted)
            });
        }
        let mut accepted = 0;
        while let Some(done) = tasks.join_next().await {
            accepted += done??;
        }
        let elapsed = started.elapsed();
        check(&watcher, stock, accepted).await?;
        Ok(Sold { accepted, elapsed })
    }
}

/// Fails unless exactly `accepted` units and orders are on record.
async fn check(client: &Client, stock: u64, accepted: u64) -> Result<()> {
    let row =
        client.query_one("SELECT (SELECT units FROM stock), (SELECT count(*) FROM orders)", &[]).await?;
    let (left, orders): (i64, i64) = (row.get(0), row.get(1));
    let (left, orders) = (u64::try_from(left)?, u64::try_from(orders)?);
    ensure!(
        left + accepted == stock && orders == accepted,
        "PostgreSQL: {accepted} accepted, but {orders} orders on record and {left} of {stock} units left"
    );
    Ok(())
}

fn is_root() -> Result<bool> {
    Ok(fs::metadata("/proc/self")?.uid() == 0)
}

/// The directory of `PostgreSQL`'s programs: Debian keeps one per major version.
fn programs() -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .map(|entry| entry.path().join("bin"))
        .filter(|path| path.join("initdb").is_file())
        .max_by_key(|path| major_version(path));
    match newest {
        Some(path) => Ok(path),
        None => match process::on_path("initdb").as_deref().and_then(Path::parent) {
            Some(path) => Ok(path.to_path_buf()),
            None => {
                bail!("PostgreSQL is missing: install it with `apt-get install {PACKAGE}` and run again")
            }
        },
    }
}

fn major_version(programs: &Path) -> u32 {
    let version = programs.parent().and_then(Path::file_name).and_then(|name| name.to_str());
    version.and_then(|text| text.parse().ok()).unwrap_or(0)
}
