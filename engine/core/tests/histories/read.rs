//! The twin's reads: pools, buyers, groups, offers, lists, and the sums of the audit.

use crate::names::Name;
use crate::state::{Twin, TwinOffer, campaign_of, plus};
use stampede_core::{
    Answer, AuditAnswer, BuyerAnswer, EventId, GroupAnswer, GroupState, MemberAnswer, Money, OfferAnswer,
    OfferSummary, OfferWindow, Page, PoolAnswer, Refusal, StateFilter, Status, UnixMs,
};

impl Twin {
    pub(crate) fn show(&self, offer: Name, id: Name) -> Answer<Name> {
        let found = self.offer(offer).and_then(|number| {
            let offer = &self.offers[number];
            offer.find(id).map(|index| offer.answer(index))
        });
        found.map_or(Answer::Refused(Refusal::Unknown), Answer::Reservation)
    }

    pub(crate) fn pool(&self, id: Name) -> Answer<Name> {
        let Some(pool) = self.pools.get(id) else { return Answer::Refused(Refusal::Unknown) };
        let (held, sold) = self.held_and_sold(id);
        let available = self.available(id);
        Answer::Pool(PoolAnswer { pool: id, total: pool.total, available, held, sold })
    }

    pub(crate) fn buyer(&self, offer: Name, buyer: Name) -> Answer<Name> {
        let Some(number) = self.offer(offer) else { return Answer::Refused(Refusal::OfferUnknown) };
        let offer = &self.offers[number];
        let of_buyer = |index: &usize| offer.reservations[*index].buyer == buyer;
        let newest: Vec<usize> = (0..offer.reservations.len()).rev().filter(of_buyer).collect();
        if newest.is_empty() {
            return Answer::Refused(Refusal::Unknown);
        }
        Answer::Buyer(Box::new(BuyerAnswer {
            buyer,
            units: offer.buyer_units(buyer),
            campaign_units: self.campaign_units(campaign_of(offer.id), buyer),
            count: newest.len() as u64,
            reservations: newest.into_iter().map(|index| offer.answer(index)).collect(),
        }))
    }

    pub(crate) fn group(&self, offer: Name, id: Name) -> Answer<Name> {
        let Some(number) = self.offer(offer) else { return Answer::Refused(Refusal::OfferUnknown) };
        let offer = &self.offers[number];
        let Some(group) = offer.find_group(id) else { return Answer::Refused(Refusal::Unknown) };
        let mut answer = offer.group_answer(group);
        let member = |index: usize| {
            let entry = offer.answer(index);
            MemberAnswer { buyer: entry.buyer, id: entry.id, status: entry.status, qty: entry.qty }
        };
        answer.members = offer.members_then(group).into_iter().map(member).collect();
        Answer::Group(Box::new(answer))
    }

    pub(crate) fn groups(&self, offer: Name, count: u32) -> Answer<Name> {
        let Some(number) = self.offer(offer) else { return Answer::Refused(Refusal::OfferUnknown) };
        let offer = &self.offers[number];
        let mut open: Vec<usize> = (0..offer.groups.len()).filter(|&group| offer.is_open(group)).collect();
        open.sort_by_key(|&group| {
            let entry = &offer.groups[group];
            (offer.size() - offer.members(group).len(), entry.expires, entry.turn)
        });
        open.truncate(count as usize);
        Answer::Groups(open.into_iter().map(|group| offer.group_answer(group)).collect())
    }

    pub(crate) fn offer_get(&self, id: Name) -> Answer<Name> {
        let Some(number) = self.offer(id) else { return Answer::Refused(Refusal::OfferUnknown) };
        let offer = &self.offers[number];
        let removed = offer.removed.iter().flat_map(|removed| &removed.groups);
        let groups: Vec<GroupState> = offer.groups.iter().chain(removed).map(|group| group.state).collect();
        let count = |state| groups.iter().filter(|known| **known == state).count() as u64;
        Answer::Offer(Box::new(OfferAnswer {
            summary: offer.summary(self.now),
            definition: offer.rule.clone(),
            paid: offer.paid,
            owed: offer.owed,
            groups_open: count(GroupState::Open),
            groups_formed: count(GroupState::Formed),
            groups_failed: count(GroupState::Failed),
        }))
    }

    pub(crate) fn list(&self, cursor: u64, count: u32) -> Answer<Name> {
        let from = usize::try_from(cursor).unwrap_or(usize::MAX).min(self.offers.len());
        let entries: Vec<_> = self.offers[from..].iter().take(count as usize).collect();
        let next = from + entries.len();
        Answer::Offers(Page {
            next: (next < self.offers.len()).then_some(next as u64),
            entries: entries.into_iter().map(|offer| offer.summary(self.now)).collect(),
        })
    }

    /// The whole list in one page: pages are put together before they are compared.
    pub(crate) fn reservations(&self, offer: Name, state: StateFilter) -> Answer<Name> {
        let Some(number) = self.offer(offer) else { return Answer::Refused(Refusal::OfferUnknown) };
        let offer = &self.offers[number];
        let all = (0..offer.reservations.len()).map(|index| offer.answer(index));
        let wanted = all.filter(|entry| match state {
            StateFilter::Any => true,
            StateFilter::Is(status) => entry.status == status,
        });
        Answer::Reservations(Page { next: None, entries: wanted.collect() })
    }

    /// What an audit that finds nothing broken must sum up.
    pub(crate) fn audit(&self) -> Answer<Name> {
        let mut answer = AuditAnswer {
            broken: Vec::new(),
            event: EventId::default(),
            offers: self.offers.len() as u64,
            pools: self.pools.len() as u64,
            reservations: [0; 8],
            total: 0,
            available: 0,
            held: 0,
            sold: 0,
            paid: Money::ZERO,
            owed: Money::ZERO,
            digest: 0,
        };
        for (id, pool) in &self.pools {
            let (held, sold) = self.held_and_sold(id);
            answer.total += pool.total;
            answer.available += self.available(id);
            answer.held += held;
            answer.sold += sold;
        }
        for offer in &self.offers {
            answer.paid = plus(answer.paid, offer.paid);
            answer.owed = plus(answer.owed, offer.owed);
            for entry in offer.all_reservations() {
                answer.reservations[usize::from(entry.status.number())] += 1;
            }
        }
        Answer::Audit(Box::new(answer))
    }
}

impl TwinOffer {
    fn group_answer(&self, group: usize) -> GroupAnswer<Name> {
        let entry = &self.groups[group];
        let members = self.members_then(group);
        let paid = if self.is_open(group) { self.paid_members(group) } else { members.len() };
        GroupAnswer {
            group: entry.id,
            state: entry.state,
            leader: entry.leader.map(|index| self.reservations[index].buyer),
            size: self.size() as u32,
            seats: members.len() as u32,
            paid: paid as u32,
            expires: UnixMs::new(entry.expires),
            members: Vec::new(),
        }
    }

    /// The members now, or those whom a group that is over ended with.
    fn members_then(&self, group: usize) -> Vec<usize> {
        if self.is_open(group) { self.members(group) } else { self.groups[group].ended_with.clone() }
    }

    fn summary(&self, now: u64) -> OfferSummary<Name> {
        let units = |wanted: &[Status]| {
            let of = self.all_reservations().filter(|entry| wanted.contains(&entry.status));
            of.map(|entry| u64::from(entry.qty)).sum()
        };
        OfferSummary {
            offer: self.id,
            window: self.window(now),
            opens: UnixMs::new(self.opens),
            closes: self.rule.closes,
            reservations: self.all_reservations().count() as u64,
            held: units(&[Status::Held, Status::Paid]),
            sold: units(&[Status::Won]),
        }
    }

    fn window(&self, now: u64) -> OfferWindow {
        if self.removed.is_some() {
            OfferWindow::Removed
        } else if self.is_closed(now) {
            OfferWindow::Closed
        } else if self.paused {
            OfferWindow::Paused
        } else if now < self.opens {
            OfferWindow::Scheduled
        } else {
            OfferWindow::Open
        }
    }
}
