//! The twin's requests on one reservation: PAY, CANCEL, RETURN, REVOKE.

use crate::names::Name;
use crate::state::{Payment, ReturnDone, Seat, Twin, TwinOffer, is_live, is_unit_count, plus, times};
use stampede_core::{Answer, GroupState, Misuse, Money, Refusal, Restock, Settle, Status};

impl Twin {
    fn reservation(&self, offer: Name, id: Name) -> Option<(usize, usize)> {
        let number = self.offer(offer)?;
        Some((number, self.offers[number].find(id)?))
    }

    pub(crate) fn pay(&mut self, offer: Name, id: Name, cash: Option<u64>, reference: Name) -> Answer<Name> {
        let Some((number, index)) = self.reservation(offer, id) else {
            return Answer::Refused(Refusal::Unknown);
        };
        if let Some(again) = self.offers[number].paid_before(index, reference) {
            return again;
        }
        let entry = &self.offers[number].reservations[index];
        let due = times(entry.price, entry.asked);
        let right_amount = cash.is_none_or(|cash| cash == due.cash);
        let takes_effect = match entry.status {
            Status::Held if !right_amount => return Answer::Refused(Refusal::Amount { due }),
            Status::Held => true,
            Status::Released => right_amount && self.may_retake(number, index),
            _ => false,
        };
        if takes_effect {
            self.take_payment(number, index, reference, due)
        } else {
            let owe = cash.map_or(due, |cash| Money { cash, points: due.points });
            self.offers[number].owe_back(index, reference, owe)
        }
    }

    /// Whether a reservation that its deadline released may have its units again.
    fn may_retake(&self, number: usize, index: usize) -> bool {
        let offer = &self.offers[number];
        let entry = &offer.reservations[index];
        if offer.rule.late != stampede_core::Late::Retake || !entry.was_late {
            return false;
        }
        let seat_is_free = entry.seat.as_ref().is_none_or(|seat| {
            offer.is_open(seat.group)
                && offer.members(seat.group).len() < offer.size()
                && offer.seat_of(entry.buyer).is_none()
        });
        let needs_units = entry.seat.is_none() || !offer.reserves_groups();
        let units = if needs_units { u64::from(entry.qty) } else { 0 };
        seat_is_free
            && self.within_limits(number, entry.buyer, entry.qty, false).is_ok()
            && self.in_stock(number, units).is_ok()
    }

    fn take_payment(&mut self, number: usize, index: usize, reference: Name, amount: Money) -> Answer<Name> {
        let turn = self.next_turn();
        let offer = &mut self.offers[number];
        offer.paid = plus(offer.paid, amount);
        let entry = &mut offer.reservations[index];
        // Who comes back sits down behind the others.
        if entry.status == Status::Released
            && let Some(seat) = &entry.seat
        {
            entry.seat = Some(Seat { turn, ..*seat });
        }
        entry.kept = amount;
        entry.payments.push(Payment { reference, owe: Money::ZERO, late: false });
        entry.status = if entry.seat.is_some() { Status::Paid } else { Status::Won };
        offer.form_if_full(index);
        Answer::Reservation(offer.answer(index))
    }

    pub(crate) fn cancel(&mut self, offer: Name, id: Name) -> Answer<Name> {
        let Some((number, index)) = self.reservation(offer, id) else {
            return Answer::Refused(Refusal::Unknown);
        };
        let offer = &mut self.offers[number];
        let entry = &offer.reservations[index];
        let may_leave = matches!(&offer.rule.settle, Settle::Group(rule) if rule.leave)
            && entry.seat.as_ref().is_some_and(|seat| offer.groups[seat.group].state == GroupState::Open);
        let owe = match entry.status {
            Status::Held => offer.end(index, Status::Released),
            Status::Paid if may_leave => offer.end(index, Status::Refunded),
            _ => Money::ZERO,
        };
        offer.answer_owing(index, owe)
    }

    pub(crate) fn give_back(
        &mut self,
        offer: Name,
        id: Name,
        qty: Option<u32>,
        restock: Restock,
        op: Option<Name>,
    ) -> Answer<Name> {
        let Some((number, index)) = self.reservation(offer, id) else {
            return Answer::Refused(Refusal::Unknown);
        };
        if qty.is_some_and(|qty| !is_unit_count(qty)) {
            return Answer::Misuse(Misuse::UnitsRange { argument: "QTY" });
        }
        if qty.is_some() && op.is_none() {
            return Answer::Misuse(Misuse::OpNeeded);
        }
        let offer = &mut self.offers[number];
        let entry = &offer.reservations[index];
        if let Some(done) = entry.returns.iter().find(|done| Some(done.op) == op) {
            // Without QTY the operation was for all that was left, so nothing is left of it.
            let same_qty = qty.map_or(entry.status != Status::Won, |qty| qty == done.qty);
            if !same_qty || restock != done.restock {
                return Answer::Misuse(Misuse::OpConflict);
            }
            let mut answer = offer.answer(index);
            (answer.owe, answer.replayed) = (done.owe, true);
            return Answer::Reservation(answer);
        }
        if entry.status != Status::Won {
            return Answer::Reservation(offer.answer(index));
        }
        let left = entry.qty;
        let qty = qty.unwrap_or(left);
        if qty > left {
            return Answer::Misuse(Misuse::ReturnTooMany { left });
        }
        let owe = part(entry.kept, qty, left);
        if restock == Restock::No {
            for (pool, each) in offer.takes() {
                let pool = self.pools.get_mut(pool).expect("pools of an offer exist");
                pool.total -= each * u64::from(qty);
            }
        }
        let offer = &mut self.offers[number];
        offer.take_back(index, qty, owe);
        if let Some(op) = op {
            offer.reservations[index].returns.push(ReturnDone { op, qty, restock, owe });
        }
        offer.answer_owing(index, owe)
    }

    pub(crate) fn revoke(&mut self, offer: Name, id: Name) -> Answer<Name> {
        let Some((number, index)) = self.reservation(offer, id) else {
            return Answer::Refused(Refusal::Unknown);
        };
        let offer = &mut self.offers[number];
        let status = offer.reservations[index].status;
        let owe = if is_live(status) {
            let held = status == Status::Held;
            offer.end(index, if held { Status::Released } else { Status::Refunded })
        } else {
            Money::ZERO
        };
        offer.answer_owing(index, owe)
    }
}

impl TwinOffer {
    fn answer_owing(&self, index: usize, owe: Money) -> Answer<Name> {
        let mut answer = self.answer(index);
        answer.owe = owe;
        Answer::Reservation(answer)
    }

    /// A payment under a reference that came before.
    fn paid_before(&self, index: usize, reference: Name) -> Option<Answer<Name>> {
        let entry = &self.reservations[index];
        let payment = entry.payments.iter().find(|payment| payment.reference == reference)?;
        let mut answer = self.answer(index);
        answer.replayed = true;
        answer.owe = payment.owe;
        answer.late = payment.late;
        Some(Answer::Reservation(answer))
    }

    fn owe_back(&mut self, index: usize, reference: Name, owe: Money) -> Answer<Name> {
        let late = !is_live(self.reservations[index].status);
        if !owe.is_zero() {
            self.reservations[index].payments.push(Payment { reference, owe, late });
            self.paid = plus(self.paid, owe);
            self.owed = plus(self.owed, owe);
        }
        let mut answer = self.answer(index);
        (answer.owe, answer.late) = (owe, late);
        Answer::Reservation(answer)
    }

    fn take_back(&mut self, index: usize, qty: u32, owe: Money) {
        self.owed = plus(self.owed, owe);
        let entry = &mut self.reservations[index];
        entry.qty -= qty;
        entry.kept = Money { cash: entry.kept.cash - owe.cash, points: entry.kept.points - owe.points };
        if entry.qty == 0 {
            entry.status = Status::Refunded;
        }
    }
}

/// `floor(kept × units / left)`, cash and points apart.
fn part(kept: Money, units: u32, left: u32) -> Money {
    let floor = |amount: u64| u64::try_from(u128::from(amount) * u128::from(units) / u128::from(left));
    let fits = "a part is no larger than the whole";
    Money { cash: floor(kept.cash).expect(fits), points: floor(kept.points).expect(fits) }
}
