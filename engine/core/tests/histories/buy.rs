//! The twin's BUY: the checks in the order in which the rules name them, then one step.

use crate::names::Name;
use crate::state::{Group, Reservation, Seat, Twin, TwinOffer, campaign_of, is_unit_count, times};
use stampede_core::{
    Admission, Answer, Buy, GroupChoice, GroupRule, GroupState, Misuse, Money, Refusal, Settle, Status,
    UnixMs,
};

/// The seat that a BUY takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Alone,
    Opens,
    Joins(usize),
}

/// How far a buyer is into the hundred percent of an offer, 0 to 99.
pub(crate) type Percent = fn(offer: Name, buyer: Name) -> u8;

impl Twin {
    pub(crate) fn buy(&mut self, buy: &Buy<Name>, percent: Percent) -> Answer<Name> {
        let Some(number) = self.offer(buy.offer) else { return Answer::Refused(Refusal::OfferUnknown) };
        if !is_unit_count(buy.qty) {
            return Answer::Misuse(Misuse::UnitsRange { argument: "QTY" });
        }
        let offer = &self.offers[number];
        if offer.removed.is_some() {
            return Answer::Refused(Refusal::Closed);
        }
        if let Some(index) = offer.find(buy.id) {
            if let Some(field) = difference(&offer.reservations[index], buy) {
                return Answer::Refused(Refusal::IdConflict { field });
            }
            let mut answer = offer.answer(index);
            answer.replayed = true;
            return Answer::Reservation(answer);
        }
        match (&offer.rule.settle, buy.group) {
            (Settle::Now, GroupChoice::Alone) => {}
            (Settle::Now, _) => return Answer::Misuse(Misuse::GroupUnexpected),
            (Settle::Group(_), GroupChoice::Alone) if offer.rule.alone.is_none() => {
                return Answer::Misuse(Misuse::GroupNeeded);
            }
            (Settle::Group(_), _) => {}
        }
        match self.place_for(number, buy, percent) {
            Err(refusal) => Answer::Refused(refusal),
            Ok(place) => self.accept(number, buy, place, percent),
        }
    }

    fn place_for(&self, number: usize, buy: &Buy<Name>, percent: Percent) -> Result<Place, Refusal> {
        let offer = &self.offers[number];
        let joins = match buy.group {
            GroupChoice::Join(_) => true,
            GroupChoice::Any => offer.joinable(self.now, buy, percent).is_some(),
            GroupChoice::New | GroupChoice::Alone => false,
        };
        if self.now < offer.opens {
            return Err(Refusal::NotOpen { opens: UnixMs::new(offer.opens) });
        }
        if offer.paused {
            return Err(Refusal::Paused);
        }
        if offer.is_closed(self.now) && !joins {
            return Err(Refusal::Closed);
        }
        if !admits(&offer.rule.admit, buy, percent) {
            return Err(Refusal::NotAdmitted);
        }
        self.within_limits(number, buy.buyer, buy.qty, true)?;
        let place = offer.place(self.now, buy, percent)?;
        let seats = match place {
            Place::Joins(_) if offer.reserves_groups() => 0,
            Place::Opens if offer.reserves_groups() => offer.size() as u64,
            _ => 1,
        };
        self.in_stock(number, u64::from(buy.qty) * seats)?;
        Ok(place)
    }

    /// The limits, in their order; `order` is not asked again of a reservation that was accepted once.
    pub(crate) fn within_limits(
        &self,
        number: usize,
        buyer: Name,
        qty: u32,
        order: bool,
    ) -> Result<(), Refusal> {
        let offer = &self.offers[number];
        let limit = offer.rule.limit;
        let checks = [
            ("order", limit.order.filter(|_| order), 0),
            ("buyer", limit.buyer, offer.buyer_units(buyer)),
            ("campaign", limit.campaign, self.campaign_units(campaign_of(offer.id), buyer)),
        ];
        for (scope, max, has) in checks {
            if let Some(max) = max
                && has + u64::from(qty) > u64::from(max)
            {
                return Err(Refusal::Limit { scope, max });
            }
        }
        Ok(())
    }

    pub(crate) fn in_stock(&self, number: usize, units: u64) -> Result<(), Refusal> {
        let enough = |(pool, each): (Name, u64)| self.available(pool) >= each * units;
        if self.offers[number].takes().into_iter().all(enough) { Ok(()) } else { Err(Refusal::SoldOut) }
    }

    fn accept(&mut self, number: usize, buy: &Buy<Name>, place: Place, percent: Percent) -> Answer<Name> {
        let (turn, now) = (self.next_turn(), self.now);
        let offer = &mut self.offers[number];
        let index = offer.reservations.len();
        let seat = offer.sit(place, buy, index, turn, now, percent);
        let price = match (place, offer.rule.alone) {
            (Place::Alone, Some(alone)) => alone,
            _ => offer.rule.price,
        };
        let free = times(price, buy.qty).is_zero();
        let status = match (free, &seat) {
            (false, _) => Status::Held,
            (true, None) => Status::Won,
            (true, Some(_)) => Status::Paid,
        };
        let hold = now + offer.rule.hold.get();
        let deadline = seat.as_ref().map_or(hold, |seat| hold.min(offer.groups[seat.group].expires));
        offer.reservations.push(Reservation {
            turn,
            id: buy.id,
            buyer: buy.buyer,
            asked: buy.qty,
            qty: buy.qty,
            price,
            status,
            deadline,
            was_late: false,
            sent: buy.group,
            referrer: buy.referrer,
            seat,
            kept: Money::ZERO,
            payments: Vec::new(),
            returns: Vec::new(),
        });
        offer.form_if_full(index);
        Answer::Reservation(offer.answer(index))
    }
}

impl TwinOffer {
    /// Forms the reservation's group if its last seat has been paid.
    pub(crate) fn form_if_full(&mut self, index: usize) {
        let group = self.reservations[index].seat.as_ref().map(|seat| seat.group);
        if let Some(group) = group
            && self.is_open(group)
            && self.paid_members(group) == self.size()
        {
            self.form(group);
        }
    }

    fn place(&self, now: u64, buy: &Buy<Name>, percent: Percent) -> Result<Place, Refusal> {
        let Settle::Group(rule) = &self.rule.settle else { return Ok(Place::Alone) };
        let admitted = rule.join.as_ref().is_none_or(|join| admits(join, buy, percent));
        match buy.group {
            GroupChoice::Alone => Ok(Place::Alone),
            GroupChoice::Join(id) => {
                let group = self.find_group(id).ok_or(Refusal::GroupUnknown)?;
                if !self.is_open(group) {
                    return Err(Refusal::GroupOver);
                }
                if self.members(group).len() >= self.size() {
                    return Err(Refusal::GroupFull);
                }
                self.sits_nowhere(buy.buyer)?;
                if admitted { Ok(Place::Joins(group)) } else { Err(Refusal::NotAdmitted) }
            }
            GroupChoice::New => self.sits_nowhere(buy.buyer).map(|()| Place::Opens),
            GroupChoice::Any => {
                self.sits_nowhere(buy.buyer)?;
                Ok(self.joinable(now, buy, percent).map_or(Place::Opens, Place::Joins))
            }
        }
    }

    /// The group that GROUP ANY would join.
    fn joinable(&self, now: u64, buy: &Buy<Name>, percent: Percent) -> Option<usize> {
        let Settle::Group(rule) = &self.rule.settle else { return None };
        let admitted = rule.join.as_ref().is_none_or(|join| admits(join, buy, percent));
        self.nearest_to_full(now, rule).filter(|_| admitted)
    }

    fn sits_nowhere(&self, buyer: Name) -> Result<(), Refusal> {
        if self.seat_of(buyer).is_some() { Err(Refusal::GroupMember) } else { Ok(()) }
    }

    /// The open group with the fewest free seats, then the nearest end, then the oldest, among those with time left.
    fn nearest_to_full(&self, now: u64, rule: &GroupRule) -> Option<usize> {
        let default = self.rule.hold.get().min(rule.open.get() / 2);
        let left_min = rule.any_min_left.map_or(default, stampede_core::Millis::get);
        let joinable = |&group: &usize| {
            self.is_open(group)
                && self.members(group).len() < self.size()
                && self.groups[group].expires - now >= left_min
        };
        let order = |&group: &usize| {
            (self.size() - self.members(group).len(), self.groups[group].expires, self.groups[group].turn)
        };
        (0..self.groups.len()).filter(joinable).min_by_key(order)
    }

    fn sit(
        &mut self,
        place: Place,
        buy: &Buy<Name>,
        index: usize,
        turn: u64,
        now: u64,
        percent: Percent,
    ) -> Option<Seat> {
        let Settle::Group(rule) = &self.rule.settle else { return None };
        let may_join = rule.join.as_ref().is_none_or(|join| admits(join, buy, percent));
        let group = match place {
            Place::Alone => return None,
            Place::Joins(group) => group,
            Place::Opens => {
                let expires = now + rule.open.get();
                let (id, state) = (buy.id, GroupState::Open);
                let leader = Some(index);
                self.groups.push(Group { turn, id, state, expires, leader, ended_with: Vec::new() });
                self.groups.len() - 1
            }
        };
        Some(Seat { group, turn, may_join })
    }
}

/// The first argument in which the intent differs from the one that the id belongs to.
fn difference(entry: &Reservation, buy: &Buy<Name>) -> Option<&'static str> {
    let same = [
        ("buyer", entry.buyer == buy.buyer),
        ("QTY", entry.asked == buy.qty),
        ("GROUP", entry.sent == buy.group),
        ("REFERRER", entry.referrer == buy.referrer),
    ];
    same.into_iter().find(|(_, same)| !same).map(|(field, _)| field)
}

fn admits(rule: &Admission, buy: &Buy<Name>, percent: Percent) -> bool {
    let has = |tag: &str| buy.tags.is_some_and(|tags| tags.split(',').any(|known| known == tag));
    let code = rule.code.as_deref().is_none_or(|code| buy.code == Some(code));
    let cohort =
        rule.cohort.is_none_or(|cohort| (cohort.from..cohort.to).contains(&percent(buy.offer, buy.buyer)));
    rule.all.iter().all(|tag| has(tag))
        && (rule.any.is_empty() || rule.any.iter().any(|tag| has(tag)))
        && !rule.none.iter().any(|tag| has(tag))
        && code
        && cohort
}
