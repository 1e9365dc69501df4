//! What the twin knows: offers, pools and operations done, as plain lists. Nothing is counted ahead.
//!
//! Every count (a pool's held units, a buyer's units, a group's seats) is summed up from the reservations
//! each time it is asked for. That is slow and cannot drift, which is the point: the machine's counters are
//! compared with these sums. Rules about time stand in `due`, those of each request in the file named after
//! it.

use crate::names::Name;
use stampede_core::{
    GroupChoice, GroupPart, GroupState, Money, Offer, ReservationAnswer, Reserve, Restock, Settle, Status,
};
use std::collections::BTreeMap;

/// The twin of one machine.
#[derive(Debug, Default)]
pub(crate) struct Twin {
    pub(crate) now: u64,
    /// In the order in which they were put.
    pub(crate) offers: Vec<TwinOffer>,
    pub(crate) pools: BTreeMap<Name, TwinPool>,
    /// Counts acceptances, openings and sittings down: what came earlier has the lower number.
    pub(crate) turn: u64,
    /// The fields that the last OFFER PUT must not change but did: an answer names any of them.
    pub(crate) frozen: Vec<&'static str>,
}

#[derive(Debug, Default)]
pub(crate) struct TwinPool {
    pub(crate) total: u64,
    /// Operations done, with their units.
    pub(crate) ops: BTreeMap<Name, i64>,
}

#[derive(Debug)]
pub(crate) struct TwinOffer {
    pub(crate) id: Name,
    pub(crate) rule: Offer,
    pub(crate) opens: u64,
    pub(crate) paused: bool,
    pub(crate) closed_by_operator: bool,
    /// In the order of acceptance.
    pub(crate) reservations: Vec<Reservation>,
    /// In the order of opening.
    pub(crate) groups: Vec<Group>,
    pub(crate) extensions: BTreeMap<Name, u64>,
    pub(crate) paid: Money,
    pub(crate) owed: Money,
    pub(crate) removed: Option<Removed>,
}

/// What a removed offer had: it answers no request any more, but the sums count it.
#[derive(Debug)]
pub(crate) struct Removed {
    pub(crate) reservations: Vec<Reservation>,
    pub(crate) groups: Vec<Group>,
}

#[derive(Debug)]
pub(crate) struct Reservation {
    pub(crate) turn: u64,
    pub(crate) id: Name,
    pub(crate) buyer: Name,
    /// As asked for, for repeats.
    pub(crate) asked: u32,
    /// What is left of it.
    pub(crate) qty: u32,
    pub(crate) price: Money,
    pub(crate) status: Status,
    pub(crate) deadline: u64,
    pub(crate) was_late: bool,
    pub(crate) sent: GroupChoice<Name>,
    pub(crate) referrer: Option<Name>,
    pub(crate) seat: Option<Seat>,
    /// Paid and not given back.
    pub(crate) kept: Money,
    pub(crate) payments: Vec<Payment>,
    pub(crate) returns: Vec<ReturnDone>,
}

#[derive(Debug)]
pub(crate) struct Seat {
    /// Index into the offer's groups.
    pub(crate) group: usize,
    /// When the member sat down.
    pub(crate) turn: u64,
    pub(crate) may_join: bool,
}

/// A payment that took effect or was owed back.
#[derive(Debug)]
pub(crate) struct Payment {
    pub(crate) reference: Name,
    pub(crate) owe: Money,
    pub(crate) late: bool,
}

#[derive(Debug)]
pub(crate) struct ReturnDone {
    pub(crate) op: Name,
    pub(crate) qty: u32,
    pub(crate) restock: Restock,
    pub(crate) owe: Money,
}

#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) turn: u64,
    pub(crate) id: Name,
    pub(crate) state: GroupState,
    pub(crate) expires: u64,
    /// Index of the leader's reservation.
    pub(crate) leader: Option<usize>,
    /// Who sat in it, paid, when it formed or failed; empty before, and where nobody was left.
    pub(crate) ended_with: Vec<usize>,
}

pub(crate) fn is_live(status: Status) -> bool {
    matches!(status, Status::Held | Status::Paid | Status::Won)
}

/// An order, or a return, is of 1 to a million units.
pub(crate) fn is_unit_count(units: u32) -> bool {
    (1..=1_000_000).contains(&units)
}

pub(crate) fn plus(a: Money, b: Money) -> Money {
    Money { cash: a.cash + b.cash, points: a.points + b.points }
}

pub(crate) fn times(price: Money, units: u32) -> Money {
    Money { cash: price.cash * u64::from(units), points: price.points * u64::from(units) }
}

impl Twin {
    /// Leaves room behind each turn: members who move at once sit down one behind the other.
    pub(crate) fn next_turn(&mut self) -> u64 {
        self.turn += 1_000;
        self.turn
    }

    pub(crate) fn offer(&self, id: Name) -> Option<usize> {
        self.offers.iter().position(|offer| offer.id == id)
    }

    /// Units of this pool that live reservations and reserved empty seats hold, and those that are won.
    pub(crate) fn held_and_sold(&self, pool: Name) -> (u64, u64) {
        let (mut held, mut sold) = (0, 0);
        for offer in &self.offers {
            let per_unit =
                offer.takes().iter().find(|(taken, _)| *taken == pool).map_or(0, |(_, units)| *units);
            for reservation in offer.all_reservations() {
                let units = u64::from(reservation.qty) * per_unit;
                match reservation.status {
                    Status::Held | Status::Paid => held += units,
                    Status::Won => sold += units,
                    _ => {}
                }
            }
            held += offer.reserved_empty_seats() * per_unit;
        }
        (held, sold)
    }

    pub(crate) fn available(&self, pool: Name) -> u64 {
        let (held, sold) = self.held_and_sold(pool);
        let total = self.pools[pool].total;
        assert!(held + sold <= total, "the twin oversold {pool}: {held} + {sold} > {total}");
        total - held - sold
    }

    /// Units that the buyer has on all offers of this campaign.
    pub(crate) fn campaign_units(&self, campaign: &str, buyer: Name) -> u64 {
        let of_campaign = |offer: &&TwinOffer| campaign_of(offer.id) == campaign;
        self.offers.iter().filter(of_campaign).map(|offer| offer.buyer_units(buyer)).sum()
    }
}

/// What stands between the first `{` and the next `}`, unless that is nothing; else the whole id.
pub(crate) fn campaign_of(id: &str) -> &str {
    id.split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))
        .map(|(tag, _)| tag)
        .filter(|tag| !tag.is_empty())
        .unwrap_or(id)
}

impl TwinOffer {
    /// The pools that one unit takes from.
    pub(crate) fn takes(&self) -> Vec<(Name, u64)> {
        if self.rule.stock.is_some() {
            return vec![(self.id, 1)];
        }
        let take = |take: &stampede_core::Take| (crate::names::name(&take.pool), u64::from(take.units));
        self.rule.takes.iter().map(take).collect()
    }

    /// Those of a removed offer included.
    pub(crate) fn all_reservations(&self) -> impl Iterator<Item = &Reservation> {
        let removed = self.removed.iter().flat_map(|removed| &removed.reservations);
        self.reservations.iter().chain(removed)
    }

    pub(crate) fn is_closed(&self, now: u64) -> bool {
        self.closed_by_operator || self.rule.closes.is_some_and(|closes| now >= closes.get())
    }

    pub(crate) fn find(&self, id: Name) -> Option<usize> {
        self.reservations.iter().position(|reservation| reservation.id == id)
    }

    pub(crate) fn find_group(&self, id: Name) -> Option<usize> {
        self.groups.iter().position(|group| group.id == id)
    }

    pub(crate) fn buyer_units(&self, buyer: Name) -> u64 {
        let live = self.reservations.iter().filter(|entry| entry.buyer == buyer && is_live(entry.status));
        live.map(|entry| u64::from(entry.qty)).sum()
    }

    /// The members who sit in a group now, in the order in which they sat down.
    pub(crate) fn members(&self, group: usize) -> Vec<usize> {
        let mut found: Vec<(u64, usize)> = Vec::new();
        for (index, reservation) in self.reservations.iter().enumerate() {
            if let Some(seat) = &reservation.seat
                && seat.group == group
                && is_live(reservation.status)
            {
                found.push((seat.turn, index));
            }
        }
        found.sort_unstable();
        found.into_iter().map(|(_, index)| index).collect()
    }

    pub(crate) fn paid_members(&self, group: usize) -> usize {
        let paid = |index: &&usize| self.reservations[**index].status == Status::Paid;
        self.members(group).iter().filter(paid).count()
    }

    pub(crate) fn size(&self) -> usize {
        match &self.rule.settle {
            Settle::Group(rule) => rule.size as usize,
            Settle::Now => 0,
        }
    }

    pub(crate) fn is_open(&self, group: usize) -> bool {
        self.groups[group].state == GroupState::Open
    }

    /// The open group of this offer in which the buyer sits.
    pub(crate) fn seat_of(&self, buyer: Name) -> Option<usize> {
        (0..self.groups.len()).find(|&group| {
            self.is_open(group)
                && self.members(group).iter().any(|&index| self.reservations[index].buyer == buyer)
        })
    }

    pub(crate) fn reserves_groups(&self) -> bool {
        matches!(&self.rule.settle, Settle::Group(rule) if rule.reserve == Reserve::Group)
    }

    fn reserved_empty_seats(&self) -> u64 {
        if !self.reserves_groups() {
            return 0;
        }
        let open = (0..self.groups.len()).filter(|&group| self.is_open(group));
        open.map(|group| (self.size() - self.members(group).len()) as u64).sum()
    }

    /// The reservation as every answer about it states it.
    pub(crate) fn answer(&self, index: usize) -> ReservationAnswer<Name> {
        let entry = &self.reservations[index];
        ReservationAnswer {
            status: entry.status,
            id: entry.id,
            buyer: entry.buyer,
            qty: if entry.status == Status::Won { entry.qty } else { entry.asked },
            price: entry.price,
            amount: times(entry.price, entry.asked),
            expires: (entry.status == Status::Held).then(|| stampede_core::UnixMs::new(entry.deadline)),
            event: stampede_core::EventId::default(),
            group: entry.seat.as_ref().map(|seat| self.group_part(seat.group)),
            replayed: false,
            late: false,
            owe: Money::ZERO,
        }
    }

    fn group_part(&self, group: usize) -> GroupPart<Name> {
        let free = self.size() - self.members(group).len().min(self.size());
        let entry = &self.groups[group];
        GroupPart {
            group: entry.id,
            state: entry.state,
            seats_left: if self.is_open(group) { free as u32 } else { 0 },
            expires: stampede_core::UnixMs::new(entry.expires),
        }
    }
}
