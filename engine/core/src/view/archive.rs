//! The reservations of an offer for an archive: what its removal takes out of memory.

use crate::event::{EventId, OfferIndex};
use crate::money::{Money, Units};
use crate::state::{NoteKind, OfferState, State};
use crate::status::Status;
use crate::text::Text;
use crate::view::group_id;

/// One reservation as an archive keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchivedReservation<'a> {
    /// Its id.
    pub id: Text<'a>,
    /// Who bought.
    pub buyer: Text<'a>,
    /// Units bought.
    pub qty: Units,
    /// Of these, units returned one part at a time; the rest of a refunded one came back at once.
    pub returned: Units,
    /// Price per unit.
    pub price: Money,
    /// How it ended.
    pub status: Status,
    /// The event of its acceptance.
    pub event: EventId,
    /// The group that it sat in last.
    pub group: Option<Text<'a>>,
    /// Who brought the buyer.
    pub referrer: Option<Text<'a>>,
    /// What the buyer paid, late and double payments included.
    pub paid: Money,
    /// Of this, what the storefront owed back.
    pub owed: Money,
}

impl State {
    pub(crate) fn archived(&self, offer: OfferIndex, at: u32) -> ArchivedReservation<'_> {
        let offer = self.offer(offer);
        let row = offer.reservations.get(at);
        let (paid, owed) = sums(offer, at);
        let referrer = offer.reservations.notes(at).find_map(|note| match note.kind {
            NoteKind::Referrer { buyer } => Some(offer.reservations.text(buyer)),
            _ => None,
        });
        ArchivedReservation {
            id: offer.reservations.id(at),
            buyer: offer.reservations.buyer_of(at),
            qty: row.qty,
            returned: row.returned,
            price: offer.reservations.price(row),
            status: row.status,
            event: self.event_id(row.event),
            group: offer.group_of(row).map(|group| group_id(offer, group)),
            referrer,
            paid,
            owed,
        }
    }
}

/// What was paid and owed. A refunded reservation owes all that took effect; parts of a won one stand in its notes.
fn sums(offer: &OfferState, at: u32) -> (Money, Money) {
    let row = offer.reservations.get(at);
    let due = offer.reservations.price(row).times(row.qty);
    let (mut paid, mut owed) = match row.status {
        Status::Paid | Status::Won => (due, Money::ZERO),
        Status::Refunded => (due, due),
        _ => (Money::ZERO, Money::ZERO),
    };
    for note in offer.reservations.notes(at) {
        match note.kind {
            NoteKind::Owed { owe, .. } => {
                paid += owe;
                owed += owe;
            }
            NoteKind::Returned { owe, .. } if row.status == Status::Won => owed += owe,
            _ => {}
        }
    }
    (paid, owed)
}
