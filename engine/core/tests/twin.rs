//! The naive twin: the rules of a sale written a second time, slowly and plainly, and compared with the
//! machine on every step of random histories.
//!
//! The twin shares nothing with the machine but the types of requests and answers. It keeps lists, counts by
//! summing up, and settles whatever is due at once; the machine counts ahead, sweeps late and in slices.
//! Answers must be equal in full. Every kind of event and refusal must have been reached at least a hundred
//! times, or the run proves nothing.

#[path = "twin/buy.rs"]
mod buy;
#[path = "twin/crowd.rs"]
mod crowd;
#[path = "twin/demand.rs"]
mod demand;
#[path = "support/driver.rs"]
#[allow(dead_code, reason = "the scenario runner asks the driver for more")]
mod driver;
#[path = "twin/due.rs"]
mod due;
#[path = "twin/history.rs"]
mod history;
#[path = "support/journal.rs"]
#[allow(dead_code, reason = "the property tests read more of a journal")]
mod journal;
#[path = "twin/moves.rs"]
mod moves;
#[path = "support/names.rs"]
mod names;
#[path = "twin/operate.rs"]
mod operate;
#[path = "twin/pay.rs"]
mod pay;
#[path = "twin/play.rs"]
#[allow(dead_code, reason = "the property tests do not compare answers")]
mod play;
#[path = "twin/reach.rs"]
mod reach;
#[path = "twin/read.rs"]
mod read;
#[path = "twin/rules.rs"]
mod rules;
#[path = "twin/runner.rs"]
mod runner;
#[path = "support/seen.rs"]
mod seen;
#[path = "twin/state.rs"]
mod state;

use play::{Compare, play};
use reach::Reach;
use std::cell::RefCell;

#[test]
fn the_machine_answers_every_request_as_the_twin_does() {
    let reach = RefCell::new(Reach::default());
    runner::for_all("the_machine_answers_every_request_as_the_twin_does", "twin", 6_000, |history| {
        let played = play(history, Compare::EveryAnswer)?;
        reach.borrow_mut().add(&played);
        Ok(())
    });
    let reach = reach.into_inner();
    println!("{}", reach.table());
    let missing = reach.missing();
    assert!(missing.is_empty(), "reached too rarely to prove anything: {missing:#?}");
}

#[test]
fn a_large_group_settles_in_slices_that_no_request_notices() {
    runner::for_all("a_large_group_settles_in_slices_that_no_request_notices", "twin", 20, |history| {
        crowd::play(history, None).map(|_| ())
    });
}
