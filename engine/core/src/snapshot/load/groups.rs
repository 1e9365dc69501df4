//! Reads groups, their seats and the lists of their members.

use super::offers::{Announced, deadline, place_up_to};
use super::place_in;
use crate::codec::{CodecError, Reader};
use crate::event::{GroupIndex, Seq};
use crate::state::{GroupOrigin, OfferState, Seating};
use crate::status::GroupState;

/// A group without members; its list comes later.
pub(super) fn group(
    read: &mut Reader<'_>,
    offer: &mut OfferState,
    announced: Announced,
) -> Result<(), CodecError> {
    if offer.groups.rows.len() == announced.groups || !offer.groups.rows.has_room() {
        return Err(read.expected("no more groups than the offer says"));
    }
    let first = place_up_to(announced.reservations, read)?;
    let leader = place_up_to(announced.seats, read)?;
    let origin = GroupOrigin { deadline: deadline(read)?, event: Seq(read.number()?) };
    let paid = read.small()?;
    let cursor = place_up_to(announced.seats, read)?;
    let unsettled = read.small()?;
    let state = read.group_state()?;
    let at = offer.groups.open(origin);
    let row = offer.groups.get_mut(at);
    (row.first, row.leader, row.cursor) = (first, leader, cursor);
    (row.paid, row.unsettled, row.state) = (paid, unsettled, state);
    Ok(())
}

pub(super) fn seat(
    read: &mut Reader<'_>,
    offer: &mut OfferState,
    announced: Announced,
) -> Result<(), CodecError> {
    let groups = offer.groups.rows.len();
    if offer.groups.seats.len() == announced.seats || !offer.groups.seats.has_room() {
        return Err(read.expected("no more seats than the offer says"));
    }
    let seating = Seating {
        reservation: place_in(offer.reservations.len(), read)?,
        group: GroupIndex(place_in(groups, read)?),
        opened: read.maybe(|read| place_in(groups, read).map(GroupIndex))?,
        sent: read.sent()?,
        may_join: read.fact()?,
        previous: None,
        next: None,
    };
    offer.groups.seats.push(seating);
    Ok(())
}

/// Seats and who may join are counted here.
pub(super) fn member(read: &mut Reader<'_>, offer: &mut OfferState) -> Result<(), CodecError> {
    let group = GroupIndex(place_in(offer.groups.rows.len(), read)?);
    let seat = place_in(offer.groups.seats.len(), read)?;
    if offer.groups.restore_member(seat, group) {
        Ok(())
    } else {
        Err(read.expected("a seat of this group, once, before this byte"))
    }
}

/// Whether the groups' counts fit their lists and the offer's rule; `Err` says what should be.
pub(super) fn check(offer: &OfferState) -> Result<(), &'static str> {
    let size = offer.group_size();
    for row in offer.groups.rows.iter() {
        if row.paid > row.seats || row.unsettled > row.seats {
            return Err("no more paid or unsettled seats than the group has");
        }
        if row.state == GroupState::Open && row.first.is_none() {
            return Err("an open group with a first leader");
        }
        if row.unsettled > 0 && !row.state.settles_members() {
            return Err("no members to settle in a group that is not over");
        }
        if row.state == GroupState::Open && row.seats > size {
            return Err("no more seats in an open group than its size");
        }
    }
    Ok(())
}
