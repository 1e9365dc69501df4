//! The way of events from the shard to the writer: one batch fills while the one before is written and synced.
//!
//! The shard lays each turn's events in, and whoever turned it lets the writer begin; the writer takes everything that is
//! there whenever it is free. So batches are as large as the disk is slow. A turn's events always come to lie in one
//! batch. Bounded by [`READY_BYTES_MAX`]: the shard asks [`Handoff::has_room`] before it decides.

use super::batch::{BatchHeader, HEADER_BYTES};
use super::chain::Chain;
use parking_lot::{Condvar, Mutex};
use stampede_core::{Entry, Seq, UnixMs, encode};
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// While so many bytes wait for the writer, nothing more is decided: about a tenth of a second of a busy shard.
pub(crate) const READY_BYTES_MAX: usize = 8 << 20;
/// While so many bytes wait for the writer, little is settled that nobody asks for: a sync of so many takes a quarter longer
/// than one of a page (179 against 141 µs where it was measured), so that a purchase does not stand behind a mass expiry.
const BEHIND_BYTES: usize = 64 << 10;
/// What a buffer keeps of its memory after a batch.
const KEPT_BYTES: usize = 2 * READY_BYTES_MAX;

/// Events on their way into one batch, behind the place of its header.
#[derive(Debug)]
pub(crate) struct Filling {
    /// The place of the header, then the events.
    pub(crate) bytes: Vec<u8>,
    pub(crate) count: u32,
    /// The last event.
    pub(crate) last: Seq,
    /// The time of the event before the first one.
    pub(crate) base: UnixMs,
}

impl Filling {
    pub(crate) fn new() -> Self {
        Filling { bytes: vec![0; HEADER_BYTES], count: 0, last: Seq::default(), base: UnixMs::new(0) }
    }

    /// Lays an event in. `before` is the time of the event before it, and becomes its own.
    pub(crate) fn add(&mut self, entry: &Entry<'_>, before: &mut UnixMs) {
        if self.count == 0 {
            self.base = *before;
        }
        encode(entry, *before, &mut self.bytes);
        *before = entry.stamp.at;
        self.count += 1;
        self.last = entry.stamp.id.seq;
    }

    /// What these events say of themselves as the next batch of a chain, everything before it being durable.
    pub(crate) fn header(&self, chain: &Chain) -> BatchHeader {
        BatchHeader {
            shard: chain.shard,
            body_bytes: (self.bytes.len() - HEADER_BYTES) as u32,
            count: self.count,
            epoch: chain.epoch,
            first: chain.next,
            base: self.base,
            previous: chain.previous,
            is_after_sync: true,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.truncate(HEADER_BYTES);
        self.bytes.shrink_to(KEPT_BYTES);
        self.count = 0;
    }
}

/// What stands between a shard and its writer.
#[derive(Debug)]
pub(crate) struct Handoff {
    ready: Mutex<Ready>,
    changed: Condvar,
    /// Bytes that wait. Relaxed: a bound, not a signal.
    waiting_bytes: AtomicUsize,
}

#[derive(Debug)]
struct Ready {
    filling: Filling,
    /// Whether the writer leaves it there, since more is about to join.
    is_held: bool,
    future: Future,
}

impl Ready {
    /// Whether there is nothing to take yet. At an end nothing joins any more.
    fn lacks_batch(&self) -> bool {
        self.filling.count == 0 || (self.is_held && self.future == Future::More)
    }
}

/// What is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Future {
    More,
    /// Nothing: the shard ended in order.
    Closed,
    /// Nothing: the shard ended otherwise.
    Left,
}

/// What the writer finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Events.
    Batch,
    /// Nothing yet.
    Nothing,
    /// Nothing, and nothing more will come: the epoch ends in order.
    Closed,
    /// Nothing, and nothing more will come.
    Left,
}

impl Handoff {
    pub(crate) fn new() -> Self {
        let ready = Ready { filling: Filling::new(), is_held: false, future: Future::More };
        Handoff { ready: Mutex::new(ready), changed: Condvar::new(), waiting_bytes: AtomicUsize::new(0) }
    }

    /// Lays a turn's events in and leaves `turn` empty. The writer leaves what begins a batch until [`Handoff::begin`]
    /// follows; what was let go is not called back, and takes along what joins it.
    pub(crate) fn put(&self, turn: &mut Filling) {
        let mut ready = self.ready.lock();
        if ready.filling.count == 0 {
            mem::swap(&mut ready.filling, turn);
            ready.is_held = true;
        } else {
            ready.filling.bytes.extend_from_slice(&turn.bytes[HEADER_BYTES..]);
            ready.filling.count += turn.count;
            ready.filling.last = turn.last;
        }
        self.waiting_bytes.store(ready.filling.bytes.len(), Ordering::Relaxed);
        drop(ready);
        turn.clear();
    }

    /// Lets the writer take what is there.
    pub(crate) fn begin(&self) {
        self.ready.lock().is_held = false;
        self.changed.notify_one();
    }

    pub(crate) fn has_room(&self) -> bool {
        self.waiting_bytes.load(Ordering::Relaxed) < READY_BYTES_MAX
    }

    pub(crate) fn is_behind(&self) -> bool {
        self.waiting_bytes.load(Ordering::Relaxed) >= BEHIND_BYTES
    }

    /// Takes what is there; `empty` goes in its place.
    pub(crate) fn take(&self, empty: &mut Filling) -> Taken {
        Self::take_from(&mut self.ready.lock(), &self.waiting_bytes, empty)
    }

    /// Takes what is there, waiting for it at most so long.
    pub(crate) fn take_within(&self, at_most: Option<Duration>, empty: &mut Filling) -> Taken {
        let mut ready = self.ready.lock();
        let is_idle = |ready: &mut Ready| ready.lacks_batch() && ready.future == Future::More;
        match at_most {
            None => self.changed.wait_while(&mut ready, is_idle),
            Some(length) => {
                self.changed.wait_while_for(&mut ready, is_idle, length);
            }
        }
        Self::take_from(&mut ready, &self.waiting_bytes, empty)
    }

    fn take_from(ready: &mut Ready, waiting_bytes: &AtomicUsize, empty: &mut Filling) -> Taken {
        if ready.lacks_batch() {
            return match ready.future {
                Future::More => Taken::Nothing,
                Future::Closed => Taken::Closed,
                Future::Left => Taken::Left,
            };
        }
        empty.clear();
        mem::swap(&mut ready.filling, empty);
        waiting_bytes.store(0, Ordering::Relaxed);
        Taken::Batch
    }

    /// Nothing more will come, and that is in order.
    pub(crate) fn close(&self) {
        self.end(Future::Closed);
    }

    /// Nothing more will come.
    pub(crate) fn leave(&self) {
        self.end(Future::Left);
    }

    fn end(&self, future: Future) {
        let mut ready = self.ready.lock();
        if ready.future == Future::More {
            ready.future = future;
        }
        drop(ready);
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::{Filling, Handoff, Taken};

    fn turn(bytes: &[u8]) -> Filling {
        let mut turn = Filling::new();
        turn.bytes.extend_from_slice(bytes);
        turn.count = 1;
        turn
    }

    #[test]
    fn what_was_let_go_is_not_called_back_by_what_joins_it() {
        let (handoff, mut batch) = (Handoff::new(), Filling::new());
        handoff.put(&mut turn(b"first"));
        assert_eq!(handoff.take(&mut batch), Taken::Nothing);
        handoff.begin();
        handoff.put(&mut turn(b"second"));
        assert_eq!(handoff.take(&mut batch), Taken::Batch);
        assert_eq!(batch.count, 2);
        handoff.put(&mut turn(b"third"));
        assert_eq!(handoff.take(&mut batch), Taken::Nothing, "a batch that begins waits to be let go");
    }
}
