//! The naive twin: the rules of a sale written a second time, slowly and plainly, and compared with the
//! machine on every step of random histories.
//!
//! The twin shares nothing with the machine but the types of requests and answers. It keeps lists, counts by
//! summing up, and settles whatever is due at once; the machine counts ahead, sweeps late and in slices.
//! Answers must be equal in full. Every kind of event and refusal must have been reached at least a hundred
//! times, or the run proves nothing.

use crate::crowd;
use crate::play::{Compare, play};
use crate::reach::Reach;
use crate::runner::for_all;
use std::cell::RefCell;

#[test]
fn the_machine_answers_every_request_as_the_twin_does() {
    let reach = RefCell::new(Reach::default());
    for_all("the_machine_answers_every_request_as_the_twin_does", 6_000, |history| {
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
    for_all("a_large_group_settles_in_slices_that_no_request_notices", 20, |history| {
        crowd::play(history, None).map(|_| ())
    });
}
