//! What a reader gets: entries out of one or more batches, still as bytes, read back one by one.
//!
//! A page is filled again and again; it keeps its memory up to a bound. Filled by [`super::source::Source`].

use super::FeedError;
use crate::journal::batch::BatchHeader;
use stampede_core::{CodecError, Entries, Entry, EventId, Seq, UnixMs};

/// A page takes no further batch once it holds so many bytes.
const PAGE_BYTES: usize = 1 << 20;
/// And no further entry of a batch beyond so many.
const PAGE_BYTES_MAX: usize = PAGE_BYTES + 256 * 1024;

/// Entries that were read; to be filled again and again.
#[derive(Debug, Default)]
pub struct FeedPage {
    bytes: Vec<u8>,
    parts: Vec<Part>,
    count: usize,
}

/// Entries of one batch.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// Where they begin and end in the page's bytes.
    from: usize,
    to: usize,
    first: EventId,
    base: UnixMs,
    count: usize,
}

impl FeedPage {
    /// An empty page.
    pub fn new() -> Self {
        FeedPage::default()
    }

    /// How many entries it holds.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Hears every entry, in order.
    pub fn for_each(&self, mut hear: impl FnMut(&Entry<'_>)) -> Result<(), FeedError> {
        for part in &self.parts {
            let mut entries = Entries::new(&self.bytes[part.from..part.to], part.first, part.base);
            for _ in 0..part.count {
                let Some(entry) = entries.next()? else { break };
                hear(&entry);
            }
        }
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(2 * PAGE_BYTES);
        self.parts.clear();
        self.count = 0;
    }

    /// Whether another batch may go in, where `count_max` entries are wanted.
    pub(super) fn takes_more(&self, count_max: usize) -> bool {
        self.count < count_max && self.bytes.len() < PAGE_BYTES
    }

    /// The place behind the last entry.
    pub(super) fn behind(&self) -> Option<Seq> {
        self.parts.last().map(|part| Seq(part.first.seq.0 + part.count as u64))
    }

    /// Takes entries of a body, from `next` on.
    pub(super) fn take(
        &mut self,
        body: &[u8],
        header: &BatchHeader,
        next: Seq,
        count_max: usize,
    ) -> Result<(), CodecError> {
        let mut entries = Entries::new(body, header.first_id(), header.base);
        for _ in header.first.0..next.0.max(header.first.0) {
            entries.skip()?;
        }
        let (first, base) = (entries.next_id(), entries.base());
        let start = entries.offset();
        let mut count = 0;
        while self.count + count < count_max
            && entries.offset() - start + self.bytes.len() < PAGE_BYTES_MAX
            && entries.skip()?
        {
            count += 1;
        }
        let from = self.bytes.len();
        self.bytes.extend_from_slice(&body[start..entries.offset()]);
        self.parts.push(Part { from, to: self.bytes.len(), first, base, count });
        self.count += count;
        Ok(())
    }
}
