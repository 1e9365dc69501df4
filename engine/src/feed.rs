//! The feed of one shard: its durable events, from any kept place, as often as somebody wants to read them.
//!
//! The feed is the journal, read. A reader keeps its own place; nothing is kept for it here, so that thousands may wait
//! and the slowest slows nobody. Reads block on files: call them where that is allowed. `page` is what a reader gets,
//! `source` the bytes of one segment, `places` what is remembered of where batches begin. Called by whoever serves
//! readers.
//!
//! Keeps I7 towards readers: entries come in order, without a gap, and only once they are durable.

mod page;
mod places;
mod source;

pub use page::FeedPage;

use crate::disk::Disk;
use crate::journal::log::{Counts, Log, Segment};
use event_listener::EventListener;
use parking_lot::Mutex;
use places::{Place, Places};
use source::Source;
use stampede_core::{CodecError, EventId, Seq, UnixMs};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// The feed of one shard. Clones are the same feed.
#[derive(Clone, Debug)]
pub struct Feed {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    log: Arc<Log>,
    disk: Arc<dyn Disk>,
    places: Mutex<Places>,
}

/// What is kept of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedBounds {
    /// The first entry kept; where there is none, the earliest name that the next one can have.
    pub first: EventId,
    /// The last durable entry; seq 0 before the first.
    pub last: EventId,
    /// How many entries are kept.
    pub entries: u64,
}

/// How a journal stands, for people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JournalStatus {
    /// The last durable event; seq 0 before the first.
    pub synced: EventId,
    /// Calls that made something durable.
    pub syncs: u64,
    /// Nanoseconds that they took, all together.
    pub sync_nanos: u64,
    /// Batches written.
    pub batches: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Segments kept.
    pub segments: u64,
    /// The free bytes that were found too few; `None` while there are enough.
    pub full: Option<u64>,
    /// Whether it has failed, and the shard with it.
    pub has_failed: bool,
    /// Free bytes of the file system; `None` in memory mode.
    pub free_bytes: Option<u64>,
    /// The last event of the newest snapshot.
    pub last_snapshot: Option<EventId>,
    /// When it was made, if in this life.
    pub last_snapshot_at: Option<UnixMs>,
    /// Whether one is being made.
    pub is_snapshotting: bool,
}

/// Where a read begins. Names are ordered by epoch, then by seq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedFrom {
    /// At the first entry kept.
    First,
    /// Behind this name.
    After(EventId),
    /// At this name, or the next behind it.
    At(EventId),
    /// At this place, whatever its epoch.
    AtSeq(Seq),
}

/// Why a read brought nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// Entries behind the wanted place are kept no more.
    #[error("entries from here on are not kept any more; the first one kept is {first}")]
    Gone {
        /// The first entry kept.
        first: EventId,
    },
    /// The bytes are not what was written.
    #[error("{} is damaged at byte {offset}", place.display())]
    Damaged {
        /// The segment.
        place: PathBuf,
        /// Where in it.
        offset: u64,
    },
    /// The bytes are whole, and no entry.
    #[error("an entry cannot be read: {0}")]
    Unreadable(#[from] CodecError),
    /// The system refused a call.
    #[error("reading {} failed: {cause}", path.display())]
    Io {
        /// The segment.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

impl Feed {
    pub(crate) fn new(log: Arc<Log>, disk: Arc<dyn Disk>) -> Self {
        Feed { shared: Arc::new(Shared { log, disk, places: Mutex::default() }) }
    }

    /// What is kept now.
    pub fn bounds(&self) -> FeedBounds {
        let log = &self.shared.log;
        let (first, last) = (log.first_kept(), log.synced());
        FeedBounds {
            first: log.id_of(first),
            last: if last.0 == 0 { EventId::default() } else { log.id_of(last) },
            entries: (last.0 + 1).saturating_sub(first.0),
        }
    }

    /// What INFO tells of the journal behind it.
    pub(crate) fn status(&self) -> JournalStatus {
        let log = &self.shared.log;
        let counts = &log.counts;
        JournalStatus {
            synced: self.bounds().last,
            syncs: Counts::get(&counts.syncs),
            sync_nanos: Counts::get(&counts.sync_nanos),
            batches: Counts::get(&counts.batches),
            bytes: Counts::get(&counts.bytes),
            segments: log.segments().len() as u64,
            full: log.full(),
            has_failed: log.failure().is_some(),
            ..JournalStatus::default()
        }
    }

    /// Hears once when `last` has moved, or the journal has ended. Make it first, then look at the bounds again, then
    /// wait.
    pub fn listen(&self) -> EventListener {
        self.shared.log.listen()
    }

    /// Reads at most `count_max` entries into the page, fewer where they are large or end. An empty page: there are none
    /// yet.
    ///
    /// # Cost
    /// Blocks on files. Going on where the last read ended finds its place at once; another place of a segment is found
    /// by going through the headers from the nearest place that is known.
    pub fn read(&self, from: FeedFrom, count_max: usize, page: &mut FeedPage) -> Result<(), FeedError> {
        page.clear();
        let Some(wanted) = self.seq_of(from)? else { return Ok(()) };
        let last = self.shared.log.synced();
        let mut next = wanted;
        let mut segment = None;
        while next <= last && page.takes_more(count_max) {
            let found = match segment.take() {
                Some(segment) => Some(segment),
                None => self.shared.log.segment_of(next),
            };
            let found = found.ok_or_else(|| self.gone())?;
            match self.read_segment(&found, next, last, count_max, page) {
                Ok(reached) => next = reached,
                // Retention took it away since it was looked up.
                Err(FeedError::Io { .. }) if self.shared.log.first_kept() > next => return Err(self.gone()),
                Err(error) => return Err(error),
            }
            segment = self.shared.log.segment_after(found.first);
            if segment.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn gone(&self) -> FeedError {
        FeedError::Gone { first: self.bounds().first }
    }

    /// The seq that a read begins with; `None` where nothing can be behind the name.
    fn seq_of(&self, from: FeedFrom) -> Result<Option<Seq>, FeedError> {
        let log = &self.shared.log;
        let first = log.first_kept();
        let wanted = match from {
            FeedFrom::First => Some(first),
            FeedFrom::After(id) => log.seq_behind(id),
            FeedFrom::At(id) => log.seq_behind(EventId { seq: Seq(id.seq.0.saturating_sub(1)), ..id }),
            FeedFrom::AtSeq(seq) => Some(seq),
        };
        match wanted {
            Some(wanted) if wanted < first => Err(self.gone()),
            wanted => Ok(wanted),
        }
    }

    /// Takes entries from `next` on out of one segment; gives the entry behind the last one that it passed.
    fn read_segment(
        &self,
        segment: &Segment,
        next: Seq,
        last: Seq,
        count_max: usize,
        page: &mut FeedPage,
    ) -> Result<Seq, FeedError> {
        let mut source = Source::open(self.shared.disk.as_ref(), segment)?;
        let known = self.shared.places.lock().find(segment.first, next);
        let mut offset = known.unwrap_or(source.begin());
        let mut reached = next;
        // Up to here the segment must have events; what is behind is not durable yet, or in the next one.
        let after = self.shared.log.segment_after(segment.first);
        let end = after.map_or(Seq(last.0 + 1), |after| after.first.min(Seq(last.0 + 1)));
        while reached < end && page.takes_more(count_max) {
            let header = source.header(offset)?;
            let Some(header) = header.filter(|header| header.first <= reached && header.next() <= end) else {
                return Err(FeedError::Damaged { place: source.path().to_owned(), offset });
            };
            if header.count > 0 {
                let place = Place { segment: segment.first, offset };
                self.shared.places.lock().mark(header.first, place, self.shared.log.first_kept());
            }
            if header.next() > next && header.count > 0 {
                source.body(offset, &header, next, count_max, page)?;
                reached = Seq(next.0.max(header.first.0)).max(page.behind().unwrap_or(header.first));
                if reached < header.next() {
                    self.shared.places.lock().end(reached, Place { segment: segment.first, offset });
                    return Ok(reached);
                }
            }
            offset += header.span() as u64;
        }
        if reached > next {
            self.shared.places.lock().end(reached, Place { segment: segment.first, offset });
        }
        Ok(reached)
    }
}
