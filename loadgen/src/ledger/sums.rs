//! What each offer must add up to, by the answers and by the feed: units, reservations, money, groups.
//!
//! Adds up only; the comparison with the server's own sums is in `compare`.

use super::book::Book;
use super::told::FeedBook;
use crate::plan::Plan;
use crate::verdict::Verdict;

/// What an offer must add up to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct OfferSums {
    held: i64,
    sold: i64,
    accepted: i64,
    paid: i64,
    owed: i64,
    formed: i64,
    failed: i64,
    open: i64,
}

impl OfferSums {
    /// As POOL GET names them.
    pub(super) fn of_pool(&self, stock: u64) -> [(&'static str, i64); 4] {
        let total = stock.cast_signed();
        let available = total - self.held - self.sold;
        [("total", total), ("available", available), ("held", self.held), ("sold", self.sold)]
    }

    /// As OFFER GET names them.
    pub(super) fn of_offer(&self, has_groups: bool) -> Vec<(&'static str, i64)> {
        let mut fields = vec![
            ("reservations", self.accepted),
            ("held", self.held),
            ("sold", self.sold),
            ("paid", self.paid),
            ("owed", self.owed),
        ];
        if has_groups {
            fields.extend([
                ("groups_open", self.open),
                ("groups_formed", self.formed),
                ("groups_failed", self.failed),
            ]);
        }
        fields
    }

    fn add_group(&mut self, state: &str) {
        match state {
            "FORMED" => self.formed += 1,
            "FAILED" => self.failed += 1,
            _ => self.open += 1,
        }
    }
}

/// By the answers.
pub(super) fn of_answers(plan: &Plan, book: &Book) -> Vec<OfferSums> {
    let mut all = vec![OfferSums::default(); plan.offers.len()];
    for (entry, reservation) in book.entries.iter().zip(&plan.reservations) {
        let price = plan.offers[reservation.offer as usize].price;
        let sums = &mut all[reservation.offer as usize];
        sums.accepted += i64::from(entry.state.is_some());
        sums.sold += i64::from(entry.state == Some(Verdict::Won));
        sums.held += i64::from(matches!(entry.state, Some(Verdict::Held | Verdict::Paid)));
        sums.paid += entry.paid_cash(price);
        sums.owed += entry.owed_cash(price);
    }
    for (&leader, group) in &book.groups {
        all[plan.reservation(leader).offer as usize].add_group(group.state);
    }
    all
}

/// By the feed.
pub(super) fn of_feed(plan: &Plan, fed: &FeedBook) -> Vec<OfferSums> {
    let mut all = vec![OfferSums::default(); plan.offers.len()];
    for (told, reservation) in fed.rows.iter().zip(&plan.reservations) {
        let sums = &mut all[reservation.offer as usize];
        sums.accepted += i64::from(told.state.is_some());
        match told.state {
            Some(Verdict::Won) => sums.sold += told.qty,
            Some(Verdict::Held | Verdict::Paid) => sums.held += told.qty,
            _ => {}
        }
        sums.paid += told.paid;
        sums.owed += told.owed;
    }
    for (&leader, state) in &fed.groups {
        if let Some(reservation) = plan.reservations.get(leader as usize) {
            all[reservation.offer as usize].add_group(state);
        }
    }
    all
}
