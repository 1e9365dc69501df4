//! Stampede itself: built from this workspace and started afresh for each timed run, or already
//! running somewhere.
//!
//! Owns its command line, the offers of a run, the sample answers for the stub, and the audit that
//! every timed run must pass: invariants OK, as many units held and sold as were accepted, and all
//! units of the pool accounted for.

use crate::process::{self, Server};
use anyhow::{Context, Result, bail, ensure};
use stampede_loadgen::closed::on_feed;
use stampede_loadgen::feed::{self, Mark};
use stampede_loadgen::setup;
use stampede_loadgen::wire::client::{Client, Reply};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// When the server answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// Once the events are on disk; the server's default.
    Sync,
    /// At once; nothing outlives the process.
    Memory,
}

impl Mode {
    /// What stands beside each figure.
    pub(crate) fn durability(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Memory => "memory",
        }
    }
}

/// Memory that a server takes at its start, before it is timed: more than the tables of any row use.
pub(crate) const RESERVE_BYTES: u64 = 512 << 20;
/// Nothing taken at start, where memory itself is measured.
pub(crate) const NO_RESERVE: u64 = 0;
/// What a server without a journal keeps of its feed: all of it, since the feed is looked through after each run.
pub(crate) const MEMORY_FEED_BYTES: u64 = 1 << 40;

/// Seats of a group in the group row.
pub(crate) const GROUP_SIZE: usize = 4;
const PRICE: u64 = 1_990;

/// Where the servers of the timed runs come from.
pub(crate) enum Stampede {
    /// The binary that was just built, started for each timed run.
    Built(PathBuf),
    /// Another binary, started for each timed run.
    Binary(PathBuf),
    /// A server that runs already and keeps its offers.
    Running(SocketAddr),
}

/// A server to measure; one that was started ends with this value.
pub(crate) struct Measurable {
    pub(crate) address: SocketAddr,
    pub(crate) process_id: Option<u32>,
    _server: Option<Server>,
}

/// The bytes of one answer to a BUY, and the id inside.
pub(crate) struct Sample {
    pub(crate) answer: Vec<u8>,
    pub(crate) id: String,
}

/// What is put on sale for one timed run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Goods {
    /// So many single units.
    Units(u64),
    /// One unit, already taken: every further intent is refused.
    Nothing,
    /// So many units in groups.
    Groups(u64),
}

/// An offer that is open on a running server.
pub(crate) struct Sale {
    client: Client,
    offer: String,
    /// Where the feed stood before.
    from: Mark,
    /// Units taken before the timed run.
    taken_before: u64,
    /// Whether the feed is there from its beginning, as on every server that was started here.
    keeps_feed: bool,
}

impl Stampede {
    /// Builds the release binary and stands on it.
    pub(crate) fn build() -> Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        eprintln!("building stampede (release)");
        process::output_of(
            cargo,
            &["build", "--release", "--package", "stampede-gateway", "--bin", "stampede"],
        )
        .context("the server does not build; `--stampede FILE` measures a binary built before")?;
        let own = std::env::current_exe().context("cannot find this program's own file")?;
        let built = own.with_file_name("stampede");
        ensure!(built.is_file(), "{} was not built; name the binary with --stampede", built.display());
        Ok(Self::Built(built))
    }

    /// What stands beside each figure.
    pub(crate) fn durability(&self) -> Result<String> {
        match self {
            Self::Built(_) | Self::Binary(_) => Ok(Mode::Sync.durability().to_owned()),
            Self::Running(address) => {
                let reply = Client::connect_plain(&address.to_string())?.command(&[b"INFO"])?;
                let text = String::from_utf8_lossy(reply.frame().text().unwrap_or_default()).into_owned();
                let mode = text.lines().find_map(|line| line.trim().strip_prefix("durability:"));
                Ok(mode.context("INFO of the running server names no durability")?.to_owned())
            }
        }
    }

    /// Which server it is, for the report.
    pub(crate) fn description(&self) -> String {
        match self {
            Self::Built(_) => "release build of this workspace".to_owned(),
            Self::Binary(path) => {
                let name = path.file_name().unwrap_or(path.as_os_str());
                format!("the binary {}", name.display())
            }
            Self::Running(address) => {
                format!("running at {address} before the comparison, not started for each run")
            }
        }
    }

    /// The binary that is started for each timed run; nothing where a running server is measured.
    pub(crate) fn program(&self) -> Option<&Path> {
        match self {
            Self::Built(program) | Self::Binary(program) => Some(program),
            Self::Running(_) => None,
        }
    }

    pub(crate) async fn start(&self, mode: Mode, reserve_bytes: u64) -> Result<Measurable> {
        match self {
            Self::Running(address) => Ok(Measurable { address: *address, process_id: None, _server: None }),
            Self::Built(program) | Self::Binary(program) => {
                let server = start(program, mode, reserve_bytes).await?;
                Ok(Measurable {
                    address: server.address(),
                    process_id: Some(server.process_id()),
                    _server: Some(server),
                })
            }
        }
    }
}

async fn start(program: &Path, mode: Mode, reserve_bytes: u64) -> Result<Server> {
    let directory = process::data_directory()?;
    let address = process::free_address()?;
    let mut command = command(program, address, &directory.path().join("data"), mode);
    command.args(["--reserve-bytes", &reserve_bytes.to_string()]);
    if mode == Mode::Memory {
        let settings = format!("[journal]\nfeed_bytes = {MEMORY_FEED_BYTES}\n");
        configure(&mut command, directory.path(), &settings)?;
    }
    Server::start("stampede", command, address, directory).await
}

/// The command that serves `data` at `address`.
pub(crate) fn command(program: &Path, address: SocketAddr, data: &Path, mode: Mode) -> Command {
    let mut command = Command::new(program);
    command
        .args(["serve", "--listen", &address.to_string()])
        .args(["--ops", "127.0.0.1:0"])
        .args(["--durability", mode.durability()])
        .arg("--data")
        .arg(data);
    command
}

/// Starts the server with these settings, from a file in `directory`.
pub(crate) fn configure(command: &mut Command, directory: &Path, settings: &str) -> Result<()> {
    let file = directory.join("stampede.toml");
    std::fs::write(&file, settings)?;
    command.arg("--config").arg(file);
    Ok(())
}

/// What a server that writes a journal has done so far, all shards together.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Persisted {
    pub(crate) events: u64,
    pub(crate) syncs: u64,
}

impl Persisted {
    /// Nothing where the server keeps no journal.
    pub(crate) fn of(address: SocketAddr) -> Result<Option<Self>> {
        let reply = Client::connect_plain(&address.to_string())?.command(&[b"INFO"])?;
        let text = String::from_utf8_lossy(reply.frame().text().unwrap_or_default()).into_owned();
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|value| value.parse().ok())
        };
        Ok(value("events").zip(value("syncs")).map(|(events, syncs)| Self { events, syncs }))
    }

    /// How many events one sync made durable on average, from `before` until now.
    pub(crate) fn events_per_sync(self, before: Self) -> Option<f64> {
        let (events, syncs) =
            (self.events.checked_sub(before.events)?, self.syncs.checked_sub(before.syncs)?);
        (syncs > 0).then(|| events as f64 / syncs as f64)
    }
}

impl Measurable {
    /// Puts `goods` on sale as `offer`, a name that the server does not know yet.
    pub(crate) fn open(&self, offer: &str, goods: Goods) -> Result<Sale> {
        let mut client = Client::connect_plain(&self.address.to_string())?;
        let definition = match goods {
            Goods::Units(units) => setup::plain_offer(units, PRICE),
            Goods::Nothing => setup::plain_offer(1, PRICE),
            Goods::Groups(units) => setup::group_offer(units, PRICE, GROUP_SIZE),
        };
        let from = feed::mark(&mut client)?;
        setup::put_offer(&mut client, offer, &definition)?;
        let keeps_feed = self.process_id.is_some();
        let mut sale = Sale { client, offer: offer.to_owned(), from, taken_before: 0, keeps_feed };
        if goods == Goods::Nothing {
            sale.buy("first", "first", "HELD")?;
            sale.taken_before = 1;
        }
        Ok(sale)
    }
}

impl Sale {
    pub(crate) fn offer(&self) -> &str {
        &self.offer
    }

    /// One answer to a BUY as the load generator sends it, which must say `status`.
    pub(crate) fn sample(&mut self, status: &str) -> Result<Sample> {
        // As long as the load generator's ids, which its serials never reach.
        let (buyer, id) = ("b999999999999", "r999999999999");
        let reply = self.buy(buyer, id, status)?;
        if status == "HELD" {
            self.taken_before += 1;
        }
        Ok(Sample { answer: reply.frame().bytes().to_vec(), id: id.to_owned() })
    }

    /// Fails unless the audit is OK, `accepted` units are held or sold since the offer was opened, and the
    /// rest of the pool is available.
    pub(crate) fn check(&mut self, accepted: u64) -> Result<()> {
        let audit = self.ask(&["AUDIT", &self.offer.clone()])?;
        ensure!(
            audit.frame().field_text(b"status") == Some(b"OK"),
            "Stampede: the audit after the run says {}",
            audit.frame().sentence()
        );
        let pool = self.ask(&["POOL", "GET", &self.offer.clone()])?;
        let count = |name: &str| match pool.frame().field_number(name.as_bytes()) {
            Some(number) => u64::try_from(number).context("a negative count"),
            None => bail!("POOL GET answered without {name}: {}", pool.frame().sentence()),
        };
        let (held, sold) = (count("held")?, count("sold")?);
        let (total, available) = (count("total")?, count("available")?);
        ensure!(
            available + held + sold == total,
            "Stampede: {available} available, {held} held and {sold} sold units do not add up to {total}"
        );
        let expected = accepted + self.taken_before;
        ensure!(
            held + sold == expected,
            "Stampede: {expected} units accepted, but the pool has {held} held and {sold} sold"
        );
        Ok(())
    }

    /// Fails unless the feed has each accepted reservation, once: `counted` of serials below `serial_end`, and
    /// `others` beside those that were taken before.
    pub(crate) fn check_feed(&mut self, counted: u64, others: u64, serial_end: u64) -> Result<()> {
        let to = feed::mark(&mut self.client)?;
        let found = on_feed::count(&mut self.client, &self.offer, (&self.from, &to), serial_end)?;
        let unread = &found.walk.unread;
        ensure!(!self.keeps_feed || unread.is_empty(), "Stampede: feed: {}", unread.join("; "));
        let faults = found.faults(&self.from, counted, others + self.taken_before);
        ensure!(faults.is_empty(), "Stampede: {}", faults.join("; "));
        Ok(())
    }

    /// Units of the offer's pool that are sold for good.
    pub(crate) fn sold(&mut self) -> Result<u64> {
        let pool = self.ask(&["POOL", "GET", &self.offer.clone()])?;
        let sold = pool.frame().field_number(b"sold").context("POOL GET answered without sold")?;
        Ok(u64::try_from(sold)?)
    }

    fn buy(&mut self, buyer: &str, id: &str, status: &str) -> Result<Reply> {
        let reply = self.ask(&["BUY", &self.offer.clone(), buyer, id])?;
        ensure!(
            reply.frame().field_text(b"status") == Some(status.as_bytes()),
            "BUY was answered {}, expected {status}",
            reply.frame().sentence()
        );
        Ok(reply)
    }

    fn ask(&mut self, words: &[&str]) -> Result<Reply> {
        let bytes: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        Ok(self.client.command(&bytes)?)
    }
}
