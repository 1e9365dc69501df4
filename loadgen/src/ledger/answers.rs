//! Whether each answer of a run was possible at all, given what the plan put on sale and asked for.
//!
//! A server that refuses everybody contradicts itself nowhere: its books are empty and agree. But a plan
//! pauses nothing, closes nothing and admits all, so most refusals cannot be true. Judges one answer at a
//! time; what answers say together is in `claims`, and errors are counted there. Called by `ledger`.

use std::collections::HashMap;

use super::book::Book;
use super::claims;
use super::difference::Differences;
use crate::plan::{Action, Intent, Plan};
use crate::verdict::{Outcome, Verdict};

/// Reservations that a buyer got, or may have got, on an offer.
type Served = HashMap<(u32, u32), u32>;

/// Writes down every answer that cannot be true.
pub(super) fn check(plan: &Plan, outcomes: &[Outcome], book: &Book, differences: &mut Differences) {
    let served = count_served(plan, book);
    for outcome in outcomes {
        let verdict = outcome.verdict;
        let is_judged_elsewhere = verdict.is_state() || verdict.is_fault();
        if is_judged_elsewhere || matches!(verdict, Verdict::Busy | Verdict::Lost) {
            continue;
        }
        let intent = plan.intents[outcome.intent as usize];
        let is_possible = match intent.action {
            Action::Buy => may_refuse(plan, intent, verdict, &served),
            _ => verdict == Verdict::Unknown && may_be_unknown(book, intent),
        };
        if !is_possible {
            let (action, found) = (intent.action.name(), verdict.name());
            let expected = format!("an answer to {action} that this run allows");
            differences.add("impossible answer", claims::name(plan, intent.reservation), expected, found);
        }
    }
}

/// A reservation that has ended counts too: it may have been there when another was refused. So does one
/// with a lost answer.
fn count_served(plan: &Plan, book: &Book) -> Served {
    let mut served = Served::new();
    for (entry, reservation) in book.entries.iter().zip(&plan.reservations) {
        let has_limit = plan.offers[reservation.offer as usize].limit_buyer.is_some();
        if has_limit && (entry.state.is_some() || entry.unanswered > 0) {
            *served.entry((reservation.offer, reservation.buyer)).or_default() += 1;
        }
    }
    served
}

/// Whether a BUY of this plan may be refused so.
fn may_refuse(plan: &Plan, intent: Intent, verdict: Verdict, served: &Served) -> bool {
    let offer = plan.offer_of(intent.reservation);
    match verdict {
        // Whether anything was left is a matter of all answers together.
        Verdict::SoldOut => true,
        Verdict::Limit => offer.limit_buyer.is_some_and(|limit| {
            let reservation = plan.reservation(intent.reservation);
            served.get(&(reservation.offer, reservation.buyer)).is_some_and(|&units| units >= limit)
        }),
        Verdict::NotOpen => offer.opens_ms.is_some(),
        Verdict::GroupUnknown | Verdict::GroupOver | Verdict::GroupFull | Verdict::GroupMember => {
            offer.group.is_some()
        }
        _ => false,
    }
}

/// A PAY or CANCEL follows the first BUY on the same connection. If all BUYs gave a reservation, the first did.
fn may_be_unknown(book: &Book, intent: Intent) -> bool {
    let entry = &book.entries[intent.reservation as usize];
    intent.action == Action::Show || entry.accepted == 0 || entry.refused > 0 || entry.unanswered > 0
}
