//! Counts what the histories reached: every kind of event, status, refusal and misuse that exists today.
//!
//! A twin that never gets somewhere proves nothing about it, so the test fails below a minimum for each.

use crate::journal::Entry;
use crate::play::Played;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How often each must have been reached.
const REACHED_MIN: u64 = 100;

/// Refusals of ways to sell that do not exist yet.
const LATER: [&str; 4] = ["OPTION_UNKNOWN", "COUPON_INVALID", "BARGAIN_INVALID", "WAITLIST_FULL"];

/// Mistakes that the histories make on purpose.
const MISUSES: [&str; 16] = [
    "!UNITS_RANGE",
    "!OP_NEEDED",
    "!GROUP_NEEDED",
    "!GROUP_UNEXPECTED",
    "!RETURN_TOO_MANY",
    "!OP_CONFLICT",
    "!POOL_UNKNOWN",
    "!POOL_RANGE",
    "!POOL_EXISTS",
    "!CROSS_SLOT",
    "!TAKES_UNKNOWN",
    "!OFFER_FROZEN",
    "!OFFER_CLOSED",
    "!OFFER_NOT_CLOSED",
    "!OFFER_UNSETTLED",
    "!OFFER_REMOVED",
];

/// Reads that must have been answered without an event while something was due.
const READS: [&str; 7] = ["Show", "Buyer", "Group", "Groups", "OfferGet", "PoolGet", "Reservations"];

/// How often each thing was reached.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    counts: BTreeMap<String, u64>,
}

impl Reach {
    pub(crate) fn add(&mut self, played: &Played) {
        for (_, entry) in played.driver.journal().entries() {
            self.count(&format!("event {}", entry.kind()));
            match entry {
                Entry::Released { cause, .. } => self.count(&format!("released: {cause:?}")),
                Entry::Refunded { cause, .. } => self.count(&format!("refunded: {cause:?}")),
                _ => {}
            }
        }
        for (look, count) in &played.driver.looks {
            *self.counts.entry(look.clone()).or_default() += count;
        }
        for (_, seen) in &played.answers {
            self.count(&format!("answer {}", seen.status));
            for fact in ["replayed", "late", "owe"] {
                if seen.get(fact).is_some() {
                    self.count(&format!("answer with {fact}"));
                }
            }
        }
    }

    fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        for (what, count) in &self.counts {
            writeln!(table, "{count:>9}  {what}").expect("a String takes every line");
        }
        table
    }

    /// What was reached less often than it must be.
    pub(crate) fn missing(&self) -> Vec<String> {
        let refusals = stampede_core::Refusal::ALL.iter().map(|refusal| refusal.name());
        let refusals = refusals.filter(|name| !LATER.contains(name));
        let answers =
            refusals.chain(MISUSES).chain(["HELD", "PAID", "WON", "RELEASED", "REFUNDED", "DONE_BEFORE"]);
        let causes = ["Expired", "Cancelled", "Revoked"].map(|cause| format!("released: {cause}"));
        let refunds = ["Cancelled", "Revoked", "GroupFailed"].map(|cause| format!("refunded: {cause}"));
        let wanted = answers
            .map(|status| format!("answer {status}"))
            .chain(causes)
            .chain(refunds)
            .chain(Entry::KINDS.map(|kind| format!("event {kind}")))
            .chain(READS.map(|read| format!("look {read} with something due: answered")));
        let rare = wanted.filter_map(|what| {
            let count = self.counts.get(&what).copied().unwrap_or(0);
            (count < REACHED_MIN).then(|| format!("{what}: {count}"))
        });
        rare.collect()
    }
}
