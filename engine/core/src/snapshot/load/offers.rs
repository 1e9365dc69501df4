//! Reads an offer, its operations and its hold queues.

use super::{Loading, place_in};
use crate::codec::{CodecError, Reader, read_offer};
use crate::money::{MoneySum, ORDER_UNITS_MAX};
use crate::state::{HoldRun, OfferState, PoolTake, Removed};
use crate::time::Millis;
use alloc::boxed::Box;
use alloc::collections::VecDeque;

/// Extensions and deadlines stay so far from the ends of their type that sums of two never overflow.
pub(super) const TIME_MAX: i64 = 1 << 61;

/// How many rows an offer announced.
#[derive(Clone, Copy)]
pub(super) struct Announced {
    pub(super) buyers: u32,
    pub(super) reservations: u32,
    pub(super) notes: u32,
    pub(super) groups: u32,
    pub(super) seats: u32,
}

impl Announced {
    /// Whether every row has come, and what hangs together does; `Err` says what should be.
    pub(super) fn check(&self, offer: &OfferState) -> Result<(), &'static str> {
        let Announced { buyers, reservations, notes, groups, seats } = *self;
        let came = [
            (offer.reservations.buyer_count(), buyers),
            (offer.reservations.len(), reservations),
            (offer.reservations.note_count(), notes),
            (offer.groups.rows.len(), groups),
            (offer.groups.seats.len(), seats),
        ];
        if came.into_iter().any(|(came, announced)| came != announced) {
            return Err("as many rows of each kind as the offer says");
        }
        if offer.hold_runs.back().is_none_or(|newest| newest.end.is_some()) {
            return Err("a growing hold queue as an offer's last");
        }
        super::groups::check(offer)
    }
}

impl Loading {
    pub(super) fn offer(&mut self, read: &mut Reader<'_>) -> Result<(), CodecError> {
        let id = read.text()?;
        let definition = read_offer(read)?;
        let opens = read.time()?;
        let (is_paused, is_closed) = (read.fact()?, read.fact()?);
        let pools = self.state.pools.len();
        let takes = read.list(|read| {
            let pool = crate::state::PoolIndex(place_in(pools, read)?);
            let units = read.small()?;
            if units == 0 || units > ORDER_UNITS_MAX {
                return Err(read.expected("units of a pool within 1 to 1,000,000 before this byte"));
            }
            Ok(PoolTake { pool, units })
        })?;
        let campaign = self.state.campaign_of(id);
        let mut offer = OfferState::new(id, campaign, definition, opens, takes);
        (offer.is_paused, offer.is_closed) = (is_paused, is_closed);
        offer.extended = read.length()?;
        if offer.extended.get() > TIME_MAX.cast_unsigned() {
            return Err(read.expected("extensions within 2^61 ms before this byte"));
        }
        (offer.paid, offer.owed) = (sum(read)?, sum(read)?);
        (offer.units_held, offer.units_sold) = (read.number()?, read.number()?);
        offer.removed = read.maybe(removed)?.map(Box::new);
        let is_live = offer.removed.is_none();
        (offer.groups.formed, offer.groups.failed) = (read.number()?, read.number()?);
        // They come in pieces of their own.
        offer.hold_runs = VecDeque::new();
        let index = self.state.insert_offer(offer);
        if is_live {
            self.state.campaigns[campaign.0].offers.push(index);
        }
        self.offers.push(announced(read)?);
        debug_assert_eq!(self.offers.len(), index.0 as usize + 1);
        Ok(())
    }
}

fn sum(read: &mut Reader<'_>) -> Result<MoneySum, CodecError> {
    Ok(MoneySum { cash: read.wide()?, points: read.wide()? })
}

fn removed(read: &mut Reader<'_>) -> Result<Removed, CodecError> {
    let mut removed = Removed::default();
    for count in &mut removed.reservations {
        *count = read.number()?;
    }
    (removed.kept, removed.owed_back) = (sum(read)?, sum(read)?);
    Ok(removed)
}

fn announced(read: &mut Reader<'_>) -> Result<Announced, CodecError> {
    Ok(Announced {
        buyers: read.small()?,
        reservations: read.small()?,
        notes: read.small()?,
        groups: read.small()?,
        seats: read.small()?,
    })
}

pub(super) fn offer_op(read: &mut Reader<'_>, offer: &mut OfferState) -> Result<(), CodecError> {
    let (op, by): (_, Millis) = (read.text()?, read.length()?);
    offer.ops.insert(op.as_bytes().into(), by);
    Ok(())
}

/// The queue's place on the agenda is looked up when everything has come.
pub(super) fn hold_run(
    read: &mut Reader<'_>,
    offer: &mut OfferState,
    announced: Announced,
) -> Result<(), CodecError> {
    let (next, end) = (read.small()?, read.maybe(Reader::small)?);
    if next > announced.reservations || end.is_some_and(|end| end > announced.reservations) {
        return Err(read.expected("a stretch of the offer's reservations before this byte"));
    }
    offer.hold_runs.push_back(HoldRun { next, end, is_scheduled: false });
    Ok(())
}

/// The position in its "+ 1" form, inside a table of this length.
pub(super) fn place_up_to(
    len: u32,
    read: &mut Reader<'_>,
) -> Result<Option<core::num::NonZeroU32>, CodecError> {
    let place = read.place()?;
    if place.is_none_or(|place| place.get() <= len) {
        Ok(place)
    } else {
        Err(read.expected("a position inside its table, or none, before this byte"))
    }
}

/// The offer's real deadlines must stay in range too.
pub(super) fn deadline(read: &mut Reader<'_>) -> Result<i64, CodecError> {
    let deadline = read.signed()?;
    if deadline.unsigned_abs() <= TIME_MAX.cast_unsigned() {
        Ok(deadline)
    } else {
        Err(read.expected("a deadline within 2^61 ms before this byte"))
    }
}
