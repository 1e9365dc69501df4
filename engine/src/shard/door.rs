//! The part of a shard that others reach, and the seat on which whoever turns the shard sits.
//!
//! A shard has a thread of its own. While that sleeps, a short run is decided by the thread that brings it, and answers
//! whose events were synced are sent off by the thread that synced them: two context switches cost more than the work.
//! While it is awake, or somebody else sits, work is left to it; so under load the shard's own thread does it, with the
//! machine's memory close by, and connections go on reading.
//!
//! Invariant: one thread at a time turns a shard, the one that holds the seat. A run that was queued is seen by the
//! thread that was found awake, by the one that sat down, or by the shard's thread that is woken because the seat was
//! taken.

use super::Shard;
use crate::counters::LiveCounters;
use crate::inbox::{Inbox, Shut};
use crate::outbox::{Outbox, wake_all};
use crate::round::{Begin, Round};
use crate::run::Run;
use crate::slot::ShardIndex;
use crate::wake::Wake;
use parking_lot::Mutex;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a run may weigh at most to be decided by whoever brings it. A longer one is worth waking the shard's thread for:
/// while that decides, the connection's thread reads on.
const SHORT_WEIGHT_MAX: usize = 16;

/// The part of a shard that others reach.
pub(crate) struct Door {
    pub(crate) index: ShardIndex,
    pub(crate) inbox: Inbox,
    pub(crate) counters: LiveCounters,
    /// Told to stop without deciding what is left.
    abandon: AtomicBool,
    pub(super) wake: Arc<Wake>,
    /// The shard, from the start of its thread to its end.
    pub(super) seat: Mutex<Option<Box<Shard>>>,
    /// What the last one who sat in kept its outboxes in, empty, for its memory.
    spare: Mutex<Vec<Arc<Outbox>>>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("index", &self.index).field("inbox", &self.inbox).finish_non_exhaustive()
    }
}

impl Begin for Door {
    fn begin(&self) {
        match self.seat.try_lock() {
            Some(mut seat) => {
                if let Some(shard) = seat.as_mut() {
                    shard.begin();
                }
            }
            // Whoever sits may have looked already. The shard's thread lets the writer begin in every round of its own.
            None => self.wake.wake(),
        }
    }
}

/// What a round by somebody else leaves to the shard's thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    Nothing,
    Something,
}

impl Door {
    /// Lets whoever brings work do it while the shard's thread sleeps.
    pub(super) fn let_others_sit(self: &Arc<Door>) {
        let door = Arc::downgrade(self);
        let stand_in = move || door.upgrade().is_some_and(|door| door.sit(None) == Left::Nothing);
        self.wake.set_stand_in(Box::new(stand_in));
    }

    pub(crate) fn new(index: ShardIndex, inbox_requests_max: usize) -> Self {
        let wake = Arc::new(Wake::default());
        Door {
            index,
            inbox: Inbox::new(inbox_requests_max, Arc::clone(&wake)),
            counters: LiveCounters::default(),
            abandon: AtomicBool::new(false),
            wake,
            seat: Mutex::new(None),
            spare: Mutex::default(),
        }
    }

    /// Queues a run and sees to it that it is decided: here and now, if the shard's thread sleeps. Hands it back if it
    /// was not taken.
    pub(crate) fn push(self: &Arc<Door>, run: Box<Run>) -> Result<(), (Box<Run>, Shut)> {
        let is_short = run.weight() <= SHORT_WEIGHT_MAX;
        let round = run.round().cloned();
        self.inbox.push(run)?;
        let is_done = is_short && self.wake.is_asleep() && self.sit(round.as_deref()) == Left::Nothing;
        if !is_done {
            self.wake.wake();
        }
        Ok(())
    }

    /// Once round, if nobody sits. The journal's writer may begin at once, or at the end of the round that the connection
    /// which brings the work belongs to.
    fn sit(self: &Arc<Door>, round: Option<&Round>) -> Left {
        let Some(mut seat) = self.seat.try_lock() else { return Left::Something };
        let Some(shard) = seat.as_mut() else { return Left::Something };
        let left = shard.sit_in();
        if round.is_none() {
            shard.begin();
        }
        let is_held = shard.is_held();
        let mut to_wake = shard.queues.take_to_wake(mem::take(&mut self.spare.lock()));
        drop(seat);
        wake_all(&mut to_wake);
        *self.spare.lock() = to_wake;
        if let Some(round) = round.filter(|_| is_held) {
            round.gather(self);
        }
        left
    }

    /// What a journal rings when its watermark moves.
    pub(super) fn wake(&self) -> Arc<Wake> {
        Arc::clone(&self.wake)
    }

    /// Makes the shard hand back what it has not answered as down.
    pub(crate) fn abandon(&self) {
        // Relaxed: the wake's fence orders it before the shard's last look for work.
        self.abandon.store(true, Ordering::Relaxed);
        self.wake.wake();
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandon.load(Ordering::Relaxed)
    }
}
