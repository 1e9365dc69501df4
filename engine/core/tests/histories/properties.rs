//! The promises that must hold whatever happens, each under its own name: checked by an auditor that reads
//! nothing but the journal of random histories.
//!
//! No answer is compared here (the twin does that): a promise is broken by what was recorded.

use crate::auditor::{Rule, audit};
use crate::driver::Driver;
use crate::history::History;
use crate::names::{Name, name};
use crate::play::{Compare, play};
use crate::runner::for_all;
use stampede_core::{Cohort, Money, Offer, Request, UnixMs};
use std::collections::BTreeMap;

fn keeps(test: &str, rule: Rule) {
    for_all(test, 1_000, |history| {
        let played = play(history, Compare::Nothing)?;
        let broken = audit(played.driver.journal(), rule);
        if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
    });
}

#[test]
fn no_pool_gives_more_units_than_it_has() {
    keeps("no_pool_gives_more_units_than_it_has", Rule::Oversell);
}

#[test]
fn no_intent_is_answered_twice_and_no_state_moves_where_it_may_not() {
    keeps("no_intent_is_answered_twice_and_no_state_moves_where_it_may_not", Rule::DoubleAnswer);
}

#[test]
fn what_is_taken_is_owed_back_or_kept_for_what_was_sold() {
    keeps("what_is_taken_is_owed_back_or_kept_for_what_was_sold", Rule::Money);
}

#[test]
fn no_buyer_passes_a_limit() {
    keeps("no_buyer_passes_a_limit", Rule::Limits);
}

#[test]
fn no_group_seats_more_than_its_size() {
    keeps("no_group_seats_more_than_its_size", Rule::Seats);
}

#[test]
fn nothing_ends_early_and_nothing_is_paid_late() {
    keeps("nothing_ends_early_and_nothing_is_paid_late", Rule::Time);
}

#[test]
fn a_replayed_journal_gives_the_same_digest_at_every_length_of_a_history() {
    let test = "a_replayed_journal_gives_the_same_digest_at_every_length_of_a_history";
    for_all(test, 500, |history| {
        for length in [0, history.moves.len() / 3, history.moves.len() / 2] {
            let moves = history.moves[..length].to_vec();
            let shorter = History { offers: history.offers.clone(), moves };
            // No sweep before: a settlement may be in the middle.
            play(&shorter, Compare::Nothing)?.driver.check_replay()?;
        }
        Ok(())
    });
}

/// Ten cohorts of one offer: each buyer is in exactly one, always the same, and the ten are about equal.
#[test]
fn cohorts_part_the_buyers_of_an_offer() {
    let mut sizes: BTreeMap<u8, u32> = BTreeMap::new();
    for number in 0..1_000 {
        let buyer = name(&format!("buyer{number}"));
        let within: Vec<u8> =
            (0..10).filter(|&tenth| is_admitted(buyer, tenth * 10, tenth * 10 + 10)).collect();
        assert_eq!(within.len(), 1, "{buyer} is in the cohorts {within:?}");
        assert!(is_admitted(buyer, 0, within[0] * 10 + 10), "{buyer}: a wider cohort admits too");
        *sizes.entry(within[0]).or_default() += 1;
    }
    assert_eq!(sizes.len(), 10, "a cohort is empty: {sizes:?}");
    assert!(sizes.values().all(|&size| (60..=140).contains(&size)), "cohorts are not about equal: {sizes:?}");
}

fn is_admitted(buyer: Name, from: u8, to: u8) -> bool {
    let mut driver = Driver::new(UnixMs::new(1));
    let mut definition = Offer::with_stock(Money::cash(1), 1);
    definition.admit.cohort = Some(Cohort { from, to });
    driver.ask(&Request::OfferPut { offer: "sku", definition: Box::new(definition) });
    match driver.ask(&Request::buy("sku", buyer, "r")).status.as_str() {
        "HELD" => true,
        "NOT_ADMITTED" => false,
        other => panic!("a cohort admits or does not: {other}"),
    }
}
