//! What must be there after a start: everything that was promised, nothing that was never shown to be asked for, the same
//! state as a replay of the record gives.
//!
//! Called by the world after each start, with how the life before ended and what was done to the disk since.

use super::{Auditor, Checked};
use crate::disk::End;
use stampede_engine::Durability;
use stampede_engine::core::{Machine, Seq};

/// What a start found on the disk of one shard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recovery {
    /// The last event that was there.
    pub(crate) last: Seq,
    /// How the life before ended.
    pub(crate) end: End,
    pub(crate) floor: Floor,
}

/// What may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Floor {
    /// Nothing that was promised.
    Promised,
    /// A batch at the end was damaged where it lay, which nothing can tell from a torn one: its events and what follows,
    /// from this one on.
    Unproven(Seq),
}

impl Auditor {
    /// A shard is back: what was promised must be there.
    pub(crate) fn recovered(&mut self, shard: usize, found: Recovery) -> Checked {
        let book = &mut self.books[shard];
        let shown = book.record.last();
        let kept = match (self.durability, found.end) {
            (Durability::Memory, _) => Seq(0),
            (Durability::Sync, _) | (Durability::Async, End::Killed) => shown.max(book.promised),
            // What was synced by the time, and only that, was shown on the feed.
            (Durability::Async, End::PowerLost) => shown,
        };
        let floor = match found.floor {
            Floor::Promised => kept,
            Floor::Unproven(first) => kept.min(Seq(first.0.saturating_sub(1))),
        };
        if found.last < floor {
            let (last, promised) = (found.last.0, book.promised.0);
            return Err(format!(
                "I8: shard {shard} came back up to event {last}; event {} was kept (promised {promised}, shown {})",
                floor.0, shown.0
            ));
        }
        if found.last < shown {
            book.rewind(found.last)?;
        }
        book.promised = book.promised.min(found.last);
        book.drop_acks_after(found.last);
        Ok(())
    }

    /// The machine must be what a replay of the record gives, once the feed has shown all of it.
    pub(crate) fn compare(&self, shard: usize, machine: &Machine) -> Checked {
        let book = &self.books[shard];
        let (shown, last) = (book.record.last(), machine.last_event().seq);
        if shown != last {
            return Err(format!(
                "everything is synced: the feed ends at {}, the machine at {}",
                shown.0, last.0
            ));
        }
        let audit = machine.audit();
        if !audit.broken.is_empty() {
            return Err(format!("the audit of shard {shard} says: {}", audit.broken.join("; ")));
        }
        if machine.digest() != book.shadow.digest() {
            return Err(format!(
                "I7: shard {shard} at event {} differs from a replay of everything that its feed showed",
                last.0
            ));
        }
        Ok(())
    }
}
