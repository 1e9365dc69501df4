//! PAY: the storefront took money. Before the deadline it wins; after it, the money is owed back or takes the units
//! again.

use super::{No, Verdict};
use crate::event::{EndCause, Event, OfferIndex, ReservationIndex};
use crate::money::Money;
use crate::offer::Late;
use crate::refusal::Refusal;
use crate::state::{NoteKind, OfferState, Reservation, State};
use crate::status::{GroupState, Status};
use crate::text::Text;
use crate::time::UnixMs;

/// A payment as sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payment<'r> {
    pub(crate) amount: Option<u64>,
    /// Empty when none was sent.
    pub(crate) reference: Text<'r>,
}

impl State {
    /// The reservation has been brought up to date: one that is held is not overdue.
    pub(crate) fn decide_pay<'r>(
        &self,
        at: OfferIndex,
        reservation: u32,
        payment: Payment<'r>,
        now: UnixMs,
    ) -> Result<Verdict<'r>, No> {
        let offer = self.offer(at);
        let row = offer.reservations.get(reservation);
        let verdict = Verdict::stands(at, reservation);
        match offer.find_payment(reservation, row, payment.reference) {
            Some(Earlier::TookEffect) => return Ok(verdict.replayed()),
            Some(Earlier::Owed { owe, is_late }) => return Ok(verdict.replayed().owing(owe).late(is_late)),
            None => {}
        }
        offer.reservations.check_room_for_note(reservation)?;
        let due = offer.reservations.price(row).times(row.qty);
        let has_wrong_amount = payment.amount.is_some_and(|amount| amount != due.cash);
        let is_due = row.status == Status::Held;
        if is_due && has_wrong_amount {
            return Err(Refusal::Amount { due }.into());
        }
        if is_due || (!has_wrong_amount && self.can_retake(offer, row, now)) {
            let status = if row.seat.is_some() { Status::Paid } else { Status::Won };
            let event = Event::Paid {
                offer: at,
                reservation: ReservationIndex(reservation),
                amount: due,
                reference: payment.reference,
                status,
            };
            return Ok(Verdict::happens(at, reservation, event));
        }
        let owe = Money { cash: payment.amount.unwrap_or(due.cash), points: due.points };
        let mut verdict = verdict.owing(owe).late(row.status.is_ended());
        if !owe.is_zero() {
            let reference = payment.reference;
            let reservation = ReservationIndex(reservation);
            verdict.event = Some(Event::Owed { offer: at, reservation, reference, owe });
        }
        Ok(verdict)
    }

    /// Whether a payment would take units again if they are free.
    #[inline]
    pub(crate) fn wants_retake(&self, at: OfferIndex, reservation: u32, payment: Payment<'_>) -> bool {
        let offer = self.offer(at);
        let row = offer.reservations.get(reservation);
        offer.may_retake(row)
            && payment.amount.is_none_or(|amount| amount == offer.reservations.price(row).times(row.qty).cash)
            && offer.find_payment(reservation, row, payment.reference).is_none()
    }

    /// Whether a late payment may still take everything that the reservation had: units, limits, seat.
    fn can_retake(&self, offer: &OfferState, row: &Reservation, now: UnixMs) -> bool {
        if !offer.may_retake(row) {
            return false;
        }
        let buyer = offer.reservations.buyer_sums(row.buyer);
        let buyer_id = offer.reservations.buyer_id(row.buyer);
        if self.check_buyer_limits(offer, buyer_id, row.qty, buyer.units).is_err() {
            return false;
        }
        let Some(at) = offer.group_of(row) else { return self.has_stock(offer, u64::from(row.qty)) };
        let group = offer.groups.get(at);
        group.state == GroupState::Open
            && offer.group_deadline(group) > now
            && group.seats < offer.group_size()
            && !offer.sits_in_open_group(buyer)
            && (offer.is_reserved_by(Some(at)) || self.has_stock(offer, u64::from(row.qty)))
    }
}

/// What came of a payment that was here before.
#[derive(Clone, Copy)]
enum Earlier {
    TookEffect,
    Owed { owe: Money, is_late: bool },
}

impl OfferState {
    /// Whether the offer gives late payments another chance, and the reservation ended by its deadline.
    fn may_retake(&self, row: &Reservation) -> bool {
        let has_expired = row.status == Status::Released && row.ending.cause() == EndCause::Expired;
        has_expired && self.definition.late == Late::Retake
    }

    /// What came of the payment with this reference, if it was here before.
    #[inline]
    fn find_payment(&self, at: u32, row: &Reservation, reference: Text<'_>) -> Option<Earlier> {
        if row.status == Status::Held && row.note.is_none() {
            // The first payment, as nearly all are.
            return None;
        }
        let mut has_named_payment = false;
        for note in self.reservations.notes(at) {
            match note.kind {
                NoteKind::Owed { reference: known, owe, is_late }
                    if self.reservations.text(known) == reference =>
                {
                    return Some(Earlier::Owed { owe, is_late });
                }
                NoteKind::Paid { reference: known } => {
                    has_named_payment = true;
                    if self.reservations.text(known) == reference {
                        return Some(Earlier::TookEffect);
                    }
                }
                _ => {}
            }
        }
        // A payment without a reference leaves no note: it shows in that something was paid and no note says how.
        let was_paid = matches!(row.status, Status::Paid | Status::Won | Status::Refunded)
            && !self.reservations.price(row).is_zero();
        (reference.as_bytes().is_empty() && was_paid && !has_named_payment).then_some(Earlier::TookEffect)
    }
}
