//! Sizes and times of a journal: what they are where nobody says, and their ranges.

/// Sizes and times of the journal, all of them per shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalConfig {
    /// Bytes of one segment, [`SEGMENT_BYTES_MIN`] to [`SEGMENT_BYTES_MAX`]. The next one is written full of zeros ahead
    /// of its need.
    pub segment_bytes: u64,
    /// With durability async: milliseconds within which what was answered is synced, 1 to 60,000.
    pub async_sync_ms: u64,
    /// Bytes of segments that are kept although a snapshot covers them, for readers of the feed.
    pub keep_bytes: u64,
    /// Hours after which a covered segment goes even below `keep_bytes`.
    pub keep_hours: u64,
    /// Bytes of journal after which the next snapshot begins by itself; 0: only when somebody asks.
    pub snapshot_bytes: u64,
    /// Snapshots kept, at least 2: were the newest damaged, the one before it and the journal behind that still say
    /// everything.
    pub snapshots: u32,
    /// With durability memory: bytes of the newest events that the feed keeps, at least a mebibyte.
    pub feed_bytes: u64,
    /// Free bytes of the file system that nothing is decided into: below this and a segment, requests that change
    /// something are refused.
    pub free_bytes_min: u64,
}

/// The smallest segment.
pub const SEGMENT_BYTES_MIN: u64 = 64 * 1024;
/// The largest segment.
pub const SEGMENT_BYTES_MAX: u64 = 4 << 30;

impl JournalConfig {
    /// What holds where nobody says otherwise.
    pub const DEFAULT: JournalConfig = JournalConfig {
        segment_bytes: 64 << 20,
        async_sync_ms: 100,
        keep_bytes: 4 << 30,
        keep_hours: 72,
        snapshot_bytes: 1 << 30,
        snapshots: 2,
        feed_bytes: 64 << 20,
        free_bytes_min: 256 << 20,
    };

    pub(crate) fn check(&self) -> Result<(), OutOfRange> {
        let fail = |field, expected| Err(OutOfRange { field, expected });
        if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&self.segment_bytes) {
            return fail("segment_bytes", "64 KiB to 4 GiB is");
        }
        if !(1..=60_000).contains(&self.async_sync_ms) {
            return fail("async_sync_ms", "1 to 60,000 is");
        }
        if self.snapshots < 2 {
            return fail("snapshots", "at least 2 is");
        }
        Ok(())
    }
}

impl Default for JournalConfig {
    fn default() -> Self {
        JournalConfig::DEFAULT
    }
}

/// A size or time that is out of its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("journal.{field}: {expected} expected")]
pub struct OutOfRange {
    /// Which.
    pub field: &'static str,
    /// The range.
    pub expected: &'static str,
}
