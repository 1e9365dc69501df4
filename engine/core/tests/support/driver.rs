//! Drives one machine the way a shard does: a clock that only goes forward, sweeps, requests, and a journal
//! that keeps every event.
//!
//! Decides nothing about sales. Called by the scenario runner, the twin and the property tests. Keeps: an
//! answer that names an acceptance event names the one that made its reservation; a journal replayed gives
//! the same digest (I7); a read that writes nothing answers what the same read answers after a sweep.

use crate::journal::{Entry, Journal};
use crate::names::{Name, texts};
use crate::seen::{Seen, seen};
use stampede_core::{
    Answer, CodecError, EventId, Machine, Request, ReservationAnswer, Settings, Swept, Text, UnixMs,
};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// A machine under test.
#[derive(Debug)]
pub(crate) struct Driver {
    settings: Settings,
    machine: Machine,
    journal: Journal,
    now: UnixMs,
    /// Reads that wrote nothing, by what they found.
    pub(crate) looks: BTreeMap<String, u64>,
}

impl Driver {
    pub(crate) fn new(start: UnixMs) -> Self {
        let settings = Settings::default();
        let machine = Machine::new(settings);
        Driver { settings, machine, journal: Journal::default(), now: start, looks: BTreeMap::new() }
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

    /// Records what is due of the demand.
    pub(crate) fn checkpoint(&mut self) {
        while self.machine.demand_due().is_some_and(|due| due <= self.now) {
            self.machine.checkpoint_demand(self.now, &mut self.journal);
        }
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
        let is_due = self.is_due();
        let looked = self.machine.look(&request, self.now).map(|answer| seen(&answer));
        let events = self.journal.entries().len();
        let answer = self.machine.handle(&request, self.now, &mut self.journal);
        let seen = seen(&answer);
        let wrote = self.journal.entries().len() > events;
        if let Some(looked) = &looked
            && seen.status != "!BUSY"
        {
            assert_eq!(
                *looked, seen,
                "a read that writes nothing answers otherwise than the same read after a sweep"
            );
        }
        if is_read(&request) && !is_due {
            assert!(looked.is_some(), "nothing is due, and yet a read is not answered");
        }
        let named = named_events(&answer);
        for (id, event) in named {
            check_event(&self.journal, &id, event);
        }
        self.count_look(&request, looked.is_some(), wrote);
        seen
    }

    /// A read that writes nothing.
    pub(crate) fn look(&mut self, request: &Request<Name>) -> Option<Seen> {
        let request = texts(request);
        let looked = self.machine.look(&request, self.now).map(|answer| seen(&answer));
        self.count_look(&request, looked.is_some(), self.is_due());
        looked
    }

    fn is_due(&self) -> bool {
        self.machine.next_due().is_some_and(|due| due <= self.now)
    }

    fn count_look(&mut self, request: &Request<Text<'_>>, is_answered: bool, is_due: bool) {
        if !is_read(request) {
            return;
        }
        let name = format!("{request:?}");
        let verb = name.split([' ', '(']).next().unwrap_or_default();
        let due = if is_due { "with something due" } else { "with nothing due" };
        let found = if is_answered { "answered" } else { "given up" };
        *self.looks.entry(format!("look {verb} {due}: {found}")).or_default() += 1;
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The audit's own view, with everything checked.
    pub(crate) fn audit(&self) -> Seen {
        seen::<Text<'_>>(&Answer::Audit(Box::new(self.machine.audit())))
    }

    pub(crate) fn digest(&self) -> u128 {
        self.machine.digest()
    }

    /// The machine as a snapshot holds it.
    pub(crate) fn saved(&self) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        let put = |piece: &[u8]| -> Result<(), Infallible> {
            assert!(piece.len() <= 64 << 10, "a piece of {} bytes is longer than 64 KiB", piece.len());
            pieces.push(piece.to_vec());
            Ok(())
        };
        self.machine.save(put).expect("a list takes every piece");
        pieces
    }

    /// A driver of the machine that its snapshot loads, with the same journal behind it. Its tables are keyed
    /// differently. `Err` says what differs.
    pub(crate) fn loaded_copy(&self) -> Result<Driver, String> {
        let settings = Settings { hash_key: !self.settings.hash_key, ..self.settings };
        let machine = load(settings, &self.saved()).map_err(|error| format!("not loaded: {error}"))?;
        if machine.digest() != self.machine.digest() {
            return Err("the digest of the loaded machine differs from the saved one's".into());
        }
        if machine.epochs() != self.machine.epochs() || machine.last_event() != self.machine.last_event() {
            return Err("the events of the loaded machine are called otherwise than the saved one's".into());
        }
        let audit = machine.audit();
        if !audit.broken.is_empty() {
            return Err(format!("the loaded machine is broken: {}", audit.broken.join(" | ")));
        }
        Ok(Driver {
            settings,
            machine,
            journal: self.journal.clone(),
            now: self.now,
            ..Driver::new(self.now)
        })
    }

    /// Compares with a machine that was driven alike.
    pub(crate) fn check_same(&self, other: &Driver) -> Result<(), String> {
        if !self.journal.is_same(&other.journal) {
            let events = [self, other].map(|driver| driver.journal.entries().len());
            return Err(format!("the copy's events differ; {events:?} of them"));
        }
        if self.machine.digest() != other.machine.digest() {
            return Err("the copy's digest differs".into());
        }
        Ok(())
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

fn is_read(request: &Request<Text<'_>>) -> bool {
    matches!(
        request,
        Request::Show { .. }
            | Request::Buyer { .. }
            | Request::Group { .. }
            | Request::Groups { .. }
            | Request::OfferGet { .. }
            | Request::PoolGet { .. }
            | Request::Reservations { .. }
    )
}

/// Loads a machine from its pieces.
pub(crate) fn load(settings: Settings, pieces: &[Vec<u8>]) -> Result<Machine, CodecError> {
    let mut pieces = pieces.iter();
    Machine::load(settings, |buffer| {
        assert!(buffer.is_empty(), "a piece is read into an empty buffer");
        let piece = pieces.next();
        buffer.extend(piece.into_iter().flatten());
        Ok(piece.is_some())
    })
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
