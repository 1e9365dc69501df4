//! The life of a shard's own thread: it turns the shard while there is something to do, and sleeps.
//!
//! It holds the seat while it is awake and gives it up while it sleeps, so that somebody who brings work may sit down
//! meanwhile. It alone draws the consequences of an end: the journal is closed, or everything that is unanswered goes
//! back as down. Started by the engine.

use super::{Door, Shard, Stopped, Went};
use crate::journal::JournalError;
use crate::panics::panic_message;
use crate::wake::Patience;
use parking_lot::MutexGuard;
use stampede_core::{Millis, Seq};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// The longest sleep towards a deadline: a sleeping thread does not notice that the machine was suspended meanwhile.
const SLEEP_MAX: Millis = Millis::new(1_000);

type Seat<'a> = MutexGuard<'a, Option<Box<Shard>>>;

/// What the shard stood at when it found nothing to do: a sleep ends when one of these has changed.
struct Watch {
    durable: Seq,
    lacks: Lacks,
    is_full: bool,
    /// Whether there is something to do once the inbox is closed and empty.
    may_end: bool,
}

/// What keeps the shard from deciding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lacks {
    /// Runs in the inbox, or something that falls due.
    Work,
    /// Runs in the inbox, or a journal that has written most of what it has: what is due waits for that.
    Calm,
    /// Room in the journal.
    Room,
    /// Answers that leave, which the watermark lets.
    Release,
}

impl Door {
    /// Lets a shard's life begin. Its thread has to follow.
    pub(crate) fn seat(&self, shard: Shard) {
        *self.seat.lock() = Some(Box::new(shard));
    }

    /// The thread's whole life.
    pub(crate) fn run(self: &Arc<Door>, patience: Patience) {
        self.wake.bind();
        self.let_others_sit();
        let mut seat = self.seat.lock();
        // The machine and the journal are never touched again after a panic; the queues hold whole runs at any moment.
        let ended = catch_unwind(AssertUnwindSafe(|| serve(&mut seat, self, patience)));
        let stopped = match ended {
            Ok(Ok(())) => None,
            Ok(Err(stopped)) => Some(stopped),
            Err(panic) => Some(Stopped::Panicked(panic_message(panic.as_ref()))),
        };
        if let (Some(stopped), Some(shard)) = (stopped, seat.as_mut()) {
            shard.go_down(&stopped);
            shard.answer_down(patience);
        }
        *seat = None;
    }
}

/// Decides and answers until the inbox is closed and everything is answered; then the journal ends in order.
fn serve(seat: &mut Seat<'_>, door: &Door, patience: Patience) -> Result<(), Stopped> {
    if let Some(shard) = seat.as_mut() {
        shard.attach();
    }
    while let Some(shard) = seat.as_mut() {
        if let Some(stopped) = shard.stopped.take() {
            return Err(stopped);
        }
        if door.inbox.is_over() && shard.is_settled()? {
            shard.journal.close();
            return Ok(());
        }
        let Went::Idle { durable } = shard.go()? else { continue };
        let watch = shard.watch(durable)?;
        let at_most = shard.sleep_length(&watch);
        if at_most != Some(Duration::ZERO) && door.wake.is_quiet(patience, &|| shard.has_work(&watch)) {
            MutexGuard::unlocked(seat, || door.wake.sleep(at_most));
        }
    }
    Ok(())
}

impl Shard {
    fn watch(&self, durable: Seq) -> Result<Watch, JournalError> {
        let lacks = match (self.queues.has_room(), self.journal.has_room()) {
            (true, true) if self.journal.is_behind() => Lacks::Calm,
            (true, true) => Lacks::Work,
            (true, false) => Lacks::Room,
            (false, _) => Lacks::Release,
        };
        let has_untold = lacks == Lacks::Work && self.has_untold_demand();
        let is_full = self.journal.full().is_some();
        Ok(Watch { durable, lacks, is_full, may_end: has_untold || self.is_settled()? })
    }

    /// How long a sleep may last, which it notes; `None`: until somebody wakes the thread.
    fn sleep_length(&mut self, watch: &Watch) -> Option<Duration> {
        let now = self.clock.now();
        let length = match (watch.lacks == Lacks::Work, watch.is_full) {
            // What is due waits for space: its deadline is nothing to wake up for.
            (_, true) => Some(SLEEP_MAX),
            (true, false) => self.next_due().map(|due| due.from_now(now).min(SLEEP_MAX)),
            (false, false) => None,
        };
        self.wakes_at = length.map(|length| now.after(length));
        length.map(|length| Duration::from_millis(length.get()))
    }

    /// Whether there is something to decide, the watermark has moved, or the end has come.
    fn has_work(&self, watch: &Watch) -> bool {
        let (door, journal) = (&self.door, &self.journal);
        let can_decide = match watch.lacks {
            Lacks::Work => !door.inbox.is_empty() || !self.queues.is_decided(),
            Lacks::Calm => !door.inbox.is_empty() || !self.queues.is_decided() || !journal.is_behind(),
            Lacks::Room => journal.has_room(),
            Lacks::Release => false,
        };
        can_decide
            || !matches!(journal.durable(), Ok(seq) if seq == watch.durable)
            || journal.full().is_some() != watch.is_full
            || (watch.may_end && door.inbox.is_over())
            || door.is_abandoned()
    }

    /// Hands back everything that is here or still comes, in order, until the inbox is closed and empty.
    fn answer_down(&mut self, patience: Patience) {
        loop {
            if self.hand_back() {
                continue;
            }
            let inbox = &self.door.inbox;
            if inbox.is_over() {
                return;
            }
            if self.door.wake.is_quiet(patience, &|| !inbox.is_empty() || inbox.is_over()) {
                self.door.wake.sleep(None);
            }
        }
    }
}
