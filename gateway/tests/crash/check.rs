//! Holds three views against each other after a restart: what was answered, what the feed says, what the server says.
//!
//! Everything that was ever answered on the directory is checked each time. Then the unanswered requests are sent again,
//! as a client would: what had happened comes back as a replay, what had not happens now, and the feed says the same.

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::Duration;

use crate::feed::{Book, Feed, Line, Sums};
use crate::sale::{Answer, Ask, Deed, SHORT_LIVED, perform};
use crate::server::{Server, wait};
use crate::wire::{Connection, Reply, put_frame};

const PIPELINE: usize = 128;
/// Holds and groups of the short-lived offers end within half a second; the machine may be busy.
const SHORT_LIVES_END_WITHIN: u32 = 400;

/// Everything that clients and readers know of one directory.
#[derive(Default)]
pub(crate) struct Memory {
    /// Requests in the order in which they were sent for each reservation.
    pub(crate) deeds: Vec<Deed>,
    feed: Feed,
}

/// What one check saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) answers: usize,
    pub(crate) unanswered: usize,
    pub(crate) happened: usize,
    pub(crate) entries: usize,
}

impl Memory {
    /// Checks all three views against each other on a server that nobody else uses.
    pub(crate) fn check(&mut self, server: &Server) -> Seen {
        let mut connection = server.connect();
        let (connection, shards) = (&mut connection, server.setting.shards);
        let_short_lives_end(connection);
        let before = std::mem::take(&mut self.feed);
        self.feed.read_on(connection, shards);
        assert_starts_with(&self.feed, &before);
        let mut book = Book::of(&self.feed);
        check_answers(&self.deeds, &book);
        check_server(connection, &book);
        check_replays(connection, &self.deeds, &book);
        let mut seen = self.ask_again(connection, shards, &mut book);
        assert_eq!(self.deeds.iter().filter(|deed| deed.answer.is_none()).count(), 0, "all is answered now");
        let_short_lives_end(connection);
        for entry in self.feed.read_on(connection, shards).iter().flatten() {
            book.take(entry);
        }
        check_answers(&self.deeds, &book);
        check_server(connection, &book);
        seen.answers = self.deeds.len();
        seen.entries = self.feed.shards.iter().map(Vec::len).sum();
        seen
    }

    /// Sends what was not answered once more: a replay exactly if the feed says that it has happened.
    fn ask_again(&mut self, connection: &mut Connection, shards: usize, book: &mut Book) -> Seen {
        let mut seen = Seen::default();
        // What replays is known before it is sent; what happens now is on the feed afterwards.
        self.feed.read_on(connection, shards).iter().flatten().for_each(|entry| book.take(entry));
        let (unanswered, answered) =
            std::mem::take(&mut self.deeds).into_iter().partition(|deed| deed.answer.is_none());
        self.deeds = answered;
        let unanswered: Vec<Deed> = unanswered;
        seen.unanswered = unanswered.len();
        let mut done = HashSet::new();
        for deed in unanswered {
            let first = self.deeds.len();
            let has_happened = has_happened(&deed.ask, book);
            // The same payment may have been sent twice before the end; the second now replays the first.
            let is_first = done.insert(deed.ask.clone());
            perform(connection, vec![deed.ask], &mut self.deeds).expect("the server lives");
            let deed = &self.deeds[first];
            let answer = deed.answer.as_ref().expect("it was answered");
            seen.happened += usize::from(has_happened);
            let is_marked = matches!(deed.ask, Ask::Buy { .. } | Ask::Pay { .. } | Ask::Return { .. });
            if is_first && is_marked && answer.is_reservation() {
                let is_effect = has_happened || answer.is_replay;
                assert!(!is_effect || answer.is_replay == has_happened, "replayed or not: {deed:?}");
            }
        }
        seen
    }
}

/// Whether the feed knows the effect of a request.
fn has_happened(ask: &Ask, book: &Book) -> bool {
    let line = ask.order().and_then(|order| book.get(order));
    match ask {
        Ask::Put { offer } => book.offers.contains_key(offer),
        Ask::Buy { .. } => line.is_some(),
        Ask::Pay { reference, .. } => line.is_some_and(|line| knows_payment(line, reference)),
        Ask::Cancel { .. } => line.is_some_and(|line| line.was("RELEASED") || line.refunded.is_some()),
        Ask::Return { op, .. } => line.is_some_and(|line| line.returns.iter().any(|(other, _)| other == op)),
    }
}

fn knows_payment(line: &Line, reference: &str) -> bool {
    line.payments.iter().chain(&line.owed).any(|(other, _)| other == reference)
}

/// What a reader saw once stays as it was.
fn assert_starts_with(feed: &Feed, before: &Feed) {
    for (shard, old) in before.shards.iter().enumerate() {
        let new = &feed.shards[shard];
        assert!(new.len() >= old.len(), "feed:{shard} had {} entries and has {}", old.len(), new.len());
        for (old, new) in old.iter().zip(new) {
            assert_eq!(old, new, "an entry of feed:{shard} has changed");
        }
    }
}

/// Waits, without a judgement about time, until no hold and no group of the short-lived offers is left.
fn let_short_lives_end(connection: &mut Connection) {
    for _ in 0..SHORT_LIVES_END_WITHIN {
        let held: i64 =
            SHORT_LIVED.iter().map(|offer| call(connection, &["POOL", "GET", offer]).number("held")).sum();
        if held == 0 {
            return;
        }
        wait(Duration::from_millis(25));
    }
    panic!("a hold of 200 ms or a group of 300 ms has not ended");
}

/// The first two views: nothing that was answered is missing on the feed or says something else there.
fn check_answers(deeds: &[Deed], book: &Book) {
    // An id that was only ever refused must not be on the feed.
    let mut is_refused: HashMap<(&str, &str), bool> = HashMap::new();
    for Deed { ask, answer } in deeds {
        if let (Ask::Buy { .. }, Some(order)) = (ask, ask.order()) {
            let refused = answer.as_ref().is_some_and(|answer| !answer.is_reservation());
            *is_refused.entry(order).or_insert(true) &= refused;
        }
        let Some(answer) = answer else { continue };
        let line = ask.order().and_then(|order| book.get(order));
        let agrees = match ask {
            Ask::Put { offer } => answer.status == "OK" && book.offers.contains_key(offer),
            _ if !answer.is_reservation() => is_refusal(ask, answer),
            _ => line.is_some_and(|line| {
                line.event == answer.event && line.was(&answer.status) && holds(ask, answer, line)
            }),
        };
        assert!(agrees, "answered: {ask:?} {answer:?}\non the feed: {line:?}");
    }
    for (order, refused) in is_refused {
        assert!(!refused || book.get(order).is_none(), "{order:?} was refused and is on the feed");
    }
}

fn is_refusal(ask: &Ask, answer: &Answer) -> bool {
    match ask {
        // BUSY took nothing. An offer of its own may not be there yet, or a group that was never opened.
        Ask::Buy { .. } => matches!(
            answer.status.as_str(),
            "SOLD_OUT"
                | "BUSY"
                | "DISKFULL"
                | "GROUP_UNKNOWN"
                | "GROUP_OVER"
                | "GROUP_FULL"
                | "GROUP_MEMBER"
                | "OFFER_UNKNOWN"
        ),
        // ERR: more returned than was left.
        Ask::Return { .. } => matches!(answer.status.as_str(), "UNKNOWN" | "OFFER_UNKNOWN" | "BUSY" | "ERR"),
        _ => matches!(answer.status.as_str(), "UNKNOWN" | "OFFER_UNKNOWN" | "BUSY"),
    }
}

/// What an answer says beyond the state, against the feed.
fn holds(ask: &Ask, answer: &Answer, line: &Line) -> bool {
    let has_group = answer.group == line.group;
    match ask {
        Ask::Buy { buyer, qty, .. } => {
            let is_same = line.buyer == *buyer && line.bought == *qty && line.price == answer.price;
            has_group && is_same && (answer.is_replay || line.amount == answer.amount)
        }
        Ask::Pay { reference, .. } => {
            let took_effect = line.payments.iter().any(|(other, _)| other == reference);
            let is_owed = line.owed.iter().any(|(other, cash)| other == reference && *cash == answer.owe);
            // A gift has nothing to pay, so that nothing is taken and nothing is owed.
            took_effect || is_owed || line.price == 0
        }
        Ask::Cancel { .. } => {
            answer.status != "REFUNDED" || answer.owe == 0 || line.refunded == Some(answer.owe)
        }
        Ask::Return { op, .. } => {
            let returned = line.returns.iter().find(|(other, _)| other == op);
            let is_told = returned.is_some_and(|(_, owe)| *owe == answer.owe || answer.owe == 0);
            // What is still won after it was returned in part; anything else was not won, or is refunded wholly.
            answer.status != "WON" || is_told
        }
        Ask::Put { .. } => true,
    }
}

/// The third view: the server shows each reservation, each pool and all sums as the feed has them.
fn check_server(connection: &mut Connection, book: &Book) {
    let lines: Vec<_> = book.lines.iter().collect();
    for some in lines.chunks(PIPELINE) {
        let mut frames = Vec::new();
        for ((offer, id), _) in some {
            put_frame(&mut frames, &["SHOW", offer, id]);
        }
        connection.send(&frames).expect("the server lives");
        for (order, line) in some {
            let shown = connection.receive().expect("the server lives");
            let is_same = shown.text("status") == line.status()
                && shown.text("event") == line.event
                && shown.text("buyer") == line.buyer
                && shown.number("price") == line.price
                && shown.text("group") == line.group
                && (line.units == 0 || shown.number("qty") == line.units);
            assert!(is_same, "{order:?}\nthe server: {shown:?}\nthe feed: {line:?}");
        }
    }
    check_sums(connection, book);
}

fn check_sums(connection: &mut Connection, book: &Book) {
    let (mut held, mut sold) = (HashMap::new(), HashMap::new());
    let mut counts: HashMap<&str, i64> = HashMap::new();
    for ((offer, _), line) in &book.lines {
        *counts.entry(line.status()).or_default() += 1;
        match line.status() {
            "HELD" | "PAID" => *held.entry(offer).or_default() += line.units,
            "WON" => *sold.entry(offer).or_default() += line.units,
            _ => {}
        }
    }
    for (offer, total) in &book.offers {
        let pool = call(connection, &["POOL", "GET", offer]);
        let units = |units: &HashMap<&String, i64>| units.get(offer).copied().unwrap_or(0);
        let (held, sold) = (units(&held), units(&sold));
        let expected =
            [("total", *total), ("available", total - held - sold), ("held", held), ("sold", sold)];
        for (name, units) in expected {
            assert_eq!(pool.number(name), units, "{name} of {offer}: {pool:?}");
        }
    }
    let audit = call(connection, &["AUDIT"]);
    assert_eq!(audit.text("status"), "OK", "{audit:?}");
    let sum = |name: &str| audit.number(name);
    let sums = Sums {
        paid: sum("paid"),
        paid_points: sum("paid_points"),
        owed: sum("owed"),
        owed_points: sum("owed_points"),
    };
    assert_eq!(sums, book.sums, "AUDIT against the feed");
    for count in audit.get("reservations").map_or(&[][..], Reply::items) {
        let status = count.text("status");
        assert_eq!(
            count.number("count"),
            counts.get(status).copied().unwrap_or(0),
            "AUDIT's count of {status}"
        );
    }
}

/// The same id again, and the same REF again: the same event, marked as a replay, and nothing new on the feed.
fn check_replays(connection: &mut Connection, deeds: &[Deed], book: &Book) {
    let effects = deeds.iter().filter(|deed| {
        let Some(answer) = &deed.answer else { return false };
        let is_known = has_happened(&deed.ask, book) && answer.is_reservation();
        is_known && matches!(deed.ask, Ask::Buy { .. } | Ask::Pay { .. })
    });
    let effects: Vec<&Deed> = effects.collect();
    for some in effects.chunks(PIPELINE) {
        let mut again = Vec::new();
        let asks = some.iter().map(|deed| deed.ask.clone()).collect();
        let outcome: io::Result<()> = perform(connection, asks, &mut again);
        outcome.expect("the server lives");
        for (first, again) in some.iter().zip(&again) {
            let (Some(before), Some(now)) = (&first.answer, &again.answer) else {
                unreachable!("both are answered")
            };
            let is_same = now.is_replay && now.event == before.event && now.price == before.price;
            let stands = first
                .ask
                .order()
                .and_then(|order| book.get(order))
                .is_some_and(|line| line.status() == now.status);
            assert!(is_same && stands, "{:?}\nat first: {before:?}\nagain: {now:?}", first.ask);
        }
    }
}

fn call(connection: &mut Connection, words: &[&str]) -> Reply {
    connection.call(words).expect("the server lives")
}
