//! What time brings: holds that end, groups that form or fail, and the telling of it member by member.

use crate::event::{EndCause, Event, GroupIndex, OfferIndex, ReservationIndex};
use crate::state::{OfferState, State};
use crate::status::{GroupState, Status};
use crate::time::UnixMs;
use alloc::vec::Vec;

impl State {
    /// A held reservation whose time is up, swept or not.
    pub(crate) fn decide_overdue(&self, offer: OfferIndex, at: u32, now: UnixMs) -> Option<Event<'static>> {
        let state = self.offer(offer);
        let row = state.reservations.get(at);
        (row.status == Status::Held && state.is_overdue(row, now)).then_some(expired(offer, at))
    }

    /// Whether a reservation of a group offer may stand differently once everything due is settled: its time or its
    /// group's is up, or its group might have moved into another.
    pub(crate) fn hangs_on_what_is_due(&self, offer: OfferIndex, at: u32, now: UnixMs) -> bool {
        let state = self.offer(offer);
        let row = state.reservations.get(at);
        let group_is_due = state.group_of(row).is_some_and(|group| {
            let group = state.groups.get(group);
            group.state == GroupState::Open && (state.merges() || state.group_deadline(group) <= now)
        });
        match row.status {
            Status::Held => state.is_overdue(row, now) || group_is_due,
            Status::Paid => group_is_due,
            Status::Waiting | Status::Won | Status::Released | Status::Refunded | Status::Forfeited => false,
        }
    }

    /// How the group of a member ended whose own end may still have to be told.
    pub(crate) fn untold_end(&self, offer: OfferIndex, at: u32) -> Option<GroupState> {
        let state = self.offer(offer);
        let row = state.reservations.get(at);
        if !matches!(row.status, Status::Held | Status::Paid) {
            return None;
        }
        let end = state.groups.get(state.group_of(row)?).state;
        (end != GroupState::Open).then_some(end)
    }

    /// The end of one member of a group that ended so, if it is still to be told.
    #[inline]
    pub(crate) fn decide_end(&self, offer: OfferIndex, at: u32, end: GroupState) -> Option<Event<'static>> {
        let state = self.offer(offer);
        let row = state.reservations.get(at);
        let reservation = ReservationIndex(at);
        match (end, row.status) {
            (GroupState::Formed, Status::Paid) => Some(Event::Won { offer, reservation }),
            (GroupState::Failed, Status::Paid) => Some(Event::Refunded {
                offer,
                reservation,
                owe: state.reservations.kept(at),
                cause: EndCause::GroupFailed,
                reason: None,
            }),
            (GroupState::Failed, Status::Held) => {
                Some(Event::Released { offer, reservation, cause: EndCause::GroupFailed, reason: None })
            }
            _ => None,
        }
    }

    /// What an open group needs after its seats changed: it is over when nobody is left, forms when every seat is
    /// paid, and has a new leader when the leader is gone.
    pub(crate) fn decide_group_change(&self, offer: OfferIndex, group: GroupIndex) -> Option<Event<'static>> {
        let state = self.offer(offer);
        let row = state.groups.get(group);
        if !state.may_turn(group) || row.first.is_none() {
            None
        } else if row.seats == 0 {
            Some(Event::GroupFailed { offer, group })
        } else if row.paid == state.group_size() {
            Some(Event::GroupFormed { offer, group })
        } else {
            self.decide_leader(offer, group)
        }
    }

    /// The earliest joiner leads a group whose leader is gone.
    pub(crate) fn decide_leader(&self, offer: OfferIndex, group: GroupIndex) -> Option<Event<'static>> {
        let groups = &self.offer(offer).groups;
        let row = groups.get(group);
        let earliest = row.head.filter(|_| row.leader.is_none())?;
        let reservation = ReservationIndex(groups.seats[earliest.get() - 1].reservation);
        Some(Event::Leader { offer, group, reservation })
    }

    /// The paid members that a group at its deadline takes in from later ones; empty unless they fill it.
    ///
    /// One pass in opening order over the groups that can move whole: no held seat, every member admitted as a
    /// joiner, a deadline not before this group's. The orders of `Groups` give the next fitting one without a look
    /// at those that do not fit.
    pub(crate) fn decide_merge(&self, offer: OfferIndex, group: GroupIndex) -> Vec<Event<'static>> {
        let state = self.offer(offer);
        let row = state.groups.get(group);
        let mut free = state.group_size() - row.paid;
        let mut taken = Vec::new();
        let mut after = 0;
        while free > 0
            && let Some(next) = next_mergeable(state, group, free, after)
        {
            free -= state.groups.get(next).paid;
            after = next.0 + 1;
            taken.push(next);
        }
        if free > 0 {
            return Vec::new();
        }
        let members = taken.into_iter().flat_map(|from| state.groups.members(from));
        let moved = |seat: u32| {
            let reservation = ReservationIndex(state.groups.seats[seat].reservation);
            Event::Moved { offer, reservation, to: group }
        };
        members.map(moved).collect()
    }

    /// How a group ends whose time is up and whose unpaid members are gone.
    pub(crate) fn decide_group_end(&self, offer: OfferIndex, group: GroupIndex) -> Event<'static> {
        let state = self.offer(offer);
        let row = state.groups.get(group);
        let enough = state.definition.group().and_then(|rule| rule.min).unwrap_or(state.group_size());
        if row.paid >= enough.max(1) {
            Event::GroupFormed { offer, group }
        } else {
            Event::GroupFailed { offer, group }
        }
    }
}

impl OfferState {
    /// The group of a reservation to which something happened, if more may follow for it.
    #[expect(clippy::inline_always, reason = "what is done next looks at the same rows, and shares the look")]
    #[inline(always)]
    pub(crate) fn turning_group(&self, at: u32) -> Option<GroupIndex> {
        self.group_of(self.reservations.get(at)).filter(|&group| self.may_turn(group))
    }

    /// Whether a change of its seats may have more to follow for an open group. Mostly not: it has members, one of them
    /// leads, and not all its seats are paid.
    #[expect(clippy::inline_always, reason = "what is done next looks at the same rows, and shares the look")]
    #[inline(always)]
    pub(crate) fn may_turn(&self, group: GroupIndex) -> bool {
        let row = self.groups.get(group);
        let goes_on = row.seats > 0 && row.leader.is_some() && row.paid != self.group_size();
        !goes_on && row.state == GroupState::Open
    }
}

/// The first group from `after` on, in opening order, with at most `free` paid seats, that may move into `into`.
fn next_mergeable(offer: &OfferState, into: GroupIndex, free: u32, after: u32) -> Option<GroupIndex> {
    let deadline = offer.groups.get(into).deadline;
    let mergeable = &offer.groups.mergeable;
    let fits = |&&(_, group): &&(u32, u32)| group != into.0 && offer.groups.rows[group].deadline >= deadline;
    let mut best: Option<u32> = None;
    let mut paid = 1;
    // One look per count of paid seats that exists.
    while let Some(&(found, _)) = mergeable.range((paid, 0)..).next()
        && found <= free
    {
        let first = mergeable.range((found, after)..(found, best.unwrap_or(u32::MAX))).find(fits);
        best = first.map(|&(_, group)| group).or(best);
        paid = found + 1;
    }
    best.map(GroupIndex)
}

pub(crate) fn expired(offer: OfferIndex, at: u32) -> Event<'static> {
    Event::Released { offer, reservation: ReservationIndex(at), cause: EndCause::Expired, reason: None }
}
