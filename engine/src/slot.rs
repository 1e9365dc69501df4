//! Which shard an offer or a pool belongs to.
//!
//! The slot of an id is Redis Cluster's: CRC16 of its campaign, modulo 16,384. Shards own equal, contiguous runs of
//! slots. Nothing here knows what a shard does. Called by the engine, and by whoever has to tell that two ids lie
//! on different shards.

use stampede_core::Text;
use std::fmt;

/// The most shards: each is a thread.
pub const SHARDS_MAX: u16 = 256;
/// How many slots there are.
pub const SLOT_COUNT: u16 = 16_384;

/// The slot of a campaign, 0 to 16,383.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

/// One shard of an engine, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardIndex(u16);

impl Slot {
    /// The slot of an offer's or a pool's id.
    ///
    /// ```
    /// use stampede_engine::{Slot, core::Text};
    ///
    /// let slot = |id: &'static str| Slot::of(Text::stored(id.as_bytes()));
    /// assert_eq!(slot("foo").get(), 12_182);
    /// assert_eq!(slot("{user1000}.following"), slot("{user1000}.followers"));
    /// ```
    pub fn of(id: Text<'_>) -> Slot {
        Slot(crc16(id.campaign().as_bytes()) % SLOT_COUNT)
    }

    /// The number, 0 to 16,383.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The shard of an offer's or a pool's id when there are `count` shards.
    #[inline]
    pub(crate) fn shard_of(id: Text<'_>, count: u16) -> ShardIndex {
        // Every request asks: a single shard's id need not be hashed.
        if count == 1 { ShardIndex::default() } else { Slot::of(id).shard(count) }
    }

    /// The shard that owns this slot when there are `count` shards.
    fn shard(self, count: u16) -> ShardIndex {
        ShardIndex((u32::from(self.0) * u32::from(count) / u32::from(SLOT_COUNT)) as u16)
    }
}

impl ShardIndex {
    /// Every shard of an engine with `count` shards.
    pub(crate) fn all(count: u16) -> impl ExactSizeIterator<Item = ShardIndex> {
        (0..count).map(ShardIndex)
    }

    /// The number, counted from 0.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for ShardIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// CRC-16/XMODEM: polynomial 0x1021, start 0, nothing reflected.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| (crc << 8) ^ CRC16_TABLE[usize::from((crc >> 8) as u8 ^ byte)])
}

const CRC16_TABLE: [u16; 256] = crc16_table();

const fn crc16_table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::crc16;

    #[test]
    fn the_checksum_is_the_one_that_redis_cluster_names_in_its_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(crc16(b""), 0);
    }
}
