//! The reservations of one offer. Who made them is in `buyers`.
//!
//! A reservation is never removed: its id must answer the same for as long as the offer lives. Rare facts (payment
//! references, returns, referrers) are notes in a list of their own, so that the common reservation stays small.

use super::buyers::Buyers;
use crate::event::{EndCause, Seq};
use crate::money::{Money, Units};
use crate::request::Restock;
use crate::status::Status;
use crate::store::{Arena, Column, Hashes, Index, TextHash, TextRef, fetch};
use crate::text::Text;
use alloc::vec::Vec;
use core::num::NonZeroU32;

#[derive(Debug, Default)]
pub(crate) struct Reservations {
    pub(super) rows: Column<Reservation>,
    ids: Index,
    pub(super) buyers: Buyers,
    notes: Column<Note>,
    pub(super) texts: Arena,
    /// The prices at which units were bought, each once.
    prices: Vec<Money>,
}

/// Of an offer's bytes of ids, those that no purchase may take.
const NOTES_BYTES_KEPT: usize = 1 << 30;

/// A price, by its place among the offer's prices: a handful, for any number of reservations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PriceRef(u16);

/// Why a reservation ended, once it has; whether its deadline is its group's, while it is held. One byte.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending(u8);

#[derive(Debug)]
pub(crate) struct Reservation {
    pub(crate) id: TextRef,
    /// Position in `buyers`.
    pub(crate) buyer: u32,
    /// Units bought.
    pub(crate) qty: Units,
    /// Of these, units returned.
    pub(crate) returned: Units,
    /// Price per unit.
    pub(crate) price: PriceRef,
    /// The deadline less the offer's extensions so far; meaningful while held.
    pub(crate) deadline: i64,
    /// The event of its acceptance.
    pub(crate) event: Seq,
    /// The buyer's reservation before this one, as position + 1.
    pub(crate) previous_of_buyer: Option<NonZeroU32>,
    /// Its seat, as position + 1.
    pub(crate) seat: Option<NonZeroU32>,
    /// Its newest note, as position + 1.
    pub(crate) note: Option<NonZeroU32>,
    pub(crate) status: Status,
    pub(crate) ending: Ending,
}

// Every live reservation pays for each byte.
const _: () = assert!(size_of::<Reservation>() == 48, "a reservation is three quarters of a cache line");

/// A rare fact about a reservation.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) kind: NoteKind,
    /// The note before this one, as position + 1.
    pub(crate) previous: Option<NonZeroU32>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum NoteKind {
    /// The payment that took effect. A payment without a reference leaves no note.
    Paid { reference: TextRef },
    /// A payment that is owed back.
    Owed { reference: TextRef, owe: Money, is_late: bool },
    /// A return.
    Returned { op: TextRef, qty: Units, restock: Restock, owe: Money },
    /// Who brought the buyer.
    Referrer { buyer: TextRef },
}

impl Reservations {
    pub(crate) fn len(&self) -> u32 {
        self.rows.len()
    }

    /// Whether one more reservation fits, with its buyer and its price. What notes will need stays free: a payment must
    /// not find that later purchases have taken its place.
    pub(crate) fn has_room(&self) -> bool {
        self.rows.has_room()
            && self.texts.has_room(NOTES_BYTES_KEPT)
            && self.prices.len() < usize::from(u16::MAX)
    }

    /// Whether one more note with its text fits.
    pub(crate) fn has_room_for_note(&self) -> bool {
        self.notes.has_room() && self.texts.has_room(1_024)
    }

    /// Appends a reservation whose id is new, linked to its buyer. It is found once the indexes are built.
    pub(crate) fn append(&mut self, id: Text<'_>, make: impl FnOnce(TextRef) -> Reservation) -> u32 {
        let mut row = make(self.texts.push(id));
        row.previous_of_buyer = self.link_to_buyer(row.buyer);
        self.rows.push(row)
    }

    /// Builds the indexes of everything that was appended.
    pub(crate) fn build_indexes(&mut self, hashes: &Hashes) {
        let ids = Index::of_all((0..self.rows.len()).map(|at| hashes.of(self.id(at))));
        let buyer_ids = Index::of_all((0..self.buyer_count()).map(|at| hashes.of(self.buyer_id(at))));
        (self.ids, self.buyers.ids) = (ids, buyer_ids);
    }

    /// The place of a price; a new one begins.
    pub(crate) fn price_ref(&mut self, price: Money) -> PriceRef {
        let at = self.prices.iter().rposition(|&known| known == price).unwrap_or_else(|| {
            self.prices.push(price);
            self.prices.len() - 1
        });
        PriceRef(u16::try_from(at).expect("decide checks that one more price fits before it accepts"))
    }

    /// The price per unit of a reservation.
    pub(crate) fn price(&self, row: &Reservation) -> Money {
        self.prices[usize::from(row.price.0)]
    }

    pub(crate) fn note_count(&self) -> u32 {
        self.notes.len()
    }

    #[inline]
    pub(crate) fn get(&self, at: u32) -> &Reservation {
        &self.rows[at]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, at: u32) -> &mut Reservation {
        &mut self.rows[at]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Reservation> {
        self.rows.iter()
    }

    /// Asks memory for the tables themselves.
    #[inline]
    pub(crate) fn fetch_tables(&self) {
        fetch(&self.rows);
        fetch(&self.ids);
        fetch(&self.buyers.rows);
        fetch(&self.buyers.ids);
        fetch(&self.texts);
        fetch(&self.prices);
    }

    /// Asks memory for the offer's first price and for what leads to the ends of the tables, once these are at hand.
    #[inline]
    pub(crate) fn fetch_ways(&self) {
        self.rows.fetch_way();
        self.ids.fetch_way();
        self.buyers.rows.fetch_way();
        self.buyers.ids.fetch_way();
        self.texts.fetch_way();
        self.prices.first().into_iter().for_each(fetch);
    }

    /// Asks memory for where the next reservation goes, once what leads there is at hand.
    #[inline]
    pub(crate) fn fetch_ends(&self) {
        self.rows.fetch_end();
        self.buyers.rows.fetch_end();
        self.texts.fetch_end();
    }

    /// Asks memory for the places of an id, of a buyer's and of a group's, so that looking them up soon does not wait.
    #[inline]
    pub(crate) fn fetch_places(&self, id: TextHash, buyer: TextHash, group: TextHash) {
        self.ids.fetch_place(id);
        self.buyers.ids.fetch_place(buyer);
        if !group.is_none() {
            self.ids.fetch_place(group);
        }
    }

    pub(crate) fn find(&self, hash: TextHash, id: Text<'_>) -> Option<u32> {
        self.ids.find(hash, |at| self.texts.get(self.rows[at].id) == id)
    }

    pub(crate) fn id(&self, at: u32) -> Text<'_> {
        self.texts.get(self.rows[at].id)
    }

    pub(crate) fn text(&self, at: TextRef) -> Text<'_> {
        self.texts.get(at)
    }

    /// Appends a reservation whose id is new, linked to its buyer.
    pub(crate) fn push(
        &mut self,
        hash: TextHash,
        id: Text<'_>,
        make: impl FnOnce(TextRef) -> Reservation,
    ) -> u32 {
        let at = self.append(id, make);
        self.ids.insert(hash, at);
        at
    }

    /// Adds a note to a reservation. `make` gets the stored text.
    pub(crate) fn note(&mut self, at: u32, text: Text<'_>, make: impl FnOnce(TextRef) -> NoteKind) {
        let kind = make(self.texts.push(text));
        let note = self.notes.push(Note { kind, previous: self.rows[at].note });
        self.rows[at].note = one_up(note);
    }

    /// The notes of a reservation, newest first.
    pub(crate) fn notes(&self, at: u32) -> impl Iterator<Item = &Note> {
        let mut next = self.rows[at].note;
        core::iter::from_fn(move || {
            let note = &self.notes[next?.get() - 1];
            next = note.previous;
            Some(note)
        })
    }

    /// What was paid for a paid or won reservation and has not been given back.
    pub(crate) fn kept(&self, at: u32) -> Money {
        let row = &self.rows[at];
        let mut kept = self.price(row).times(row.qty);
        for note in self.notes(at) {
            if let NoteKind::Returned { owe, .. } = note.kind {
                kept -= owe;
            }
        }
        kept
    }
}

impl Ending {
    const CUT: u8 = 0x80;

    pub(crate) fn new(cause: EndCause, is_cut: bool) -> Self {
        Ending(cause as u8 | if is_cut { Ending::CUT } else { 0 })
    }

    /// Why it ended; meaningful once it has.
    pub(crate) fn cause(self) -> EndCause {
        EndCause::ALL[usize::from(self.0 & !Ending::CUT)]
    }

    /// Whether its deadline is its group's, and not in a hold queue.
    pub(crate) fn is_cut(self) -> bool {
        self.0 & Ending::CUT != 0
    }

    pub(crate) fn set_cause(&mut self, cause: EndCause) {
        *self = Ending::new(cause, self.is_cut());
    }
}

impl Reservation {
    /// Whether the offer's hold queues are what ends it.
    pub(crate) fn waits_in_hold_queue(&self) -> bool {
        self.status == Status::Held && !self.ending.is_cut()
    }

    /// Units that the buyer has or may get through this reservation.
    pub(crate) fn live_units(&self) -> Units {
        match self.status {
            Status::Held | Status::Paid | Status::Won => self.qty - self.returned,
            Status::Waiting | Status::Released | Status::Refunded | Status::Forfeited => 0,
        }
    }
}

/// A position as the table's "+ 1" form, in which `None` is "no position".
pub(crate) fn one_up(position: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(position + 1)
}
