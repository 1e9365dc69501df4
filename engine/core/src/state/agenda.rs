//! What falls due, earliest first.
//!
//! Each offer has at most a few entries here however many holds are alive: a hold queue, its groups and its close
//! are each represented by their first item. An entry may be outdated (a deadline moved, the item ended); whoever
//! takes it looks at the state and schedules the item anew.

use crate::event::OfferIndex;
use crate::time::UnixMs;
use alloc::collections::BTreeSet;

/// What falls due, in the order that holds for one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DueKind {
    /// A group formed or failed and has members whose end is still to be told.
    Settlement,
    /// The first hold of one of the offer's hold queues.
    Hold,
    /// The first deadline of an open group.
    Group,
    /// The offer's close.
    Close,
}

/// One entry. The order of the fields is the order of the agenda.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Due {
    pub(crate) at: UnixMs,
    pub(crate) kind: DueKind,
    /// The event that made the item: earlier ones go first at the same instant.
    pub(crate) seq: u64,
    pub(crate) offer: OfferIndex,
    /// Which hold queue, or which group to settle.
    pub(crate) which: u32,
}

/// What stands first in a hold queue.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HoldHead {
    /// This reservation, and its place on the agenda.
    First(u32, Due),
    /// Nothing found yet: look again.
    Farther,
    /// The queue is empty.
    None,
}

/// Entries in their order, each once.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    entries: BTreeSet<Due>,
}

impl Agenda {
    pub(crate) fn insert(&mut self, due: Due) {
        self.entries.insert(due);
    }

    pub(crate) fn remove(&mut self, due: Due) {
        self.entries.remove(&due);
    }

    pub(crate) fn first(&self) -> Option<Due> {
        self.entries.first().copied()
    }
}
