//! Events of one reservation: its status, its units, its seat, its money. Keeps I1 to I5 and I10.

use crate::event::{Accepted, EndCause, GroupIndex, OfferIndex, ReservationIndex, Seat, Seq, Stamp};
use crate::money::{Money, Units};
use crate::request::Restock;
use crate::state::{Due, DueKind, Ending, Lookup, NoteKind, OfferState, Reservation, Seating, State, one_up};
use crate::status::{GroupState, Status};
use crate::text::Text;

/// What a RETURN brought.
#[derive(Clone, Copy)]
pub(super) struct Return<'a> {
    pub(super) qty: Units,
    pub(super) restock: Restock,
    pub(super) owe: Money,
    pub(super) op: Text<'a>,
}

impl State {
    pub(super) fn apply_accepted(&mut self, stamp: Stamp, accepted: &Accepted<'_>, lookup: Lookup) {
        assert!(accepted.qty > 0, "I2: a reservation of no units is accepted");
        let offer = accepted.offer;
        let units = u64::from(accepted.qty);
        let state = self.offer_mut(offer);
        let reservations = &mut state.reservations;
        let buyer = lookup.known.unwrap_or_else(|| reservations.push_buyer(lookup.buyer, accepted.buyer));
        let seat = accepted.seat.map(|seat| state.groups.seats.push(seating(state, seat)));
        let is_cut = accepted.expires.is_some_and(|expires| expires < stamp.at.after(state.definition.hold));
        let deadline = accepted.expires.map_or(0, |expires| state.stored_deadline(expires));
        let price = state.reservations.price_ref(accepted.price);
        let at = state.reservations.push(lookup.id, accepted.id, |id| Reservation {
            id,
            buyer,
            qty: accepted.qty,
            returned: 0,
            price,
            deadline,
            event: stamp.id.seq,
            previous_of_buyer: None,
            seat: seat.and_then(one_up),
            note: None,
            status: accepted.status,
            ending: Ending::new(EndCause::Expired, is_cut),
        });
        if let Some(referrer) = accepted.referrer {
            state.reservations.note(at, referrer, |buyer| NoteKind::Referrer { buyer });
        }
        self.take(offer, at);
        if accepted.status == Status::Won {
            self.sell(offer, units);
        }
        if accepted.status == Status::Held && !is_cut {
            self.schedule_hold(offer);
        }
    }

    pub(super) fn apply_paid(
        &mut self,
        offer: OfferIndex,
        reservation: ReservationIndex,
        amount: Money,
        reference: Text<'_>,
        status: Status,
    ) {
        let state = self.offer_mut(offer);
        state.paid += amount;
        if !reference.as_bytes().is_empty() {
            state.reservations.note(reservation.0, reference, |reference| NoteKind::Paid { reference });
        }
        let row = state.reservations.get_mut(reservation.0);
        let (before, units, seat) = (row.status, u64::from(row.qty), row.seat.map(|seat| seat.get() - 1));
        row.status = status;
        match before {
            Status::Held => {
                if let Some(seat) = seat {
                    self.count_paid_seat(offer, seat);
                }
            }
            Status::Released => self.take(offer, reservation.0),
            other => panic!("I4: a payment takes effect on a reservation that is {}", other.name()),
        }
        if status == Status::Won {
            self.sell(offer, units);
        }
    }

    /// A reservation takes its units, and its seat: when it is accepted, and when a late payment takes them again.
    #[inline]
    fn take(&mut self, offer: OfferIndex, at: u32) {
        let State { offers, campaigns, pools, hashes, .. } = self;
        let state = &mut offers[offer.0];
        let row = state.reservations.get(at);
        let (qty, buyer, units) = (row.qty, row.buyer, u64::from(row.qty));
        let seat = row.seat.map(|seat| seat.get() - 1);
        let group = seat.map(|seat| state.groups.seats[seat].group);
        state.reservations.gain(buyer, qty);
        state.units_held += units;
        if let Some(counts) = &mut campaigns[state.campaign.0].buyers {
            let buyer = state.reservations.buyer_id(buyer);
            counts.add(hashes.of(buyer), buyer, units);
        }
        if !state.is_reserved_by(group) {
            for take in &state.takes {
                pools[take.pool.0].hold(u64::from(take.units) * units);
            }
        }
        if let (Some(seat), Some(group)) = (seat, group)
            && sit_down(state, at, seat, group)
        {
            self.schedule_groups(offer);
        }
    }

    pub(super) fn apply_owed(
        &mut self,
        offer: OfferIndex,
        reservation: ReservationIndex,
        reference: Text<'_>,
        owe: Money,
    ) {
        let state = self.offer_mut(offer);
        state.paid += owe;
        state.owed += owe;
        let is_late = state.reservations.get(reservation.0).status.is_ended();
        let note = |reference| NoteKind::Owed { reference, owe, is_late };
        state.reservations.note(reservation.0, reference, note);
    }

    pub(super) fn apply_released(
        &mut self,
        offer: OfferIndex,
        reservation: ReservationIndex,
        cause: EndCause,
    ) {
        self.end(offer, reservation, Status::Held, Status::Released, cause);
    }

    pub(super) fn apply_refunded(
        &mut self,
        offer: OfferIndex,
        reservation: ReservationIndex,
        owe: Money,
        cause: EndCause,
    ) {
        self.offer_mut(offer).owed += owe;
        match self.offer(offer).reservations.get(reservation.0).status {
            Status::Won => {
                self.take_back(offer, reservation, Restock::Yes);
                let row = self.offer_mut(offer).reservations.get_mut(reservation.0);
                row.status = Status::Refunded;
                row.ending.set_cause(cause);
            }
            _ => self.end(offer, reservation, Status::Paid, Status::Refunded, cause),
        }
    }

    /// Ends a held or paid reservation: units, limit and seat are free again.
    fn end(
        &mut self,
        offer: OfferIndex,
        reservation: ReservationIndex,
        from: Status,
        to: Status,
        cause: EndCause,
    ) {
        let state = self.offer_mut(offer);
        let row = state.reservations.get_mut(reservation.0);
        assert!(row.status == from, "I4: a reservation that is {} becomes {}", row.status.name(), to.name());
        row.status = to;
        row.ending.set_cause(cause);
        let (qty, buyer, seat) = (row.qty, row.buyer, row.seat.map(|seat| seat.get() - 1));
        let units = u64::from(qty);
        state.reservations.lose(buyer, qty);
        state.units_held -= units;
        let is_reserved = state.is_reserved_by(seat.map(|seat| state.groups.seats[seat].group));
        self.count_out_of_campaign(offer, reservation.0, units);
        if !is_reserved {
            self.each_take(offer, |pool, per_unit| pool.release(per_unit * units));
        }
        if let Some(seat) = seat {
            self.leave_seat(offer, seat, from);
        }
    }

    pub(super) fn apply_won(&mut self, offer: OfferIndex, reservation: ReservationIndex) {
        let state = self.offer_mut(offer);
        let row = state.reservations.get_mut(reservation.0);
        assert!(row.status == Status::Paid, "I4: a reservation that is {} becomes WON", row.status.name());
        row.status = Status::Won;
        let (units, seat) =
            (u64::from(row.qty), row.seat.expect("I5: what settles later has a seat").get() - 1);
        let group = state.groups.seats[seat].group;
        assert!(
            state.groups.get(group).state == GroupState::Formed,
            "I5: a member wins before its group forms"
        );
        state.groups.count_settled(group);
        self.sell(offer, units);
    }

    pub(super) fn apply_returned(
        &mut self,
        offer: OfferIndex,
        reservation: ReservationIndex,
        back: Return<'_>,
    ) {
        let state = self.offer_mut(offer);
        state.owed += back.owe;
        let row = state.reservations.get(reservation.0);
        assert!(row.status == Status::Won, "I4: a reservation that is {} is returned", row.status.name());
        let left = row.qty - row.returned;
        assert!(back.qty <= left, "I1: more units are returned than were sold");
        if back.qty == left {
            self.take_back(offer, reservation, back.restock);
            let row = self.offer_mut(offer).reservations.get_mut(reservation.0);
            row.status = Status::Refunded;
            row.ending.set_cause(EndCause::Returned);
        } else {
            self.take_back_part(offer, reservation, back.qty, back.restock);
            self.offer_mut(offer).reservations.get_mut(reservation.0).returned += back.qty;
        }
        let note = |op| NoteKind::Returned { op, qty: back.qty, restock: back.restock, owe: back.owe };
        self.offer_mut(offer).reservations.note(reservation.0, back.op, note);
    }

    fn take_back(&mut self, offer: OfferIndex, reservation: ReservationIndex, restock: Restock) {
        let row = self.offer(offer).reservations.get(reservation.0);
        self.take_back_part(offer, reservation, row.qty - row.returned, restock);
    }

    /// Sold units leave the buyer, for the pools or for nowhere.
    fn take_back_part(
        &mut self,
        offer: OfferIndex,
        reservation: ReservationIndex,
        qty: Units,
        restock: Restock,
    ) {
        let units = u64::from(qty);
        let state = self.offer_mut(offer);
        let buyer = state.reservations.get(reservation.0).buyer;
        state.reservations.lose(buyer, qty);
        state.units_sold -= units;
        self.count_out_of_campaign(offer, reservation.0, units);
        self.each_take(offer, |pool, per_unit| match restock {
            Restock::Yes => pool.restock(per_unit * units),
            Restock::No => pool.write_off(per_unit * units),
        });
    }

    fn sell(&mut self, offer: OfferIndex, units: u64) {
        let state = self.offer_mut(offer);
        state.units_held -= units;
        state.units_sold += units;
        self.each_take(offer, |pool, per_unit| pool.sell(per_unit * units));
    }

    /// Takes units of the buyer out of the campaign's count.
    fn count_out_of_campaign(&mut self, offer: OfferIndex, at: u32, units: u64) {
        let State { campaigns, offers, hashes, .. } = self;
        let state = &offers[offer.0];
        if let Some(counts) = &mut campaigns[state.campaign.0].buyers {
            let buyer = state.reservations.buyer_of(at);
            counts.remove(hashes.of(buyer), buyer, units);
        }
    }

    fn count_paid_seat(&mut self, offer: OfferIndex, seat: u32) {
        let state = self.offer_mut(offer);
        let (group, rule) = (state.groups.seats[seat].group, state.listing());
        if state.groups.count_paid(group, rule) {
            self.schedule_groups(offer);
        }
    }

    /// Frees the seat of a reservation that ended, or counts it as settled where its group is over.
    fn leave_seat(&mut self, offer: OfferIndex, seat: u32, from: Status) {
        let state = self.offer_mut(offer);
        let rule = state.listing();
        let OfferState { groups, reservations, .. } = state;
        let group = groups.seats[seat].group;
        if groups.get(group).state != GroupState::Open {
            groups.count_settled(group);
            return;
        }
        let moved = groups.change(group, rule, |groups| {
            groups.rise(seat);
            groups.get_mut(group).paid -= u32::from(from == Status::Paid);
        });
        let buyer = reservations.get(groups.seats[seat].reservation).buyer;
        reservations.seat_buyer(buyer, None);
        if moved {
            self.schedule_groups(offer);
        }
    }

    /// Keeps one agenda entry for the newest hold queue.
    fn schedule_hold(&mut self, offer: OfferIndex) {
        let state = self.offer_mut(offer);
        let which = state.hold_runs_first + state.hold_runs.len() as u32 - 1;
        let run = state.hold_runs.back_mut().expect("an offer always has a growing hold queue");
        if run.is_scheduled {
            return;
        }
        run.is_scheduled = true;
        let newest = state.reservations.get(state.reservations.len() - 1);
        let (at, Seq(seq)) = (state.real_deadline(newest.deadline), newest.event);
        self.schedule(Due { at, kind: DueKind::Hold, seq, offer, which });
    }
}

/// Seats a reservation in its group. Tells whether the group moved among the deadlines.
fn sit_down(state: &mut OfferState, reservation: u32, seat: u32, group: GroupIndex) -> bool {
    let rule = state.listing();
    let OfferState { groups, reservations, .. } = state;
    let &Reservation { buyer, status, .. } = reservations.get(reservation);
    reservations.seat_buyer(buyer, Some(group));
    assert!(
        groups.seats[seat].reservation == reservation,
        "I5: a seat belongs to the reservation that took it first"
    );
    groups.change(group, rule, |groups| {
        groups.sit(seat, group);
        let row = groups.get_mut(group);
        row.paid += u32::from(status == Status::Paid);
        if row.first.is_none() {
            row.first = one_up(reservation);
            row.leader = one_up(seat);
        }
    })
}

fn seating(offer: &OfferState, seat: Seat) -> Seating {
    let is_first = offer.groups.get(seat.group).first.is_none();
    Seating {
        // The one that follows.
        reservation: offer.reservations.len(),
        group: seat.group,
        opened: is_first.then_some(seat.group),
        sent: seat.sent,
        may_join: seat.may_join,
        previous: None,
        next: None,
    }
}
