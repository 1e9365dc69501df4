//! What an engine is started with, and what can be wrong about it.
//!
//! Raw values come in, a checked configuration goes on; nothing is global. Called by whoever starts an engine.

use crate::journal::{JournalConfig, OutOfRange};
use crate::run::RUN_REQUESTS_MAX;
use crate::slot::SHARDS_MAX;
use crate::store::StoreError;
use std::io;
use std::num::NonZero;
use std::path::PathBuf;
use std::thread;

/// Requests that may wait for one shard unless told otherwise: about a quarter of a second's work, after which
/// most buyers' storefronts would have given up.
pub const INBOX_REQUESTS_DEFAULT: usize = 262_144;
/// The most requests that may wait for one shard: beyond this the queue holds gigabytes and answers come too late.
pub const INBOX_REQUESTS_MAX: usize = 16_777_216;

/// When a decision counts as kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Synced to disk before it is answered.
    Sync,
    /// Written before it is answered, synced soon after.
    Async,
    /// Kept in memory alone: lost with the process.
    Memory,
}

impl Durability {
    /// Every mode, the strictest first.
    pub const ALL: [Durability; 3] = [Durability::Sync, Durability::Async, Durability::Memory];

    /// The name in configurations and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Durability::Sync => "sync",
            Durability::Async => "async",
            Durability::Memory => "memory",
        }
    }
}

/// What an engine is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// How many shards, 1 to [`SHARDS_MAX`]. `None`: the data directory's number, and for a new one or without one half
    /// the cores, at least one; the other half serves sockets. A campaign lives on one shard, so more shards help several
    /// campaigns, never a single one.
    pub shards: Option<u16>,
    /// Requests that may wait for one shard, from [`RUN_REQUESTS_MAX`] to [`INBOX_REQUESTS_MAX`]; what comes on top is
    /// answered as busy. Default: [`INBOX_REQUESTS_DEFAULT`].
    pub inbox_requests_max: usize,
    /// When a decision counts as kept. Default: [`Durability::Sync`].
    pub durability: Durability,
    /// Where journals and snapshots lie; not looked at in memory mode. Default: `./stampede-data`.
    pub data: PathBuf,
    /// Sizes and times of the journal.
    pub journal: JournalConfig,
}

impl Default for EngineConfig {
    fn default() -> Self {
        EngineConfig {
            shards: None,
            inbox_requests_max: INBOX_REQUESTS_DEFAULT,
            durability: Durability::Sync,
            data: PathBuf::from("./stampede-data"),
            journal: JournalConfig::DEFAULT,
        }
    }
}

impl EngineConfig {
    /// One that keeps everything in memory and touches no file.
    pub fn in_memory() -> Self {
        EngineConfig { durability: Durability::Memory, ..EngineConfig::default() }
    }
}

/// The number of shards where nobody and no directory says.
pub fn shards_default() -> u16 {
    (cores() / 2).clamp(1, usize::from(SHARDS_MAX)) as u16
}

/// How many threads run at the same time here; one, if the system does not say.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

impl EngineConfig {
    /// Checks the ranges.
    pub(crate) fn check(&self) -> Result<(), StartError> {
        if let Some(given) = self.shards
            && !(1..=SHARDS_MAX).contains(&given)
        {
            return Err(StartError::Shards { given });
        }
        if !(RUN_REQUESTS_MAX..=INBOX_REQUESTS_MAX).contains(&self.inbox_requests_max) {
            return Err(StartError::InboxRequests { given: self.inbox_requests_max });
        }
        self.journal.check()?;
        Ok(())
    }
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The number of shards is out of range.
    #[error("shards: 1 to {SHARDS_MAX} is expected, not {given}")]
    Shards {
        /// What was asked for.
        given: u16,
    },
    /// The bound of the inboxes is out of range.
    #[error("inbox_requests_max: {RUN_REQUESTS_MAX} to {INBOX_REQUESTS_MAX} is expected, not {given}")]
    InboxRequests {
        /// What was asked for.
        given: usize,
    },
    /// A size or time of the journal is out of range.
    #[error(transparent)]
    Journal(#[from] OutOfRange),
    /// The data directory cannot be used as it is.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal could not be begun.
    #[error("the journal of shard {shard} could not be begun: {reason}")]
    Begin {
        /// Which shard.
        shard: u16,
        /// What was tried and what came of it.
        reason: String,
    },
    /// The system gave no thread.
    #[error("the thread of shard {shard} could not be started: {cause}")]
    Thread {
        /// Which shard.
        shard: u16,
        /// What the system said.
        cause: io::Error,
    },
}
