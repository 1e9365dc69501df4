//! A small shop that speaks the wire, honest or with one lie, to try the ledger on.
//!
//! Written from the protocol alone, plainly, one lock around everything. It is not fast and not complete: it
//! answers what the generator asks. Each lie is one that a real server could tell after a real bug.

mod feed;
pub(crate) mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use feed::Feed;
use serde_json::Value;

/// What the shop does wrong.
#[allow(dead_code, reason = "each file of tests compiles the shop, and not each tells every lie")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Nothing.
    None,
    /// Sells one unit more than there are, and hides it in its books.
    Oversells,
    /// Forgets one accepted reservation.
    LosesReservation,
    /// `POOL GET` counts one unit too many as sold.
    PoolOffByOne,
    /// Never sells the last unit, and says `SOLD_OUT`.
    SoldOutEarly,
    /// Sells a second unit to a repeated id.
    SellsRepeats,
    /// Lets a buyer have two.
    IgnoresLimit,
    /// Seats one more than the group has seats.
    ExtraSeat,
    /// Names another amount than the price.
    WrongAmount,
    /// Forgets that a reservation was paid.
    ForgetsPayment,
    /// Says that a refused reservation exists.
    KeepsRefused,
    /// Lets a group that was not joined form.
    FormsAlone,
    /// Counts one payment less in the offer's sums.
    LosesMoney,
    /// AUDIT says that an invariant is broken.
    AuditBroken,
    /// Answers one BUY with an error.
    Errs,
    /// Refuses every BUY with this one of [`UNFOUNDED`].
    Refuses(&'static str),
    /// Answers one payment of an accepted reservation as if there were none.
    UnknownToPay,
    /// Answers one BUY with another reservation.
    AnswersForAnother,
    /// Frees a unit that was won, and hangs up instead of saying so.
    TakesBackUnsaid,
    /// Sells three units more than there are, once, and none again until they are back.
    OversellsForAWhile,
    /// Hangs up instead of answering a BUY that it has taken. No lie: an accident.
    HangsUp,
    /// Hangs up likewise, and leaves the reservation out of the feed.
    HangsUpAndLacks,
    /// Leaves one acceptance out of the feed.
    FeedLacks,
    /// Leaves one payment out of the feed.
    FeedLacksPayment,
    /// Leaves out of the feed that a group formed.
    FeedLacksFormed,
    /// Leaves a place of the feed empty.
    FeedGap,
    /// Shows one entry twice under one name.
    FeedRepeats,
    /// Shows one acceptance twice.
    FeedDoubles,
    /// Shows one payment twice.
    FeedDoublesPayment,
    /// Shows another value in one field of one entry.
    FeedChanges(&'static str, &'static str),
    /// Shows a reservation on the feed that was refused.
    FeedInvents,
    /// Ends the feed three entries early.
    FeedEndsEarly,
    /// Keeps nothing of the feed.
    FeedForgets,
    /// Names another entry in one answer.
    AnswersOtherEvent,
    /// Names no entry in one answer.
    AnswersNoEvent,
}

/// Refusals that a plain rush gives no reason for: nothing is paused, and who got nothing has no limit to pass.
pub(crate) const UNFOUNDED: [&str; 7] =
    ["OFFER_UNKNOWN", "PAUSED", "CLOSED", "NOT_ADMITTED", "LIMIT", "NOT_OPEN", "GROUP_FULL"];

#[derive(Debug, Clone)]
struct Reservation {
    buyer: String,
    /// The entry of its acceptance.
    event: u64,
    state: &'static str,
    group: Option<String>,
    was_paid: bool,
}

#[derive(Debug, Clone)]
struct Group {
    members: Vec<String>,
    state: &'static str,
    over_at: Instant,
}

#[derive(Debug, Clone)]
struct Offer {
    id: String,
    feed: Arc<Mutex<Feed>>,
    stock: i64,
    price: i64,
    limit: Option<i64>,
    size: Option<usize>,
    open_ms: u64,
    reservations: BTreeMap<String, Reservation>,
    groups: BTreeMap<String, Group>,
    refused: BTreeSet<String>,
    /// Payments that came too late: taken, and owed back whole.
    late_cash: i64,
}

/// The shop's books.
#[derive(Debug)]
pub(crate) struct Shop {
    lie: Lie,
    has_lied: bool,
    offers: BTreeMap<String, Offer>,
    feed: Arc<Mutex<Feed>>,
}

/// Stands for an error that is never written: the connection ends.
pub(crate) const HANG_UP: &str = "hang up";

/// One answer: a status and its pairs, or an error.
pub(crate) type Pairs = Vec<(String, Field)>;

/// The value of a pair.
pub(crate) enum Field {
    Number(i64),
    Text(String),
    Maps(Vec<Pairs>),
}

fn text(value: &str) -> Field {
    Field::Text(value.to_owned())
}

fn pairs(status: &str) -> Pairs {
    vec![("status".into(), text(status))]
}

fn is_live(state: &str) -> bool {
    matches!(state, "HELD" | "PAID" | "WON")
}

#[expect(clippy::disallowed_methods, reason = "the shop has no engine clock")]
fn now() -> Instant {
    Instant::now()
}

impl Offer {
    fn count(&self, wanted: impl Fn(&Reservation) -> bool) -> i64 {
        self.reservations.values().map(|reservation| i64::from(wanted(reservation))).sum()
    }

    fn held(&self) -> i64 {
        self.count(|reservation| matches!(reservation.state, "HELD" | "PAID"))
    }

    fn sold(&self) -> i64 {
        self.count(|reservation| reservation.state == "WON")
    }

    fn live_members(&self, group: &Group) -> usize {
        group.members.iter().filter(|id| is_live(self.reservations[*id].state)).count()
    }

    /// Ends the groups whose time is over.
    fn sweep(&mut self) {
        let over: Vec<String> = self
            .groups
            .iter()
            .filter(|(_, group)| group.state == "OPEN" && now() >= group.over_at)
            .map(|(id, _)| id.clone())
            .collect();
        for id in over {
            self.end_group(&id, "FAILED");
        }
    }

    fn end_group(&mut self, id: &str, state: &'static str) {
        let group = self.groups.get_mut(id).expect("the caller found it");
        group.state = state;
        let members = group.members.clone();
        let kind = if state == "FORMED" { "group_formed" } else { "group_failed" };
        self.tell(kind, vec![("group", id.to_owned())]);
        for member in members {
            let reservation = self.reservations.get_mut(&member).expect("members have reservations");
            let (after, owe) = match (reservation.state, state) {
                ("PAID", "FORMED") => ("WON", None),
                ("PAID", _) => ("REFUNDED", Some(self.price)),
                ("HELD", "FAILED") => ("RELEASED", None),
                _ => continue,
            };
            reservation.state = after;
            self.tell_of(&after.to_lowercase(), &member, owe.map(|owe| ("owe", owe)));
        }
    }

    fn tell(&self, kind: &str, mut fields: Vec<(&'static str, String)>) -> u64 {
        fields.insert(0, ("offer", self.id.clone()));
        self.feed.lock().expect("no thread panicked").add(kind, fields)
    }

    fn tell_of(&self, kind: &str, id: &str, money: Option<(&'static str, i64)>) -> u64 {
        let reservation = &self.reservations[id];
        let mut fields = vec![
            ("id", id.to_owned()),
            ("buyer", reservation.buyer.clone()),
            ("qty", "1".to_owned()),
            ("price", self.price.to_string()),
        ];
        fields.extend(reservation.group.clone().map(|group| ("group", group)));
        fields.extend(money.map(|(name, money)| (name, money.to_string())));
        self.tell(kind, fields)
    }
}

impl Shop {
    pub(crate) fn new(lie: Lie) -> Self {
        Self { lie, has_lied: false, offers: BTreeMap::new(), feed: Arc::new(Mutex::new(Feed::new(lie))) }
    }

    /// Tells the lie, once.
    fn lies(&mut self, lie: Lie) -> bool {
        let now = self.lie == lie && !self.has_lied;
        self.has_lied |= now;
        now
    }

    /// The feed's answer to XINFO or XREAD, as bytes.
    pub(crate) fn feed_answer(&self, words: &[String]) -> Option<String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.feed.lock().expect("no thread panicked").answer(&words)
    }

    /// Answers one command; `Err` is the text of a RESP error.
    pub(crate) fn answer(&mut self, words: &[String]) -> Result<Pairs, String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["OFFER", "PUT", offer, json] => self.put(offer, json),
            ["AUDIT"] => Ok(pairs(if self.lie == Lie::AuditBroken { "BROKEN" } else { "OK" })),
            ["BUY", offer, buyer, id, rest @ ..] => self.buy(offer, buyer, id, rest),
            [name, offer, rest @ ..] => self.about(name, offer, rest),
            _ => Err("ERR unknown command".into()),
        }
    }

    fn put(&mut self, id: &str, json: &str) -> Result<Pairs, String> {
        let definition: Value = serde_json::from_str(json).map_err(|error| format!("ERR {error}"))?;
        let group = &definition["settle"]["group"];
        let open = group["open"].as_str().unwrap_or("24h");
        let open_ms = open.strip_suffix("ms").and_then(|ms| ms.parse().ok()).unwrap_or(86_400_000);
        let offer = Offer {
            id: id.to_owned(),
            feed: Arc::clone(&self.feed),
            stock: definition["stock"].as_i64().ok_or("ERR stock: expected a number")?,
            price: definition["price"].as_i64().ok_or("ERR price: expected a number")?,
            limit: definition["limit"]["buyer"].as_i64(),
            size: group["size"].as_u64().map(|size| size as usize),
            open_ms,
            reservations: BTreeMap::new(),
            groups: BTreeMap::new(),
            refused: BTreeSet::new(),
            late_cash: 0,
        };
        offer.tell("offer", Vec::new());
        self.offers.insert(id.to_owned(), offer);
        Ok(pairs("OK"))
    }

    fn buy(&mut self, name: &str, buyer: &str, id: &str, rest: &[&str]) -> Result<Pairs, String> {
        let Some(offer) = self.offers.get_mut(name) else { return Ok(pairs("OFFER_UNKNOWN")) };
        offer.sweep();
        if let Some(status) = UNFOUNDED.into_iter().find(|status| self.lie == Lie::Refuses(status)) {
            return Ok(pairs(status));
        }
        if offer.reservations.contains_key(id) {
            let mut answer = show(&self.offers[name], id);
            if !self.lies(Lie::SellsRepeats) {
                answer.push(("replayed".into(), Field::Number(1)));
            }
            return Ok(answer);
        }
        if let Some(refusal) = self.refusal(name, buyer, rest) {
            let offer = self.offers.get_mut(name).expect("it was found above");
            offer.refused.insert(id.to_owned());
            if self.lies(Lie::FeedInvents) {
                let fields = vec![("id", id.to_owned()), ("buyer", buyer.to_owned())];
                self.offers[name].tell("held", fields);
            }
            return Ok(pairs(refusal));
        }
        if self.lies(Lie::Errs) {
            return Err("ERR something went wrong".into());
        }
        let offer = self.offers.get_mut(name).expect("it was found above");
        let group = seat(offer, id, rest);
        let state = if offer.price == 0 { "WON" } else { "HELD" };
        let reservation = Reservation { buyer: buyer.to_owned(), event: 0, state, group, was_paid: false };
        offer.reservations.insert(id.to_owned(), reservation);
        if self.lies(Lie::HangsUpAndLacks) {
            return Err(HANG_UP.into());
        }
        let offer = self.offers.get_mut(name).expect("it was found above");
        let event = offer.tell_of(&state.to_lowercase(), id, Some(("amount", offer.price)));
        offer.reservations.get_mut(id).expect("it was just put there").event = event;
        if self.lies(Lie::HangsUp) {
            return Err(HANG_UP.into());
        }
        let offer = self.offers.get_mut(name).expect("it was found above");
        if let Some(group) = offer.reservations[id].group.clone() {
            offer.groups.get_mut(&group).expect("it was seated").members.push(id.to_owned());
        }
        let other = self.offers[name].reservations.keys().find(|other| *other != id).cloned();
        if let Some(other) = other.filter(|_| self.lies(Lie::AnswersForAnother)) {
            return Ok(show(&self.offers[name], &other));
        }
        let mut answer = show(&self.offers[name], id);
        if self.lies(Lie::AnswersNoEvent) {
            answer.retain(|pair| pair.0 != "event");
        }
        if self.lies(Lie::AnswersOtherEvent) {
            answer.iter_mut().filter(|pair| pair.0 == "event").for_each(|pair| pair.1 = text(&feed::name(1)));
        }
        if self.lies(Lie::WrongAmount) {
            answer.iter_mut().filter(|pair| pair.0 == "amount").for_each(|pair| pair.1 = Field::Number(1));
        }
        Ok(answer)
    }

    fn refusal(&mut self, name: &str, buyer: &str, rest: &[&str]) -> Option<&'static str> {
        let offer = &self.offers[name];
        let left = offer.stock - offer.held() - offer.sold();
        let has = offer.count(|reservation| reservation.buyer == buyer && is_live(reservation.state));
        let passes_limit = offer.limit.is_some_and(|limit| has >= limit);
        if passes_limit && !self.lies(Lie::IgnoresLimit) {
            return Some("LIMIT");
        }
        let offer = &self.offers[name];
        if let (Some(size), ["GROUP", group]) = (offer.size, rest)
            && !matches!(*group, "NEW" | "ANY")
        {
            let Some(found) = offer.groups.get(*group) else { return Some("GROUP_UNKNOWN") };
            if found.state != "OPEN" {
                return Some("GROUP_OVER");
            }
            if offer.live_members(found) >= size && !self.lies(Lie::ExtraSeat) {
                return Some("GROUP_FULL");
            }
        }
        if self.lie == Lie::OversellsForAWhile && (-2..=0).contains(&left) && !self.has_lied {
            self.has_lied = left == -2;
            return None;
        }
        let is_early = left == 1 && self.lie == Lie::SoldOutEarly;
        ((left <= 0 && !self.lies(Lie::Oversells)) || is_early).then_some("SOLD_OUT")
    }

    fn about(&mut self, command: &str, name: &str, rest: &[&str]) -> Result<Pairs, String> {
        // OFFER GET and POOL GET name the offer second.
        let (command, name, rest) = match (command, rest) {
            ("OFFER" | "POOL", [offer]) => (command, *offer, &[][..]),
            _ => (command, name, rest),
        };
        if !self.offers.contains_key(name) {
            return Ok(pairs("OFFER_UNKNOWN"));
        }
        self.offers.get_mut(name).expect("it is there").sweep();
        match (command, rest) {
            ("POOL", _) => Ok(self.pool(name)),
            ("OFFER", _) => Ok(self.offer(name)),
            ("SHOW", [id]) => Ok(self.show(name, id)),
            ("PAY", [id, ..]) => Ok(self.pay(name, id)),
            ("CANCEL", [id]) if self.takes_back(name, id) => Err(HANG_UP.into()),
            ("CANCEL", [id]) => Ok(self.cancel(name, id)),
            ("BUYER", [buyer]) => Ok(self.buyer(name, buyer)),
            ("GROUP", [group]) => Ok(self.group(name, group)),
            _ => Err(format!("ERR unknown command {command}")),
        }
    }

    fn show(&mut self, name: &str, id: &str) -> Pairs {
        let offer = &self.offers[name];
        if offer.refused.contains(id) && !offer.reservations.contains_key(id) && self.lies(Lie::KeepsRefused)
        {
            return pairs("HELD");
        }
        let offer = &self.offers[name];
        if offer.reservations.contains_key(id) && self.lies(Lie::LosesReservation) {
            return pairs("UNKNOWN");
        }
        if self.offers[name].reservations.get(id).is_some_and(|found| found.was_paid)
            && self.lies(Lie::ForgetsPayment)
        {
            return show(&self.offers[name], id).into_iter().skip(1).chain(pairs("HELD")).rev().collect();
        }
        show(&self.offers[name], id)
    }

    fn takes_back(&mut self, name: &str, id: &str) -> bool {
        let found = self.offers.get(name).and_then(|offer| offer.reservations.get(id));
        let is_won = found.is_some_and(|reservation| reservation.state == "WON");
        if !is_won || !self.lies(Lie::TakesBackUnsaid) {
            return false;
        }
        let offer = self.offers.get_mut(name).expect("it was found above");
        offer.reservations.get_mut(id).expect("it was found above").state = "RELEASED";
        true
    }

    fn pay(&mut self, name: &str, id: &str) -> Pairs {
        if self.offers[name].reservations.contains_key(id) && self.lies(Lie::UnknownToPay) {
            return pairs("UNKNOWN");
        }
        let lies = self.lie == Lie::FormsAlone;
        let offer = self.offers.get_mut(name).expect("the caller found it");
        let Some(reservation) = offer.reservations.get_mut(id) else { return pairs("UNKNOWN") };
        if reservation.state != "HELD" {
            offer.late_cash += offer.price;
            offer.tell_of("owed", id, Some(("owe", offer.price)));
            let mut answer = show(&self.offers[name], id);
            answer.push(("late".into(), Field::Number(1)));
            answer.push(("owe".into(), Field::Number(self.offers[name].price)));
            return answer;
        }
        reservation.was_paid = true;
        let Some(group) = reservation.group.clone() else {
            reservation.state = "WON";
            offer.tell_of("won", id, Some(("amount", offer.price)));
            return show(offer, id);
        };
        reservation.state = "PAID";
        offer.tell_of("paid", id, Some(("amount", offer.price)));
        let members = &offer.groups[&group].members;
        let paid = members.iter().filter(|id| offer.reservations[*id].state == "PAID").count();
        if paid == offer.size.unwrap_or(0) || (lies && paid == 1) {
            self.has_lied |= lies;
            offer.end_group(&group, "FORMED");
        }
        show(offer, id)
    }

    fn cancel(&mut self, name: &str, id: &str) -> Pairs {
        let offer = self.offers.get_mut(name).expect("the caller found it");
        let Some(reservation) = offer.reservations.get_mut(id) else { return pairs("UNKNOWN") };
        if reservation.state == "HELD" {
            reservation.state = "RELEASED";
            let group = reservation.group.clone();
            offer.tell_of("released", id, None);
            if let Some(group) = group.filter(|group| offer.live_members(&offer.groups[group]) == 0) {
                offer.end_group(&group, "FAILED");
            }
        }
        show(offer, id)
    }

    fn pool(&mut self, name: &str) -> Pairs {
        let offer = &self.offers[name];
        let (total, mut held, mut sold) = (offer.stock, offer.held(), offer.sold());
        if self.lie == Lie::Oversells && held + sold > total {
            held -= 1;
        }
        let available = total - held - sold;
        if self.lies(Lie::PoolOffByOne) {
            sold += 1;
        }
        let fields = [("total", total), ("available", available), ("held", held), ("sold", sold)];
        with_numbers("OK", &fields)
    }

    fn offer(&mut self, name: &str) -> Pairs {
        let offer = &self.offers[name];
        let paid = offer.count(|reservation| reservation.was_paid) * offer.price + offer.late_cash;
        let refunded = offer.count(|reservation| reservation.state == "REFUNDED");
        let owed = refunded * offer.price + offer.late_cash;
        let groups =
            |state| offer.groups.values().filter(|group| group.state == state).count().cast_signed() as i64;
        let mut fields = vec![
            ("reservations", offer.count(|_| true)),
            ("held", offer.held()),
            ("sold", offer.sold()),
            ("paid", paid),
            ("owed", owed),
            ("groups_open", groups("OPEN")),
            ("groups_formed", groups("FORMED")),
            ("groups_failed", groups("FAILED")),
        ];
        if paid > 0 && self.lies(Lie::LosesMoney) {
            fields[3].1 -= 1;
        }
        with_numbers("OPEN", &fields)
    }

    fn buyer(&self, name: &str, buyer: &str) -> Pairs {
        let offer = &self.offers[name];
        let units = offer.count(|reservation| reservation.buyer == buyer && is_live(reservation.state));
        let count = offer.count(|reservation| reservation.buyer == buyer);
        with_numbers("OK", &[("units", units), ("count", count)])
    }

    fn group(&self, name: &str, group: &str) -> Pairs {
        let offer = &self.offers[name];
        let Some(found) = offer.groups.get(group) else { return pairs("GROUP_UNKNOWN") };
        let members = found.members.iter().map(|id| {
            let mut member = pairs(offer.reservations[id].state);
            member.push(("id".into(), text(id)));
            member
        });
        let mut answer = pairs(found.state);
        answer.push(("members".into(), Field::Maps(members.collect())));
        answer
    }
}

fn with_numbers(status: &str, fields: &[(&str, i64)]) -> Pairs {
    let mut answer = pairs(status);
    answer.extend(fields.iter().map(|&(name, number)| (name.to_owned(), Field::Number(number))));
    answer
}

/// The group to sit in; a new one is opened where none fits.
fn seat(offer: &mut Offer, id: &str, rest: &[&str]) -> Option<String> {
    let ["GROUP", wish] = rest else { return None };
    let size = offer.size.unwrap_or(0);
    let open = |offer: &Offer| {
        let fits = |group: &&Group| group.state == "OPEN" && offer.live_members(group) < size;
        let found = offer.groups.iter().find(|(_, group)| fits(group));
        found.map(|(id, _)| id.clone())
    };
    let joined = match *wish {
        "NEW" => None,
        "ANY" => open(offer),
        group => Some(group.to_owned()),
    };
    Some(joined.unwrap_or_else(|| {
        let over_at = now() + std::time::Duration::from_millis(offer.open_ms);
        offer.groups.insert(id.to_owned(), Group { members: Vec::new(), state: "OPEN", over_at });
        offer.tell("group_opened", vec![("group", id.to_owned())]);
        id.to_owned()
    }))
}

fn show(offer: &Offer, id: &str) -> Pairs {
    let Some(reservation) = offer.reservations.get(id) else { return pairs("UNKNOWN") };
    let mut answer = pairs(reservation.state);
    answer.push(("id".into(), text(id)));
    answer.push(("buyer".into(), text(&reservation.buyer)));
    answer.push(("qty".into(), Field::Number(1)));
    answer.push(("price".into(), Field::Number(offer.price)));
    answer.push(("amount".into(), Field::Number(offer.price)));
    answer.push(("event".into(), text(&feed::name(reservation.event))));
    if let Some(group) = &reservation.group {
        answer.push(("group".into(), text(group)));
    }
    answer
}
