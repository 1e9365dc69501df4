//! Lets events take effect. The only code that changes the truth in the state, live and in a replay.
//!
//! An event is the truth: nothing here asks a rule again. What an event must find (status, seat, units) is asserted
//! before anything changes, so that a broken invariant stops the shard instead of spreading.

mod offers;
mod removal;
mod reservations;

use crate::event::{Accepted, Event, Stamp};
use crate::state::{Lookup, State};

impl State {
    /// Lets an acceptance take effect whose ids were looked up to decide it.
    pub(crate) fn apply_looked_up(&mut self, stamp: Stamp, accepted: &Accepted<'_>, lookup: Lookup) {
        self.advance(stamp.id, stamp.at);
        self.apply_accepted(stamp, accepted, lookup);
    }

    /// Lets one event take effect.
    pub(crate) fn apply(&mut self, stamp: Stamp, event: &Event<'_>) {
        self.advance(stamp.id, stamp.at);
        match *event {
            Event::OfferPut { offer, definition, opens } => self.apply_offer_put(offer, definition, opens),
            Event::OfferChanged { offer, definition, opens } => {
                self.apply_offer_changed(offer, definition, opens);
            }
            Event::OfferPaused { offer } => self.offer_mut(offer).is_paused = true,
            Event::OfferResumed { offer } => self.offer_mut(offer).is_paused = false,
            Event::OfferClosed { offer, .. } => self.offer_mut(offer).is_closed = true,
            Event::OfferRemoved { offer } => self.apply_offer_removed(offer),
            // Demand lies beside the state; the machine hears of it where it replays.
            Event::Demand(_) => {}
            Event::OfferExtended { offer, by, op } => self.apply_offer_extended(offer, by, op),
            Event::PoolAdded { pool, units, op } => self.apply_pool_added(pool, units, op),
            Event::GroupOpened { offer, expires, .. } => self.apply_group_opened(offer, expires),
            Event::Accepted(ref accepted) => self.apply_accepted(stamp, accepted, self.look_up(accepted)),
            Event::Paid { offer, reservation, amount, reference, status } => {
                self.apply_paid(offer, reservation, amount, reference, status);
            }
            Event::Owed { offer, reservation, reference, owe } => {
                self.apply_owed(offer, reservation, reference, owe);
            }
            Event::Released { offer, reservation, cause, .. } => {
                self.apply_released(offer, reservation, cause);
            }
            Event::Refunded { offer, reservation, owe, cause, .. } => {
                self.apply_refunded(offer, reservation, owe, cause);
            }
            Event::Won { offer, reservation } => self.apply_won(offer, reservation),
            Event::Returned { offer, reservation, qty, restock, owe, op } => {
                self.apply_returned(offer, reservation, reservations::Return { qty, restock, owe, op });
            }
            Event::Leader { offer, group, reservation } => {
                let offer = self.offer_mut(offer);
                offer.groups.get_mut(group).leader = offer.reservations.get(reservation.0).seat;
            }
            Event::Moved { offer, reservation, to } => self.apply_moved(offer, reservation, to),
            Event::GroupFormed { offer, group } => self.apply_group_formed(offer, group),
            Event::GroupFailed { offer, group } => self.apply_group_failed(offer, group),
        }
    }
}
