//! The state as it would stand had everything due been settled, for reads that must not write.
//!
//! While the disk is full nothing may happen, yet what a reader hears stays true: a hold past its deadline is over,
//! swept or not. Foretold here, without an event: the ends of holds and of groups, the seats, units and money that go
//! back with them. Not foretold, but answered with `None`: what a merge of groups would do, and what would cost more
//! than a bounded look. Called by `machine` alone; what is foretold is compared with what a sweep does in every random
//! history of the tests.

mod sums;

use crate::answer::{Answer, BuyerAnswer, GroupAnswer, LIST_MAX, Page, ReservationAnswer};
use crate::event::{Event, GroupIndex, OfferIndex};
use crate::request::StateFilter;
use crate::state::{OfferState, State};
use crate::status::{GroupState, Status};
use crate::text::Text;
use crate::time::UnixMs;
use crate::view::{effective_status, page, shown_qty, view_member};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::Cell;

/// The most reservations, members and offers that one read looks at; a millisecond's worth.
const LOOKED_AT_MAX: u32 = 65_536;

/// One read of the state at a time at which something may be due.
#[derive(Debug)]
pub(crate) struct Foresight<'s> {
    state: &'s State,
    now: UnixMs,
    /// How much may still be looked at.
    left: Cell<u32>,
}

/// An open group as it would stand; one that is over stands as it is.
#[derive(Clone, Copy, Debug)]
struct Foretold {
    state: GroupState,
    seats: u32,
    /// The leader's seat.
    leader: Option<u32>,
}

impl<'s> Foresight<'s> {
    pub(crate) fn new(state: &'s State, now: UnixMs) -> Self {
        Foresight { state, now, left: Cell::new(LOOKED_AT_MAX) }
    }

    pub(crate) fn reservation(&self, offer: OfferIndex, at: u32) -> Option<ReservationAnswer<Text<'s>>> {
        let mut answer = self.state.view_reservation(offer, at, self.now);
        let state = self.state.offer(offer);
        let row = state.reservations.get(at);
        let Some(group) = state.group_of(row) else { return Some(answer) };
        answer.status = self.status(state, offer, at)?;
        answer.qty = shown_qty(row, answer.status);
        answer.expires = answer.expires.filter(|_| answer.status == Status::Held);
        let foretold = self.group(state, offer, group)?;
        let part = answer.group.as_mut()?;
        part.state = foretold.state;
        part.seats_left = foretold.state.seats_left(state.group_size(), foretold.seats);
        Some(answer)
    }

    pub(crate) fn whole_group(&self, offer: OfferIndex, at: GroupIndex) -> Option<GroupAnswer<Text<'s>>> {
        let state = self.state.offer(offer);
        let foretold = self.group(state, offer, at)?;
        let mut answer = self.group_line(offer, at, foretold);
        let was_open = state.groups.get(at).state == GroupState::Open;
        for seat in state.groups.members(at) {
            if answer.members.len() == LIST_MAX {
                break;
            }
            self.spend(1)?;
            let member = state.groups.seats[seat].reservation;
            let status = self.status(state, offer, member)?;
            // Who ends while the group is open leaves its seat; who ends with the group stays on its list.
            if !(was_open && status == Status::Released) {
                answer.members.push(view_member(state, member, status));
            }
        }
        Some(answer)
    }

    pub(crate) fn open_groups(&self, offer: OfferIndex, count: u32) -> Option<Vec<GroupAnswer<Text<'s>>>> {
        let state = self.state.offer(offer);
        let mut open = Vec::new();
        for &(_, deadline, at) in &state.groups.by_free {
            let foretold = self.group(state, offer, GroupIndex(at))?;
            if foretold.state == GroupState::Open {
                open.push((state.group_size() - foretold.seats, deadline, at, foretold));
            }
        }
        open.sort_unstable_by_key(|&(free, deadline, at, _)| (free, deadline, at));
        let nearest = open.into_iter().take((count as usize).min(LIST_MAX));
        Some(nearest.map(|(_, _, at, foretold)| self.group_line(offer, GroupIndex(at), foretold)).collect())
    }

    pub(crate) fn buyer(&self, offer: OfferIndex, buyer: u32) -> Option<Answer<Text<'s>>> {
        let state = self.state.offer(offer);
        let sums = state.reservations.buyer_sums(buyer);
        let id = state.reservations.buyer_id(buyer);
        let units = sums.units - self.units_over(offer, buyer)?;
        let newest = state.reservations.of_buyer(buyer).take(LIST_MAX);
        Some(Answer::Buyer(Box::new(BuyerAnswer {
            buyer: id,
            units,
            campaign_units: self.campaign_units(state, id, units)?,
            count: u64::from(sums.count),
            reservations: newest.map(|at| self.reservation(offer, at)).collect::<Option<_>>()?,
        })))
    }

    pub(crate) fn reservations(
        &self,
        offer: OfferIndex,
        filter: StateFilter,
        cursor: u64,
        count: u32,
    ) -> Option<Page<ReservationAnswer<Text<'s>>>> {
        let state = self.state.offer(offer);
        page(state, cursor, count, |at| {
            let status = self.status(state, offer, at)?;
            let is_wanted = filter == StateFilter::Any || filter == StateFilter::Is(status);
            if is_wanted { self.reservation(offer, at).map(Some) } else { Some(None) }
        })
    }

    fn group_line(&self, offer: OfferIndex, at: GroupIndex, foretold: Foretold) -> GroupAnswer<Text<'s>> {
        let state = self.state.offer(offer);
        let leader = foretold.leader.map(|seat| state.groups.seats[seat].reservation);
        GroupAnswer {
            state: foretold.state,
            seats: foretold.seats,
            leader: leader.map(|at| state.reservations.buyer_of(at)),
            ..self.state.view_group(offer, at, 0, self.now)
        }
    }

    /// Units of a buyer's reservations that count still and are over.
    fn units_over(&self, offer: OfferIndex, buyer: u32) -> Option<u64> {
        let state = self.state.offer(offer);
        let mut over = 0;
        for at in state.reservations.of_buyer(buyer) {
            self.spend(1)?;
            let live = state.reservations.get(at).live_units();
            if live > 0 && self.status(state, offer, at)?.is_ended() {
                over += u64::from(live);
            }
        }
        Some(over)
    }

    /// Units that the buyer has in the campaign, given those on the offer that was asked about.
    fn campaign_units(&self, offer: &OfferState, buyer: Text<'_>, on_offer: u64) -> Option<u64> {
        let campaign = &self.state.campaigns[offer.campaign.0];
        let Some(buyers) = &campaign.buyers else { return Some(on_offer) };
        let hash = self.state.hashes.of(buyer);
        let mut units = buyers.units(hash, buyer);
        for &other in &campaign.offers {
            self.spend(1)?;
            if let Some(at) = self.state.offer(other).reservations.find_buyer(hash, buyer) {
                units -= self.units_over(other, at)?;
            }
        }
        Some(units)
    }

    /// How a reservation would stand.
    fn status(&self, state: &OfferState, offer: OfferIndex, at: u32) -> Option<Status> {
        let status = effective_status(state, at, self.now);
        let Some(group) = state.group_of(state.reservations.get(at)) else { return Some(status) };
        if status != Status::Paid || state.groups.get(group).state != GroupState::Open {
            return Some(status);
        }
        self.rule_out_merges(state)?;
        Some(match self.end_of(state, offer, group) {
            Some(GroupState::Formed) => Status::Won,
            Some(_) => Status::Refunded,
            None => Status::Paid,
        })
    }

    /// How an open group would stand.
    fn group(&self, state: &OfferState, offer: OfferIndex, at: GroupIndex) -> Option<Foretold> {
        let row = state.groups.get(at);
        let leader = row.leader.map(|seat| seat.get() - 1);
        if row.state != GroupState::Open {
            return Some(Foretold { state: row.state, seats: row.seats, leader });
        }
        self.rule_out_merges(state)?;
        let (mut seats, mut earliest, mut leader_stays) = (0, None, false);
        for seat in state.groups.members(at) {
            self.spend(1)?;
            let member = state.groups.seats[seat].reservation;
            if effective_status(state, member, self.now).is_ended() {
                continue;
            }
            seats += 1;
            earliest = earliest.or(Some(seat));
            leader_stays |= leader == Some(seat);
        }
        let end = if seats == 0 { Some(GroupState::Failed) } else { self.end_of(state, offer, at) };
        let leader = if leader_stays { leader } else { earliest };
        Some(Foretold { state: end.unwrap_or(GroupState::Open), seats, leader })
    }

    /// How an open group ends that its deadline ends; `None` while it has time.
    fn end_of(&self, state: &OfferState, offer: OfferIndex, at: GroupIndex) -> Option<GroupState> {
        if state.group_deadline(state.groups.get(at)) > self.now {
            return None;
        }
        Some(match self.state.decide_group_end(offer, at) {
            Event::GroupFormed { .. } => GroupState::Formed,
            _ => GroupState::Failed,
        })
    }

    /// Gives up where a group that is due may take in another.
    fn rule_out_merges(&self, state: &OfferState) -> Option<()> {
        let first = state.groups.deadlines.first();
        let is_any_due = first.is_some_and(|&(deadline, _, _)| state.real_deadline(deadline) <= self.now);
        (!(state.merges() && is_any_due)).then_some(())
    }

    fn spend(&self, count: u32) -> Option<()> {
        self.left.set(self.left.get().checked_sub(count)?);
        Some(())
    }
}
