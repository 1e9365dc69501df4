//! I5: seats, members and leaders of every group, counted from the seats' lists.

use super::Findings;
use crate::event::GroupIndex;
use crate::state::OfferState;
use crate::status::{GroupState, Status};
use crate::time::UnixMs;
use alloc::collections::BTreeMap;
use alloc::format;

pub(super) fn audit_groups(offer: &OfferState, at_time: UnixMs, findings: &mut Findings) {
    let groups = &offer.groups;
    let mut open_groups_of: BTreeMap<u32, u32> = BTreeMap::new();
    for (at, row) in groups.rows.iter().enumerate() {
        let at = at as u32;
        let place = || format!("group {at} of offer {}", offer.id());
        let (mut seats, mut paid, mut live) = (0, 0, 0);
        for seat in groups.members(GroupIndex(at)) {
            let seating = &groups.seats[seat];
            let member = offer.reservations.get(seating.reservation);
            seats += 1;
            paid += u32::from(member.status == Status::Paid);
            live += u32::from(matches!(member.status, Status::Held | Status::Paid));
            findings
                .expect(seating.group == GroupIndex(at) && member.seat == crate::state::one_up(seat), || {
                    format!("I5: {} lists a seat that is not its member's", place())
                });
            if row.state == GroupState::Open {
                *open_groups_of.entry(member.buyer).or_default() += 1;
            }
        }
        match row.state {
            GroupState::Open => {
                findings.expect(seats == row.seats && paid == row.paid && live == seats, || {
                    format!(
                        "I5: {} counts {} seats, {} paid; it has {seats}, {paid} paid",
                        place(),
                        row.seats,
                        row.paid
                    )
                });
                findings.expect(seats <= offer.group_size(), || {
                    format!("I5: {} has more members than seats", place())
                });
                // Between the last unpaid member's end and the judgement a group may have nobody to lead it.
                let is_due = offer.group_deadline(row) <= at_time;
                findings.expect(is_due || seats > 0 && row.leader.is_some(), || {
                    format!("I5: {} is open without a leader", place())
                });
                findings.expect(paid < offer.group_size(), || {
                    format!("I5: {} is full and paid but has not formed", place())
                });
            }
            GroupState::Formed | GroupState::Failed => {
                findings.expect(live == row.unsettled, || {
                    format!("I5: {} has {live} members to settle and counts {}", place(), row.unsettled)
                });
            }
            GroupState::Absorbed => {
                findings.expect(seats == 0, || format!("I5: {} was absorbed and still has members", place()));
            }
        }
        findings.expect(row.unsettled == 0 || row.state.settles_members(), || {
            format!("I5: {} is not over and has members to settle", place())
        });
        audit_orders(offer, at, findings);
    }
    audit_agenda(offer, findings);
    let open = offer.groups.rows.iter().filter(|row| row.state == GroupState::Open).count();
    findings.expect(offer.groups.by_free.len() == open && offer.groups.deadlines.len() == open, || {
        format!("I5: offer {} has {open} open groups, and other numbers in their orders", offer.id())
    });
    let unsettled = offer.groups.rows.iter().map(|row| row.unsettled).sum();
    findings.expect(offer.groups.unsettled == unsettled, || {
        format!("I5: offer {} has {unsettled} members to settle and counts others", offer.id())
    });
    for (buyer, count) in open_groups_of {
        findings.expect(count == 1, || {
            let buyer = offer.reservations.buyer_id(buyer);
            format!("I5: buyer {buyer} sits in {count} open groups of offer {}", offer.id())
        });
    }
}

/// The orders that GROUP ANY and deadlines go by hold a group exactly while they should.
fn audit_orders(offer: &OfferState, at: u32, findings: &mut Findings) {
    let row = &offer.groups.rows[at];
    let is_open = row.state == GroupState::Open;
    let free = offer.group_size().saturating_sub(row.seats);
    let is_listed = offer.groups.by_free.contains(&(free, row.deadline, at));
    let has_deadline = offer.groups.deadlines.contains(&row.due(GroupIndex(at), offer.group_size()));
    let moves_whole = is_open && offer.merges() && row.moves_whole();
    let is_mergeable = offer.groups.mergeable.contains(&(row.paid, at));
    let is_right = is_listed == is_open && has_deadline == is_open && is_mergeable == moves_whole;
    findings
        .expect(is_right, || format!("I5: group {at} of offer {} stands in the wrong orders", offer.id()));
}

/// A group's deadline is never missed: the entry that stands for the first of them is there, and not too late.
fn audit_agenda(offer: &OfferState, findings: &mut Findings) {
    let Some(&(deadline, _, _)) = offer.groups.deadlines.first() else { return };
    let is_scheduled = offer.groups_due.is_some_and(|due| due.at <= offer.real_deadline(deadline));
    findings.expect(is_scheduled, || {
        format!("I5: nothing on the agenda stands for the open groups of offer {}", offer.id())
    });
}
