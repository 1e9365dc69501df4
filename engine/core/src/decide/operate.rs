//! The operator's requests: offers and pools.

use super::No;
use crate::event::{CloseCause, Event, OfferIndex};
use crate::offer::{LENGTH_MAX, Offer, OfferError, POOL_UNITS_MAX, Take};
use crate::refusal::{Misuse, Refusal};
use crate::state::{OfferState, State};
use crate::text::Text;
use crate::time::{Millis, UnixMs};

/// The most offers of one shard.
const OFFERS_MAX: u32 = 1 << 20;
/// The most pools of one shard.
const POOLS_MAX: u32 = 1 << 20;
/// The most EXTENDs that one offer remembers, so that none counts twice.
const OPS_MAX: usize = 1_000;
/// The most POOL ADDs that one pool remembers, so that none counts twice.
const POOL_OPS_MAX: usize = 1_000_000;

/// What an operator's request leads to.
#[derive(Debug)]
pub(crate) enum Operator<'r> {
    /// An event happens.
    Happens(Event<'r>),
    /// Everything is so already.
    Done,
    /// The operation was carried out before.
    DoneBefore,
}

impl State {
    pub(crate) fn known_offer(&self, id: Text<'_>) -> Result<OfferIndex, No> {
        self.find_offer(id).ok_or(Refusal::OfferUnknown.into())
    }

    pub(crate) fn decide_offer_put<'r>(
        &self,
        id: Text<'r>,
        definition: &'r Offer,
        now: UnixMs,
    ) -> Result<Operator<'r>, No> {
        definition.check().map_err(Misuse::Offer)?;
        let opens = definition.opens.unwrap_or(now);
        match self.find_offer(id) {
            Some(offer) if self.offer(offer).removed.is_some() => Err(Misuse::OfferRemoved.into()),
            Some(offer) if self.offer(offer).definition == *definition => Ok(Operator::Done),
            Some(at) => {
                check_change(self.offer(at), definition, now)?;
                let opens = if self.offer(at).opens <= now { self.offer(at).opens } else { opens };
                Ok(Operator::Happens(Event::OfferChanged { offer: at, definition, opens }))
            }
            None => {
                self.check_new_offer(id, definition, now)?;
                Ok(Operator::Happens(Event::OfferPut { offer: id, definition, opens }))
            }
        }
    }

    fn check_new_offer(&self, id: Text<'_>, definition: &Offer, now: UnixMs) -> Result<(), No> {
        if self.offers.len() >= OFFERS_MAX {
            return Err(Misuse::Full { what: "offers of one shard", max: u64::from(OFFERS_MAX) }.into());
        }
        if definition.closes.is_some_and(|closes| closes <= now) {
            return Err(
                Misuse::Offer(OfferError { path: "closes", expected: "an instant in the future" }).into()
            );
        }
        if definition.stock.is_some() && self.find_pool(id).is_some() {
            return Err(Misuse::PoolExists.into());
        }
        // Before the pools are looked for: what follows from the definition alone is answered whatever pools there are.
        if !definition.stays_in_campaign(id) {
            return Err(Misuse::CrossSlot.into());
        }
        let is_known = |take: &Take| self.find_pool(Text::stored(take.pool.as_bytes())).is_some();
        if !definition.takes.iter().all(is_known) {
            return Err(Misuse::TakesUnknown.into());
        }
        Ok(())
    }

    pub(crate) fn decide_pause(&self, offer: Text<'_>, now: UnixMs) -> Result<Operator<'static>, No> {
        let offer = self.known_offer(offer)?;
        match self.offer(offer) {
            state if state.is_over(now) => Err(Misuse::OfferClosed.into()),
            state if state.is_paused => Ok(Operator::Done),
            _ => Ok(Operator::Happens(Event::OfferPaused { offer })),
        }
    }

    pub(crate) fn decide_resume(&self, offer: Text<'_>, now: UnixMs) -> Result<Operator<'static>, No> {
        let offer = self.known_offer(offer)?;
        match self.offer(offer) {
            state if state.is_over(now) => Err(Misuse::OfferClosed.into()),
            state if !state.is_paused => Ok(Operator::Done),
            _ => Ok(Operator::Happens(Event::OfferResumed { offer })),
        }
    }

    pub(crate) fn decide_close(&self, offer: Text<'_>, now: UnixMs) -> Result<Operator<'static>, No> {
        let offer = self.known_offer(offer)?;
        if self.offer(offer).is_closed {
            return Ok(Operator::Done);
        }
        let by = if self.offer(offer).is_over(now) { CloseCause::Deadline } else { CloseCause::Operator };
        Ok(Operator::Happens(Event::OfferClosed { offer, by }))
    }

    /// What is due has been swept: it stays over.
    pub(crate) fn decide_extend<'r>(
        &self,
        offer: Text<'_>,
        by: Millis,
        op: Text<'r>,
    ) -> Result<Operator<'r>, No> {
        let offer = self.known_offer(offer)?;
        let state = self.offer(offer);
        if state.removed.is_some() {
            return Err(Misuse::OfferRemoved.into());
        }
        match state.ops.get(op.as_bytes()) {
            Some(known) if *known == by => return Ok(Operator::DoneBefore),
            Some(_) => return Err(Misuse::OpConflict.into()),
            None => {}
        }
        if state.ops.len() >= OPS_MAX {
            return Err(Misuse::Full { what: "EXTENDs of one offer", max: OPS_MAX as u64 }.into());
        }
        if by == Millis::new(0) || by > LENGTH_MAX {
            let error = OfferError { path: "duration", expected: "a duration from 1ms to 366d" };
            return Err(Misuse::Offer(error).into());
        }
        Ok(Operator::Happens(Event::OfferExtended { offer, by, op }))
    }

    pub(crate) fn decide_pool_add<'r>(
        &self,
        id: Text<'r>,
        units: i64,
        op: Text<'r>,
    ) -> Result<Operator<'r>, No> {
        let pool = self.find_pool(id).map(|pool| &self.pools[pool.0]);
        if let Some(known) = pool.and_then(|pool| pool.ops.get(op.as_bytes())) {
            return if *known == units { Ok(Operator::DoneBefore) } else { Err(Misuse::OpConflict.into()) };
        }
        if pool.is_some_and(|pool| pool.ops.len() >= POOL_OPS_MAX) {
            return Err(Misuse::Full { what: "POOL ADDs of one pool", max: POOL_OPS_MAX as u64 }.into());
        }
        let (total, available) = pool.map_or((0, 0), |pool| (pool.total(), pool.available()));
        if pool.is_none() && self.pools.len() >= POOLS_MAX {
            return Err(Misuse::Full { what: "pools of one shard", max: u64::from(POOLS_MAX) }.into());
        }
        if pool.is_none() && units <= 0 {
            return Err(Misuse::PoolUnknown.into());
        }
        let fits = total.checked_add_signed(units).is_some_and(|total| total < POOL_UNITS_MAX);
        if !fits || units.unsigned_abs() > available && units < 0 {
            return Err(Misuse::PoolRange { available }.into());
        }
        Ok(Operator::Happens(Event::PoolAdded { pool: id, units, op }))
    }
}

/// Before an offer opens everything but what it takes from may change; after that only what takes nothing from anybody.
fn check_change(offer: &OfferState, new: &Offer, now: UnixMs) -> Result<(), No> {
    let old = &offer.definition;
    let frozen = |field| Err(Misuse::OfferFrozen { field }.into());
    if old.stock != new.stock {
        return frozen("stock");
    }
    if old.takes != new.takes {
        return frozen("takes");
    }
    if old.closes != new.closes {
        let is_past = new.closes.is_some_and(|closes| closes <= now);
        if offer.is_over(now) || is_past {
            return frozen("closes");
        }
    }
    if now < offer.opens && offer.reservations.len() == 0 {
        return Ok(());
    }
    let rises = |old: Option<u32>, new: Option<u32>| match (old, new) {
        (None, Some(_)) => false,
        (Some(old), Some(new)) => old <= new,
        (_, None) => true,
    };
    let fields = [
        (old.opens == new.opens, "opens"),
        (rises(old.limit.order, new.limit.order), "limit.order"),
        (rises(old.limit.buyer, new.limit.buyer), "limit.buyer"),
        (rises(old.limit.campaign, new.limit.campaign), "limit.campaign"),
        (old.admit == new.admit, "admit"),
        (old.price == new.price, "price"),
        (old.alone == new.alone, "alone"),
        (old.hold == new.hold, "hold"),
        (old.late == new.late, "late"),
        (old.settle == new.settle, "settle"),
    ];
    match fields.into_iter().find(|(may, _)| !may) {
        Some((_, field)) => frozen(field),
        None => Ok(()),
    }
}
