//! One event as a recorder hears it: stamped, and with the names that its positions stand for.
//!
//! With the names a journal is the feed: who reads it needs no state. A replay uses the positions alone. Made by the
//! machine in one place, right after the event took effect; borrows everything and allocates nothing.

use super::{Event, Stamp};
use crate::money::{Money, Units};
use crate::text::Text;

/// One event as a recorder hears it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its name and time.
    pub stamp: Stamp,
    /// What happened.
    pub event: Event<'a>,
    /// What the positions in the event stand for.
    pub names: Names<'a>,
}

/// What the positions in an event stand for, as of right after it took effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Names<'a> {
    /// The offer that the event is about; none for what happens to a pool.
    pub offer: Option<Text<'a>>,
    /// The reservation that the event is about.
    pub reservation: Option<ReservationNames<'a>>,
    /// The id of the group that the event or its reservation is about: the id of the reservation that opened it. For a
    /// member that moved, the group moved into.
    pub group: Option<Text<'a>>,
}

/// What stays the same about a reservation, but for an operator's new price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReservationNames<'a> {
    /// Its id.
    pub id: Text<'a>,
    /// Who bought.
    pub buyer: Text<'a>,
    /// Units bought.
    pub qty: Units,
    /// Price per unit.
    pub price: Money,
}

/// Hears every event, in order, right after it took effect.
pub trait Record {
    /// One event with its stamp and its names.
    fn record(&mut self, entry: &Entry<'_>);
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unrecorded;

impl Record for Unrecorded {
    fn record(&mut self, _: &Entry<'_>) {}
}
