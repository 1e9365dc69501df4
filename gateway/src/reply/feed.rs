//! Entries of a feed → names and values, and → bytes in the shapes of Redis's streams.
//!
//! [`pairs`] is the one place that says how an event reads as text; XREAD and its like, `stampede inspect` and the
//! documents go by it. What does not apply is left out. Writing an entry allocates nothing, except for the
//! definition of an offer.

use crate::offer_text;
use crate::resp::encode::{Encoder, key};
use stampede_engine::core::{
    Accepted, CloseCause, DemandMoved, DemandSecond, EndCause, Entry, Event, EventId, Money,
    ReservationNames, Restock, Seq, Status, Text,
};

/// The value of a pair. On the wire it is text, in JSON a number stays a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Text as it is.
    Text(&'a [u8]),
    /// A count, an amount in minor units, or a time in Unix milliseconds.
    Number(u64),
    /// A change that may go down.
    Signed(i64),
}

/// Hears the pairs of an entry.
type Hear<'h> = &'h mut dyn FnMut(&'static str, Value<'_>);

/// Tells every pair of an entry, `type` and `at` first.
pub fn pairs(entry: &Entry<'_>, hear: Hear<'_>) {
    text(hear, "type", kind(&entry.event).as_bytes());
    number(hear, "at", entry.stamp.at.get());
    if let Some(offer) = entry.names.offer {
        text(hear, "offer", offer.as_bytes());
    }
    if let Some(reservation) = &entry.names.reservation {
        names(hear, reservation, &entry.event);
    }
    if let Some(group) = entry.names.group {
        text(hear, "group", group.as_bytes());
    }
    details(hear, &entry.event);
}

/// The word for what happened. For a reservation it is the state that it came to.
fn kind(event: &Event<'_>) -> &'static str {
    match event {
        Event::OfferPut { .. } | Event::OfferChanged { .. } => "offer",
        Event::OfferPaused { .. } | Event::OfferResumed { .. } | Event::OfferRemoved { .. } => "operator",
        Event::Demand(_) => "demand",
        Event::OfferClosed { .. } => "closed",
        Event::OfferExtended { .. } => "extended",
        Event::PoolAdded { .. } => "pool",
        Event::GroupOpened { .. } => "group_opened",
        Event::Accepted(accepted) => state(accepted.status),
        Event::Paid { status, .. } => state(*status),
        Event::Owed { .. } => "owed",
        Event::Released { .. } => "released",
        Event::Refunded { .. } => "refunded",
        Event::Won { .. } => "won",
        Event::Returned { .. } => "returned",
        Event::Leader { .. } => "leader",
        Event::Moved { .. } => "moved",
        Event::GroupFormed { .. } => "group_formed",
        Event::GroupFailed { .. } => "group_failed",
    }
}

const fn state(status: Status) -> &'static str {
    match status {
        Status::Waiting => "waiting",
        Status::Held => "held",
        Status::Paid => "paid",
        Status::Won => "won",
        Status::Released => "released",
        Status::Refunded => "refunded",
        Status::Forfeited => "forfeited",
    }
}

/// The reservation that the event is about. What a RETURN took back is its own `qty`.
fn names(hear: Hear<'_>, reservation: &ReservationNames<'_>, event: &Event<'_>) {
    text(hear, "id", reservation.id.as_bytes());
    text(hear, "buyer", reservation.buyer.as_bytes());
    let qty = if let Event::Returned { qty, .. } = event { *qty } else { reservation.qty };
    number(hear, "qty", u64::from(qty));
    money(hear, ["price", "price_points"], reservation.price);
}

/// What the event alone knows.
fn details(hear: Hear<'_>, event: &Event<'_>) {
    match event {
        Event::OfferPut { definition, opens, .. } => {
            text(hear, "by", b"put");
            number(hear, "opens", opens.get());
            text(hear, "definition", offer_text::to_json(definition).as_bytes());
        }
        Event::OfferChanged { definition, opens, .. } => {
            text(hear, "by", b"change");
            number(hear, "opens", opens.get());
            text(hear, "definition", offer_text::to_json(definition).as_bytes());
        }
        Event::OfferPaused { .. } => text(hear, "by", b"pause"),
        Event::OfferResumed { .. } => text(hear, "by", b"resume"),
        Event::OfferRemoved { .. } => text(hear, "by", b"remove"),
        Event::Demand(moved) => demand(hear, moved),
        Event::OfferClosed { by: CloseCause::Deadline, .. } => text(hear, "by", b"deadline"),
        Event::OfferClosed { by: CloseCause::Operator, .. } => text(hear, "by", b"operator"),
        Event::OfferExtended { by, op, .. } => {
            number(hear, "extend_ms", by.get());
            text(hear, "op", op.as_bytes());
        }
        Event::PoolAdded { pool, units, op } => {
            text(hear, "pool", pool.as_bytes());
            hear("units", Value::Signed(*units));
            text(hear, "op", op.as_bytes());
        }
        Event::GroupOpened { expires, .. } => number(hear, "expires", expires.get()),
        Event::Accepted(accepted) => acceptance(hear, accepted),
        Event::Paid { amount, reference, .. } => {
            text(hear, "by", b"pay");
            money(hear, ["amount", "points"], *amount);
            some_text(hear, "ref", *reference);
        }
        Event::Owed { reference, owe, .. } => {
            money(hear, ["owe", "owe_points"], *owe);
            some_text(hear, "ref", *reference);
        }
        Event::Released { cause, reason, .. } => ending(hear, *cause, *reason),
        Event::Refunded { owe, cause, reason, .. } => {
            money(hear, ["owe", "owe_points"], *owe);
            ending(hear, *cause, *reason);
        }
        Event::Returned { restock, owe, op, .. } => {
            money(hear, ["owe", "owe_points"], *owe);
            number(hear, "restock", u64::from(*restock == Restock::Yes));
            some_text(hear, "op", *op);
        }
        Event::Won { .. }
        | Event::Leader { .. }
        | Event::Moved { .. }
        | Event::GroupFormed { .. }
        | Event::GroupFailed { .. } => {}
    }
}

fn acceptance(hear: Hear<'_>, accepted: &Accepted<'_>) {
    text(hear, "by", b"buy");
    money(hear, ["amount", "points"], accepted.price.times(accepted.qty));
    if let Some(expires) = accepted.expires {
        number(hear, "expires", expires.get());
    }
    if let Some(referrer) = accepted.referrer {
        text(hear, "referrer", referrer.as_bytes());
    }
}

/// The counters that moved, each as it stands now: lists of `word:count` and of `second:accepted:refused`.
fn demand(hear: Hear<'_>, moved: &DemandMoved<'_>) {
    number(hear, "units_wanted", moved.units_wanted);
    if let Some(at) = moved.sold_out_at {
        number(hear, "sold_out_at", at.get());
    }
    let answers =
        moved.tallies.iter().filter_map(|tally| Some(format!("{}:{}", tally.name()?, tally.intents)));
    text(hear, "answers", answers.collect::<Vec<_>>().join(" ").as_bytes());
    let seconds = moved.seconds.iter().map(|second| {
        let DemandSecond { at, accepted, refused } = second;
        format!("{}:{accepted}:{refused}", at.get())
    });
    text(hear, "seconds", seconds.collect::<Vec<_>>().join(" ").as_bytes());
}

fn ending(hear: Hear<'_>, cause: EndCause, reason: Option<Text<'_>>) {
    let by: &[u8] = match cause {
        EndCause::Expired => b"deadline",
        EndCause::Cancelled => b"cancel",
        EndCause::GroupFailed => b"group_failed",
        EndCause::Returned => b"return",
        EndCause::Revoked => b"revoke",
    };
    text(hear, "by", by);
    if let Some(reason) = reason {
        text(hear, "reason", reason.as_bytes());
    }
}

fn text(hear: Hear<'_>, name: &'static str, value: &[u8]) {
    hear(name, Value::Text(value));
}

fn some_text(hear: Hear<'_>, name: &'static str, value: Text<'_>) {
    if !value.as_bytes().is_empty() {
        text(hear, name, value.as_bytes());
    }
}

fn number(hear: Hear<'_>, name: &'static str, value: u64) {
    hear(name, Value::Number(value));
}

/// Cash always, points where there are some.
fn money(hear: Hear<'_>, [cash, points]: [&'static str; 2], money: Money) {
    number(hear, cash, money.cash);
    if money.points > 0 {
        number(hear, points, money.points);
    }
}

/// One entry as a stream shows it: its id, and its names and values in one flat array.
pub fn entry(out: &mut Encoder<'_>, entry: &Entry<'_>) {
    let mut count = 0;
    pairs(entry, &mut |_, _| count += 2);
    out.array(2);
    id(out, entry.stamp.id);
    out.array(count);
    pairs(entry, &mut |name, value| {
        out.bulk(name.as_bytes());
        match value {
            Value::Text(text) => out.bulk(text),
            Value::Number(number) => out.bulk(itoa::Buffer::new().format(number).as_bytes()),
            Value::Signed(number) => out.bulk(itoa::Buffer::new().format(number).as_bytes()),
        }
    });
}

/// The id of an entry.
pub fn id(out: &mut Encoder<'_>, id: EventId) {
    out.dashed(id.epoch, id.seq.0);
}

/// What XINFO STREAM tells.
#[derive(Clone, Copy, Debug)]
pub struct StreamFacts<'a> {
    /// Entries kept.
    pub entries: u64,
    /// The last entry ever made.
    pub last: EventId,
    /// The first entry that is kept; the id that it will have at the earliest where none is.
    pub first: EventId,
    /// The first and the last entry as [`entry`] writes them; empty where there is none.
    pub ends: [&'a [u8]; 2],
}

/// XINFO STREAM: the names of Redis 7, in its order. There is no radix tree behind a feed, and there are no groups.
pub fn stream_facts(out: &mut Encoder<'_>, facts: &StreamFacts<'_>) {
    let StreamFacts { entries, last, first, ends } = facts;
    let gone = first.seq.0.saturating_sub(1);
    out.map(10);
    out.pair_integer(key!(6 "length"), *entries);
    out.pair_integer(key!(15 "radix-tree-keys"), 0);
    out.pair_integer(key!(16 "radix-tree-nodes"), 0);
    out.key(key!(17 "last-generated-id"));
    id(out, *last);
    out.key(key!(20 "max-deleted-entry-id"));
    id(out, if gone == 0 { EventId::default() } else { EventId { seq: Seq(gone), ..*first } });
    out.pair_integer(key!(13 "entries-added"), last.seq.0);
    out.key(key!(23 "recorded-first-entry-id"));
    id(out, if *entries == 0 { EventId::default() } else { *first });
    out.pair_integer(key!(6 "groups"), 0);
    for (name, end) in [(key!(11 "first-entry"), ends[0]), (key!(10 "last-entry"), ends[1])] {
        out.key(name);
        if end.is_empty() {
            out.null_array();
        } else {
            out.raw(end);
        }
    }
}
