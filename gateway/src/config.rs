//! The server's configuration: every key with unit, default, range and effect, and the values of one run.
//!
//! A key is declared once, in [`KEYS`]; `--help`, the table in the documentation and the checks read it there. Values
//! come from the defaults, then the file, then the command line; they are checked once, at start, and passed down.

use crate::field_error::{self, FieldError, Table};
use serde::Deserialize;
use stampede_engine::{INBOX_REQUESTS_DEFAULT, INBOX_REQUESTS_MAX, RUN_REQUESTS_MAX, shards_default};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

/// The longest configuration file that is read.
pub const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// One key of the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its path in the file; without the table it is the name of the flag.
    pub name: &'static str,
    /// What it counts or names.
    pub unit: &'static str,
    /// What it may be and what it is when nobody says.
    pub value: KeyValue,
    /// What it changes.
    pub effect: &'static str,
}

/// The values of a key.
#[derive(Clone, Copy, Debug)]
pub enum KeyValue {
    /// A whole number.
    Number {
        /// Without a word from anybody.
        default: u64,
        /// The least allowed.
        min: u64,
        /// The most allowed.
        max: u64,
    },
    /// Anything else.
    Text {
        /// Without a word from anybody, in words.
        default: &'static str,
        /// What is allowed, in words.
        range: &'static str,
    },
}

/// Every key, in the order of the documentation.
pub const KEYS: &[Key] = &[
    text(
        "listen",
        "address",
        "127.0.0.1:7878",
        "host:port; port 0 takes a free one",
        "Where the server takes RESP connections.",
    ),
    text(
        "ops",
        "address",
        "127.0.0.1:7879",
        "host:port; port 0 takes a free one",
        "Where the server answers HTTP for operators: /healthz, and a page at /.",
    ),
    text(
        "data",
        "directory",
        "./stampede-data",
        "a path",
        "Where the journal will live. With durability memory nothing is written there.",
    ),
    text(
        "durability",
        "mode",
        "memory",
        "memory",
        "When an answer leaves: memory answers at once and forgets everything at the end of the process. The modes sync and async need the journal on disk, which this version does not have, and are refused.",
    ),
    text(
        "shards",
        "shards",
        "half the cores, at least 1",
        "1 to 256",
        "How many writers share the campaigns. A campaign lives on one of them.",
    ),
    text("offers", "file", "none", "a TOML file", "Offers put at start. Offers that exist are left alone."),
    number(
        "limits.connections",
        "connections",
        10_000,
        1,
        1_000_000,
        "Connections open at once. One more is answered with an error and closed.",
    ),
    number(
        "limits.frame_bytes",
        "bytes",
        131_072,
        70_000,
        16 << 20,
        "The longest request, all its arguments together. A longer one is answered with an error and its connection is closed.",
    ),
    number(
        "limits.args",
        "arguments",
        1_024,
        32,
        65_536,
        "The most arguments of one request. More are answered with an error and the connection is closed.",
    ),
    number(
        "limits.pipeline",
        "requests",
        1_024,
        1,
        65_536,
        "Requests of one connection that wait for their answer. At this many the connection is not read until some are answered.",
    ),
    number(
        "limits.reply_bytes",
        "bytes",
        1 << 20,
        65_536,
        1 << 30,
        "Bytes of answers that a slow reader may leave waiting. At this many its connection is not read until it takes some.",
    ),
    number(
        "limits.reply_wait_ms",
        "milliseconds",
        60_000,
        100,
        3_600_000,
        "How long a connection may take none of the answers that wait for it before it is closed.",
    ),
    number(
        "limits.frame_wait_ms",
        "milliseconds",
        30_000,
        100,
        3_600_000,
        "How long a request may stay half sent before its connection is closed.",
    ),
    number("limits.queued", "commands", 1_024, 1, 65_536, "The most commands between MULTI and EXEC."),
    number(
        "limits.inbox",
        "requests",
        INBOX_REQUESTS_DEFAULT as u64,
        RUN_REQUESTS_MAX as u64,
        INBOX_REQUESTS_MAX as u64,
        "Requests that wait for one shard. A request that finds it full is answered with BUSY and took nothing.",
    ),
];

const fn text(
    name: &'static str,
    unit: &'static str,
    default: &'static str,
    range: &'static str,
    effect: &'static str,
) -> Key {
    Key { name, unit, value: KeyValue::Text { default, range }, effect }
}

const fn number(
    name: &'static str,
    unit: &'static str,
    default: u64,
    min: u64,
    max: u64,
    effect: &'static str,
) -> Key {
    Key { name, unit, value: KeyValue::Number { default, min, max }, effect }
}

/// The configuration of one run, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where RESP connections are taken.
    pub listen: SocketAddr,
    /// Where operators' HTTP is answered.
    pub ops: SocketAddr,
    /// Where the journal will live; not written to with [`Durability::Memory`].
    pub data: PathBuf,
    /// When an answer leaves.
    pub durability: Durability,
    /// Writers; 1 to 256.
    pub shards: u16,
    /// A file of offers to put at start.
    pub offers: Option<PathBuf>,
    /// What a connection or a queue may grow to.
    pub limits: Limits,
}

/// When an answer leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// At once; nothing survives the process.
    Memory,
}

impl Durability {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Durability::Memory => "memory",
        }
    }
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
    pub(crate) limits: Table<RawLimits>,
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

impl Config {
    /// The configuration of a server on free ports of the loopback interface, for tests and demonstrations.
    pub fn on_free_ports() -> Self {
        let raw = RawConfig {
            listen: Some("127.0.0.1:0".into()),
            ops: Some("127.0.0.1:0".into()),
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

    /// This, with `other`'s value where this has none. Limits come from files alone, so `other`'s limits hold.
    pub fn or(self, other: RawConfig) -> RawConfig {
        RawConfig {
            listen: self.listen.or(other.listen),
            ops: self.ops.or(other.ops),
            data: self.data.or(other.data),
            durability: self.durability.or(other.durability),
            shards: self.shards.or(other.shards),
            offers: self.offers.or(other.offers),
            limits: other.limits,
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
            limits: self.limits.0.check()?,
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

/// Reads a configuration file, if it is not absurdly long.
pub fn read_file(path: &Path) -> anyhow::Result<RawConfig> {
    let text = crate::text_file::read(path, CONFIG_BYTES_MAX)?;
    RawConfig::from_toml(&text).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}

/// The declaration of `name`.
///
/// # Panics
/// When there is no such key: the caller's name is a constant.
pub fn key(name: &str) -> &'static Key {
    KEYS.iter().find(|key| key.name == name).unwrap_or_else(|| panic!("no configuration key {name}"))
}

/// The sentence of `--help` for a flag: effect, unit, default, range.
pub fn flag_help(name: &str) -> String {
    let key = key(name);
    format!("{} [{}; default: {}; range: {}]", key.effect, key.unit, key.default_words(), key.range_words())
}

impl Key {
    /// The default, in words.
    pub fn default_words(&self) -> String {
        match self.value {
            KeyValue::Number { default, .. } => default.to_string(),
            KeyValue::Text { default, .. } => default.to_owned(),
        }
    }

    /// The range, in words.
    pub fn range_words(&self) -> String {
        match self.value {
            KeyValue::Number { min, max, .. } => format!("{min} to {max}"),
            KeyValue::Text { range, .. } => range.to_owned(),
        }
    }
}

fn default_text(name: &str) -> &'static str {
    match key(name).value {
        KeyValue::Text { default, .. } => default,
        KeyValue::Number { .. } => unreachable!("{name} is declared as text"),
    }
}

fn in_range(name: &str, value: Option<u64>) -> Result<u64, FieldError> {
    let KeyValue::Number { default, min, max } = key(name).value else {
        unreachable!("{name} is declared as a number")
    };
    let value = value.unwrap_or(default);
    if (min..=max).contains(&value) {
        return Ok(value);
    }
    let expected = format!("{} {}", key(name).range_words(), key(name).unit);
    Err(FieldError::expected(name, &expected, Some(&value.to_string())))
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
    match value.unwrap_or(default_text("durability")) {
        "memory" => Ok(Durability::Memory),
        mode @ ("sync" | "async") => Err(FieldError::new(
            "durability",
            format!(
                "{mode} is not yet supported: this version has no journal on disk, and what it sold is gone when the \
                 process ends; say memory to accept that"
            ),
        )),
        other => Err(FieldError::expected("durability", "memory", Some(&format!("{other:?}")))),
    }
}

fn shards(value: Option<u64>) -> Result<u16, FieldError> {
    match value.unwrap_or_else(|| u64::from(shards_default())) {
        count @ 1..=256 => Ok(count as u16),
        other => Err(FieldError::expected("shards", "1 to 256", Some(&other.to_string()))),
    }
}
