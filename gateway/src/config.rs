//! The server's configuration: the values of one run.
//!
//! What each key means stands in [`KEYS`]. Values
//! come from the defaults, then the file, then the command line; they are checked once, at start, and passed down.

mod keys;

use crate::field_error::{self, FieldError, Table};
use serde::Deserialize;
use stampede_engine::JournalConfig;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

pub use keys::{KEYS, Key, KeyValue, flag_help, key};
use keys::{default_text, in_range};
pub use stampede_engine::Durability;

/// The longest configuration file that is read.
pub const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// The configuration of one run, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where RESP connections are taken.
    pub listen: SocketAddr,
    /// Where operators' HTTP is answered.
    pub ops: SocketAddr,
    /// Where the journal lives; not written to with [`Durability::Memory`].
    pub data: PathBuf,
    /// When an answer leaves.
    pub durability: Durability,
    /// Writers, 1 to 256; `None`: as many as the directory was made with.
    pub shards: Option<u16>,
    /// A file of offers to put at start.
    pub offers: Option<PathBuf>,
    /// Memory to take at start.
    pub reserve_bytes: u64,
    /// What a connection or a queue may grow to.
    pub limits: Limits,
    /// How the journal is kept.
    pub journal: JournalConfig,
}

/// What a connection or a queue may grow to; see [`KEYS`] for what happens there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once.
    pub connections: usize,
    /// Bytes of one request.
    pub frame_bytes: usize,
    /// Arguments of one request.
    pub args: usize,
    /// Requests of one connection that wait for their answer.
    pub pipeline: usize,
    /// Bytes of answers that wait for a slow reader.
    pub reply_bytes: usize,
    /// How long a reader may take none of them, in milliseconds.
    pub reply_wait_ms: u64,
    /// How long a request may stay half sent, in milliseconds.
    pub frame_wait_ms: u64,
    /// Commands between MULTI and EXEC.
    pub queued: usize,
    /// Requests that wait for one shard.
    pub inbox: usize,
}

/// What a file or the command line says, unchecked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawConfig {
    /// See [`KEYS`], like all of these.
    pub listen: Option<String>,
    #[expect(missing_docs, reason = "KEYS says it")]
    pub ops: Option<String>,
    #[expect(missing_docs, reason = "KEYS says it")]
    pub data: Option<PathBuf>,
    #[expect(missing_docs, reason = "KEYS says it")]
    pub durability: Option<String>,
    #[expect(missing_docs, reason = "KEYS says it")]
    pub shards: Option<u64>,
    #[expect(missing_docs, reason = "KEYS says it")]
    pub offers: Option<PathBuf>,
    #[expect(missing_docs, reason = "KEYS says it")]
    pub reserve_bytes: Option<u64>,
    pub(crate) limits: Table<RawLimits>,
    pub(crate) journal: Table<RawJournal>,
}

/// The table `[limits]`, unchecked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "KEYS says it")]
pub struct RawLimits {
    pub connections: Option<u64>,
    pub frame_bytes: Option<u64>,
    pub args: Option<u64>,
    pub pipeline: Option<u64>,
    pub reply_bytes: Option<u64>,
    pub reply_wait_ms: Option<u64>,
    pub frame_wait_ms: Option<u64>,
    pub queued: Option<u64>,
    pub inbox: Option<u64>,
}

/// The table `[journal]`, unchecked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "KEYS says it")]
pub struct RawJournal {
    pub segment_bytes: Option<u64>,
    pub async_sync_ms: Option<u64>,
    pub keep_bytes: Option<u64>,
    pub keep_hours: Option<u64>,
    pub snapshot_bytes: Option<u64>,
    pub snapshots: Option<u64>,
    pub feed_bytes: Option<u64>,
    pub free_bytes_min: Option<u64>,
}

impl Config {
    /// The configuration of a server in memory, on free ports of the loopback interface: for tests and rehearsals.
    pub fn on_free_ports() -> Self {
        let raw = RawConfig {
            listen: Some("127.0.0.1:0".into()),
            ops: Some("127.0.0.1:0".into()),
            durability: Some(Durability::Memory.name().into()),
            ..RawConfig::default()
        };
        raw.check().expect("the defaults are inside their ranges")
    }
}

impl RawConfig {
    /// Reads the text of a configuration file.
    pub fn from_toml(text: &str) -> Result<Self, FieldError> {
        field_error::from_value(field_error::toml_value(text)?).map(|raw: Table<RawConfig>| raw.0)
    }

    /// This, with `other`'s value where this has none. Limits and the journal's keys come from files alone, so
    /// `other`'s hold.
    pub fn or(self, other: RawConfig) -> RawConfig {
        RawConfig {
            listen: self.listen.or(other.listen),
            ops: self.ops.or(other.ops),
            data: self.data.or(other.data),
            durability: self.durability.or(other.durability),
            shards: self.shards.or(other.shards),
            offers: self.offers.or(other.offers),
            reserve_bytes: self.reserve_bytes.or(other.reserve_bytes),
            limits: other.limits,
            journal: other.journal,
        }
    }

    /// Checks every value, with the default where there is none.
    pub fn check(self) -> Result<Config, FieldError> {
        Ok(Config {
            listen: address("listen", self.listen)?,
            ops: address("ops", self.ops)?,
            data: self.data.unwrap_or_else(|| PathBuf::from(default_text("data"))),
            durability: durability(self.durability.as_deref())?,
            shards: shards(self.shards)?,
            offers: self.offers,
            reserve_bytes: in_range("reserve_bytes", self.reserve_bytes)?,
            limits: self.limits.0.check()?,
            journal: self.journal.0.check()?,
        })
    }
}

impl RawLimits {
    fn check(&self) -> Result<Limits, FieldError> {
        let size = |name, value| in_range(name, value).map(|value| value as usize);
        Ok(Limits {
            connections: size("limits.connections", self.connections)?,
            frame_bytes: size("limits.frame_bytes", self.frame_bytes)?,
            args: size("limits.args", self.args)?,
            pipeline: size("limits.pipeline", self.pipeline)?,
            reply_bytes: size("limits.reply_bytes", self.reply_bytes)?,
            reply_wait_ms: in_range("limits.reply_wait_ms", self.reply_wait_ms)?,
            frame_wait_ms: in_range("limits.frame_wait_ms", self.frame_wait_ms)?,
            queued: size("limits.queued", self.queued)?,
            inbox: size("limits.inbox", self.inbox)?,
        })
    }
}

impl RawJournal {
    fn check(&self) -> Result<JournalConfig, FieldError> {
        Ok(JournalConfig {
            segment_bytes: in_range("journal.segment_bytes", self.segment_bytes)?,
            async_sync_ms: in_range("journal.async_sync_ms", self.async_sync_ms)?,
            keep_bytes: in_range("journal.keep_bytes", self.keep_bytes)?,
            keep_hours: in_range("journal.keep_hours", self.keep_hours)?,
            snapshot_bytes: in_range("journal.snapshot_bytes", self.snapshot_bytes)?,
            snapshots: in_range("journal.snapshots", self.snapshots)? as u32,
            feed_bytes: in_range("journal.feed_bytes", self.feed_bytes)?,
            free_bytes_min: in_range("journal.free_bytes_min", self.free_bytes_min)?,
        })
    }
}

/// Reads a configuration file, if it is not absurdly long.
pub fn read_file(path: &Path) -> anyhow::Result<RawConfig> {
    let text = crate::text_file::read(path, CONFIG_BYTES_MAX)?;
    RawConfig::from_toml(&text).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}

fn address(name: &str, value: Option<String>) -> Result<SocketAddr, FieldError> {
    let value = value.unwrap_or_else(|| default_text(name).to_owned());
    let found = value.to_socket_addrs().ok().and_then(|mut found| found.next());
    found.ok_or_else(|| {
        let expected = format!("host:port, such as {}", default_text(name));
        FieldError::expected(name, &expected, Some(&format!("{value:?}")))
    })
}

fn durability(value: Option<&str>) -> Result<Durability, FieldError> {
    let value = value.unwrap_or(default_text("durability"));
    Durability::ALL.into_iter().find(|mode| mode.name() == value).ok_or_else(|| {
        FieldError::expected("durability", &key("durability").range_words(), Some(&format!("{value:?}")))
    })
}

fn shards(value: Option<u64>) -> Result<Option<u16>, FieldError> {
    match value {
        None => Ok(None),
        Some(count @ 1..=256) => Ok(Some(count as u16)),
        Some(other) => Err(FieldError::expected("shards", "1 to 256", Some(&other.to_string()))),
    }
}
