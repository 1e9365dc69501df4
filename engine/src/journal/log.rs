//! What a journal's writer shares with everybody who reads it: which segments are kept, and up to where they count.
//!
//! The writer moves the watermarks forward and adds segments; retention takes segments away; the feed, snapshots and
//! INFO read. Watermarks never go back. A reader first reads [`Log::synced`], then the bytes: the Acquire there pairs
//! with the Release in [`Log::publish`], so that every batch up to the watermark is seen whole.

use crate::slot::ShardIndex;
use event_listener::{Event as Bell, EventListener};
use parking_lot::RwLock;
use stampede_core::{EventId, Seq};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Stands for "there is space" where a number of free bytes would stand otherwise.
const HAS_SPACE: u64 = u64::MAX;

/// What is shared about one shard's journal.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) shard: ShardIndex,
    kept: RwLock<Kept>,
    /// The last event that may be spoken of in an answer.
    answerable: AtomicU64,
    /// The last event that a crash cannot take away.
    synced: AtomicU64,
    moved: Bell,
    failure: OnceLock<String>,
    has_failed: AtomicBool,
    /// Free bytes, while there are too few.
    full: AtomicU64,
    pub(crate) counts: Counts,
}

/// What the writer has done. Relaxed everywhere: the numbers are for people.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) syncs: AtomicU64,
    pub(crate) sync_nanos: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// Bytes behind the snapshot that earlier lives had written.
    pub(crate) bytes_before: AtomicU64,
    /// Bytes written when the newest snapshot was taken.
    pub(crate) bytes_at_snapshot: AtomicU64,
}

impl Counts {
    pub(crate) fn add(counter: &AtomicU64, more: u64) {
        counter.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
struct Kept {
    /// Oldest first.
    segments: Vec<Segment>,
    /// Where each epoch begins, oldest first.
    epochs: Vec<EventId>,
}

/// A kept segment.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// The first event that may stand in it.
    pub(crate) first: Seq,
    pub(crate) place: Place,
}

/// Where the bytes of a segment are.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    File(PathBuf),
    /// In memory mode: the batches, one after the other, without a segment's header.
    Memory(Arc<RwLock<Vec<u8>>>),
}

impl Log {
    /// A journal that ends with `last`; `epochs` are those of its events.
    pub(crate) fn new(shard: ShardIndex, last: Seq, epochs: &[EventId], segments: Vec<Segment>) -> Self {
        Log {
            shard,
            kept: RwLock::new(Kept { segments, epochs: epochs.to_vec() }),
            answerable: AtomicU64::new(last.0),
            synced: AtomicU64::new(last.0),
            moved: Bell::new(),
            failure: OnceLock::new(),
            has_failed: AtomicBool::new(false),
            full: AtomicU64::new(HAS_SPACE),
            counts: Counts::default(),
        }
    }

    pub(crate) fn answerable(&self) -> Seq {
        Seq(self.answerable.load(Ordering::Acquire))
    }

    pub(crate) fn synced(&self) -> Seq {
        Seq(self.synced.load(Ordering::Acquire))
    }

    /// Lets answers leave that speak of events up to `seq`.
    pub(crate) fn allow_answers(&self, seq: Seq) {
        self.answerable.store(seq.0, Ordering::Release);
    }

    /// Shows events up to `seq` on the feed. Ring afterwards, when the answers are on their way.
    pub(crate) fn publish(&self, seq: Seq) {
        self.synced.store(seq.0, Ordering::Release);
    }

    /// Wakes every waiting reader: events were published, or the journal ends.
    pub(crate) fn ring(&self) {
        self.moved.notify(usize::MAX);
    }

    pub(crate) fn listen(&self) -> EventListener {
        self.moved.listen()
    }

    /// Says that nothing will become durable any more. The first reason stays.
    pub(crate) fn fail(&self, reason: String) {
        // Whoever was first has said why.
        let _told_before = self.failure.set(reason);
        self.has_failed.store(true, Ordering::Release);
        self.ring();
    }

    pub(crate) fn failure(&self) -> Option<&str> {
        let has_failed = self.has_failed.load(Ordering::Acquire);
        has_failed.then(|| self.failure.get().map_or("", String::as_str))
    }

    /// Says how much space there is, where it is too little; `None` where it is enough.
    pub(crate) fn set_full(&self, free_bytes: Option<u64>) {
        self.full.store(free_bytes.unwrap_or(HAS_SPACE), Ordering::Release);
    }

    pub(crate) fn full(&self) -> Option<u64> {
        let free = self.full.load(Ordering::Acquire);
        (free != HAS_SPACE).then_some(free)
    }

    /// Bytes written in this life.
    pub(crate) fn bytes(&self) -> u64 {
        Counts::get(&self.counts.bytes)
    }

    /// Notes what recovery found behind its snapshot.
    pub(crate) fn note_bytes_before(&self, bytes: u64) {
        self.counts.bytes_before.store(bytes, Ordering::Relaxed);
    }

    /// Bytes written since the newest snapshot, in this life and before.
    pub(crate) fn bytes_since_snapshot(&self) -> u64 {
        let before = Counts::get(&self.counts.bytes_before);
        (before + self.bytes()).saturating_sub(Counts::get(&self.counts.bytes_at_snapshot))
    }

    /// Notes a snapshot, and how many bytes had been written when it was begun.
    pub(crate) fn note_snapshot(&self, written: u64) {
        self.counts.bytes_before.store(0, Ordering::Relaxed);
        self.counts.bytes_at_snapshot.store(written, Ordering::Relaxed);
    }

    /// Notes that events from `first` on belong to a new epoch.
    pub(crate) fn begin_epoch(&self, first: EventId) {
        let epochs = &mut self.kept.write().epochs;
        // A life that made no event leaves no trace on the feed.
        while epochs.last().is_some_and(|last| last.seq >= first.seq) {
            epochs.pop();
        }
        epochs.push(first);
    }

    pub(crate) fn add_segment(&self, segment: Segment) {
        self.kept.write().segments.push(segment);
    }

    /// The segment in which an event stands or will stand.
    pub(crate) fn segment_of(&self, seq: Seq) -> Option<Segment> {
        let kept = self.kept.read();
        let after = kept.segments.partition_point(|segment| segment.first <= seq);
        kept.segments.get(after.checked_sub(1)?).cloned()
    }

    /// The segment behind this one.
    pub(crate) fn segment_after(&self, first: Seq) -> Option<Segment> {
        let kept = self.kept.read();
        let after = kept.segments.partition_point(|segment| segment.first <= first);
        kept.segments.get(after).cloned()
    }

    /// Every kept segment, oldest first.
    pub(crate) fn segments(&self) -> Vec<Segment> {
        self.kept.read().segments.clone()
    }

    /// The oldest segment, unless it is the last one or holds events from `keep_from` on.
    pub(crate) fn oldest_behind(&self, keep_from: Seq) -> Option<Seq> {
        let kept = self.kept.read();
        let is_behind = kept.segments.get(1).is_some_and(|second| second.first <= keep_from);
        is_behind.then(|| kept.segments[0].first)
    }

    /// Takes the oldest segment out, unless it is the last; readers that are in it finish.
    pub(crate) fn drop_oldest(&self) -> Option<Segment> {
        let segments = &mut self.kept.write().segments;
        (segments.len() > 1).then(|| segments.remove(0))
    }

    /// Puts the oldest segment back: it could not be removed.
    pub(crate) fn restore_oldest(&self, segment: Segment) {
        self.kept.write().segments.insert(0, segment);
    }

    /// The first event that is kept, or the next one to come.
    pub(crate) fn first_kept(&self) -> Seq {
        self.kept.read().segments.first().map_or(Seq(self.synced().0 + 1), |segment| segment.first)
    }

    /// The public name of an event.
    pub(crate) fn id_of(&self, seq: Seq) -> EventId {
        let kept = self.kept.read();
        let after = kept.epochs.partition_point(|first| first.seq <= seq);
        EventId { epoch: after.checked_sub(1).map_or(0, |at| kept.epochs[at].epoch), seq }
    }

    /// The first event whose name is behind this one, in the order of names.
    pub(crate) fn seq_behind(&self, id: EventId) -> Option<Seq> {
        let kept = self.kept.read();
        let after = kept.epochs.partition_point(|first| first.epoch <= id.epoch);
        let next_epoch = kept.epochs.get(after).map(|first| first.seq);
        let Some(own) = after.checked_sub(1).map(|at| kept.epochs[at]).filter(|own| own.epoch == id.epoch)
        else {
            return next_epoch;
        };
        let behind = Seq(id.seq.0.saturating_add(1)).max(own.seq);
        Some(next_epoch.map_or(behind, |next| behind.min(next)))
    }
}

#[cfg(test)]
mod tests {
    use super::Log;
    use crate::slot::ShardIndex;
    use stampede_core::{EventId, Seq};

    fn id(epoch: u64, seq: u64) -> EventId {
        EventId { epoch, seq: Seq(seq) }
    }

    #[test]
    fn names_are_found_in_the_order_of_epoch_and_seq() {
        let log = Log::new(ShardIndex::default(), Seq(60), &[id(100, 1), id(200, 41)], Vec::new());
        let rows = [
            (id(0, 0), Some(1)),
            (id(100, 0), Some(1)),
            (id(100, 5), Some(6)),
            (id(100, 40), Some(41)),
            // A name of events that a repair cut off: what came in their place is behind it.
            (id(100, 50), Some(41)),
            (id(150, 7), Some(41)),
            (id(200, 3), Some(41)),
            (id(200, 41), Some(42)),
            (id(200, u64::MAX), Some(u64::MAX)),
            (id(300, 1), None),
        ];
        for (given, expected) in rows {
            assert_eq!(log.seq_behind(given), expected.map(Seq), "after {given}");
        }
        assert_eq!(log.id_of(Seq(40)), id(100, 40));
        assert_eq!(log.id_of(Seq(41)), id(200, 41));
    }

    #[test]
    fn an_epoch_without_events_leaves_no_trace() {
        let log = Log::new(ShardIndex::default(), Seq(60), &[id(100, 1)], Vec::new());
        log.begin_epoch(id(200, 61));
        log.begin_epoch(id(300, 61));
        assert_eq!(log.id_of(Seq(61)), id(300, 61));
        assert_eq!(log.seq_behind(id(200, 61)), Some(Seq(61)));
    }
}
