//! The names that an event's positions stand for: a few look-ups by position, right after it took effect.

use crate::event::{
    Accepted, DemandMoved, Event, GroupIndex, Names, OfferIndex, ReservationIndex, ReservationNames,
};
use crate::state::State;
use crate::view::group_id;

/// What an event is about.
#[derive(Clone, Copy)]
enum About {
    Offer,
    Group(GroupIndex),
    Reservation(u32),
}

impl State {
    /// The names in an event that has just taken effect.
    pub(super) fn names<'a>(&'a self, event: &Event<'a>) -> Names<'a> {
        let (offer, about) = match *event {
            Event::OfferPut { offer, .. } => return Names { offer: Some(offer), ..Names::default() },
            Event::PoolAdded { .. } => return Names::default(),
            Event::GroupOpened { offer, group, .. } => {
                let offer = Some(self.offer(offer).id());
                return Names { offer, reservation: None, group: Some(group) };
            }
            Event::OfferChanged { offer, .. }
            | Event::OfferPaused { offer }
            | Event::OfferResumed { offer }
            | Event::OfferClosed { offer, .. }
            | Event::OfferRemoved { offer }
            | Event::Demand(DemandMoved { offer, .. })
            | Event::OfferExtended { offer, .. } => (offer, About::Offer),
            Event::GroupFormed { offer, group } | Event::GroupFailed { offer, group } => {
                (offer, About::Group(group))
            }
            Event::Accepted(ref accepted) => return self.names_accepted(accepted),
            Event::Paid { offer, reservation, .. }
            | Event::Owed { offer, reservation, .. }
            | Event::Released { offer, reservation, .. }
            | Event::Refunded { offer, reservation, .. }
            | Event::Won { offer, reservation }
            | Event::Returned { offer, reservation, .. }
            | Event::Leader { offer, reservation, .. }
            | Event::Moved { offer, reservation, .. } => {
                let ReservationIndex(at) = reservation;
                (offer, About::Reservation(at))
            }
        };
        self.names_about(offer, about)
    }

    /// An acceptance says all but the names of its offer and its group.
    #[inline]
    pub(super) fn names_accepted<'a>(&'a self, accepted: &Accepted<'a>) -> Names<'a> {
        let Accepted { id, buyer, qty, price, .. } = *accepted;
        let offer = self.offer(accepted.offer);
        Names {
            offer: Some(self.offer_name(accepted.offer)),
            reservation: Some(ReservationNames { id, buyer, qty, price }),
            group: accepted.seat.map(|seat| group_id(offer, seat.group)),
        }
    }

    fn names_about(&self, offer: OfferIndex, about: About) -> Names<'_> {
        let offer = self.offer(offer);
        let names = Names { offer: Some(offer.id()), ..Names::default() };
        match about {
            About::Offer => names,
            About::Group(group) => Names { group: Some(group_id(offer, group)), ..names },
            About::Reservation(at) => {
                let row = offer.reservations.get(at);
                let reservation = ReservationNames {
                    id: offer.reservations.id(at),
                    buyer: offer.reservations.buyer_id(row.buyer),
                    qty: row.qty,
                    price: offer.reservations.price(row),
                };
                let group = offer.group_of(row).map(|group| group_id(offer, group));
                Names { reservation: Some(reservation), group, ..names }
            }
        }
    }
}
