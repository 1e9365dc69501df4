//! One entry of a journal as bytes: its length, its kind, its time, what the event says, the names.
//!
//! ```text
//! entry := varint(bytes of the rest) kind:u8 varint(at − before) fields names
//! names := which:u8 [offer] [reservation: id buyer varint(qty) cash points] [group]
//! ```
//! `before` is the time of the entry before, or that from which the batch counts. Bits 0, 1 and 2 of `which` say whether
//! an offer, a reservation and a group are named. A name that the event itself says is not written a second time (see
//! [`said`]). Called by whoever keeps a journal, for each event as it happens: it appends to the caller's buffer
//! and allocates nothing else.

use super::{Writer, kind, write_demand, write_offer};
use crate::event::{Accepted, Entry, Event, Names, OfferIndex, ReservationNames};
use crate::time::UnixMs;
use alloc::vec::Vec;

/// More than most entries take: one check of the buffer's end per entry, and no growing inside it.
const ENTRY_BYTES_USUAL: usize = 512;

/// Appends one entry. `base` is the time of the entry before it, or that from which its batch counts.
///
/// Cost: allocates only where `out` has to grow.
pub fn encode(entry: &Entry<'_>, base: UnixMs, out: &mut Vec<u8>) {
    out.reserve(ENTRY_BYTES_USUAL);
    let start = out.len();
    // Most lengths fit one byte; the rest moves up where this one does not.
    out.push(0);
    let mut rest = Writer(out);
    let at = entry.stamp.at;
    write_event(&mut rest, &entry.event, at, at.get().wrapping_sub(base.get()));
    write_names(&mut rest, &entry.event, &entry.names);
    let length = out.len() - start - 1;
    if length < 0x80 {
        out[start] = length as u8;
    } else {
        write_long_length(out, start, length);
    }
}

/// Puts a length of several bytes where one was kept free.
fn write_long_length(out: &mut Vec<u8>, start: usize, length: usize) {
    let end = out.len();
    Writer(out).number(length as u64);
    let more = out.len() - end - 1;
    let mut digits = [0; 10];
    digits[..=more].copy_from_slice(&out[end..]);
    out.truncate(end + more);
    out.copy_within(start + 1..end, start + 1 + more);
    out[start..=start + more].copy_from_slice(&digits[..=more]);
}

/// The names that an event says itself.
pub(super) fn said<'a>(event: &Event<'a>) -> Names<'a> {
    let nothing = Names::default();
    match *event {
        Event::Accepted(Accepted { id, buyer, qty, price, .. }) => {
            Names { reservation: Some(ReservationNames { id, buyer, qty, price }), ..nothing }
        }
        Event::GroupOpened { group, .. } => Names { group: Some(group), ..nothing },
        Event::OfferPut { offer, .. } => Names { offer: Some(offer), ..nothing },
        _ => nothing,
    }
}

fn write_names(out: &mut Writer<'_>, event: &Event<'_>, names: &Names<'_>) {
    let said = said(event);
    out.byte(
        u8::from(names.offer.is_some())
            | u8::from(names.reservation.is_some()) << 1
            | u8::from(names.group.is_some()) << 2,
    );
    if let (Some(offer), None) = (names.offer, said.offer) {
        out.text(offer);
    }
    if let (Some(reservation), None) = (names.reservation, said.reservation) {
        out.text(reservation.id);
        out.text(reservation.buyer);
        out.small(reservation.qty);
        out.money(reservation.price);
    }
    if let (Some(group), None) = (names.group, said.group) {
        out.text(group);
    }
}

/// The kind, the time since the batch's base, then what the event says. Events of reservations come first: they are
/// nearly all.
fn write_event(out: &mut Writer<'_>, event: &Event<'_>, at: UnixMs, since_base: u64) {
    match *event {
        Event::Accepted(ref accepted) => {
            write_head(out, kind::ACCEPTED, since_base, accepted.offer);
            write_accepted(out, accepted, at);
        }
        Event::Paid { offer, reservation, amount, reference, status } => {
            write_head(out, kind::PAID, since_base, offer);
            out.small(reservation.0);
            out.money(amount);
            out.text(reference);
            out.status(status);
        }
        Event::Released { offer, reservation, cause, reason } => {
            write_head(out, kind::RELEASED, since_base, offer);
            out.small(reservation.0);
            out.end_cause(cause);
            out.maybe(reason, Writer::text);
        }
        Event::Won { offer, reservation } => {
            write_head(out, kind::WON, since_base, offer);
            out.small(reservation.0);
        }
        Event::Refunded { offer, reservation, owe, cause, reason } => {
            write_head(out, kind::REFUNDED, since_base, offer);
            out.small(reservation.0);
            out.money(owe);
            out.end_cause(cause);
            out.maybe(reason, Writer::text);
        }
        Event::Owed { offer, reservation, reference, owe } => {
            write_head(out, kind::OWED, since_base, offer);
            out.small(reservation.0);
            out.text(reference);
            out.money(owe);
        }
        Event::Returned { offer, reservation, qty, restock, owe, op } => {
            write_head(out, kind::RETURNED, since_base, offer);
            out.small(reservation.0);
            out.small(qty);
            out.restock(restock);
            out.money(owe);
            out.text(op);
        }
        Event::Moved { offer, reservation, to } => {
            write_head(out, kind::MOVED, since_base, offer);
            out.small(reservation.0);
            out.small(to.0);
        }
        _ => write_group_event(out, event, at, since_base),
    }
}

/// How every event begins that speaks of an offer that is there.
#[inline]
fn write_head(out: &mut Writer<'_>, kind: u8, since_base: u64, offer: OfferIndex) {
    out.byte(kind);
    out.number(since_base);
    out.small(offer.0);
}

fn write_accepted(out: &mut Writer<'_>, accepted: &Accepted<'_>, at: UnixMs) {
    let Accepted { offer: _, id, buyer, qty, price, status, expires, seat, referrer } = *accepted;
    out.text(id);
    out.text(buyer);
    out.small(qty);
    out.money(price);
    out.status(status);
    let may_join = seat.is_some_and(|seat| seat.may_join);
    out.byte(
        u8::from(expires.is_some())
            | u8::from(seat.is_some()) << 1
            | u8::from(referrer.is_some()) << 2
            | u8::from(may_join) << 3,
    );
    if let Some(expires) = expires {
        write_later(out, expires, at);
    }
    if let Some(seat) = seat {
        out.small(seat.group.0);
        out.sent(seat.sent);
    }
    if let Some(referrer) = referrer {
        out.text(referrer);
    }
}

/// A deadline by its distance from the event, which is short.
fn write_later(out: &mut Writer<'_>, deadline: UnixMs, at: UnixMs) {
    out.signed(deadline.get().wrapping_sub(at.get()).cast_signed());
}

fn write_group_event(out: &mut Writer<'_>, event: &Event<'_>, at: UnixMs, since_base: u64) {
    match *event {
        Event::GroupOpened { offer, group, expires } => {
            write_head(out, kind::GROUP_OPENED, since_base, offer);
            out.text(group);
            write_later(out, expires, at);
        }
        Event::GroupFormed { offer, group } => {
            write_head(out, kind::GROUP_FORMED, since_base, offer);
            out.small(group.0);
        }
        Event::GroupFailed { offer, group } => {
            write_head(out, kind::GROUP_FAILED, since_base, offer);
            out.small(group.0);
        }
        Event::Leader { offer, group, reservation } => {
            write_head(out, kind::LEADER, since_base, offer);
            out.small(group.0);
            out.small(reservation.0);
        }
        _ => write_operator_event(out, event, since_base),
    }
}

fn write_operator_event(out: &mut Writer<'_>, event: &Event<'_>, since_base: u64) {
    match *event {
        Event::OfferPut { offer, definition, opens } => {
            out.byte(kind::OFFER_PUT);
            out.number(since_base);
            out.text(offer);
            write_offer(out, definition);
            out.time(opens);
        }
        Event::OfferChanged { offer, definition, opens } => {
            write_head(out, kind::OFFER_CHANGED, since_base, offer);
            write_offer(out, definition);
            out.time(opens);
        }
        Event::OfferPaused { offer } => write_head(out, kind::OFFER_PAUSED, since_base, offer),
        Event::OfferResumed { offer } => write_head(out, kind::OFFER_RESUMED, since_base, offer),
        Event::OfferClosed { offer, by } => {
            write_head(out, kind::OFFER_CLOSED, since_base, offer);
            out.close_cause(by);
        }
        Event::OfferExtended { offer, by, op } => {
            write_head(out, kind::OFFER_EXTENDED, since_base, offer);
            out.length(by);
            out.text(op);
        }
        Event::PoolAdded { pool, units, op } => {
            out.byte(kind::POOL_ADDED);
            out.number(since_base);
            out.text(pool);
            out.signed(units);
            out.text(op);
        }
        Event::OfferRemoved { offer } => write_head(out, kind::OFFER_REMOVED, since_base, offer),
        Event::Demand(ref moved) => {
            out.byte(kind::DEMAND);
            out.number(since_base);
            write_demand(out, moved);
        }
        _ => unreachable!("write_event writes the other kinds: {event:?}"),
    }
}
