//! The twin's operator: offers, pools, pauses, extensions.

use crate::names::{Name, name};
use crate::state::{Removed, Twin, TwinOffer, TwinPool, campaign_of};
use stampede_core::{Answer, Misuse, Money, Offer, OfferError, Refusal, Status, UnixMs};
use std::collections::BTreeMap;

/// More units than this no pool may hold: what every client can still read as a number.
const POOL_TOTAL_MAX: i128 = (1 << 53) - 1;

impl Twin {
    pub(crate) fn put(&mut self, id: Name, rule: &Offer) -> Answer<Name> {
        let misuse = match self.offer(id) {
            Some(number) if self.offers[number].removed.is_some() => Some(Misuse::OfferRemoved),
            Some(number) if self.offers[number].rule == *rule => None,
            Some(number) => self.change(number, rule).err(),
            None => self.create(id, rule).err(),
        };
        misuse.map_or(Answer::Done, Answer::Misuse)
    }

    fn create(&mut self, id: Name, rule: &Offer) -> Result<(), Misuse> {
        if rule.stock.is_some() && self.pools.contains_key(id) {
            return Err(Misuse::PoolExists);
        }
        if rule.takes.iter().any(|take| campaign_of(&take.pool) != campaign_of(id)) {
            return Err(Misuse::CrossSlot);
        }
        if rule.takes.iter().any(|take| !self.pools.contains_key(name(&take.pool))) {
            return Err(Misuse::TakesUnknown);
        }
        self.not_over_already(rule)?;
        if let Some(total) = rule.stock {
            self.pools.insert(id, TwinPool { total, ops: BTreeMap::new() });
        }
        self.offers.push(TwinOffer {
            id,
            rule: rule.clone(),
            opens: rule.opens.map_or(self.now, UnixMs::get),
            paused: false,
            closed_by_operator: false,
            reservations: Vec::new(),
            groups: Vec::new(),
            extensions: BTreeMap::new(),
            paid: Money::ZERO,
            owed: Money::ZERO,
            removed: None,
        });
        Ok(())
    }

    fn not_over_already(&self, rule: &Offer) -> Result<(), Misuse> {
        let expected = "an instant in the future";
        if rule.closes.is_some_and(|closes| closes.get() <= self.now) {
            return Err(Misuse::Offer(OfferError { path: "closes", expected }));
        }
        Ok(())
    }

    fn change(&mut self, number: usize, rule: &Offer) -> Result<(), Misuse> {
        let now = self.now;
        let offer = &self.offers[number];
        let old = &offer.rule;
        let is_open = now >= offer.opens;
        let rises = |old: Option<u32>, new: Option<u32>| match (old, new) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(old), Some(new)) => new >= old,
        };
        let closes_may_change = !offer.is_closed(now) && rule.closes.is_none_or(|closes| closes.get() > now);
        let frozen = [
            ("opens", old.opens != rule.opens && is_open),
            ("closes", old.closes != rule.closes && !closes_may_change),
            ("stock", old.stock != rule.stock),
            ("takes", old.takes != rule.takes),
            ("limit.order", is_open && !rises(old.limit.order, rule.limit.order)),
            ("limit.buyer", is_open && !rises(old.limit.buyer, rule.limit.buyer)),
            ("limit.campaign", is_open && !rises(old.limit.campaign, rule.limit.campaign)),
            ("admit", is_open && old.admit != rule.admit),
            ("price", is_open && old.price != rule.price),
            ("alone", is_open && old.alone != rule.alone),
            ("hold", is_open && old.hold != rule.hold),
            ("late", is_open && old.late != rule.late),
            ("settle", is_open && old.settle != rule.settle),
        ];
        self.frozen = frozen.into_iter().filter(|(_, frozen)| *frozen).map(|(field, _)| field).collect();
        if let Some(field) = self.frozen.first() {
            return Err(Misuse::OfferFrozen { field });
        }
        let offer = &mut self.offers[number];
        offer.rule = rule.clone();
        if !is_open {
            offer.opens = rule.opens.map_or(now, UnixMs::get);
        }
        Ok(())
    }

    pub(crate) fn pause(&mut self, id: Name, paused: bool) -> Answer<Name> {
        let Some(number) = self.offer(id) else { return Answer::Refused(Refusal::OfferUnknown) };
        if self.offers[number].is_closed(self.now) {
            return Answer::Misuse(Misuse::OfferClosed);
        }
        self.offers[number].paused = paused;
        Answer::Done
    }

    pub(crate) fn close(&mut self, id: Name) -> Answer<Name> {
        let Some(number) = self.offer(id) else { return Answer::Refused(Refusal::OfferUnknown) };
        if !self.offers[number].is_closed(self.now) {
            self.offers[number].closed_by_operator = true;
        }
        Answer::Done
    }

    pub(crate) fn remove(&mut self, id: Name) -> Answer<Name> {
        let Some(number) = self.offer(id) else { return Answer::Refused(Refusal::OfferUnknown) };
        let now = self.now;
        let offer = &mut self.offers[number];
        if offer.removed.is_some() {
            return Answer::DoneBefore;
        }
        if !offer.is_closed(now) {
            return Answer::Misuse(Misuse::OfferNotClosed);
        }
        let waiting =
            offer.reservations.iter().filter(|entry| matches!(entry.status, Status::Held | Status::Paid));
        let units: u64 = waiting.map(|entry| u64::from(entry.qty)).sum();
        let groups = (0..offer.groups.len()).filter(|&group| offer.is_open(group)).count() as u64;
        if units > 0 || groups > 0 {
            return Answer::Misuse(Misuse::OfferUnsettled { units, groups });
        }
        let reservations = std::mem::take(&mut offer.reservations);
        offer.removed = Some(Removed { reservations, groups: std::mem::take(&mut offer.groups) });
        Answer::Done
    }

    pub(crate) fn extend(&mut self, id: Name, by: u64, op: Name) -> Answer<Name> {
        let Some(number) = self.offer(id) else { return Answer::Refused(Refusal::OfferUnknown) };
        let offer = &mut self.offers[number];
        if offer.removed.is_some() {
            return Answer::Misuse(Misuse::OfferRemoved);
        }
        match offer.extensions.get(op) {
            Some(known) if *known == by => return Answer::DoneBefore,
            Some(_) => return Answer::Misuse(Misuse::OpConflict),
            None => offer.extensions.insert(op, by),
        };
        let held = offer.reservations.iter_mut().filter(|entry| entry.status == Status::Held);
        held.for_each(|entry| entry.deadline += by);
        for group in 0..offer.groups.len() {
            if offer.is_open(group) {
                offer.groups[group].expires += by;
            }
        }
        Answer::Done
    }

    pub(crate) fn pool_add(&mut self, id: Name, units: i64, op: Name) -> Answer<Name> {
        let Some(pool) = self.pools.get(id) else {
            let Some(total) = u64::try_from(units).ok().filter(|units| *units > 0) else {
                return Answer::Misuse(Misuse::PoolUnknown);
            };
            self.pools.insert(id, TwinPool { total, ops: BTreeMap::from([(op, units)]) });
            return Answer::Done;
        };
        match pool.ops.get(op) {
            Some(known) if *known == units => return Answer::DoneBefore,
            Some(_) => return Answer::Misuse(Misuse::OpConflict),
            None => {}
        }
        let available = self.available(id);
        let total = i128::from(pool.total) + i128::from(units);
        if i128::from(available) + i128::from(units) < 0 || total > POOL_TOTAL_MAX {
            return Answer::Misuse(Misuse::PoolRange { available });
        }
        let pool = self.pools.get_mut(id).expect("looked up above");
        pool.total = u64::try_from(total).expect("between zero and the maximum");
        pool.ops.insert(op, units);
        Answer::Done
    }
}
