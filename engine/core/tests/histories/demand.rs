//! The twin's demand: how many asked for an offer and what they were answered, counted from the answers themselves.
//!
//! A restart goes back to the last checkpoint of each offer. Distinct buyers are estimates there and are not compared.

use crate::names::Name;
use crate::seen::Seen;
use std::collections::BTreeMap;

/// What was asked for, now and at the last checkpoints.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    offers: BTreeMap<Name, OfferDemand>,
    kept: BTreeMap<Name, OfferDemand>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct OfferDemand {
    intents: BTreeMap<String, u64>,
    wanted: u64,
    accepted: u64,
    refused: u64,
    sold_out_at: Option<u64>,
}

impl Demand {
    /// One BUY of `qty` units and its answer. A misuse is no demand, nor is a BUY of an offer that does not exist.
    pub(crate) fn note(&mut self, offer: Name, qty: u32, now: u64, answer: &Seen) {
        if answer.status.starts_with('!') || answer.status == "OFFER_UNKNOWN" {
            return;
        }
        let demand = self.offers.entry(offer).or_default();
        let is_repeat = answer.get("replayed").is_some();
        let outcome = if is_repeat { "REPLAYED" } else { answer.status.as_str() };
        *demand.intents.entry(outcome.to_owned()).or_default() += 1;
        if is_repeat {
            return;
        }
        demand.wanted += u64::from(qty);
        if matches!(outcome, "HELD" | "PAID" | "WON") {
            demand.accepted += 1;
        } else {
            demand.refused += 1;
        }
        if outcome == "SOLD_OUT" {
            demand.sold_out_at = demand.sold_out_at.or(Some(now));
        }
    }

    /// A checkpoint of an offer was recorded.
    pub(crate) fn keep(&mut self, offer: Name) {
        let now = self.offers.get(offer).expect("a checkpoint follows an intent");
        let before = self.kept.insert(offer, now.clone());
        assert!(before.as_ref() != Some(now), "a checkpoint of {offer} tells nothing new");
    }

    /// What was not kept is lost.
    pub(crate) fn restart(&mut self) {
        self.offers = self.kept.clone();
    }

    /// What DEMAND must answer for an offer that opened at `opens`.
    pub(crate) fn seen(&self, offer: Name, opens: u64) -> Seen {
        let nothing = OfferDemand::default();
        let demand = self.offers.get(offer).unwrap_or(&nothing);
        let intents: Vec<String> =
            demand.intents.iter().map(|(answer, count)| format!("{answer}:{count}")).collect();
        let mut seen = Seen::word("DEMAND");
        seen.pairs = vec![("intents", intents.join(",")), ("wanted", demand.wanted.to_string())];
        if let Some(at) = demand.sold_out_at {
            seen.pairs.push(("sold_out_after", at.saturating_sub(opens).to_string()));
        }
        seen.pairs.push(("waiting", "0".to_owned()));
        seen.pairs.push(("accepted", demand.accepted.to_string()));
        seen.pairs.push(("refused", demand.refused.to_string()));
        seen
    }
}
