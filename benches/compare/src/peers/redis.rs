//! Redis as people use it for a flash sale: one Lua script that checks the stock, records the
//! buyer, and takes a unit.
//!
//! Owns the server's command line and the checks; the script is the load generator's. AOF with
//! `everysec`: a crash may lose a second, which is what such shops accept. With `always` it syncs
//! before it answers, as Stampede does. Rewrites and snapshots are off so that none falls into one
//! timed run and not the other; that favours Redis.

use crate::process::{self, Server, output_of};
use anyhow::{Context, Result, ensure};
use stampede_loadgen::closed::Work;
use stampede_loadgen::setup;
use stampede_loadgen::wire::client::Client;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// When Redis syncs its log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fsync {
    EverySecond,
    Always,
    /// It keeps no log.
    Never,
}

impl Fsync {
    /// What stands beside each figure.
    pub(crate) fn durability(self) -> &'static str {
        match self {
            Self::EverySecond => "AOF everysec",
            Self::Always => "AOF always",
            Self::Never => "AOF off",
        }
    }

    fn log(self) -> &'static str {
        if self == Self::Never { "no" } else { "yes" }
    }

    fn setting(self) -> &'static str {
        match self {
            Self::EverySecond => "everysec",
            Self::Always => "always",
            Self::Never => "no",
        }
    }
}

/// The two keys that one sale uses.
const STOCK: &str = "{sku}:stock";
const BUYERS: &str = "{sku}:buyers";

/// Debian's server.
#[derive(Clone)]
pub(crate) struct Redis {
    program: PathBuf,
}

/// A sale that is open on a running server.
pub(crate) struct Sale {
    client: Client,
    units: u64,
    sha: String,
}

impl Redis {
    pub(crate) fn find() -> Result<Self> {
        Ok(Self { program: process::require("redis-server", "redis-server")? })
    }

    pub(crate) fn version(&self) -> Result<String> {
        let text = output_of(&self.program, &["--version"])?;
        let version = text.split_whitespace().find_map(|word| word.strip_prefix("v="));
        Ok(version.context("redis-server --version names no version")?.to_owned())
    }

    pub(crate) async fn start(&self, fsync: Fsync) -> Result<Server> {
        let directory = process::data_directory()?;
        let address = process::free_address()?;
        let command = self.command(address, directory.path(), fsync);
        Server::start("redis-server", command, address, directory).await
    }

    /// The command that serves `directory` at `address`.
    pub(crate) fn command(&self, address: SocketAddr, directory: &Path, fsync: Fsync) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["--bind", &address.ip().to_string(), "--port", &address.port().to_string()])
            .args(["--appendonly", fsync.log(), "--appendfsync", fsync.setting()])
            .args(["--auto-aof-rewrite-percentage", "0", "--save", ""])
            .arg("--dir")
            .arg(directory);
        command
    }

    /// Shows that the peer is a fair one: each unit sold once, and one to a buyer.
    pub(crate) async fn prove(&self) -> Result<()> {
        let server = self.start(Fsync::EverySecond).await?;
        let mut sale = Sale::open(server.address(), 2)?;
        let answers = ["a", "a", "b", "c"].map(|buyer| sale.buy(buyer));
        let answers = answers.into_iter().collect::<Result<Vec<_>>>()?;
        ensure!(answers == [1, -1, 1, 0], "the script sold 2 units to a, a, b, c and answered {answers:?}");
        sale.check(2)
    }
}

/// Fails unless all of `units` are sold on the server at `address`, each to a buyer of its own.
pub(crate) fn check(address: SocketAddr, units: u64) -> Result<()> {
    let client = Client::connect_plain(&address.to_string())?;
    Sale { client, units, sha: String::new() }.check(units)
}

impl Sale {
    /// Puts `units` on sale.
    pub(crate) fn open(address: SocketAddr, units: u64) -> Result<Self> {
        let mut client = Client::connect_plain(&address.to_string())?;
        let sha = setup::put_redis_sale(&mut client, STOCK, BUYERS, units)?;
        Ok(Self { client, units, sha })
    }

    /// The purchases of distinct buyers.
    pub(crate) fn work(&self) -> Work {
        Work::RedisSale { sha: self.sha.clone(), stock: STOCK.to_owned(), buyers: BUYERS.to_owned() }
    }

    /// The same purchase as words for another client.
    pub(crate) fn words<'a>(&'a self, buyer: &'a str, id: &'a str) -> Vec<&'a str> {
        vec!["EVALSHA", &self.sha, "2", STOCK, BUYERS, buyer, id]
    }

    /// Fails unless exactly `accepted` units and buyers are on record.
    pub(crate) fn check(&mut self, accepted: u64) -> Result<()> {
        let left = self.number(&["GET", STOCK])?;
        let buyers = self.number(&["SCARD", BUYERS])?;
        let (units, accepted) = (i64::try_from(self.units)?, i64::try_from(accepted)?);
        ensure!(
            left + accepted == units && buyers == accepted,
            "Redis: {accepted} accepted, but {buyers} buyers on record and {left} of {units} units left"
        );
        Ok(())
    }

    fn buy(&mut self, buyer: &str) -> Result<i64> {
        let sha = self.sha.clone();
        self.number(&["EVALSHA", &sha, "2", STOCK, BUYERS, buyer, "r"])
    }

    fn number(&mut self, words: &[&str]) -> Result<i64> {
        let bytes: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let reply = self.client.command(&bytes)?;
        let number = reply.frame().number();
        number
            .with_context(|| format!("Redis answered {} with {}", words.join(" "), reply.frame().sentence()))
    }
}
