//! The simulator as a test: fixed seeds, which never change, and fresh ones, which are others each time.
//!
//! Nothing may be found, and every kind of event, refusal and fault must have been reached often enough that finding
//! nothing means something. A longer run: `cargo run --release -p stampede-simulator -- --seeds 10000`.

use stampede_simulator::{Campaign, Tally, Trace, command, run, run_many};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};

/// The first of the fixed seeds.
const FIXED: u64 = 1;
/// How many seeds of each kind.
const SEEDS: u64 = 400;

#[test]
fn nothing_that_was_promised_is_lost() {
    let fresh = RandomState::new().build_hasher().finish();
    tell(&format!("{SEEDS} fixed seeds from {FIXED} on, {SEEDS} fresh ones from {fresh} on\n"));
    let mut tally = Tally::default();
    for first in [FIXED, fresh] {
        let campaign = run_many(first, SEEDS, 1, &|_| {});
        assert_clean(&campaign);
        tally.add(&campaign.tally);
    }
    tell(&tally.table());
    let missing = tally.missing();
    assert!(missing.is_empty(), "reached too rarely to prove anything: {missing:#?}");
}

/// What seeds have found before, each with its story.
#[test]
fn what_was_found_once_is_not_found_again() {
    // The power ended a cut before it had set a snapshot of the given-up events aside. A read error made that snapshot
    // count as damaged at the next start, which went on from an older one; later it could be read again, and spoke of
    // events that had been given up.
    assert_nothing_found(9_031);
    // A cut had set the newer of two snapshots aside; then a bit turned in the other. The start has to refuse: nothing
    // else reaches back to where the journal begins.
    assert_nothing_found(36_133);
}

fn assert_nothing_found(seed: u64) {
    let outcome = run(seed, Trace::Off);
    assert!(outcome.finding.is_none(), "{:?}\nplay it again with: {}", outcome.finding, command(seed));
}

/// Says something whether or not the test passes: the counts and the fresh seeds belong into every log.
fn tell(text: &str) {
    io::stderr().write_all(text.as_bytes()).expect("the test has somewhere to say it");
}

fn assert_clean(campaign: &Campaign) {
    if let Some((seed, finding)) = campaign.found.first() {
        panic!(
            "seed {seed}, step {}: {}\nplay it again with: {}",
            finding.step,
            finding.what,
            command(*seed)
        );
    }
}

#[test]
fn one_seed_gives_one_run() {
    for seed in 1..=8 {
        let (first, second) = (run(seed, Trace::On), run(seed, Trace::On));
        assert_eq!(first.tally, second.tally, "seed {seed} counts differently the second time");
        let differs = first.story.iter().zip(&second.story).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed} goes another way the second time");
        assert!(
            first.story.len() == second.story.len() && first.story.len() > 200,
            "seed {seed} has a story"
        );
    }
}
