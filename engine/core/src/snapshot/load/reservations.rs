//! Reads buyers, reservations and notes: nearly all of a snapshot.

use super::offers::{Announced, deadline, place_up_to};
use super::place_in;
use crate::codec::{CodecError, Reader};
use crate::event::{GroupIndex, Seq};
use crate::money::MAX_NUMBER;
use crate::state::{Ending, NoteKind, OfferState, Reservation};

/// More reservations of one buyer than can be hold fewer units than this, so that sums over offers stay in range.
const BUYER_UNITS_MAX: u64 = MAX_NUMBER;

/// How many reservations and units a buyer has is counted as the reservations come; the digest tells whether it is so.
pub(super) fn buyer(
    read: &mut Reader<'_>,
    offer: &mut OfferState,
    announced: Announced,
) -> Result<(), CodecError> {
    let reservations = &mut offer.reservations;
    if reservations.buyer_count() == announced.buyers || !reservations.has_room() {
        return Err(read.expected("no more buyers than the offer says"));
    }
    let id = read.text()?;
    let units = read.number()?;
    if units > BUYER_UNITS_MAX {
        return Err(read.expected("at most 2^53 - 1 units before this byte"));
    }
    let group = place_up_to(announced.groups, read)?;
    let buyer = reservations.append_buyer(id);
    if let Some(group) = group {
        reservations.seat_buyer(buyer, Some(GroupIndex(group.get() - 1)));
    }
    Ok(())
}

pub(super) fn reservation(
    read: &mut Reader<'_>,
    offer: &mut OfferState,
    announced: Announced,
) -> Result<(), CodecError> {
    let reservations = &mut offer.reservations;
    if reservations.len() == announced.reservations || !reservations.has_room() {
        return Err(read.expected("no more reservations than the offer says"));
    }
    let id = read.text()?;
    let buyer = place_in(reservations.buyer_count(), read)?;
    let (qty, returned) = (read.small()?, read.small()?);
    if returned > qty {
        return Err(read.expected("no more units returned than bought before this byte"));
    }
    let price = reservations.price_ref(read.money()?);
    let deadline = deadline(read)?;
    let event = Seq(read.number()?);
    let seat = place_up_to(announced.seats, read)?;
    let (status, cause, is_cut) = (read.status()?, read.end_cause()?, read.fact()?);
    let at = reservations.append(id, |id| Reservation {
        id,
        buyer,
        qty,
        returned,
        price,
        deadline,
        event,
        previous_of_buyer: None,
        seat,
        note: None,
        status,
        ending: Ending::new(cause, is_cut),
    });
    reservations.gain(buyer, reservations.get(at).live_units());
    Ok(())
}

pub(super) fn note(
    read: &mut Reader<'_>,
    offer: &mut OfferState,
    announced: Announced,
) -> Result<(), CodecError> {
    let reservations = &mut offer.reservations;
    if reservations.note_count() == announced.notes || !reservations.has_room_for_note() {
        return Err(read.expected("no more notes than the offer says"));
    }
    let at = place_in(reservations.len(), read)?;
    let kind = read.byte()?;
    let text = read.text()?;
    match kind {
        1 => reservations.note(at, text, |reference| NoteKind::Paid { reference }),
        2 => {
            let (owe, is_late) = (read.money()?, read.fact()?);
            reservations.note(at, text, |reference| NoteKind::Owed { reference, owe, is_late });
        }
        3 => {
            let (qty, restock, owe) = (read.small()?, read.restock()?, read.money()?);
            reservations.note(at, text, |op| NoteKind::Returned { op, qty, restock, owe });
        }
        4 => reservations.note(at, text, |buyer| NoteKind::Referrer { buyer }),
        _ => return Err(read.expected("a kind of note, 1 to 4, before its text")),
    }
    Ok(())
}
