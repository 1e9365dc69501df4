//! The feed as a reader without a state knows it: names rebuilt from nothing but earlier events.
//!
//! Every recorded entry is compared with it, in every test that keeps a journal: what an entry names is what its
//! positions stand for. Knows no rule.

use stampede_core::{
    Accepted, DemandMoved, Entry, Event, GroupIndex, Names, OfferIndex, ReservationIndex, ReservationNames,
    Text,
};

/// Names by position.
#[derive(Clone, Debug, Default)]
pub(crate) struct Feed {
    offers: Vec<Offer>,
}

#[derive(Clone, Debug, Default)]
struct Offer {
    id: String,
    groups: Vec<String>,
    reservations: Vec<Reservation>,
}

#[derive(Clone, Debug)]
struct Reservation {
    id: String,
    buyer: String,
    qty: u32,
    price: stampede_core::Money,
    group: Option<GroupIndex>,
}

impl Feed {
    /// Hears one entry; `Err` says what it names wrongly.
    pub(crate) fn hear(&mut self, entry: &Entry<'_>) -> Result<(), String> {
        self.learn(&entry.event);
        let expected = self.names(&entry.event);
        if expected == entry.names {
            return Ok(());
        }
        Err(format!("{:?} names {:?}, which should be {expected:?}", entry.event, entry.names))
    }

    fn learn(&mut self, event: &Event<'_>) {
        match event {
            Event::OfferPut { offer, .. } => {
                self.offers.push(Offer { id: offer.as_str().to_owned(), ..Offer::default() });
            }
            Event::GroupOpened { offer, group, .. } => {
                self.offers[offer.0 as usize].groups.push(group.as_str().to_owned());
            }
            Event::Accepted(Accepted { offer, id, buyer, qty, price, seat, .. }) => {
                self.offers[offer.0 as usize].reservations.push(Reservation {
                    id: id.as_str().to_owned(),
                    buyer: buyer.as_str().to_owned(),
                    qty: *qty,
                    price: *price,
                    group: seat.map(|seat| seat.group),
                });
            }
            Event::Moved { offer, reservation, to } => {
                self.offers[offer.0 as usize].reservations[reservation.0 as usize].group = Some(*to);
            }
            _ => {}
        }
    }

    fn names(&self, event: &Event<'_>) -> Names<'_> {
        match *event {
            Event::PoolAdded { .. } => Names::default(),
            Event::OfferPut { .. } => self.offer(OfferIndex(self.offers.len() as u32 - 1)),
            Event::OfferChanged { offer, .. }
            | Event::OfferPaused { offer }
            | Event::OfferResumed { offer }
            | Event::OfferClosed { offer, .. }
            | Event::OfferRemoved { offer }
            | Event::Demand(DemandMoved { offer, .. })
            | Event::OfferExtended { offer, .. } => self.offer(offer),
            Event::GroupOpened { offer, .. } => {
                self.group(offer, GroupIndex(self.offers[offer.0 as usize].groups.len() as u32 - 1))
            }
            Event::GroupFormed { offer, group } | Event::GroupFailed { offer, group } => {
                self.group(offer, group)
            }
            Event::Accepted(Accepted { offer, .. }) => {
                let newest = self.offers[offer.0 as usize].reservations.len() as u32 - 1;
                self.reservation(offer, ReservationIndex(newest))
            }
            Event::Paid { offer, reservation, .. }
            | Event::Owed { offer, reservation, .. }
            | Event::Released { offer, reservation, .. }
            | Event::Refunded { offer, reservation, .. }
            | Event::Won { offer, reservation }
            | Event::Returned { offer, reservation, .. }
            | Event::Leader { offer, reservation, .. }
            | Event::Moved { offer, reservation, .. } => self.reservation(offer, reservation),
        }
    }

    fn offer(&self, offer: OfferIndex) -> Names<'_> {
        Names { offer: Some(text(&self.offers[offer.0 as usize].id)), ..Names::default() }
    }

    fn group(&self, offer: OfferIndex, group: GroupIndex) -> Names<'_> {
        let id = text(&self.offers[offer.0 as usize].groups[group.0 as usize]);
        Names { group: Some(id), ..self.offer(offer) }
    }

    fn reservation(&self, offer: OfferIndex, at: ReservationIndex) -> Names<'_> {
        let known = &self.offers[offer.0 as usize].reservations[at.0 as usize];
        let names = known.group.map_or_else(|| self.offer(offer), |group| self.group(offer, group));
        let Reservation { id, buyer, qty, price, .. } = known;
        let reservation = ReservationNames { id: text(id), buyer: text(buyer), qty: *qty, price: *price };
        Names { reservation: Some(reservation), ..names }
    }
}

fn text(text: &str) -> Text<'_> {
    Text::stored(text.as_bytes())
}
