//! Checkpoints of demand, so that a crash costs its last second and no more.

use super::Machine;
use crate::event::{Event, Record};
use crate::time::UnixMs;

/// The most checkpoints of one call, so that a batch stays bounded however many offers moved.
const CHECKPOINTS_AT_ONCE: usize = 16;

impl Machine {
    /// Records what moved of the demand for offers: for each at most one event a second, and in one call a bounded
    /// number. Call it once per batch.
    ///
    /// Cost: one comparison where nothing is due.
    pub fn checkpoint_demand(&mut self, now: UnixMs, record: &mut impl Record) {
        for _ in 0..CHECKPOINTS_AT_ONCE {
            let Some(checkpoint) = self.demand.take_due(now) else { return };
            checkpoint.tell(|moved| self.emit(&Event::Demand(*moved), now, record));
        }
    }

    /// Records everything that moved of the demand and is not told yet, due or not: at an orderly end.
    pub fn tell_demand(&mut self, now: UnixMs, record: &mut impl Record) {
        while let Some(checkpoint) = self.demand.take_next(now) {
            checkpoint.tell(|moved| self.emit(&Event::Demand(*moved), now, record));
        }
    }

    /// When the next checkpoint is due; in the past, if more wait than one call records.
    pub fn demand_due(&self) -> Option<UnixMs> {
        self.demand.next_due()
    }
}
