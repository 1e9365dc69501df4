//! A second reading of the journal's bytes, written from docs/journal.md and not from the engine.
//!
//! It tells where batches stand, so that the simulator knows what a flipped bit hits, and it forges the one batch that a
//! deposed writer would have written. It believes nothing that it cannot check: a batch counts if its own hash is right.

use stampede_engine::core::{Entry, Event, EventId, Names, Seq, Stamp, Text, UnixMs, encode};
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a header, a segment's or a batch's.
pub(crate) const HEADER: usize = 64;
const MAGIC: &[u8; 4] = b"SBAT";

/// A batch and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// Without the padding.
    pub(crate) bytes: Range<usize>,
    pub(crate) count: u32,
    pub(crate) epoch: u64,
    pub(crate) first: Seq,
    pub(crate) base: u64,
    pub(crate) hash: u64,
    pub(crate) shard: u16,
    /// Everything before it was durable when it was written.
    pub(crate) is_after_sync: bool,
}

impl Batch {
    /// Where the next batch begins.
    pub(crate) fn end(&self) -> usize {
        self.bytes.end.next_multiple_of(8)
    }
}

/// The batches of a segment, from its first one to the first place where none counts.
pub(crate) fn batches(segment: &[u8]) -> Vec<Batch> {
    let mut found = Vec::new();
    let mut at = HEADER;
    while let Some(batch) = batch_at(segment, at) {
        at = batch.end();
        found.push(batch);
    }
    found
}

fn batch_at(segment: &[u8], at: usize) -> Option<Batch> {
    let header = segment.get(at..at + HEADER)?;
    if header[..4] != *MAGIC {
        return None;
    }
    let end = at + HEADER + u32_at(header, 16) as usize;
    let hash = u64_at(header, 8);
    let hashed = segment.get(at + 16..end)?;
    (xxh3_64(hashed) == hash).then(|| Batch {
        bytes: at..end,
        shard: u16::from_le_bytes([header[6], header[7]]),
        count: u32_at(header, 20),
        epoch: u64_at(header, 24),
        first: Seq(u64_at(header, 32)),
        base: u64_at(header, 40),
        hash,
        is_after_sync: u64_at(header, 56) & 1 == 1,
    })
}

/// The batch that a writer of an older epoch would put behind `last`: whole, chained, and one event that nobody asked
/// for.
pub(crate) fn stale_batch(last: &Batch) -> Vec<u8> {
    let id = EventId { epoch: last.epoch - 1, seq: Seq(last.first.0 + u64::from(last.count)) };
    let stamp = Stamp { id, at: UnixMs::new(last.base + 1_000_000) };
    let event = Event::PoolAdded {
        pool: Text::stored(b"{zombie}"),
        units: 7,
        op: Text::stored(b"a deposed writer's"),
    };
    let mut batch = vec![0; HEADER];
    encode(&Entry { stamp, event, names: Names::default() }, stamp.at, &mut batch);
    let body = (batch.len() - HEADER) as u32;
    batch[..4].copy_from_slice(MAGIC);
    batch[4..6].copy_from_slice(&1_u16.to_le_bytes());
    batch[6..8].copy_from_slice(&last.shard.to_le_bytes());
    batch[16..20].copy_from_slice(&body.to_le_bytes());
    batch[20..24].copy_from_slice(&1_u32.to_le_bytes());
    let words = [id.epoch, id.seq.0, stamp.at.get(), last.hash, 1];
    for (word, place) in words.into_iter().zip(batch[24..HEADER].chunks_exact_mut(8)) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    let hash = xxh3_64(&batch[16..]);
    batch[8..16].copy_from_slice(&hash.to_le_bytes());
    batch.resize(batch.len().next_multiple_of(8), 0);
    batch
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}
