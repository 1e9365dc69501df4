//! Drives one machine the way a shard does: a clock that only goes forward, sweeps, requests, and a journal
//! that keeps every event.
//!
//! Decides nothing about sales. Called by the scenario runner, the twin and the property tests. Keeps: an
//! answer that names an acceptance event names the one that made its reservation; a journal replayed gives
//! the same digest (I7).

use crate::journal::{Entry, Journal};
use crate::names::{Name, texts};
use crate::seen::{Seen, seen};
use stampede_core::{Answer, EventId, Machine, Request, ReservationAnswer, Settings, Swept, Text, UnixMs};

/// A machine under test.
#[derive(Debug)]
pub(crate) struct Driver {
    settings: Settings,
    machine: Machine,
    journal: Journal,
    now: UnixMs,
}

impl Driver {
    pub(crate) fn new(start: UnixMs) -> Self {
        let settings = Settings::default();
        Driver { settings, machine: Machine::new(settings), journal: Journal::default(), now: start }
    }

    pub(crate) fn now(&self) -> UnixMs {
        self.now
    }

    /// Moves the clock and sweeps nothing.
    pub(crate) fn advance_to(&mut self, now: UnixMs) {
        assert!(now >= self.now, "a shard's clock never goes back");
        self.now = now;
    }

    /// One slice of a sweep.
    pub(crate) fn sweep(&mut self, slice: usize) -> Swept {
        self.machine.sweep(self.now, slice, &mut self.journal)
    }

    /// Sweeps until nothing is due, in slices of this size.
    pub(crate) fn sweep_all(&mut self, slice: usize) {
        for _ in 0..1_000_000 {
            if self.sweep(slice) == Swept::Done {
                let due = self.machine.next_due();
                assert!(
                    due.is_none_or(|due| due > self.now),
                    "swept, and yet due at {due:?} now {}",
                    self.now
                );
                return;
            }
        }
        panic!("the sweep never ends: every slice must settle something");
    }

    /// Starts again from the journal alone, as a new life of the writer; swept before it serves, as it must be.
    pub(crate) fn restart(&mut self) {
        self.settings.epoch += 1;
        self.machine = self.journal.replayed(self.settings);
        self.sweep_all(7);
    }

    /// When the machine wants to sweep next.
    pub(crate) fn next_due(&self) -> Option<UnixMs> {
        self.machine.next_due()
    }

    /// One request, answered.
    pub(crate) fn ask(&mut self, request: &Request<Name>) -> Seen {
        let request = texts(request);
        let answer = self.machine.handle(&request, self.now, &mut self.journal);
        let seen = seen(&answer);
        let named = named_events(&answer);
        for (id, event) in named {
            check_event(&self.journal, &id, event);
        }
        seen
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The audit's own view, with everything checked.
    pub(crate) fn audit(&self) -> Seen {
        seen::<Text<'_>>(&Answer::Audit(Box::new(self.machine.audit())))
    }

    /// Replays the journal into a fresh machine and compares. `Err` says what differs.
    pub(crate) fn check_replay(&self) -> Result<(), String> {
        let replayed = self.journal.replayed(self.settings);
        if replayed.digest() != self.machine.digest() {
            return Err("I7: the digest of the replayed journal differs from the live one".into());
        }
        if replayed.last_event() != self.machine.last_event() {
            return Err("I7: the last event of the replayed journal differs from the live one".into());
        }
        let audit = replayed.audit();
        if !audit.broken.is_empty() {
            return Err(format!("the replayed machine is broken: {}", audit.broken.join(" | ")));
        }
        Ok(())
    }
}

/// The reservations in an answer with the acceptance event that each names.
fn named_events(answer: &Answer<Text<'_>>) -> Vec<(String, EventId)> {
    let named = |entry: &ReservationAnswer<Text<'_>>| (entry.id.as_str().to_owned(), entry.event);
    match answer {
        Answer::Reservation(reservation) => vec![named(reservation)],
        Answer::Buyer(buyer) => buyer.reservations.iter().map(named).collect(),
        Answer::Reservations(page) => page.entries.iter().map(named).collect(),
        _ => Vec::new(),
    }
}

fn check_event(journal: &Journal, id: &str, event: EventId) {
    let place = usize::try_from(event.seq.0).expect("a test's journal is short");
    match place.checked_sub(1).and_then(|index| journal.entries().get(index)) {
        Some((stamp, Entry::Accepted(intent))) => {
            assert_eq!(stamp.id, event, "the answer about {id} names an event of another epoch");
            assert_eq!(intent.id, id, "the answer about {id} names the acceptance of {}", intent.id);
        }
        other => panic!("the answer about {id} names event {event}, which is {other:?}"),
    }
}
