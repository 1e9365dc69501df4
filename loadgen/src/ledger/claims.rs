//! Whether the answers of a run can be true together, before the server's books are opened.
//!
//! A server that sells a unit twice says so itself, in two answers on two connections; nobody but the one
//! who heard both can notice. Stock is checked at every moment of an open-loop run (`overlap`); limits and
//! seats as they stand at its end. Whether each single answer was possible is in `answers`. Called by `ledger`.

use std::collections::HashMap;

use super::book::{Book, Entry};
use super::difference::Differences;
use super::overlap;
use crate::plan::{Plan, Seat};
use crate::verdict::Verdict;

/// Checks every rule that the answers alone can break.
pub(super) fn check(plan: &Plan, book: &Book, differences: &mut Differences) {
    for (index, entry) in book.entries.iter().enumerate() {
        check_entry(plan, index as u32, entry, differences);
    }
    for &(reservation, verdict) in &book.errors {
        differences.add("error answered", name(plan, reservation), "an answer", verdict.name());
    }
    check_stock(plan, book, differences);
    check_limits(plan, book, differences);
    check_groups(plan, book, differences);
}

/// A reservation as a person looks for it.
pub(super) fn name(plan: &Plan, reservation: u32) -> String {
    let offer = plan.offer_of(reservation);
    format!("offer {} reservation {}", offer.id, Plan::reservation_id(reservation))
}

fn check_entry(plan: &Plan, index: u32, entry: &Entry, differences: &mut Differences) {
    let name = || name(plan, index);
    if entry.accepted > 1 {
        let found = format!("accepted {} times", entry.accepted);
        differences.add("repeat sold again", name(), "accepted once, repeats marked replayed", found);
    }
    if entry.replayed > 0 && entry.accepted == 0 {
        differences.add("replay of nothing", name(), "a first acceptance", "replays alone");
    }
    if entry.state.is_none() {
        return;
    }
    // The furthest state alone would hide it: a repeat may be answered with the state that it was put back to.
    if entry.is_paid && entry.state == Some(Verdict::Released) {
        differences.add("state", name(), "WON, PAID or REFUNDED once paid", Verdict::Released.name());
    }
    let price = plan.offer_of(index).price;
    // An offer here sells one unit per intent: the amount is the price.
    if let Some(amount) = entry.amount.filter(|&amount| amount != price) {
        differences.add("amount", name(), price, amount);
    }
    if let Some(amount) = entry.other_amount {
        differences.add("amount changed", name(), entry.amount.unwrap_or(price), amount);
    }
    if let (Seat::With(leader), Some(group)) = (plan.reservation(index).seat, entry.group)
        && leader != group
    {
        let (leader, group) = (Plan::reservation_id(leader), Plan::reservation_id(group));
        differences.add("seat in another group", name(), format!("group {leader}"), format!("group {group}"));
    }
    if plan.reservation(index).seat != Seat::None && entry.group.is_none() {
        differences.add("no group named", name(), "a group", "none");
    }
}

fn check_stock(plan: &Plan, book: &Book, differences: &mut Differences) {
    let most = overlap::most_taken(plan, book);
    let mut live = vec![0_u64; plan.offers.len()];
    // Where units came back, or may have, SOLD_OUT was possibly right at its moment.
    let mut came_back = vec![false; plan.offers.len()];
    for (entry, reservation) in book.entries.iter().zip(&plan.reservations) {
        let offer = reservation.offer as usize;
        live[offer] += u64::from(entry.is_live());
        came_back[offer] |= entry.unanswered > 0 || (entry.state.is_some() && !entry.is_live());
    }
    for (index, offer) in plan.offers.iter().enumerate() {
        let subject = || format!("offer {} pool {}", offer.id, offer.id);
        if live[index] > offer.stock {
            let (expected, found) = (format!("at most {} units", offer.stock), live[index]);
            differences.add("oversold", subject(), expected, format!("{found} sold by the answers"));
        } else if most[index] > offer.stock {
            let expected = format!("at most {} units at any moment", offer.stock);
            let found = format!("{} taken at one moment by the answers", most[index]);
            differences.add("oversold for a while", subject(), expected, found);
        } else if book.sold_out[index] > 0 && !came_back[index] && live[index] < offer.stock {
            let left = offer.stock - live[index];
            let found = format!("{} refused as SOLD_OUT with {left} units left", book.sold_out[index]);
            differences.add("sold out too early", subject(), "SOLD_OUT once nothing is left", found);
        }
    }
}

fn check_limits(plan: &Plan, book: &Book, differences: &mut Differences) {
    let mut units = HashMap::<(u32, u32), u32>::new();
    for (entry, reservation) in book.entries.iter().zip(&plan.reservations) {
        let has_limit = plan.offers[reservation.offer as usize].limit_buyer.is_some();
        if has_limit && entry.is_live() {
            *units.entry((reservation.offer, reservation.buyer)).or_default() += 1;
        }
    }
    for ((offer, buyer), units) in units {
        let offer = &plan.offers[offer as usize];
        if let Some(limit) = offer.limit_buyer.filter(|&limit| units > limit) {
            let subject = format!("offer {} buyer {}", offer.id, Plan::buyer_id(buyer));
            differences.add("limit passed", subject, format!("at most {limit} units"), units);
        }
    }
}

fn check_groups(plan: &Plan, book: &Book, differences: &mut Differences) {
    for (&leader, group) in &book.groups {
        let subject = || format!("offer {} group {}", plan.offer_of(leader).id, Plan::reservation_id(leader));
        let Some(rules) = plan.offer_of(leader).group.as_ref() else {
            differences.add("group without groups", subject(), "no group", "one");
            continue;
        };
        let states = group.members.iter().filter_map(|&index| book.entries[index as usize].state);
        let (mut live, mut paid, mut won) = (0, 0, 0);
        for state in states {
            live += u32::from(state.takes_units());
            paid += u32::from(matches!(state, Verdict::Paid | Verdict::Won));
            won += u32::from(state == Verdict::Won);
        }
        if live > rules.size {
            let found = format!("{live} members by the answers");
            differences.add("group overfilled", subject(), format!("at most {} seats", rules.size), found);
        }
        if won > 0 && paid < rules.size {
            let found = format!("{won} won with {paid} of {} seats paid", rules.size);
            differences.add("won before the group", subject(), "nobody wins before all have paid", found);
        }
    }
}
