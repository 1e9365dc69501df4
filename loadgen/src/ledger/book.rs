//! The sale as the answers tell it: one entry per reservation, and the groups they form.
//!
//! Answers of one reservation may come over several connections in any order; states only move forward, so
//! the furthest one counts. Owns no opinion on whether the answers make sense (`claims`) or agree with the
//! server's books (`compare`).

use std::collections::HashMap;

use super::Sums;
use super::compare::Shown;
use super::told::FeedBook;
use crate::feed::EntryId;
use crate::plan::{Action, Plan, ReservationIndex};
use crate::verdict::{Outcome, Verdict};

/// What the answers said of one reservation.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// BUYs that were accepted without being repeats. More than one is a lie.
    pub accepted: u32,
    /// BUYs answered as repeats.
    pub replayed: u32,
    /// BUYs answered without a reservation: refused, busy, or an error.
    pub refused: u32,
    /// Commands whose answer never came.
    pub unanswered: u32,
    /// BUYs among them.
    pub unanswered_buys: u32,
    /// When its units were first heard to be taken, in nanoseconds from the start of the run.
    pub taken_ns: Option<u64>,
    /// The furthest state that was answered; after [`Book::settle`] the state it must be in now.
    pub state: Option<Verdict>,
    /// Whether no answer ever told of it, one at least was lost, and the server says that it is there.
    pub is_in_doubt: bool,
    /// The feed's entry of its acceptance, by the answers.
    pub event: Option<EntryId>,
    /// Answers that should have named it and did not.
    pub without_event: u32,
    /// Another one, named by a later answer.
    pub other_event: Option<EntryId>,
    /// The units named first.
    pub qty: Option<i64>,
    /// The price per unit named first.
    pub price: Option<i64>,
    /// The amount named at acceptance.
    pub amount: Option<i64>,
    /// Whether a later answer named another amount.
    pub other_amount: Option<i64>,
    /// The group, by its leader's reservation.
    pub group: Option<ReservationIndex>,
    /// Whether a payment of it was accepted.
    pub is_paid: bool,
    /// What answers made the storefront owe.
    pub owed: i64,
}

impl Entry {
    /// Whether units are taken.
    pub fn is_live(&self) -> bool {
        self.state.is_some_and(Verdict::takes_units)
    }

    fn hear(&mut self, action: Action, outcome: &Outcome) {
        let verdict = outcome.verdict;
        if verdict == Verdict::Lost {
            self.unanswered += 1;
            self.unanswered_buys += u32::from(action == Action::Buy);
            return;
        }
        if !verdict.is_state() {
            self.refused += u32::from(action == Action::Buy);
            return;
        }
        if verdict.takes_units() {
            let heard_ns = outcome.heard_ns;
            self.taken_ns = Some(self.taken_ns.map_or(heard_ns, |before| before.min(heard_ns)));
        }
        if action == Action::Buy {
            if outcome.is_replayed {
                self.replayed += 1;
            } else {
                self.accepted += 1;
            }
        }
        self.is_paid |= matches!(verdict, Verdict::Paid | Verdict::Won | Verdict::Refunded);
        self.owed += outcome.owe;
        if self.state.is_none_or(|state| rank(state) < rank(verdict)) {
            self.state = Some(verdict);
        }
        if let Some(amount) = outcome.amount
            && *self.amount.get_or_insert(amount) != amount
        {
            self.other_amount = Some(amount);
        }
        self.without_event += u32::from(outcome.event.is_none());
        if let Some(event) = outcome.event
            && *self.event.get_or_insert(event) != event
        {
            self.other_event = Some(event);
        }
        self.qty = self.qty.or(outcome.qty);
        self.price = self.price.or(outcome.price);
        self.group = self.group.or(outcome.group);
    }
}

/// Whether a reservation that was heard to be in one state may be in the other later.
fn may_become(heard: Verdict, later: Verdict) -> bool {
    match heard {
        Verdict::Waiting => true,
        Verdict::Held => later != Verdict::Waiting,
        Verdict::Paid => matches!(later, Verdict::Paid | Verdict::Won | Verdict::Refunded),
        Verdict::Won => matches!(later, Verdict::Won | Verdict::Refunded),
        ended => later == ended,
    }
}

/// How far along a state is.
fn rank(state: Verdict) -> u8 {
    match state {
        Verdict::Waiting => 0,
        Verdict::Held => 1,
        Verdict::Paid => 2,
        Verdict::Won => 3,
        _ => 4,
    }
}

/// What the answers said of one group.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// Its members' reservations, gone ones included.
    pub members: Vec<ReservationIndex>,
    /// How it must stand now, as GROUP names it.
    pub state: &'static str,
    /// Seats held, paid or won.
    pub seats: u32,
}

/// The sale as the answers tell it.
#[derive(Debug, Clone)]
pub struct Book {
    /// One per reservation of the plan.
    pub entries: Vec<Entry>,
    /// By the leader's reservation.
    pub groups: HashMap<ReservationIndex, Group>,
    /// Answers that are RESP errors other than BUSY, or make no sense: which intents.
    pub errors: Vec<(ReservationIndex, Verdict)>,
    /// Offers on which a BUY was refused as sold out.
    pub sold_out: Vec<u64>,
}

impl Book {
    /// Enters every outcome.
    pub fn new(plan: &Plan, outcomes: &[Outcome]) -> Self {
        let mut book = Self {
            entries: vec![Entry::default(); plan.reservations.len()],
            groups: HashMap::new(),
            errors: Vec::new(),
            sold_out: vec![0; plan.offers.len()],
        };
        for outcome in outcomes {
            let intent = plan.intents[outcome.intent as usize];
            book.entries[intent.reservation as usize].hear(intent.action, outcome);
            if outcome.verdict.is_fault() {
                book.errors.push((intent.reservation, outcome.verdict));
            } else if outcome.verdict == Verdict::SoldOut {
                book.sold_out[plan.reservation(intent.reservation).offer as usize] += 1;
            }
        }
        book
    }

    /// Takes over the server's word for what was never answered: a storefront that lost its connection
    /// asks with the same id too. The sums must still come out, and no word that was heard may be taken back:
    /// where the server's state cannot follow from what it said, the entry stays, and differs.
    pub fn adopt_unanswered(&mut self, shown: &[Shown]) {
        for (entry, shown) in self.entries.iter_mut().zip(shown) {
            if entry.unanswered == 0 || !shown.verdict.is_state() {
                continue;
            }
            let may_be = match entry.state {
                Some(heard) => may_become(heard, shown.verdict),
                None => entry.unanswered_buys > 0,
            };
            if !may_be {
                continue;
            }
            entry.is_in_doubt = entry.state.is_none();
            entry.accepted = entry.accepted.max(1);
            entry.state = Some(shown.verdict);
            entry.amount = entry.amount.or(shown.amount);
            entry.group = entry.group.or(shown.group);
            entry.is_paid |= matches!(shown.verdict, Verdict::Paid | Verdict::Won | Verdict::Refunded);
        }
        for (index, entry) in self.entries.iter().enumerate() {
            if let (Some(group), Some(_)) = (entry.group, entry.state) {
                self.groups.entry(group).or_default().members.push(index as ReservationIndex);
            }
        }
    }

    /// Takes over from the feed which payments came too late, where their answers were lost: no question tells it.
    pub fn adopt_late_payments(&mut self, told: &FeedBook) {
        for (entry, told) in self.entries.iter_mut().zip(&told.rows) {
            if entry.unanswered > 0 && told.late > entry.owed {
                entry.owed = told.late;
            }
        }
    }

    /// Works out where every member of a group must stand once payments and windows have done their work.
    pub fn settle(&mut self, plan: &Plan) {
        for (&leader, group) in &mut self.groups {
            let Some(rules) = plan.offer_of(leader).group.as_ref() else { continue };
            let state_of = |index: &ReservationIndex| self.entries[*index as usize].state;
            let count = |wanted: fn(Verdict) -> bool| {
                group.members.iter().filter(|index| state_of(index).is_some_and(wanted)).count() as u32
            };
            let paid = count(|state| matches!(state, Verdict::Paid | Verdict::Won));
            group.seats = count(Verdict::takes_units);
            group.state = match (paid == rules.size, rules.runs_out || group.seats == 0) {
                (true, _) => "FORMED",
                (false, true) => "FAILED",
                (false, false) => "OPEN",
            };
            for &index in &group.members {
                let entry = &mut self.entries[index as usize];
                entry.state = entry.state.map(|state| settled(state, group.state));
            }
        }
    }

    /// Adds everything up, after [`Book::settle`].
    pub fn sums(&self, plan: &Plan) -> Sums {
        let mut sums = Sums { stock: plan.offers.iter().map(|offer| offer.stock).sum(), ..Sums::default() };
        for (entry, reservation) in self.entries.iter().zip(&plan.reservations) {
            let price = plan.offers[reservation.offer as usize].price;
            sums.accepted += u64::from(entry.state.is_some());
            sums.unanswered += u64::from(entry.unanswered);
            match entry.state {
                Some(Verdict::Won) => sums.sold += 1,
                Some(Verdict::Held | Verdict::Paid) => sums.held += 1,
                Some(Verdict::Refunded) => sums.refunded += 1,
                Some(Verdict::Released) => sums.released += 1,
                _ => {}
            }
            sums.paid_cash += entry.paid_cash(price);
            sums.owed_cash += entry.owed_cash(price);
        }
        for group in self.groups.values() {
            match group.state {
                "FORMED" => sums.groups_formed += 1,
                "FAILED" => sums.groups_failed += 1,
                _ => sums.groups_open += 1,
            }
        }
        sums
    }
}

impl Entry {
    /// What its buyer paid: its price once, and what came too late, which is owed back whole.
    pub fn paid_cash(&self, price: i64) -> i64 {
        let once = if self.is_paid { self.amount.unwrap_or(price) } else { 0 };
        once + self.owed
    }

    /// What is owed back to its buyer.
    pub fn owed_cash(&self, price: i64) -> i64 {
        let refund = if self.state == Some(Verdict::Refunded) { self.amount.unwrap_or(price) } else { 0 };
        refund + self.owed
    }
}

fn settled(state: Verdict, group: &str) -> Verdict {
    match (state, group) {
        (Verdict::Paid, "FORMED") => Verdict::Won,
        (Verdict::Paid, "FAILED") => Verdict::Refunded,
        (Verdict::Held, "FAILED") => Verdict::Released,
        (other, _) => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unanswered_command_never_takes_back_what_was_heard() {
        let cases = [
            (Some(Verdict::Held), 0, Verdict::Won, Some(Verdict::Won)),
            (Some(Verdict::Paid), 0, Verdict::Refunded, Some(Verdict::Refunded)),
            (Some(Verdict::Paid), 0, Verdict::Released, Some(Verdict::Paid)),
            (Some(Verdict::Won), 0, Verdict::Held, Some(Verdict::Won)),
            (Some(Verdict::Released), 0, Verdict::Won, Some(Verdict::Released)),
            (None, 1, Verdict::Held, Some(Verdict::Held)),
            // A lost PAY of a refused BUY makes no reservation.
            (None, 0, Verdict::Held, None),
        ];
        for (state, unanswered_buys, verdict, expected) in cases {
            let entry = Entry { state, unanswered: 1, unanswered_buys, ..Entry::default() };
            let mut book =
                Book { entries: vec![entry], groups: HashMap::new(), errors: vec![], sold_out: vec![] };
            book.adopt_unanswered(&[Shown { verdict, id: Some(0), buyer: None, amount: None, group: None }]);
            assert_eq!(book.entries[0].state, expected, "{state:?} heard, {verdict:?} shown");
        }
    }
}
