//! The twin's time: everything that is due is settled at once, one item after another, before each request.
//!
//! Order: the earlier deadline first; at the same instant holds, then groups; then what came first. The end
//! of an offer's window needs no item: it is judged by the clock alone.

use crate::state::{Group, Seat, Twin, TwinOffer, plus};
use stampede_core::{GroupRule, GroupState, Money, Settle, Status};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Hold,
    Group,
}

/// Ordered as things are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: u64,
    kind: Kind,
    turn: u64,
    offer: usize,
    index: usize,
}

impl Twin {
    /// Settles everything due at `now`.
    pub(crate) fn settle(&mut self, now: u64) {
        self.now = now;
        while let Some(due) = self.deadlines().into_iter().min().filter(|due| due.at <= now) {
            let turn = self.next_turn();
            let offer = &mut self.offers[due.offer];
            match due.kind {
                Kind::Hold => {
                    offer.end(due.index, Status::Released);
                    offer.reservations[due.index].was_late = true;
                }
                Kind::Group => offer.end_of_group(due.index, turn),
            }
        }
    }

    fn deadlines(&self) -> Vec<Due> {
        let mut found = Vec::new();
        for (number, offer) in self.offers.iter().enumerate() {
            for (index, entry) in offer.reservations.iter().enumerate() {
                if entry.status == Status::Held {
                    let (at, turn) = (entry.deadline, entry.turn);
                    found.push(Due { at, kind: Kind::Hold, turn, offer: number, index });
                }
            }
            for (index, Group { expires, turn, .. }) in offer.groups.iter().enumerate() {
                if offer.is_open(index) {
                    found.push(Due { at: *expires, kind: Kind::Group, turn: *turn, offer: number, index });
                }
            }
        }
        found
    }

    /// The instants at which something happens by itself, window ends and openings included.
    pub(crate) fn instants(&self) -> Vec<u64> {
        let mut instants: Vec<u64> = self.deadlines().iter().map(|due| due.at).collect();
        for offer in &self.offers {
            instants.push(offer.opens);
            instants.extend(offer.rule.closes.map(stampede_core::UnixMs::get));
        }
        instants.sort_unstable();
        instants.dedup();
        instants
    }
}

impl TwinOffer {
    fn group_rule(&self) -> &GroupRule {
        match &self.rule.settle {
            Settle::Group(rule) => rule,
            Settle::Now => unreachable!("only group offers have groups"),
        }
    }

    /// Ends a live reservation. What it had paid and not got back is owed; its seat is free again.
    pub(crate) fn end(&mut self, index: usize, status: Status) -> Money {
        let entry = &mut self.reservations[index];
        let owe = std::mem::take(&mut entry.kept);
        entry.status = status;
        let seat = entry.seat.as_ref().map(|seat| seat.group);
        self.owed = plus(self.owed, owe);
        if let Some(group) = seat.filter(|&group| self.is_open(group)) {
            self.after_a_seat_was_freed(group, index);
        }
        owe
    }

    fn after_a_seat_was_freed(&mut self, group: usize, gone: usize) {
        let members = self.members(group);
        if members.is_empty() {
            self.groups[group].state = GroupState::Failed;
            self.groups[group].leader = None;
        } else if self.groups[group].leader == Some(gone) {
            self.groups[group].leader = Some(members[0]);
        }
    }

    /// The group's deadline: it takes in others if that fills it, else forms with enough paid seats, else fails.
    fn end_of_group(&mut self, group: usize, turn: u64) {
        let paid = self.paid_members(group);
        assert_eq!(paid, self.members(group).len(), "holds of a group end with it at the latest");
        let rule = self.group_rule();
        let needed = rule.min.unwrap_or(rule.size) as usize;
        if rule.merge && self.merge_into(group, turn) {
            return;
        }
        if paid >= needed { self.form(group) } else { self.fail(group) }
    }

    pub(crate) fn form(&mut self, group: usize) {
        self.groups[group].ended_with = self.members(group);
        for index in self.members(group) {
            assert_eq!(self.reservations[index].status, Status::Paid, "only paid seats are left");
            self.reservations[index].status = Status::Won;
        }
        self.groups[group].state = GroupState::Formed;
    }

    fn fail(&mut self, group: usize) {
        let members = self.members(group);
        self.groups[group].state = GroupState::Failed;
        self.groups[group].ended_with.clone_from(&members);
        for index in members {
            self.end(index, Status::Refunded);
        }
    }

    /// One pass over the other open groups in opening order; all move or none.
    fn merge_into(&mut self, absorber: usize, turn: u64) -> bool {
        let (size, end) = (self.size(), self.groups[absorber].expires);
        let mut seats = self.members(absorber).len();
        let mut taken = Vec::new();
        for group in 0..self.groups.len() {
            if group == absorber || !self.is_open(group) || self.groups[group].expires < end {
                continue;
            }
            let members = self.members(group);
            let may_move = |index: &usize| {
                let entry = &self.reservations[*index];
                entry.status == Status::Paid && entry.seat.as_ref().is_some_and(|seat| seat.may_join)
            };
            if seats + members.len() <= size && members.iter().all(may_move) {
                seats += members.len();
                taken.push(group);
            }
        }
        if seats != size {
            return false;
        }
        let mut turn = turn;
        for group in taken {
            for index in self.members(group) {
                turn += 1;
                self.reservations[index].seat = Some(Seat { group: absorber, turn, may_join: true });
            }
            self.groups[group].state = GroupState::Absorbed;
            self.groups[group].leader = None;
        }
        self.form(absorber);
        true
    }
}
