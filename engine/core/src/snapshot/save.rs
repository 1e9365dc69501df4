//! Writes a state: a walk over its tables in order of position. `load` reads the rows in the same order.

use super::pieces::Pieces;
use super::{VERSION, tag};
use crate::codec::{Writer, write_demand, write_offer};
use crate::demand::DemandBoard;
use crate::event::{GroupIndex, OfferIndex};
use crate::money::MoneySum;
use crate::state::{Group, NoteKind, OfferState, Reservation, Seating, State};
use crate::status::GroupState;
use alloc::vec::Vec;

/// Puts the pieces of a state and of the demand beside it.
pub(crate) fn save<E>(
    state: &State,
    demand: &DemandBoard,
    put: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut pieces = Pieces::new(put);
    save_head(state, &mut pieces)?;
    save_pools(state, &mut pieces)?;
    for (at, offer) in state.offers.iter().enumerate() {
        let index = OfferIndex(at as u32);
        pieces.begin_of(tag::OFFER, index)?;
        pieces.row(|out| write_offer_row(out, offer))?;
        save_reservations(offer, index, &mut pieces)?;
        save_groups(offer, index, &mut pieces)?;
    }
    save_settling(state, &mut pieces)?;
    pieces.begin(tag::DEMAND)?;
    demand.export(|moved| pieces.row(|out| write_demand(out, moved)))?;
    pieces.put()?;
    let count = pieces.count();
    pieces.begin(tag::END)?;
    pieces.row(|out| out.number(count))?;
    pieces.put()
}

fn save_head<E, P: FnMut(&[u8]) -> Result<(), E>>(state: &State, pieces: &mut Pieces<P>) -> Result<(), E> {
    pieces.begin(tag::HEAD)?;
    pieces.row(|out| {
        out.number(VERSION);
        out.number(state.seq.0);
        out.time(state.at);
        out.small(state.pools.len());
        out.small(state.offers.len());
    })?;
    pieces.begin(tag::EPOCHS)?;
    for first in state.epochs() {
        pieces.row(|out| {
            out.number(first.epoch);
            out.number(first.seq.0);
        })?;
    }
    Ok(())
}

fn save_pools<E, P: FnMut(&[u8]) -> Result<(), E>>(state: &State, pieces: &mut Pieces<P>) -> Result<(), E> {
    pieces.begin(tag::POOLS)?;
    for pool in state.pools.iter() {
        pieces.row(|out| {
            out.text(pool.id());
            out.number(pool.total());
            out.number(pool.held());
            out.number(pool.sold());
        })?;
    }
    pieces.begin(tag::POOL_OPS)?;
    for (at, pool) in state.pools.iter().enumerate() {
        for (op, units) in &pool.ops {
            pieces.row(|out| {
                out.small(at as u32);
                out.bytes(op);
                out.signed(*units);
            })?;
        }
    }
    Ok(())
}

fn write_offer_row(out: &mut Writer<'_>, offer: &OfferState) {
    out.text(offer.id());
    write_offer(out, &offer.definition);
    out.time(offer.opens);
    out.fact(offer.is_paused);
    out.fact(offer.is_closed);
    out.number(offer.takes.len() as u64);
    for take in &offer.takes {
        out.small(take.pool.0);
        out.small(take.units);
    }
    out.length(offer.extended);
    write_sums(out, [offer.paid, offer.owed]);
    out.number(offer.units_held);
    out.number(offer.units_sold);
    out.maybe(offer.removed.as_deref(), |out, removed| {
        removed.reservations.iter().for_each(|&count| out.number(count));
        write_sums(out, [removed.kept, removed.owed_back]);
    });
    out.number(offer.groups.formed);
    out.number(offer.groups.failed);
    out.small(offer.reservations.buyer_count());
    out.small(offer.reservations.len());
    out.small(offer.reservations.note_count());
    out.small(offer.groups.rows.len());
    out.small(offer.groups.seats.len());
}

fn write_sums(out: &mut Writer<'_>, sums: [MoneySum; 2]) {
    for MoneySum { cash, points } in sums {
        out.wide(cash);
        out.wide(points);
    }
}

fn save_reservations<E, P: FnMut(&[u8]) -> Result<(), E>>(
    offer: &OfferState,
    index: OfferIndex,
    pieces: &mut Pieces<P>,
) -> Result<(), E> {
    pieces.begin_of(tag::OFFER_OPS, index)?;
    for (op, by) in &offer.ops {
        pieces.row(|out| {
            out.bytes(op);
            out.length(*by);
        })?;
    }
    pieces.begin_of(tag::HOLD_RUNS, index)?;
    for run in &offer.hold_runs {
        pieces.row(|out| {
            out.small(run.next);
            out.maybe(run.end, Writer::small);
        })?;
    }
    let reservations = &offer.reservations;
    pieces.begin_of(tag::BUYERS, index)?;
    for (buyer, sums) in reservations.buyers() {
        pieces.row(|out| {
            out.text(buyer);
            out.number(sums.units);
            out.place(sums.group);
        })?;
    }
    pieces.begin_of(tag::RESERVATIONS, index)?;
    for row in reservations.iter() {
        pieces.row(|out| write_reservation(out, offer, row))?;
    }
    pieces.begin_of(tag::NOTES, index)?;
    let mut notes = Vec::new();
    for at in (0..reservations.len()).filter(|&at| reservations.get(at).note.is_some()) {
        notes.extend(reservations.notes(at).map(|note| note.kind));
        for note in notes.drain(..).rev() {
            pieces.row(|out| {
                out.small(at);
                write_note(out, offer, note);
            })?;
        }
    }
    Ok(())
}

fn write_reservation(out: &mut Writer<'_>, offer: &OfferState, row: &Reservation) {
    out.text(offer.reservations.text(row.id));
    out.small(row.buyer);
    out.small(row.qty);
    out.small(row.returned);
    out.money(offer.reservations.price(row));
    out.signed(row.deadline);
    out.number(row.event.0);
    out.place(row.seat);
    out.status(row.status);
    out.end_cause(row.ending.cause());
    out.fact(row.ending.is_cut());
}

fn write_note(out: &mut Writer<'_>, offer: &OfferState, note: NoteKind) {
    let text = |at| offer.reservations.text(at);
    match note {
        NoteKind::Paid { reference } => {
            out.byte(1);
            out.text(text(reference));
        }
        NoteKind::Owed { reference, owe, is_late } => {
            out.byte(2);
            out.text(text(reference));
            out.money(owe);
            out.fact(is_late);
        }
        NoteKind::Returned { op, qty, restock, owe } => {
            out.byte(3);
            out.text(text(op));
            out.small(qty);
            out.restock(restock);
            out.money(owe);
        }
        NoteKind::Referrer { buyer } => {
            out.byte(4);
            out.text(text(buyer));
        }
    }
}

fn save_groups<E, P: FnMut(&[u8]) -> Result<(), E>>(
    offer: &OfferState,
    index: OfferIndex,
    pieces: &mut Pieces<P>,
) -> Result<(), E> {
    let groups = &offer.groups;
    pieces.begin_of(tag::GROUPS, index)?;
    for row in groups.rows.iter() {
        pieces.row(|out| write_group(out, row))?;
    }
    pieces.begin_of(tag::SEATS, index)?;
    for seat in groups.seats.iter() {
        pieces.row(|out| write_seat(out, seat))?;
    }
    pieces.begin_of(tag::MEMBERS, index)?;
    for group in 0..groups.rows.len() {
        for seat in groups.members(GroupIndex(group)) {
            pieces.row(|out| {
                out.small(group);
                out.small(seat);
            })?;
        }
    }
    Ok(())
}

/// Seats and how many of them may join are counted from the group's list when it is read.
fn write_group(out: &mut Writer<'_>, row: &Group) {
    out.place(row.first);
    out.place(row.leader);
    out.signed(row.deadline);
    out.number(row.event.0);
    out.small(row.paid);
    out.place(row.cursor);
    out.small(row.unsettled);
    out.group_state(row.state);
}

fn write_seat(out: &mut Writer<'_>, seat: &Seating) {
    out.small(seat.reservation);
    out.small(seat.group.0);
    out.maybe(seat.opened, |out, group| out.small(group.0));
    out.sent(seat.sent);
    out.fact(seat.may_join);
}

/// A settlement whose last member's end was told waits for nothing but its removal: it is left out.
fn save_settling<E, P: FnMut(&[u8]) -> Result<(), E>>(
    state: &State,
    pieces: &mut Pieces<P>,
) -> Result<(), E> {
    pieces.begin(tag::SETTLING)?;
    for due in state.campaigns.iter().flat_map(|campaign| &campaign.settling) {
        let group = state.offer(due.offer).groups.get(GroupIndex(due.which));
        if group.state == GroupState::Open || group.unsettled == 0 {
            continue;
        }
        pieces.row(|out| {
            out.time(due.at);
            out.number(due.seq);
            out.small(due.offer.0);
            out.small(due.which);
        })?;
    }
    Ok(())
}
