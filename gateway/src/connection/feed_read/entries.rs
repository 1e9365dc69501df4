//! Entries of one feed → bytes of a reply, page by page, until the range ends or the reply is full.
//!
//! Runs on a thread for reading; blocks on files. A reply holds at least one entry if there is one, however large.

use crate::command::feed::{End, RangeAsk};
use crate::reply::feed as shape;
use crate::resp::encode::{Encoder, Protocol};
use stampede_engine::core::{Entry, EventId, Seq};
use stampede_engine::{Feed, FeedError, FeedFrom, FeedPage};

/// Entries read at a time: some hundred KiB of reply, so that a reply that is full has not read much too far.
const PAGE_ENTRIES: usize = 512;

/// What a reply still has room for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// Entries.
    pub(super) entries: usize,
    /// Bytes. The entry that takes the last of them is still written whole.
    pub(super) bytes: usize,
}

impl Room {
    fn is_full(self) -> bool {
        self.entries == 0 || self.bytes == 0
    }

    fn take(&mut self, bytes: usize) {
        self.entries = self.entries.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// Entries as bytes.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// How many.
    pub(super) count: usize,
    /// Encoded, one after the other.
    pub(super) bytes: Vec<u8>,
}

/// Where entries are read from, and where to.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) feed: &'a Feed,
    pub(super) protocol: Protocol,
    pub(super) page: &'a mut FeedPage,
}

impl Source<'_> {
    /// The entries from a place on, up to the end of a range.
    pub(super) fn read_on(
        &mut self,
        mut from: FeedFrom,
        to: Option<End>,
        room: &mut Room,
    ) -> Result<Entries, FeedError> {
        let mut found = Entries::default();
        // What comes while this reads is for the next read; so a reader that keeps up reads one page.
        let end = self.feed.bounds().last;
        loop {
            self.feed.read(from, room.entries.min(PAGE_ENTRIES), self.page)?;
            let (mut is_over, mut last) = (self.page.is_empty(), end);
            let protocol = self.protocol;
            self.page.for_each(|entry| {
                is_over = is_over || room.is_full() || is_behind(entry.stamp.id, to);
                if !is_over {
                    room.take(found.add(entry, protocol));
                    last = entry.stamp.id;
                }
            })?;
            if is_over || room.is_full() || last >= end {
                return Ok(found);
            }
            from = FeedFrom::After(last);
        }
    }

    /// The entries of a range, the newest first.
    pub(super) fn read_back(&mut self, ask: &RangeAsk, room: &mut Room) -> Result<Entries, FeedError> {
        let mut found = Entries::default();
        let Some(mut upto) = self.last_of(ask)? else { return Ok(found) };
        let (mut is_over, mut at_once) = (false, PAGE_ENTRIES as u64);
        while !is_over && !room.is_full() {
            let first = self.feed.bounds().first.seq.0;
            let count = at_once.min(room.entries as u64).min((upto + 1).saturating_sub(first));
            if count == 0 {
                break;
            }
            let begin = upto + 1 - count;
            self.feed.read(FeedFrom::AtSeq(Seq(begin)), count as usize, self.page)?;
            let read = self.page.len() as u64;
            if read < count && count > 1 {
                // Large entries: the page was full before it reached the end. Begin so much nearer to it.
                at_once = read.max(1);
                continue;
            }
            let (mut chunk, mut ends) = (Entries::default(), vec![0]);
            let protocol = self.protocol;
            self.page.for_each(|entry| {
                if is_before(entry.stamp.id, ask.from) {
                    is_over = true;
                } else if entry.stamp.id.seq.0 <= upto {
                    chunk.add(entry, protocol);
                    ends.push(chunk.bytes.len());
                }
            })?;
            is_over |= chunk.count == 0;
            for span in ends.windows(2).rev().take_while(|_| !room.is_full()).collect::<Vec<_>>() {
                let bytes = &chunk.bytes[span[0]..span[1]];
                found.bytes.extend_from_slice(bytes);
                found.count += 1;
                room.take(bytes.len());
            }
            upto = begin - 1;
        }
        Ok(found)
    }

    /// The place of the last entry of a range; `None` where there is none. Fails where an end of the range is older than
    /// what is kept.
    fn last_of(&mut self, ask: &RangeAsk) -> Result<Option<u64>, FeedError> {
        if let Some(End::Inside(id)) = ask.from {
            self.feed.read(FeedFrom::At(id), 1, self.page)?;
        } else if let Some(End::Outside(id)) = ask.from {
            self.feed.read(FeedFrom::After(id), 1, self.page)?;
        }
        let bounds = self.feed.bounds();
        if bounds.entries == 0 {
            return Ok(None);
        }
        // Places have no gaps: the entry before the first one behind the range is the last one inside.
        let behind = match ask.to {
            None => return Ok(Some(bounds.last.seq.0)),
            Some(End::Inside(id)) => FeedFrom::After(id),
            Some(End::Outside(id)) => FeedFrom::At(id),
        };
        self.feed.read(behind, 1, self.page)?;
        let mut last = bounds.last.seq.0;
        self.page.for_each(|entry| last = entry.stamp.id.seq.0 - 1)?;
        Ok(Some(last))
    }
}

impl Entries {
    /// Adds an entry and tells how many bytes it took.
    fn add(&mut self, entry: &Entry<'_>, protocol: Protocol) -> usize {
        let before = self.bytes.len();
        shape::entry(&mut Encoder::new(&mut self.bytes, protocol), entry);
        self.count += 1;
        self.bytes.len() - before
    }
}

/// Whether an id lies behind the later end of a range.
fn is_behind(id: EventId, to: Option<End>) -> bool {
    match to {
        None => false,
        Some(End::Inside(end)) => id > end,
        Some(End::Outside(end)) => id >= end,
    }
}

/// Whether an id lies before the earlier end of a range.
fn is_before(id: EventId, from: Option<End>) -> bool {
    match from {
        None => false,
        Some(End::Inside(start)) => id < start,
        Some(End::Outside(start)) => id <= start,
    }
}
