//! What a run is like as a whole: how many shards and connections, which durability, how small the segments are.

use crate::dice::Dice;
use stampede_engine::{Durability, EngineConfig, INBOX_REQUESTS_DEFAULT, JournalConfig};

/// Where the data lies on the simulated disk.
pub(super) const DATA: &str = "/data";

/// A run's settings.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) shards: u16,
    pub(super) connections: usize,
    pub(super) durability: Durability,
    pub(super) steps: u32,
    pub(super) journal: JournalConfig,
}

impl Profile {
    pub(super) fn draw(dice: &mut Dice) -> Profile {
        let durability = dice.weighted(&[(5, Durability::Sync), (1, Durability::Async)]);
        let segment_bytes = dice.pick(&[64 << 10, 64 << 10, 128 << 10]);
        Profile {
            shards: dice.pick(&[1, 2, 2, 3]),
            connections: dice.pick(&[1, 2, 3]),
            durability,
            steps: dice.between(200, 300) as u32,
            journal: JournalConfig {
                segment_bytes,
                async_sync_ms: dice.pick(&[5, 20, 100]),
                keep_bytes: segment_bytes * dice.pick(&[0, 1, 2, 100]),
                keep_hours: 72,
                snapshot_bytes: 0,
                snapshots: dice.pick(&[2, 2, 3]),
                feed_bytes: 64 << 20,
                free_bytes_min: 64 << 10,
            },
        }
    }

    pub(super) fn config(&self) -> EngineConfig {
        EngineConfig {
            shards: Some(self.shards),
            inbox_requests_max: INBOX_REQUESTS_DEFAULT,
            durability: self.durability,
            data: DATA.into(),
            journal: self.journal,
        }
    }

    pub(super) fn is_durable(&self) -> bool {
        self.durability != Durability::Memory
    }
}
