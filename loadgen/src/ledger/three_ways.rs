//! Holds the three views of a sale against each other: the answers, the feed, the server's books.
//!
//! A storefront charges and refunds from the feed, and the people have seen the answers: both must tell the
//! same sale. What the answers say is in `book`, what the feed says in `told`; the server's books against the
//! answers are in `compare`. Called by `ledger` once group windows and lost answers are settled.

use serde::Serialize;

use super::book::{Book, Entry};
use super::claims;
use super::difference::Differences;
use super::told::{FeedBook, Told};
use crate::feed::Mark;
use crate::plan::{Plan, ReservationIndex};
use crate::verdict::Verdict;

/// Reservations in doubt that are named; all are counted.
const NAMED_MAX: usize = 1_000;

/// What came of reading the feed.
#[derive(Debug, Default, Clone, Serialize)]
pub struct FeedReport {
    /// Shards whose feeds were read.
    pub shards: usize,
    /// Entries read, those of other sales included.
    pub events: u64,
    /// Reservations that the feed has and of which no answer came, because connections broke or answers were late.
    pub in_doubt: u64,
    /// Their names, as many as are kept.
    pub in_doubt_named: Vec<String>,
    /// Why the views could not be compared, in the server's words: the feed does not go back that far.
    pub unread: Vec<String>,
}

/// Compares every reservation and every group; answers what was read and what stays in doubt.
pub(super) fn check(
    plan: &Plan,
    book: &Book,
    told: &FeedBook,
    from: &Mark,
    differences: &mut Differences,
) -> FeedReport {
    let mut report = FeedReport {
        shards: from.shard_count(),
        events: told.walk.entries,
        unread: told.walk.unread.clone(),
        ..FeedReport::default()
    };
    if !report.unread.is_empty() {
        // What is kept in memory alone may be pushed out by a long run. A disk has no such excuse.
        for sentence in report.unread.iter().filter(|_| from.is_on_disk()) {
            differences.add("feed unread", "the server".into(), "every entry since the run began", sentence);
        }
        return report;
    }
    for (index, (entry, told)) in book.entries.iter().zip(&told.rows).enumerate() {
        let index = index as ReservationIndex;
        if entry.is_in_doubt && told.state.is_some() {
            report.in_doubt += 1;
            if report.in_doubt_named.len() < NAMED_MAX {
                report.in_doubt_named.push(claims::name(plan, index));
            }
        }
        check_row(&Row { plan, index, entry, told }, differences);
    }
    check_groups(plan, book, told, differences);
    report
}

/// One reservation, as answered and as told.
struct Row<'a> {
    plan: &'a Plan,
    index: ReservationIndex,
    entry: &'a Entry,
    told: &'a Told,
}

fn check_row(row: &Row<'_>, differences: &mut Differences) {
    let Row { plan, index, entry, told } = row;
    let name = || claims::name(plan, *index);
    match (entry.state, told.event) {
        (None, None) => return,
        (None, Some(event)) => {
            let found = format!("accepted in entry {event}");
            differences.add("feed alone", name(), "no reservation, by the answers and by SHOW", found);
            return;
        }
        (Some(state), None) => {
            let event = entry.event.map_or("without an entry named".into(), |event| format!("entry {event}"));
            differences.add("feed lacks", name(), format!("{}, {event}", state.name()), "no entry");
            return;
        }
        (Some(_), Some(_)) => {}
    }
    check_acceptance(row, differences);
    let state = |state: Option<Verdict>| state.map_or("none", Verdict::name);
    differences.compare("feed state", name, &state(entry.state), &state(told.state));
    let price = plan.offer_of(*index).price;
    differences.compare("feed paid", name, &entry.paid_cash(price), &told.paid);
    differences.compare("feed owed", name, &entry.owed_cash(price), &told.owed);
}

/// What an acceptance was answered with stands in the entry that the answer names.
fn check_acceptance(row: &Row<'_>, differences: &mut Differences) {
    let Row { plan, index, entry, told } = row;
    let name = || claims::name(plan, *index);
    if entry.without_event > 0 {
        let found = format!("{} without", entry.without_event);
        differences.add("event", name(), "the entry of its acceptance in every answer", found);
    }
    if let (Some(first), Some(other)) = (entry.event, entry.other_event) {
        differences.add("event", name(), format!("entry {first} in every answer"), format!("also {other}"));
    }
    if let (Some(expected), Some(found)) = (entry.event, told.event) {
        differences.compare("feed event", name, &expected, &found);
    }
    let buyer = plan.reservation(*index).buyer;
    if told.buyer != Some(buyer) {
        let found = told.buyer.map_or("nobody of this run".into(), Plan::buyer_id);
        differences.add("feed buyer", name(), Plan::buyer_id(buyer), found);
    }
    // An intent of a plan is about one unit.
    differences.compare("feed units", name, &entry.qty.unwrap_or(1), &told.qty);
    let price = entry.price.unwrap_or(plan.offer_of(*index).price);
    differences.compare("feed price", name, &price, &told.price.unwrap_or(-1));
    differences.compare("feed amount", name, &entry.amount.unwrap_or(price), &told.amount.unwrap_or(-1));
    if entry.group != told.group {
        let text = |group: Option<u32>| group.map_or("no group".into(), Plan::reservation_id);
        differences.add("feed group", name(), text(entry.group), text(told.group));
    }
}

fn check_groups(plan: &Plan, book: &Book, told: &FeedBook, differences: &mut Differences) {
    let name = |leader| format!("offer {} group {}", plan.offer_of(leader).id, Plan::reservation_id(leader));
    for (&leader, group) in &book.groups {
        let found = told.groups.get(&leader).copied().unwrap_or("no entry");
        differences.compare("feed group state", || name(leader), &group.state, &found);
    }
    for (&leader, &state) in told.groups.iter().filter(|(leader, _)| !book.groups.contains_key(leader)) {
        let is_planned = (leader as usize) < plan.reservations.len();
        let subject =
            if is_planned { name(leader) } else { format!("group {}", Plan::reservation_id(leader)) };
        differences.add("feed group state", subject, "no such group", state);
    }
}
