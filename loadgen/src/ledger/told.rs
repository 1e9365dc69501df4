//! The sale as the feed tells it: what a storefront knows that reads nothing else.
//!
//! One row per reservation of the plan, rebuilt entry by entry; each entry must be possible after those before
//! it, or it is a difference by itself. Whether the rows agree with the answers and with the server's books is
//! in `three_ways`. Called by `ledger`.

use std::collections::HashMap;

use super::claims;
use super::difference::Differences;
use crate::feed::{self, Entry, EntryId, Mark, Walk};
use crate::plan::{OfferIndex, Plan, ReservationIndex};
use crate::verdict::Verdict;
use crate::wire::WireError;
use crate::wire::client::Client;

/// What the feed said of one reservation.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// The entry of its acceptance.
    pub event: Option<EntryId>,
    /// Where it stands.
    pub state: Option<Verdict>,
    /// Its buyer, where the id is one of this run.
    pub buyer: Option<u32>,
    /// Its group.
    pub group: Option<ReservationIndex>,
    /// Units.
    pub qty: i64,
    /// Price per unit.
    pub price: Option<i64>,
    /// The amount that was due at its acceptance.
    pub amount: Option<i64>,
    /// What was paid, late payments included.
    pub paid: i64,
    /// What is owed back, late payments included.
    pub owed: i64,
    /// Late payments alone: paid and owed back at once.
    pub late: i64,
}

/// The sale as the feed tells it.
#[derive(Debug, Default)]
pub struct FeedBook {
    /// One per reservation of the plan.
    pub rows: Vec<Told>,
    /// How each group stands, by its leader's reservation.
    pub groups: HashMap<ReservationIndex, &'static str>,
    /// What was read, and where it was broken.
    pub walk: Walk,
}

impl FeedBook {
    /// Reads the feeds of all shards from one mark to another.
    ///
    /// # Errors
    /// The server cannot be asked.
    pub fn read(
        plan: &Plan,
        client: &mut Client,
        (from, to): (&Mark, &Mark),
        differences: &mut Differences,
    ) -> Result<Self, WireError> {
        let mut book = Self { rows: vec![Told::default(); plan.reservations.len()], ..Self::default() };
        let offers: HashMap<&[u8], OfferIndex> =
            plan.offers.iter().map(|offer| offer.id.as_bytes()).zip(0..).collect();
        let walk = feed::walk(client, from, to, |entry| {
            if let Some(&offer) = offers.get(entry.offer) {
                book.hear(plan, offer, entry, differences);
            }
        })?;
        for broken in &walk.breaks {
            let subject = format!("feed:{} after {}", broken.shard, broken.after);
            differences.add("feed order", subject, &broken.expected, &broken.found);
        }
        book.walk = walk;
        Ok(book)
    }

    fn hear(&mut self, plan: &Plan, offer: OfferIndex, entry: &Entry<'_>, differences: &mut Differences) {
        if let Some(state) = group_state(entry.kind) {
            if let Some(leader) = entry.group.and_then(Plan::index_of) {
                self.groups.insert(leader, state);
            }
            return;
        }
        if entry.reservation.is_empty() {
            return;
        }
        let index = Plan::index_of(entry.reservation)
            .filter(|&index| plan.reservations.get(index as usize).is_some_and(|found| found.offer == offer));
        let Some(index) = index else {
            let subject = format!(
                "offer {} reservation {}",
                plan.offers[offer as usize].id,
                String::from_utf8_lossy(entry.reservation)
            );
            differences.add("feed stranger", subject, "reservations of this run alone", says(entry));
            return;
        };
        if !self.rows[index as usize].hear(entry) {
            let stands = self.rows[index as usize].state.map_or("an acceptance first", Verdict::name);
            let expected = format!("what can follow {stands}");
            differences.add("feed step", claims::name(plan, index), expected, says(entry));
        }
    }
}

fn group_state(kind: &[u8]) -> Option<&'static str> {
    match kind {
        b"group_opened" => Some("OPEN"),
        b"group_formed" => Some("FORMED"),
        b"group_failed" => Some("FAILED"),
        _ => None,
    }
}

/// An entry in a few words.
fn says(entry: &Entry<'_>) -> String {
    format!("`{}` in entry {}", String::from_utf8_lossy(entry.kind), entry.id)
}

impl Told {
    /// Takes an entry in; answers whether it is possible after those before it.
    fn hear(&mut self, entry: &Entry<'_>) -> bool {
        let owe = entry.owe.unwrap_or(0);
        let state = match entry.kind {
            b"held" => Verdict::Held,
            b"waiting" => Verdict::Waiting,
            b"paid" => Verdict::Paid,
            b"won" => Verdict::Won,
            b"released" => Verdict::Released,
            b"refunded" => Verdict::Refunded,
            b"owed" => {
                self.late += owe;
                self.paid += owe;
                self.owed += owe;
                return self.state.is_some();
            }
            b"moved" => {
                self.group = entry.group.and_then(Plan::index_of);
                return self.state == Some(Verdict::Paid);
            }
            // What the plan's offers cannot bring about, and what changes no sum.
            _ => return self.state.is_some(),
        };
        let Some(before) = self.state else { return self.accept(state, entry) };
        let is_possible = match before {
            Verdict::Held => matches!(state, Verdict::Paid | Verdict::Won | Verdict::Released),
            Verdict::Waiting => matches!(state, Verdict::Held | Verdict::Released),
            Verdict::Paid => matches!(state, Verdict::Won | Verdict::Refunded),
            Verdict::Won => state == Verdict::Refunded,
            _ => false,
        };
        if is_possible {
            if before == Verdict::Held {
                self.paid += entry.amount.filter(|_| state != Verdict::Released).unwrap_or(0);
            }
            self.owed += owe;
            self.state = Some(state);
        }
        is_possible
    }

    fn accept(&mut self, state: Verdict, entry: &Entry<'_>) -> bool {
        // An acceptance that is PAID or WON at once has nothing to pay; with money in it, it is the payment of
        // a reservation that the feed has left out.
        let is_settled = matches!(state, Verdict::Paid | Verdict::Won) && entry.amount == Some(0);
        if !is_settled && !matches!(state, Verdict::Held | Verdict::Waiting) {
            return false;
        }
        *self = Self {
            event: Some(entry.id),
            state: Some(state),
            buyer: Plan::buyer_of(entry.buyer),
            group: entry.group.and_then(Plan::index_of),
            qty: entry.qty.unwrap_or(0),
            price: entry.price,
            amount: entry.amount,
            paid: 0,
            owed: 0,
            late: 0,
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays entries of one reservation; a kind that starts with `!` must be impossible.
    fn play(kinds: &[(&str, i64)]) -> Told {
        let mut told = Told::default();
        for (seq, &(kind, money)) in kinds.iter().enumerate() {
            let is_possible = !kind.starts_with('!');
            let kind = kind.trim_start_matches('!').as_bytes();
            let id = EntryId { epoch: 1, seq: seq as u64 + 1 };
            let (amount, owe) = (Some(money), Some(money));
            let entry = match kind {
                b"refunded" | b"owed" => Entry { id, kind, owe, ..Entry::default() },
                _ => Entry { id, kind, amount, ..Entry::default() },
            };
            assert_eq!(told.hear(&entry), is_possible, "{kinds:?} at {seq}");
        }
        told
    }

    #[test]
    fn money_is_counted_where_it_is_taken_and_where_it_is_owed_and_nowhere_else() {
        for (kinds, paid, owed) in [
            (&[("held", 990)][..], 0, 0),
            (&[("held", 990), ("won", 990)], 990, 0),
            (&[("held", 990), ("paid", 990), ("won", 990)], 990, 0),
            (&[("held", 990), ("paid", 990), ("refunded", 990)], 990, 990),
            (&[("held", 990), ("released", 990), ("owed", 990)], 990, 990),
            (&[("won", 0)], 0, 0),
        ] {
            let told = play(kinds);
            assert_eq!((told.paid, told.owed), (paid, owed), "{kinds:?}");
        }
    }

    #[test]
    fn an_entry_that_cannot_follow_those_before_it_is_found() {
        play(&[("!paid_late", 1)]);
        play(&[("!released", 0)]);
        play(&[("!owed", 1)]);
        play(&[("!won", 1)]);
        play(&[("held", 1), ("!held", 1)]);
        play(&[("held", 1), ("paid", 1), ("!paid", 1)]);
        play(&[("held", 1), ("won", 1), ("!released", 1)]);
        play(&[("held", 1), ("released", 1), ("!paid", 1)]);
        play(&[("held", 1), ("paid", 1), ("refunded", 1), ("!refunded", 1)]);
        play(&[("held", 1), ("!moved", 1)]);
    }
}
