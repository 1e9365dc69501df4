//! The feed of one shard: its durable events, from any kept place, as often as somebody wants to read them.
//!
//! The feed is the journal, read. A reader keeps its own place; nothing is kept for it here, so that thousands may wait
//! and the slowest slows nobody. Reads block on files: call them where that is allowed. Called by whoever serves
//! readers.
//!
//! Keeps I7 towards readers: entries come in order, without a gap, and only once they are durable.

use crate::disk::{Disk, DiskFile, read_full};
use crate::journal::batch::{BatchHeader, HEADER_BYTES, is_whole};
use crate::journal::log::{Counts, Log, Place as Kept, Segment};
use event_listener::EventListener;
use parking_lot::Mutex;
use stampede_core::{CodecError, Entries};
use stampede_core::{Entry, EventId, Seq, UnixMs};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A page takes no further batch once it holds so many bytes.
const PAGE_BYTES: usize = 1 << 20;
/// Bytes read from a file at once.
const READ_BYTES: usize = 256 * 1024;
/// Bytes between places that are remembered in a segment.
const MARK_EVERY: u64 = 256 * 1024;
/// Readers' last places that are remembered.
const ENDS_MAX: usize = 4_096;

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

/// Places in the files that are known, so that a reader need not be led there from a segment's beginning.
#[derive(Debug, Default)]
struct Places {
    /// One here and there in each segment: from the batch that begins there, an event is reached by going on.
    marks: BTreeMap<u64, Place>,
    /// Where readers ended last.
    ends: BTreeMap<u64, Place>,
    /// The same, oldest first.
    ended: VecDeque<u64>,
}

/// Where a batch begins.
#[derive(Clone, Copy, Debug)]
struct Place {
    segment: Seq,
    offset: u64,
}

impl Places {
    /// A place of the segment from which an event is reached by going on.
    fn find(&self, segment: Seq, next: Seq) -> Option<u64> {
        let ended = self.ends.get(&next.0);
        let marked = || self.marks.range(..=next.0).next_back().map(|(_, place)| place);
        ended.or_else(marked).filter(|place| place.segment == segment).map(|place| place.offset)
    }

    /// Remembers a batch on the way, if none near before it is remembered.
    fn mark(&mut self, first: Seq, place: Place, kept_from: Seq) {
        let before = self.find(place.segment, first).unwrap_or(0);
        if place.offset >= before + MARK_EVERY {
            self.marks.insert(first.0, place);
            // Segments that went take their marks with them.
            while self.marks.first_key_value().is_some_and(|(_, mark)| mark.segment < kept_from) {
                self.marks.pop_first();
            }
        }
    }

    /// Remembers where a reader ended: it will come back for the next event.
    fn end(&mut self, next: Seq, place: Place) {
        if self.ends.insert(next.0, place).is_none() {
            self.ended.push_back(next.0);
        }
        if self.ended.len() > ENDS_MAX
            && let Some(oldest) = self.ended.pop_front()
        {
            self.ends.remove(&oldest);
        }
    }
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
    #[error("reading {} failed: {source}", path.display())]
    Io {
        /// The segment.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

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
        while next <= last && page.count < count_max && page.bytes.len() < PAGE_BYTES {
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
        while page.count < count_max && page.bytes.len() < PAGE_BYTES && reached < end {
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

    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(2 * PAGE_BYTES);
        self.parts.clear();
        self.count = 0;
    }

    /// The place behind the last entry.
    fn behind(&self) -> Option<Seq> {
        self.parts.last().map(|part| Seq(part.first.seq.0 + part.count as u64))
    }

    /// Takes entries of a body, from `next` on.
    fn take(
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
            && entries.offset() - start + self.bytes.len() < PAGE_BYTES + READ_BYTES
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

/// The bytes of one segment.
enum Source {
    File { path: PathBuf, file: Box<dyn DiskFile>, window: Vec<u8>, start: u64 },
    Memory(Arc<parking_lot::RwLock<Vec<u8>>>),
}

impl Source {
    fn open(disk: &dyn Disk, segment: &Segment) -> Result<Source, FeedError> {
        match &segment.place {
            Kept::Memory(piece) => Ok(Source::Memory(Arc::clone(piece))),
            Kept::File(path) => {
                let file = disk.open(path).map_err(|source| io_error(path, source))?;
                Ok(Source::File { path: path.clone(), file, window: Vec::new(), start: 0 })
            }
        }
    }

    /// Where the first batch begins.
    fn begin(&self) -> u64 {
        match self {
            Source::File { .. } => HEADER_BYTES as u64,
            Source::Memory(_) => 0,
        }
    }

    /// The header at a place; `None` behind the last batch.
    fn header(&mut self, offset: u64) -> Result<Option<BatchHeader>, FeedError> {
        self.with(offset, HEADER_BYTES, |bytes| BatchHeader::read(bytes).map(|(header, _)| header))
    }

    /// Takes entries of the batch at a place.
    fn body(
        &mut self,
        offset: u64,
        header: &BatchHeader,
        next: Seq,
        count_max: usize,
        page: &mut FeedPage,
    ) -> Result<(), FeedError> {
        let taken = self.with(offset, header.span(), |batch| {
            let (read, hash) = BatchHeader::read(batch)?;
            if read != *header || !is_whole(header, hash, batch) {
                return None;
            }
            let end = HEADER_BYTES + header.body_bytes as usize;
            Some(page.take(&batch[HEADER_BYTES..end], header, next, count_max))
        })?;
        match taken {
            Some(taken) => Ok(taken?),
            None => Err(FeedError::Damaged { place: self.path().to_owned(), offset }),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Source::File { path, .. } => path,
            Source::Memory(_) => Path::new("memory"),
        }
    }

    /// Shows `look` the bytes at a place, fewer where they end.
    fn with<T>(&mut self, offset: u64, wanted: usize, look: impl FnOnce(&[u8]) -> T) -> Result<T, FeedError> {
        match self {
            Source::Memory(piece) => {
                let piece = piece.read();
                let from = piece.len().min(offset as usize);
                Ok(look(&piece[from..piece.len().min(from + wanted)]))
            }
            Source::File { path, file, window, start } => {
                if offset < *start || offset + wanted as u64 > *start + window.len() as u64 {
                    // What a damaged header says of its length must not make us hold more than the file has.
                    let size = file.size().map_err(|source| io_error(path, source))?;
                    let wanted = wanted.min(size.saturating_sub(offset) as usize);
                    window.resize(wanted.max(READ_BYTES), 0);
                    let filled = read_full(file.as_ref(), window, offset);
                    let filled = filled.map_err(|source| io_error(path, source))?;
                    window.truncate(filled);
                    *start = offset;
                }
                let from = (offset - *start) as usize;
                Ok(look(&window[from..window.len().min(from + wanted)]))
            }
        }
    }
}

fn io_error(path: &Path, source: io::Error) -> FeedError {
    FeedError::Io { path: path.to_owned(), source }
}
