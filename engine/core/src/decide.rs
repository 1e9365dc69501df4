//! What a request leads to: events, an answer, or a no. Reads the state; changes nothing.
//!
//! Each verb has a file, and each file reads in the order in which its checks answer. What is due has been swept, or
//! the reservation in question brought up to date, before any of this runs (see `machine`).

mod admission;
mod buy;
mod due;
mod operate;
mod pay;
mod removal;
mod takeback;

pub(crate) use buy::{Acceptance, Purchase};
pub(crate) use due::expired;
pub(crate) use operate::Operator;
pub(crate) use pay::Payment;
pub(crate) use takeback::ReturnOrder;

use crate::event::{Event, OfferIndex};
use crate::money::Money;
use crate::refusal::{Misuse, Refusal};
use crate::state::{Keys, Reservations, State};
use crate::text::Text;

/// The most payment references and returns that one reservation remembers.
const NOTES_MAX: usize = 1_000;

/// A request about a reservation that is carried out: what happens to it, and what the answer shows.
#[derive(Debug)]
pub(crate) struct Verdict<'r> {
    pub(crate) event: Option<Event<'r>>,
    pub(crate) offer: OfferIndex,
    /// The reservation.
    pub(crate) at: u32,
    /// Whether it was decided before.
    pub(crate) is_replayed: bool,
    /// Whether a payment came too late to win.
    pub(crate) is_late: bool,
    /// What this request makes the storefront owe.
    pub(crate) owe: Money,
}

/// A request that changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum No {
    Refused(Refusal),
    Misuse(Misuse),
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        No::Refused(refusal)
    }
}

impl From<Misuse> for No {
    fn from(misuse: Misuse) -> Self {
        No::Misuse(misuse)
    }
}

impl<'r> Verdict<'r> {
    /// The reservation stays as it is.
    pub(crate) fn stands(offer: OfferIndex, at: u32) -> Self {
        Verdict { event: None, offer, at, is_replayed: false, is_late: false, owe: Money::ZERO }
    }

    /// One event happens to a reservation.
    fn happens(offer: OfferIndex, at: u32, event: Event<'r>) -> Self {
        Verdict { event: Some(event), ..Verdict::stands(offer, at) }
    }

    fn owing(mut self, owe: Money) -> Self {
        self.owe = owe;
        self
    }

    fn late(mut self, is_late: bool) -> Self {
        self.is_late = is_late;
        self
    }

    fn replayed(mut self) -> Self {
        self.is_replayed = true;
        self
    }
}

impl State {
    /// The reservation that a request names.
    pub(crate) fn find_reservation(
        &self,
        keys: &Keys,
        offer: Text<'_>,
        id: Text<'_>,
    ) -> Result<(OfferIndex, u32), No> {
        let offer = self.offer_of(keys, offer).ok_or(Refusal::Unknown)?;
        let at = self.offer(offer).reservations.find(keys.id, id).ok_or(Refusal::Unknown)?;
        Ok((offer, at))
    }
}

impl Reservations {
    /// Whether one more payment or return of a reservation can be remembered.
    fn check_room_for_note(&self, at: u32) -> Result<(), No> {
        if self.notes(at).count() >= NOTES_MAX {
            return Err(Misuse::Full {
                what: "payments and returns of one reservation",
                max: NOTES_MAX as u64,
            }
            .into());
        }
        if self.has_room_for_note() {
            return Ok(());
        }
        Err(Misuse::Full { what: "payments and returns of one offer", max: u64::from(u32::MAX) }.into())
    }
}
