//! What a run reached, counted: events, answers, faults. Runs are added up, and what was reached too rarely is named.

use crate::fault::Fault;
use stampede_engine::core::Refusal;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How often each kind must have been reached before a run of many seeds proves anything about it.
pub const REACHED_MIN: u64 = 100;

/// Every kind of event.
const EVENTS: [&str; 21] = [
    "OfferPut",
    "OfferChanged",
    "OfferPaused",
    "OfferResumed",
    "OfferClosed",
    "OfferExtended",
    "OfferRemoved",
    "PoolAdded",
    "GroupOpened",
    "Accepted",
    "Paid",
    "Owed",
    "Released",
    "Refunded",
    "Won",
    "Returned",
    "Leader",
    "Moved",
    "GroupFormed",
    "GroupFailed",
    "Demand",
];

/// What does not exist yet: refusals of later ways to sell, events that nothing makes so far.
const LATER: [&str; 4] = ["OPTION_UNKNOWN", "COUPON_INVALID", "BARGAIN_INVALID", "WAITLIST_FULL"];

/// Checks that must have been made; a run in which they were left out proves nothing either.
const CHECKS: [&str; 8] = [
    "answer asked for again",
    "damage cut off",
    "feed named the damage",
    "feed read again",
    "offer compared with the feed",
    "start refused for damage",
    "state compared with a replay",
    "torn end cut",
];

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Something that went wrong.
    Fault,
    /// An entry of the feed.
    Event,
    /// A business no.
    Refusal,
    /// Another answer, by its kind.
    Answer,
    /// Something that the simulator did or looked at.
    Deed,
}

/// Counts by kind and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<(Kind, &'static str), u64>);

impl Tally {
    pub(crate) fn count(&mut self, kind: Kind, name: &'static str) {
        *self.0.entry((kind, name)).or_default() += 1;
    }

    pub(crate) fn fault(&mut self, fault: Fault) {
        self.count(Kind::Fault, fault.name());
    }

    /// Adds another run's counts.
    pub fn add(&mut self, other: &Tally) {
        for (what, count) in &other.0 {
            *self.0.entry(*what).or_default() += count;
        }
    }

    /// How often this was reached.
    pub fn of(&self, kind: Kind, name: &str) -> u64 {
        self.0.iter().filter(|((of, known), _)| *of == kind && *known == name).map(|(_, count)| count).sum()
    }

    /// What must be reached and was reached too rarely, with its count.
    pub fn missing(&self) -> Vec<String> {
        let faults = Fault::ALL.map(|fault| (Kind::Fault, fault.name()));
        let events = EVENTS.map(|event| (Kind::Event, event));
        let refusals = Refusal::ALL.map(|refusal| (Kind::Refusal, refusal.name()));
        let checks = CHECKS.map(|check| (Kind::Deed, check));
        let wanted = faults.into_iter().chain(events).chain(refusals).chain(checks);
        let reachable = wanted.filter(|(_, name)| !LATER.contains(name));
        let rare = reachable.filter_map(|(kind, name)| {
            let count = self.of(kind, name);
            (count < REACHED_MIN).then(|| format!("{kind:?} {name}: {count}"))
        });
        rare.collect()
    }

    /// Everything counted, one line each.
    pub fn table(&self) -> String {
        let mut text = String::new();
        for ((kind, name), count) in &self.0 {
            let kind = format!("{kind:?}").to_lowercase();
            let _ = writeln!(text, "  {kind:<8} {name:<34} {count:>12}");
        }
        text
    }
}
