//! The groups of one offer and the seats in them.
//!
//! A seat is taken when a reservation joins and is linked in its group's list until it is freed. Once a group is
//! over its list stands still: settling walks it once. Keeps the counts that I5 speaks of, and the orders in which
//! GROUP ANY, deadlines and merges look at open groups.

use super::reservations::one_up;
use crate::event::{GroupIndex, Sent, Seq};
use crate::status::GroupState;
use crate::store::Column;
use alloc::collections::BTreeSet;
use core::num::NonZeroU32;

#[derive(Debug, Default)]
pub(crate) struct Groups {
    pub(crate) rows: Column<Group>,
    pub(crate) seats: Column<Seating>,
    /// Open groups, nearest to full first: (free seats, deadline, group).
    pub(crate) by_free: BTreeSet<(u32, i64, u32)>,
    /// Open groups by deadline: (deadline, whether only its judgement is left, group). At one instant holds end before
    /// any group is judged, so that a merge finds no seat held that is over: groups with unpaid seats come first.
    pub(crate) deadlines: BTreeSet<(i64, bool, u32)>,
    /// Open groups that another may take in: (paid seats, group). Kept only where the rule says `merge`.
    pub(crate) mergeable: BTreeSet<(u32, u32)>,
    pub(crate) formed: u64,
    pub(crate) failed: u64,
    /// Members whose end is still to be told, of all groups that are over. Mostly none, and nobody is looked for then.
    pub(crate) unsettled: u32,
}

#[derive(Debug)]
pub(crate) struct Group {
    /// The reservation whose id is the group's id, as position + 1; `None` until the opener's acceptance.
    pub(crate) first: Option<NonZeroU32>,
    /// The leader's seat, as position + 1; `None` when the leader has just left.
    pub(crate) leader: Option<NonZeroU32>,
    /// The deadline less the offer's extensions so far while the group is open; the deadline itself afterwards.
    pub(crate) deadline: i64,
    /// The event that opened it.
    pub(crate) event: Seq,
    /// Seats held or paid.
    pub(crate) seats: u32,
    /// Seats paid.
    pub(crate) paid: u32,
    /// Of the seats, those whose members passed the joiners' admission.
    pub(crate) may_join: u32,
    /// First and last seat of the list, as position + 1.
    pub(crate) head: Option<NonZeroU32>,
    pub(crate) tail: Option<NonZeroU32>,
    /// Up to where the members have been looked at since the deadline or the end, as position + 1 of the next seat.
    /// No part of the truth: it only spares a second look.
    pub(crate) cursor: Option<NonZeroU32>,
    /// Members whose end is still to be told.
    pub(crate) unsettled: u32,
    pub(crate) state: GroupState,
}

/// A seat that a reservation has or had.
#[derive(Debug)]
pub(crate) struct Seating {
    pub(crate) reservation: u32,
    /// The group it belongs to now.
    pub(crate) group: GroupIndex,
    /// The group that this reservation opened.
    pub(crate) opened: Option<GroupIndex>,
    /// How GROUP was sent.
    pub(crate) sent: Sent,
    pub(crate) may_join: bool,
    pub(crate) previous: Option<NonZeroU32>,
    pub(crate) next: Option<NonZeroU32>,
}

/// What a group is opened with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupOrigin {
    pub(crate) deadline: i64,
    pub(crate) event: Seq,
}

/// Of an offer's rule, what the orders go by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listing {
    /// Seats of a full group.
    pub(crate) size: u32,
    pub(crate) merges: bool,
}

/// Where a group stands in the orders, its own position apart.
#[derive(Clone, Copy)]
struct Place {
    free: u32,
    deadline: i64,
    /// Whether only its judgement is left at its deadline.
    is_last: bool,
    /// Its paid seats, where another group may take it in.
    mergeable: Option<u32>,
}

impl Group {
    /// Its place in the order of deadlines.
    pub(crate) fn due(&self, group: GroupIndex, size: u32) -> (i64, bool, u32) {
        (self.deadline, self.is_last(size), group.0)
    }

    /// Whether it is last among the deadlines of its instant: every taken seat is paid and one is free. A full one that is
    /// paid forms in the same breath, and is not moved for it.
    fn is_last(&self, size: u32) -> bool {
        self.is_all_paid() && self.seats < size
    }

    /// Whether every taken seat is paid.
    pub(crate) fn is_all_paid(&self) -> bool {
        self.paid == self.seats
    }

    /// Whether another group may take it in as it is: it has members, each has paid, and each passes as a joiner.
    pub(crate) fn moves_whole(&self) -> bool {
        self.seats > 0 && self.is_all_paid() && self.may_join == self.seats
    }

    /// Whether it stands in the orders: from its opener's acceptance until it is over.
    fn is_listed(&self) -> bool {
        self.state == GroupState::Open && self.first.is_some()
    }
}

impl Groups {
    pub(crate) fn open(&mut self, origin: GroupOrigin) -> GroupIndex {
        GroupIndex(self.rows.push(Group {
            first: None,
            leader: None,
            deadline: origin.deadline,
            event: origin.event,
            seats: 0,
            paid: 0,
            may_join: 0,
            head: None,
            tail: None,
            cursor: None,
            unsettled: 0,
            state: GroupState::Open,
        }))
    }

    #[inline]
    pub(crate) fn get(&self, group: GroupIndex) -> &Group {
        &self.rows[group.0]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, group: GroupIndex) -> &mut Group {
        &mut self.rows[group.0]
    }

    /// Changes a group's counts or its state, and moves it in the orders that go by them. Tells whether it moved among
    /// the deadlines.
    ///
    /// Most changes leave most orders as they are, and each move in one is a search.
    pub(crate) fn change(
        &mut self,
        group: GroupIndex,
        rule: Listing,
        change: impl FnOnce(&mut Groups),
    ) -> bool {
        let before = self.place(group, rule);
        change(self);
        self.relist(group, before, self.place(group, rule))
    }

    /// Counts one more paid seat of a group. Tells whether the group moved among the deadlines.
    ///
    /// While a taken seat stays unpaid, no order hangs on how many are paid.
    pub(crate) fn count_paid(&mut self, group: GroupIndex, rule: Listing) -> bool {
        let row = self.get_mut(group);
        if row.paid + 1 < row.seats {
            row.paid += 1;
            return false;
        }
        self.change(group, rule, |groups| groups.get_mut(group).paid += 1)
    }

    /// Puts a group into the orders that stands in none.
    pub(crate) fn list(&mut self, group: GroupIndex, rule: Listing) {
        self.relist(group, None, self.place(group, rule));
    }

    #[inline]
    fn place(&self, group: GroupIndex, rule: Listing) -> Option<Place> {
        let row = &self.rows[group.0];
        assert!(row.seats <= rule.size, "I5: a group has more members than seats");
        if !row.is_listed() {
            return None;
        }
        Some(Place {
            free: rule.size - row.seats,
            deadline: row.deadline,
            is_last: row.is_last(rule.size),
            mergeable: (rule.merges && row.moves_whole()).then_some(row.paid),
        })
    }

    /// Tells whether the group moved among the deadlines.
    fn relist(&mut self, GroupIndex(group): GroupIndex, before: Option<Place>, after: Option<Place>) -> bool {
        let by_free = |place: Place| (place.free, place.deadline, group);
        move_in(&mut self.by_free, before.map(by_free), after.map(by_free));
        let mergeable = |place: Place| Some((place.mergeable?, group));
        move_in(&mut self.mergeable, before.and_then(mergeable), after.and_then(mergeable));
        let due = |place: Place| (place.deadline, place.is_last, group);
        move_in(&mut self.deadlines, before.map(due), after.map(due))
    }

    /// The end of one more member of a group that is over is told.
    pub(crate) fn count_settled(&mut self, group: GroupIndex) {
        let row = self.get_mut(group);
        row.unsettled = row.unsettled.checked_sub(1).expect("I5: a member's end is told twice");
        self.unsettled = self.unsettled.checked_sub(1).expect("I5: more ends are told than there are");
    }

    /// Links a seat at the end of its group's list.
    #[inline]
    pub(crate) fn sit(&mut self, seat: u32, group: GroupIndex) {
        let Groups { rows, seats, .. } = self;
        let row = &mut rows[group.0];
        let last = row.tail;
        let seating = &mut seats[seat];
        seating.group = group;
        seating.previous = last;
        seating.next = None;
        row.seats += 1;
        row.may_join += u32::from(seating.may_join);
        row.tail = one_up(seat);
        match last {
            Some(last) => seats[last.get() - 1].next = one_up(seat),
            None => row.head = one_up(seat),
        }
    }

    /// Links a seat that a snapshot tells of; false where it is linked already, or is another group's.
    pub(crate) fn restore_member(&mut self, seat: u32, group: GroupIndex) -> bool {
        let seating = &self.seats[seat];
        let is_linked = seating.previous.is_some() || self.rows[group.0].head == one_up(seat);
        if is_linked || seating.group != group {
            return false;
        }
        self.sit(seat, group);
        true
    }

    /// Unlinks a seat from its group's list.
    pub(crate) fn rise(&mut self, seat: u32) {
        let Seating { group, previous, next, may_join, .. } = self.seats[seat];
        match previous {
            Some(previous) => self.seats[previous.get() - 1].next = next,
            None => self.rows[group.0].head = next,
        }
        match next {
            Some(next) => self.seats[next.get() - 1].previous = previous,
            None => self.rows[group.0].tail = previous,
        }
        let row = &mut self.rows[group.0];
        row.seats -= 1;
        row.may_join -= u32::from(may_join);
        if row.cursor == one_up(seat) {
            row.cursor = next;
        }
        if row.leader == one_up(seat) {
            row.leader = None;
        }
    }

    /// The seats of a group, in the order in which they were taken.
    pub(crate) fn members(&self, group: GroupIndex) -> impl Iterator<Item = u32> {
        let mut next = self.rows[group.0].head;
        core::iter::from_fn(move || {
            let seat = next?.get() - 1;
            next = self.seats[seat].next;
            Some(seat)
        })
    }
}

#[inline]
fn move_in<T: Copy + Ord>(order: &mut BTreeSet<T>, before: Option<T>, after: Option<T>) -> bool {
    if before == after {
        return false;
    }
    if let Some(before) = before {
        order.remove(&before);
    }
    if let Some(after) = after {
        order.insert(after);
    }
    true
}
