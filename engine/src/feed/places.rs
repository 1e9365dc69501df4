//! Places in the files that are known, so that a reader need not be led there from a segment's beginning.
//!
//! A few per segment, and where readers ended last; both are bounded. Each says which segment it is in, so that one of a
//! segment that went misleads nobody. Called by the feed.

use stampede_core::Seq;
use std::collections::{BTreeMap, VecDeque};

/// Bytes between places that are remembered in a segment.
const MARK_EVERY: u64 = 256 * 1024;
/// Readers' last places that are remembered.
const ENDS_MAX: usize = 4_096;

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// One here and there in each segment: from the batch that begins there, an event is reached by going on.
    marks: BTreeMap<u64, Place>,
    /// Where readers ended last.
    ends: BTreeMap<u64, Place>,
    /// The same, oldest first.
    ended: VecDeque<u64>,
}

/// Where a batch begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) segment: Seq,
    pub(super) offset: u64,
}

impl Places {
    /// A place of the segment from which an event is reached by going on.
    pub(super) fn find(&self, segment: Seq, next: Seq) -> Option<u64> {
        let ended = self.ends.get(&next.0);
        let marked = || self.marks.range(..=next.0).next_back().map(|(_, place)| place);
        ended.or_else(marked).filter(|place| place.segment == segment).map(|place| place.offset)
    }

    /// Remembers a batch on the way, if none near before it is remembered.
    pub(super) fn mark(&mut self, first: Seq, place: Place, kept_from: Seq) {
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
    pub(super) fn end(&mut self, next: Seq, place: Place) {
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
