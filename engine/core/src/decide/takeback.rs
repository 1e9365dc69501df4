//! CANCEL, RETURN and REVOKE: a reservation ends before or after it was won.

use super::{No, Verdict};
use crate::event::{EndCause, Event, OfferIndex, ReservationIndex};
use crate::money::{ORDER_UNITS_MAX, Units};
use crate::refusal::Misuse;
use crate::request::Restock;
use crate::state::{NoteKind, State};
use crate::status::{GroupState, Status};
use crate::text::Text;

/// A RETURN as sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReturnOrder<'r> {
    pub(crate) qty: Option<Units>,
    pub(crate) restock: Restock,
    /// Empty when none was sent.
    pub(crate) op: Text<'r>,
}

impl State {
    /// The buyer gives up: a held one is released; a paid one leaves its open group if the offer lets it.
    pub(crate) fn decide_cancel<'r>(&self, at: OfferIndex, reservation: u32) -> Verdict<'r> {
        let offer = self.offer(at);
        let row = offer.reservations.get(reservation);
        let may_leave = offer.definition.group().is_some_and(|rule| rule.leave);
        let group_is_open =
            offer.group_of(row).is_some_and(|group| offer.groups.get(group).state == GroupState::Open);
        match row.status {
            Status::Held => release(at, reservation, EndCause::Cancelled, None),
            Status::Paid if may_leave && group_is_open => {
                self.refund(at, reservation, EndCause::Cancelled, None)
            }
            _ => Verdict::stands(at, reservation),
        }
    }

    /// The operator ends whatever is alive.
    pub(crate) fn decide_revoke<'r>(
        &self,
        at: OfferIndex,
        reservation: u32,
        reason: Text<'r>,
    ) -> Verdict<'r> {
        match self.offer(at).reservations.get(reservation).status {
            Status::Held => release(at, reservation, EndCause::Revoked, Some(reason)),
            Status::Paid | Status::Won => self.refund(at, reservation, EndCause::Revoked, Some(reason)),
            _ => Verdict::stands(at, reservation),
        }
    }

    /// Won units come back, all or some; each operation counts once.
    pub(crate) fn decide_return<'r>(
        &self,
        at: OfferIndex,
        reservation: u32,
        order: ReturnOrder<'r>,
    ) -> Result<Verdict<'r>, No> {
        if order.qty.is_some_and(|qty| qty == 0 || qty > ORDER_UNITS_MAX) {
            return Err(Misuse::UnitsRange { argument: "QTY" }.into());
        }
        if order.qty.is_some() && order.op.as_bytes().is_empty() {
            return Err(Misuse::OpNeeded.into());
        }
        let reservations = &self.offer(at).reservations;
        let row = reservations.get(reservation);
        for note in reservations.notes(reservation) {
            if let NoteKind::Returned { op, qty, restock, owe } = note.kind
                && !order.op.as_bytes().is_empty()
                && reservations.text(op) == order.op
            {
                // Without QTY the operation was for all that was left, so nothing is left of it.
                let is_same_qty = order.qty.map_or(row.status != Status::Won, |wanted| wanted == qty);
                let is_same = is_same_qty && order.restock == restock;
                let replay = Verdict::stands(at, reservation).replayed().owing(owe);
                return if is_same { Ok(replay) } else { Err(Misuse::OpConflict.into()) };
            }
        }
        if row.status != Status::Won {
            return Ok(Verdict::stands(at, reservation));
        }
        let left = row.qty - row.returned;
        let qty = order.qty.unwrap_or(left);
        if qty > left {
            return Err(Misuse::ReturnTooMany { left }.into());
        }
        reservations.check_room_for_note(reservation)?;
        let owe = reservations.kept(reservation).share(qty, left);
        let event = Event::Returned {
            offer: at,
            reservation: ReservationIndex(reservation),
            qty,
            restock: order.restock,
            owe,
            op: order.op,
        };
        Ok(Verdict::happens(at, reservation, event).owing(owe))
    }

    fn refund<'r>(
        &self,
        offer: OfferIndex,
        reservation: u32,
        cause: EndCause,
        reason: Option<Text<'r>>,
    ) -> Verdict<'r> {
        let owe = self.offer(offer).reservations.kept(reservation);
        let event = Event::Refunded { offer, reservation: ReservationIndex(reservation), owe, cause, reason };
        Verdict::happens(offer, reservation, event).owing(owe)
    }
}

fn release(offer: OfferIndex, reservation: u32, cause: EndCause, reason: Option<Text<'_>>) -> Verdict<'_> {
    let event = Event::Released { offer, reservation: ReservationIndex(reservation), cause, reason };
    Verdict::happens(offer, reservation, event)
}
