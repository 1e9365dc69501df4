//! What lies on disk: a data directory, and in it the journal and the snapshots of each shard.
//!
//! `directory` owns the directory itself; `walk` goes through a shard's journal from batch to batch; `snapshot` writes
//! and loads the state at one event; `recovery` makes a machine of both; `follower` makes the next snapshot beside the
//! running shard, and `archive` the files of what was removed; `new_file` is how a file comes to be whole or not at all.
//! Called by the engine at its start, by its snapshots, and by the offline tools.

pub(crate) mod archive;
pub(crate) mod directory;
pub(crate) mod follower;
mod new_file;
pub(crate) mod recovery;
pub(crate) mod snapshot;
pub(crate) mod walk;

pub use follower::{SnapshotError, SnapshotReport};
pub use recovery::{Cut, Recovered, RecoveryProgress, Unwatched};

use crate::disk::Disk;
use crate::journal::Misfit;
use crate::slot::ShardIndex;
use stampede_core::CodecError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where one shard's files are.
#[derive(Clone, Debug)]
pub(crate) struct ShardStore {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) shard: ShardIndex,
}

/// Why a data directory cannot be used as it is. Nothing has been changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The system refused a call.
    #[error("{action} {} failed: {cause}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Another server has the directory.
    #[error("{} is in use by another server; one directory serves one server", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// What was asked for changes the directory, which was opened to be looked at.
    #[error("the directory was opened to be looked at; open it locked to change it")]
    NotLocked,
    /// The directory was made with another number of shards.
    #[error(
        "shards: {} was made with {has} shards and keeps that number, not {given}; \
         leave the setting out to take the directory's",
        path.display()
    )]
    OtherShards {
        /// The directory.
        path: PathBuf,
        /// Its number.
        has: u16,
        /// What was asked for.
        given: u16,
    },
    /// A file is not what its name says, or of a version that this engine does not read.
    #[error("{}: {expected}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What was expected in it.
        expected: String,
    },
    /// A journal is damaged before its end: acknowledged events may be missing.
    #[error(
        "shard {shard}: {} is damaged at byte {offset}: {what}. Nothing was changed and nothing is skipped. \
         Look with `stampede inspect --data {} --shard {shard} --verify`; restore the directory from a copy, or give up what \
         stands behind the damage with `stampede repair --data {} --shard {shard} --cut {}:{offset}`",
        segment.display(),
        data_of(segment),
        data_of(segment),
        name_of(segment)
    )]
    Damaged {
        /// Whose journal.
        shard: u16,
        /// Which file.
        segment: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        what: Damage,
    },
    /// A shard had a journal, and has none.
    #[error(
        "shard {shard}: {} has no journal any more, and what happened in it is missing. Restore the directory from a copy",
        dir.display()
    )]
    NoJournal {
        /// Whose journal.
        shard: u16,
        /// Where it should lie.
        dir: PathBuf,
    },
    /// No snapshot can be loaded, and the journal does not reach back to the first event.
    #[error(
        "shard {shard}: the journal in {} begins with event {first}, and no snapshot that can be loaded reaches so far: \
         {flaws}. Restore the missing files from a copy",
        dir.display()
    )]
    Missing {
        /// Whose journal.
        shard: u16,
        /// Where it lies.
        dir: PathBuf,
        /// The first event that is there.
        first: u64,
        /// What was wrong with the snapshots, or that there are none.
        flaws: String,
    },
}

/// What is wrong at one place of a journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// No whole batch stands there, and events that were durable stand behind.
    #[error("no whole batch stands here, and later ones follow")]
    Broken,
    /// The file is shorter than it was made: a copy that was not finished.
    #[error("the file has {size} bytes and was made with {made}: is it a copy that was not finished?")]
    Shortened {
        /// What there is.
        size: u64,
        /// What there was.
        made: u64,
    },
    /// A segment's first bytes are not a segment's.
    #[error("the segment's header is broken")]
    Header,
    /// A whole batch or segment that does not belong.
    #[error("what stands here does not follow from what stands before: {0}")]
    Misfit(#[from] Misfit),
    /// The bytes are as they were written and still make no event.
    #[error("an event cannot be read: {0}")]
    Event(CodecError),
    /// The journal ends before the state of a snapshot.
    #[error("the journal ends with event {last}, but a snapshot speaks of event {snapshot}")]
    Short {
        /// The journal's last event.
        last: u64,
        /// The snapshot's.
        snapshot: u64,
    },
    /// Events that cannot have happened one after the other.
    #[error("its events contradict each other: {0}")]
    Contradiction(String),
}

impl ShardStore {
    /// An error of the system about a file.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        let path = path.to_owned();
        move |cause| StoreError::Io { action, path, cause }
    }

    pub(crate) fn damaged(&self, segment: &Path, offset: u64, what: impl Into<Damage>) -> StoreError {
        StoreError::Damaged {
            shard: self.shard.get(),
            segment: segment.to_owned(),
            offset,
            what: what.into(),
        }
    }
}

/// The data directory of a segment.
fn data_of(segment: &Path) -> String {
    segment.parent().and_then(Path::parent).unwrap_or(Path::new(".")).display().to_string()
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
