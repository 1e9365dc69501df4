//! The names that an event's positions stand for: a few look-ups by position, right after it took effect.

use crate::decide::Acceptance;
use crate::event::{
    Accepted, DemandMoved, Event, GroupIndex, Names, OfferIndex, ReservationIndex, ReservationNames,
};
use crate::request::{Buy, GroupChoice};
use crate::state::State;
use crate::text::Text;
use crate::view::{Standing, group_id};

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
                let offer = Some(self.offer_name(offer));
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
            Event::Accepted(ref accepted) => {
                let group = accepted.seat.map(|seat| group_id(self.offer(accepted.offer), seat.group));
                return self.names_accepted(accepted, group);
            }
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
    pub(super) fn names_accepted<'a>(
        &'a self,
        accepted: &Accepted<'a>,
        group: Option<Text<'a>>,
    ) -> Names<'a> {
        let Accepted { id, buyer, qty, price, .. } = *accepted;
        Names {
            offer: Some(self.offer_name(accepted.offer)),
            reservation: Some(ReservationNames { id, buyer, qty, price }),
            group,
        }
    }

    /// The id of the group in which an accepted intent sat down. Mostly the intent says it: who joins by an id names it,
    /// and who opens a group lends it the reservation's own.
    #[inline]
    pub(super) fn group_accepted<'a>(
        &'a self,
        acceptance: &Acceptance<'_>,
        buy: &Buy<Text<'a>>,
    ) -> Option<Text<'a>> {
        let Acceptance { opens, accepted, .. } = acceptance;
        let seat = accepted.seat?;
        let id = match buy.group {
            GroupChoice::Join(group) => group,
            _ if opens.is_some() => buy.id,
            _ => group_id(self.offer(accepted.offer), seat.group),
        };
        Some(id)
    }

    /// What stands behind a reservation, with its names in the feed.
    #[inline]
    pub(super) fn names_standing<'a>(&'a self, offer: OfferIndex, standing: &Standing<'a>) -> Names<'a> {
        Names {
            offer: Some(self.offer_name(offer)),
            reservation: Some(standing.names),
            group: standing.group_id,
        }
    }

    fn names_about(&self, offer: OfferIndex, about: About) -> Names<'_> {
        let names = Names { offer: Some(self.offer_name(offer)), ..Names::default() };
        match about {
            About::Offer => names,
            About::Group(group) => Names { group: Some(group_id(self.offer(offer), group)), ..names },
            About::Reservation(at) => self.names_standing(offer, &self.standing(offer, at)),
        }
    }
}
