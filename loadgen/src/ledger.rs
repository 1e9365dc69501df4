//! Does not take the server's word: rebuilds the sale from the answers that came, and compares.
//!
//! From every answer of a run it knows which reservation must stand where, how many units each pool must
//! have left, how much each buyer may hold, who sits in which group, and what was paid and is owed back.
//! It rebuilds the same sale from the feed, as a storefront would. Then it asks the server, question by
//! question, holds the three views against each other, and writes down every difference. It shares nothing
//! with the engine but the wire. Called by the subcommands after a run; a difference makes them exit with an
//! error.

mod answers;
pub mod book;
pub mod claims;
pub mod compare;
pub mod difference;
mod overlap;
mod sums;
pub mod three_ways;
pub mod told;

use serde::Serialize;

use crate::feed::{self, Mark};
use crate::plan::Plan;
use crate::verdict::{Outcome, Verdict};
use crate::wire::WireError;
use crate::wire::client::Client;
use book::Book;
pub use difference::{Difference, Differences};
pub use three_ways::FeedReport;
use told::FeedBook;

/// The result of judging a run.
#[derive(Debug, Serialize)]
pub struct Judgement {
    /// What did not agree.
    pub differences: Differences,
    /// What the answers add up to.
    pub sums: Sums,
    /// Questions asked to check.
    pub questions: u64,
    /// What was read of the feed.
    pub feed: FeedReport,
    /// Things that could not be compared because the server does not say them.
    pub unchecked: Vec<String>,
    /// What AUDIT said.
    pub audit: String,
    /// Where each reservation of the plan must stand, by the answers.
    #[serde(skip)]
    pub states: Vec<Option<Verdict>>,
}

/// What the answers add up to.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// Reservations accepted.
    pub accepted: u64,
    /// Units on sale.
    pub stock: u64,
    /// Units won.
    pub sold: u64,
    /// Units held or paid and not final.
    pub held: u64,
    /// Reservations that ended unpaid.
    pub released: u64,
    /// Reservations that ended paid and are owed back.
    pub refunded: u64,
    /// Paid, in minor units of money.
    pub paid_cash: i64,
    /// Owed back, in minor units of money.
    pub owed_cash: i64,
    /// Groups that formed.
    pub groups_formed: u64,
    /// Groups that ended without forming.
    pub groups_failed: u64,
    /// Groups still open.
    pub groups_open: u64,
    /// Commands whose answer never came; the server was asked what became of them.
    pub unanswered: u64,
}

impl Judgement {
    /// Whether everything agreed.
    pub fn is_clean(&self) -> bool {
        self.differences.count() == 0
    }
}

/// Rebuilds the sale from the outcomes and from the feed since `from`, and compares both with the server.
///
/// Where the plan has groups whose window runs out, the caller has waited for that.
///
/// # Errors
/// The server cannot be asked. What it answers wrongly is a difference, not an error.
pub fn judge(
    plan: &Plan,
    outcomes: &[Outcome],
    from: &Mark,
    client: &mut Client,
) -> Result<Judgement, WireError> {
    let mut differences = Differences::default();
    let mut book = Book::new(plan, outcomes);
    let shown = compare::show_all(plan, client)?;
    book.adopt_unanswered(&shown);
    answers::check(plan, outcomes, &book, &mut differences);
    claims::check(plan, &book, &mut differences);
    // What SHOW has just told is on the feed by now: an answer leaves after the events that it saw.
    let to = feed::mark(client)?;
    let told = FeedBook::read(plan, client, (from, &to), &mut differences)?;
    book.adopt_late_payments(&told);
    book.settle(plan);
    let feed = three_ways::check(plan, &book, &told, from, &mut differences);
    let readable = feed.unread.is_empty().then_some(&told);
    let mut comparison = compare::Comparison::new(plan, &book, readable, &mut differences);
    comparison.reservations(&shown);
    comparison.pools(client)?;
    comparison.offers(client)?;
    comparison.buyers(client)?;
    comparison.groups(client)?;
    let audit = comparison.audit(client)?;
    let (questions, unchecked) = comparison.finish();
    let sums = book.sums(plan);
    let states = book.entries.iter().map(|entry| entry.state).collect();
    let questions = questions + shown.len() as u64;
    Ok(Judgement { differences, sums, questions, feed, unchecked, audit, states })
}
