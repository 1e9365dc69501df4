//! Reads feeds through the protocol and rebuilds from them what the server should hold.
//!
//! Written from the documents of the feed alone: it shares no code with the server, so that a mistake in the server's
//! replay cannot hide behind the same mistake here.

use std::collections::HashMap;

use crate::wire::{Connection, Reply};

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: String,
    fields: Vec<(String, String)>,
}

impl Entry {
    fn of(reply: &Reply) -> Self {
        let [id, flat] = reply.items() else { panic!("an entry is an id and its fields: {reply:?}") };
        let pair = |pair: &[Reply]| (pair[0].as_text().to_owned(), pair[1].as_text().to_owned());
        Self { id: id.as_text().to_owned(), fields: flat.items().chunks_exact(2).map(pair).collect() }
    }

    /// The value of a field; empty where there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn number(&self, name: &str) -> i64 {
        let value = self.get(name);
        if value.is_empty() {
            0
        } else {
            value.parse().unwrap_or_else(|_| panic!("{name} is no number: {self:?}"))
        }
    }

    /// The parts of the id.
    pub(crate) fn epoch_and_seq(&self) -> (u64, u64) {
        epoch_and_seq(&self.id)
    }
}

/// The parts of an id.
pub(crate) fn epoch_and_seq(id: &str) -> (u64, u64) {
    let parts = id.split_once('-').and_then(|(epoch, seq)| Some((epoch.parse().ok()?, seq.parse().ok()?)));
    parts.unwrap_or_else(|| panic!("an id is <epoch>-<seq>, not {id}"))
}

/// The entries of each shard, from the first on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Feed {
    pub(crate) shards: Vec<Vec<Entry>>,
}

impl Feed {
    /// Reads on where this one ends and gives back what was new, for each shard. Fails where a number is missing, comes
    /// twice, or an epoch is below the one before.
    pub(crate) fn read_on(&mut self, connection: &mut Connection, shards: usize) -> Vec<Vec<Entry>> {
        self.shards.resize(shards, Vec::new());
        let mut new = vec![Vec::new(); shards];
        for (shard, entries) in self.shards.iter_mut().enumerate() {
            let key = format!("feed:{shard}");
            loop {
                let from = entries.last().map_or("0", |entry| &entry.id).to_owned();
                let answer = connection
                    .call(&["XREAD", "COUNT", "1000", "STREAMS", &key, &from])
                    .expect("a feed is read");
                let Some(found) = answer.get(&key) else { break };
                for entry in found.items().iter().map(Entry::of) {
                    let (epoch, seq) = entry.epoch_and_seq();
                    let before = entries.last().map_or((0, 0), Entry::epoch_and_seq);
                    assert_eq!(seq, before.1 + 1, "{key}: {} comes after {before:?}", entry.id);
                    assert!(epoch >= before.0, "{key}: {} comes after {before:?}", entry.id);
                    new[shard].push(entry.clone());
                    entries.push(entry);
                }
            }
        }
        new
    }
}

/// What the feed says about one reservation.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// The entry of its acceptance.
    pub(crate) event: String,
    pub(crate) buyer: String,
    pub(crate) group: String,
    pub(crate) bought: i64,
    pub(crate) units: i64,
    pub(crate) price: i64,
    pub(crate) amount: i64,
    /// Each state it came to, as statuses are written in answers, with the entry that says so.
    pub(crate) states: Vec<(&'static str, String)>,
    /// References of the payments that took effect, and the cash.
    pub(crate) payments: Vec<(String, i64)>,
    /// References of the payments that are owed back, and the cash.
    pub(crate) owed: Vec<(String, i64)>,
    /// Operations of returns, and the cash owed for each.
    pub(crate) returns: Vec<(String, i64)>,
    pub(crate) refunded: Option<i64>,
}

impl Line {
    pub(crate) fn status(&self) -> &'static str {
        self.states.last().expect("a line begins with a state").0
    }

    pub(crate) fn was(&self, status: &str) -> bool {
        self.states.iter().any(|(state, _)| *state == status)
    }
}

/// Sums of a shard's or a server's money and units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) paid: i64,
    pub(crate) paid_points: i64,
    pub(crate) owed: i64,
    pub(crate) owed_points: i64,
}

/// What the feeds say about everything.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// By offer and id.
    pub(crate) lines: HashMap<(String, String), Line>,
    /// Offers that were put, with the units put.
    pub(crate) offers: HashMap<String, i64>,
    pub(crate) sums: Sums,
}

impl Book {
    pub(crate) fn of(feed: &Feed) -> Self {
        let mut book = Self::default();
        feed.shards.iter().flatten().for_each(|entry| book.take(entry));
        book
    }

    pub(crate) fn take(&mut self, entry: &Entry) {
        let by = entry.get("by");
        self.sums.owed += entry.number("owe");
        self.sums.owed_points += entry.number("owe_points");
        match entry.get("type") {
            "offer" => self.put_offer(entry),
            state @ ("held" | "paid" | "won") if by == "buy" => self.accept(entry, status(state)),
            state @ ("paid" | "won") if by == "pay" => {
                self.sums.paid += entry.number("amount");
                self.sums.paid_points += entry.number("points");
                let line = self.change(entry, &["HELD"], status(state));
                line.payments.push((entry.get("ref").to_owned(), entry.number("amount")));
            }
            "won" => {
                self.change(entry, &["PAID"], "WON");
            }
            "released" => {
                self.change(entry, &["HELD"], "RELEASED");
            }
            "refunded" => {
                let line = self.change(entry, &["PAID", "WON"], "REFUNDED");
                assert!(line.refunded.replace(entry.number("owe")).is_none(), "refunded twice: {entry:?}");
            }
            "returned" => self.give_back(entry),
            "owed" => {
                // A payment that came too late or twice: taken, and owed.
                self.sums.paid += entry.number("owe");
                self.sums.paid_points += entry.number("owe_points");
                self.line(entry).owed.push((entry.get("ref").to_owned(), entry.number("owe")));
            }
            "group_opened" | "group_formed" | "group_failed" | "leader" | "moved" | "demand" | "pool"
            | "operator" | "closed" | "extended" => {}
            other => panic!("no document speaks of the type {other}: {entry:?}"),
        }
    }

    fn put_offer(&mut self, entry: &Entry) {
        let definition: serde_json::Value = serde_json::from_str(entry.get("definition")).expect("JSON");
        let stock = definition["stock"].as_i64().expect("a stock");
        assert!(self.offers.insert(entry.get("offer").to_owned(), stock).is_none(), "put twice: {entry:?}");
    }

    fn accept(&mut self, entry: &Entry, status: &'static str) {
        let line = Line {
            event: entry.id.clone(),
            buyer: entry.get("buyer").to_owned(),
            group: entry.get("group").to_owned(),
            bought: entry.number("qty"),
            units: entry.number("qty"),
            price: entry.number("price"),
            amount: entry.number("amount"),
            states: vec![(status, entry.id.clone())],
            ..Line::default()
        };
        assert!(self.lines.insert(key(entry), line).is_none(), "accepted twice: {entry:?}");
    }

    fn give_back(&mut self, entry: &Entry) {
        let line = self.line(entry);
        assert_eq!(line.status(), "WON", "returned and not won: {entry:?}");
        line.units -= entry.number("qty");
        line.returns.push((entry.get("op").to_owned(), entry.number("owe")));
        if line.units == 0 {
            line.states.push(("REFUNDED", entry.id.clone()));
        }
    }

    fn change(&mut self, entry: &Entry, from: &[&str], to: &'static str) -> &mut Line {
        let line = self.line(entry);
        assert!(from.contains(&line.status()), "from {} by {entry:?}", line.status());
        line.states.push((to, entry.id.clone()));
        line
    }

    fn line(&mut self, entry: &Entry) -> &mut Line {
        self.lines.get_mut(&key(entry)).unwrap_or_else(|| panic!("nobody bought this: {entry:?}"))
    }

    /// The line of a reservation.
    pub(crate) fn get(&self, order: (&str, &str)) -> Option<&Line> {
        self.lines.get(&(order.0.to_owned(), order.1.to_owned()))
    }
}

fn key(entry: &Entry) -> (String, String) {
    (entry.get("offer").to_owned(), entry.get("id").to_owned())
}

fn status(state: &str) -> &'static str {
    match state {
        "held" => "HELD",
        "paid" => "PAID",
        _ => "WON",
    }
}
