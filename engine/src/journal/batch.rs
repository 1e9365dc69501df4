//! A batch: what becomes durable together. A header of 64 bytes, the events, and zeros up to the next 8 bytes.
//!
//! A batch says where it stands: its shard, its epoch, its first event, the hash of the batch before. So a batch that
//! is whole but does not belong (another shard's, an old writer's, one that follows a loss) is told from one that does.
//! Read by recovery, the feed and `inspect`; written by the writer. docs/journal.md draws the bytes.

use crate::disk::{Disk, read_full};
use stampede_core::{EventId, Seq, UnixMs};
use std::io;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a batch's header, and of a segment's.
pub(crate) const HEADER_BYTES: usize = 64;
/// The version of the journal's format.
pub(crate) const FORMAT_VERSION: u16 = 1;
/// Batches begin at multiples of this.
pub(crate) const ALIGNMENT: usize = 8;
/// The longest body that a reader believes in: the writer takes far less into one batch.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 30;

const BATCH_MAGIC: [u8; 4] = *b"SBAT";
const SEGMENT_MAGIC: [u8; 8] = *b"STPDJRNL";
/// The hash covers everything behind it.
const HASHED_FROM: usize = 16;

/// The hash of a batch, which covers that of the batch before, and so every batch since the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChainHash(pub(crate) u64);

/// What a batch says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    pub(crate) shard: u16,
    /// Bytes of the events, without header and padding.
    pub(crate) body_bytes: u32,
    /// How many events.
    pub(crate) count: u32,
    pub(crate) epoch: u64,
    /// The first event; with a count of 0, the one that comes next.
    pub(crate) first: Seq,
    /// The time that the first event's is counted from.
    pub(crate) base: UnixMs,
    pub(crate) previous: ChainHash,
    /// Whether everything before this batch was durable when it was written: then nothing before it may be missing.
    pub(crate) is_after_sync: bool,
}

impl BatchHeader {
    /// Bytes that the batch takes in its segment.
    pub(crate) fn span(&self) -> usize {
        (HEADER_BYTES + self.body_bytes as usize).next_multiple_of(ALIGNMENT)
    }

    /// The seq behind the batch.
    pub(crate) fn next(&self) -> Seq {
        Seq(self.first.0 + u64::from(self.count))
    }

    /// The name of its first event.
    pub(crate) fn first_id(&self) -> EventId {
        EventId { epoch: self.epoch, seq: self.first }
    }

    /// Writes the header in front of the body that stands behind the first [`HEADER_BYTES`], pads, and gives the hash.
    pub(crate) fn seal(&self, batch: &mut Vec<u8>) -> ChainHash {
        assert!(batch.len() == HEADER_BYTES + self.body_bytes as usize, "a batch is as long as it says");
        batch[..4].copy_from_slice(&BATCH_MAGIC);
        batch[4..6].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        batch[6..8].copy_from_slice(&self.shard.to_le_bytes());
        batch[16..20].copy_from_slice(&self.body_bytes.to_le_bytes());
        batch[20..24].copy_from_slice(&self.count.to_le_bytes());
        let words =
            [self.epoch, self.first.0, self.base.get(), self.previous.0, u64::from(self.is_after_sync)];
        for (word, place) in words.into_iter().zip(batch[24..HEADER_BYTES].chunks_exact_mut(8)) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let hash = xxh3_64(&batch[HASHED_FROM..]);
        batch[8..16].copy_from_slice(&hash.to_le_bytes());
        batch.resize(self.span(), 0);
        ChainHash(hash)
    }

    /// Reads a header without looking at the body; `None` where no batch of this format begins.
    pub(crate) fn read(bytes: &[u8]) -> Option<(BatchHeader, ChainHash)> {
        let bytes: &[u8; HEADER_BYTES] = bytes.get(..HEADER_BYTES)?.try_into().ok()?;
        let is_batch = bytes[..4] == BATCH_MAGIC && u16_at(bytes, 4) == FORMAT_VERSION;
        let header = BatchHeader {
            shard: u16_at(bytes, 6),
            body_bytes: u32_at(bytes, 16),
            count: u32_at(bytes, 20),
            epoch: u64_at(bytes, 24),
            first: Seq(u64_at(bytes, 32)),
            base: UnixMs::new(u64_at(bytes, 40)),
            previous: ChainHash(u64_at(bytes, 48)),
            is_after_sync: u64_at(bytes, 56) & 1 == 1,
        };
        let is_sane = header.body_bytes as usize <= BODY_BYTES_MAX
            && header.first.0.checked_add(u64::from(header.count)).is_some();
        (is_batch && is_sane).then_some((header, ChainHash(u64_at(bytes, 8))))
    }
}

/// Whether the bytes from the header to the end of the body are as they were written.
pub(crate) fn is_whole(header: &BatchHeader, hash: ChainHash, batch: &[u8]) -> bool {
    batch
        .get(HASHED_FROM..HEADER_BYTES + header.body_bytes as usize)
        .is_some_and(|hashed| xxh3_64(hashed) == hash.0)
}

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) shard: u16,
    /// The first event that may stand in it.
    pub(crate) first: Seq,
    /// The epoch in which it was begun.
    pub(crate) epoch: u64,
    /// The hash of the last batch of the segment before.
    pub(crate) previous: ChainHash,
    /// When it was begun.
    pub(crate) begun: UnixMs,
    /// How long the file was made, in whole KiB. It never becomes shorter: a copy that is was not finished.
    pub(crate) made_kib: u32,
}

impl SegmentHeader {
    pub(crate) fn bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&SEGMENT_MAGIC);
        bytes[16..18].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[18..20].copy_from_slice(&self.shard.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.made_kib.to_le_bytes());
        let words = [self.first.0, self.epoch, self.previous.0, self.begun.get()];
        for (word, place) in words.into_iter().zip(bytes[24..].chunks_exact_mut(8)) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let hash = xxh3_64(&bytes[HASHED_FROM..]);
        bytes[8..16].copy_from_slice(&hash.to_le_bytes());
        bytes
    }

    /// The header of a file; `None` where it is broken.
    pub(crate) fn of_file(disk: &dyn Disk, path: &Path) -> io::Result<Option<SegmentHeader>> {
        let mut bytes = [0; HEADER_BYTES];
        read_full(disk.open(path)?.as_ref(), &mut bytes, 0)?;
        Ok(SegmentHeader::read(&bytes))
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<SegmentHeader> {
        let bytes: &[u8; HEADER_BYTES] = bytes.get(..HEADER_BYTES)?.try_into().ok()?;
        let is_whole = bytes[..8] == SEGMENT_MAGIC
            && u64_at(bytes, 8) == xxh3_64(&bytes[HASHED_FROM..])
            && u16_at(bytes, 16) == FORMAT_VERSION;
        is_whole.then(|| SegmentHeader {
            shard: u16_at(bytes, 18),
            first: Seq(u64_at(bytes, 24)),
            epoch: u64_at(bytes, 32),
            previous: ChainHash(u64_at(bytes, 40)),
            begun: UnixMs::new(u64_at(bytes, 48)),
            made_kib: u32_at(bytes, 20),
        })
    }
}

/// A number of a header, whose length is known: it panics behind its end.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::{BatchHeader, ChainHash, HEADER_BYTES, SegmentHeader, is_whole};
    use stampede_core::{Seq, UnixMs};

    fn header(body: &[u8]) -> BatchHeader {
        BatchHeader {
            shard: 3,
            body_bytes: body.len() as u32,
            count: 2,
            epoch: 1_700_000_000_000,
            first: Seq(41),
            base: UnixMs::new(1_700_000_000_123),
            previous: ChainHash(0xfeed),
            is_after_sync: true,
        }
    }

    #[test]
    fn a_batch_reads_back_and_any_flipped_bit_shows() {
        let body = b"thirteen byte";
        let mut batch = vec![0; HEADER_BYTES];
        batch.extend_from_slice(body);
        let hash = header(body).seal(&mut batch);
        assert_eq!(batch.len(), 80);
        assert_eq!(BatchHeader::read(&batch), Some((header(body), hash)));
        assert!(is_whole(&header(body), hash, &batch));
        for bit in 0..(HEADER_BYTES + body.len()) * 8 {
            let mut flipped = batch.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let survives = BatchHeader::read(&flipped)
                .is_some_and(|(read, hash)| read.shard == 3 && is_whole(&read, hash, &flipped));
            assert!(!survives, "bit {bit} flips unseen");
        }
    }

    #[test]
    fn a_segment_header_reads_back_and_any_flipped_bit_shows() {
        let header = SegmentHeader {
            shard: 3,
            first: Seq(41),
            epoch: 7,
            previous: ChainHash(9),
            begun: UnixMs::new(1_700_000_000_000),
            made_kib: 65_536,
        };
        let bytes = header.bytes();
        assert_eq!(SegmentHeader::read(&bytes), Some(header));
        for bit in 0..HEADER_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::read(&flipped), None, "bit {bit} flips unseen");
        }
    }
}
