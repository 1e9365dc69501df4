//! Every entry that one shard's feed has shown, byte for byte.
//!
//! Keeps I7 as a reader sees it: sequence numbers without a gap, epochs and times that never go back, and an entry shown
//! twice is the same twice. Called by the auditor.

use super::Checked;
use stampede_engine::core::{Entries, Entry, EventId, Seq, Stamp, encode};

/// Entries in their order, from the first.
#[derive(Debug, Default)]
pub(super) struct Record {
    notes: Vec<(Stamp, Box<[u8]>)>,
}

impl Record {
    pub(super) fn last(&self) -> Seq {
        Seq(self.notes.len() as u64)
    }

    pub(super) fn last_id(&self) -> Option<EventId> {
        self.notes.last().map(|(stamp, _)| stamp.id)
    }

    pub(super) fn id(&self, seq: Seq) -> Option<EventId> {
        self.notes.get(seq.0.checked_sub(1)? as usize).map(|(stamp, _)| stamp.id)
    }

    /// Adds the next entry.
    pub(super) fn push(&mut self, entry: &Entry<'_>) -> Checked {
        let expected = self.notes.len() as u64 + 1;
        if entry.stamp.id.seq.0 != expected {
            return Err(format!("I7: the feed goes on with it where {expected} was next"));
        }
        if let Some((before, _)) = self.notes.last() {
            if entry.stamp.id.epoch < before.id.epoch {
                return Err(format!("its epoch is below that of {}", before.id));
            }
            if entry.stamp.at < before.at {
                return Err(format!("the feed's time went back from {} to {}", before.at, entry.stamp.at));
            }
        }
        self.notes.push((entry.stamp, bytes(entry)));
        Ok(())
    }

    /// An entry that was shown before must be the same again.
    pub(super) fn compare(&self, entry: &Entry<'_>) -> Checked {
        let (stamp, known) = &self.notes[entry.stamp.id.seq.0 as usize - 1];
        if *stamp != entry.stamp {
            return Err(format!("it was shown as {} at {} before", stamp.id, stamp.at));
        }
        if **known != *bytes(entry) {
            return Err("it says something else than before".into());
        }
        Ok(())
    }

    pub(super) fn truncate(&mut self, last: Seq) {
        self.notes.truncate(last.0 as usize);
    }

    /// Tells every entry again, in order.
    pub(super) fn for_each(&self, mut hear: impl FnMut(&Entry<'_>) -> Checked) -> Checked {
        for (stamp, note) in &self.notes {
            let mut entries = Entries::new(note, stamp.id, stamp.at);
            match entries.next() {
                Ok(Some(entry)) => hear(&entry)?,
                other => return Err(format!("a note of {} cannot be read again: {other:?}", stamp.id)),
            }
        }
        Ok(())
    }
}

fn bytes(entry: &Entry<'_>) -> Box<[u8]> {
    let mut out = Vec::with_capacity(96);
    encode(entry, entry.stamp.at, &mut out);
    out.into()
}
