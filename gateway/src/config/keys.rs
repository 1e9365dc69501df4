//! The keys of the configuration, each with unit, default, range and effect.
//!
//! A key is declared once, in [`KEYS`]; `--help`, the table in the documentation and the checks read it there.

use crate::field_error::FieldError;
use stampede_engine::{
    INBOX_REQUESTS_DEFAULT, INBOX_REQUESTS_MAX, JournalConfig, RUN_REQUESTS_MAX, SEGMENT_BYTES_MAX,
    SEGMENT_BYTES_MIN,
};

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

/// The journal's own defaults.
const JOURNAL: JournalConfig = JournalConfig::DEFAULT;

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
        "Where the journal lives. Made at the first start. With durability memory nothing is read or written there; a directory that a server has used is left alone, and the start says so.",
    ),
    text(
        "durability",
        "mode",
        "sync",
        "sync, async or memory",
        "When an answer leaves. sync: when what it rests on is on disk; nothing that was answered is lost. async: when it is written; losing power costs what came since the last sync. memory: at once; everything is gone when the process ends.",
    ),
    text(
        "shards",
        "shards",
        "the directory's; for a new one half the cores, at least 1",
        "1 to 256",
        "How many writers share the campaigns. A campaign lives on one of them. Fixed when the directory is made; another number is refused.",
    ),
    text("offers", "file", "none", "a TOML file", "Offers put at start. Offers that exist are left alone."),
    number(
        "reserve_bytes",
        "bytes",
        0,
        0,
        1 << 50,
        "Memory to take from the system at start, in large pages where it has them, and to keep: until a sale has used it up, no purchase waits for memory. The server grows past it as it grows without.",
    ),
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
    number(
        "journal.segment_bytes",
        "bytes",
        JOURNAL.segment_bytes,
        SEGMENT_BYTES_MIN,
        SEGMENT_BYTES_MAX,
        "The length of a file of the journal. Each is made ahead, full length.",
    ),
    number(
        "journal.async_sync_ms",
        "milliseconds",
        JOURNAL.async_sync_ms,
        1,
        60_000,
        "With durability async, how long after it was written a decision is synced at the latest.",
    ),
    number(
        "journal.keep_bytes",
        "bytes",
        JOURNAL.keep_bytes,
        1 << 20,
        1 << 50,
        "How much of its journal each shard keeps for readers of the feed. What no snapshot covers yet is kept besides.",
    ),
    number(
        "journal.keep_hours",
        "hours",
        JOURNAL.keep_hours,
        1,
        87_600,
        "How long a shard keeps what readers of the feed may still want, unless keep_bytes is reached before.",
    ),
    number(
        "journal.snapshot_bytes",
        "bytes",
        JOURNAL.snapshot_bytes,
        0,
        1 << 50,
        "After how much journal a shard makes a snapshot by itself. 0: only when told to, by BGSAVE or stampede snapshot.",
    ),
    number(
        "journal.snapshots",
        "snapshots",
        JOURNAL.snapshots as u64,
        2,
        100,
        "How many snapshots of each shard are kept: with one alone a flaw in it would be the end.",
    ),
    number(
        "journal.feed_bytes",
        "bytes",
        JOURNAL.feed_bytes,
        1 << 20,
        1 << 40,
        "With durability memory, how much of each feed is kept for its readers.",
    ),
    number(
        "journal.free_bytes_min",
        "bytes",
        JOURNAL.free_bytes_min,
        0,
        1 << 50,
        "While the disk has less than this free, writes are refused with DISKFULL and reads go on.",
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

pub(super) fn default_text(name: &str) -> &'static str {
    match key(name).value {
        KeyValue::Text { default, .. } => default,
        KeyValue::Number { .. } => unreachable!("{name} is declared as text"),
    }
}

pub(super) fn in_range(name: &str, value: Option<u64>) -> Result<u64, FieldError> {
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
