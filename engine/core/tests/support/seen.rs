//! What a caller sees of an answer: its status word and its named values, as text.
//!
//! One rendering for the scenario files, the twin's comparison and failure messages. It knows the answer
//! types and no rule. Left out: the id of the acceptance event, which the driver checks against the journal.

use stampede_core::{
    Answer, AuditAnswer, BuyerAnswer, DemandAnswer, GroupAnswer, Misuse, Money, OfferAnswer, OfferSummary,
    Refusal, ReservationAnswer,
};
use std::fmt::{self, Display};

/// An answer as words: the status and what stands beside it, in a fixed order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) status: String,
    pub(crate) pairs: Vec<(&'static str, String)>,
}

impl Seen {
    pub(crate) fn word(status: impl Into<String>) -> Self {
        Seen { status: status.into(), pairs: Vec::new() }
    }

    fn with(mut self, key: &'static str, value: impl Display) -> Self {
        self.pairs.push((key, value.to_string()));
        self
    }

    fn with_some(self, key: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    /// A value that stands there only where it says something.
    fn with_fact(self, key: &'static str, is_so: bool) -> Self {
        if is_so { self.with(key, 1) } else { self }
    }

    /// Cash always; points where there are any.
    fn with_money(self, cash: &'static str, points: &'static str, money: Money) -> Self {
        let seen = self.with(cash, money.cash);
        if money.points == 0 { seen } else { seen.with(points, money.points) }
    }

    /// Neither part where nothing is owed.
    fn with_owe(self, owe: Money) -> Self {
        if owe.is_zero() { self } else { self.with_money("owe", "owe_points", owe) }
    }

    /// The value under a key.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| *known == key).map(|(_, value)| value.as_str())
    }
}

impl Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.status)?;
        self.pairs.iter().try_for_each(|(key, value)| write!(f, " {key}={value}"))
    }
}

/// What a caller sees of this answer.
pub(crate) fn seen<T: Display>(answer: &Answer<T>) -> Seen {
    match answer {
        Answer::Reservation(reservation) => seen_reservation(reservation),
        Answer::Refused(refusal) => seen_refusal(*refusal),
        Answer::Misuse(misuse) => seen_misuse(*misuse),
        Answer::Done => Seen::word("DONE"),
        Answer::DoneBefore => Seen::word("DONE_BEFORE"),
        Answer::Pool(pool) => Seen::word("POOL")
            .with("total", pool.total)
            .with("available", pool.available)
            .with("held", pool.held)
            .with("sold", pool.sold),
        Answer::Buyer(buyer) => seen_buyer(buyer),
        Answer::Group(group) => seen_group(group),
        Answer::Groups(groups) => {
            let ids: Vec<String> = groups.iter().map(|group| group.group.to_string()).collect();
            let lines: Vec<String> = groups.iter().map(|group| seen_group(group).to_string()).collect();
            Seen::word("GROUPS").with("ids", ids.join(",")).with("detail", lines.join(" | "))
        }
        Answer::Offer(offer) => seen_offer(offer),
        Answer::Offers(page) => {
            let lines: Vec<String> = page.entries.iter().map(|line| seen_summary(line).to_string()).collect();
            Seen::word("OFFERS").with("detail", lines.join(" | ")).with_some("next", page.next)
        }
        Answer::Reservations(page) => {
            let ids: Vec<String> = page.entries.iter().map(|entry| entry.id.to_string()).collect();
            let lines: Vec<String> =
                page.entries.iter().map(|entry| seen_reservation(entry).to_string()).collect();
            Seen::word("RESERVATIONS")
                .with("ids", ids.join(","))
                .with("detail", lines.join(" | "))
                .with_some("next", page.next)
        }
        Answer::Demand(demand) => seen_demand(demand),
        Answer::Audit(audit) => seen_audit(audit),
    }
}

fn seen_reservation<T: Display>(answer: &ReservationAnswer<T>) -> Seen {
    let mut seen = Seen::word(answer.status.name())
        .with("id", &answer.id)
        .with("buyer", &answer.buyer)
        .with("qty", answer.qty)
        .with_money("price", "points", answer.price)
        .with_money("amount", "amount_points", answer.amount)
        .with_some("expires", answer.expires);
    if let Some(part) = &answer.group {
        seen = seen
            .with("group", &part.group)
            .with("group_state", part.state.name())
            .with("seats_left", part.seats_left)
            .with("group_expires", part.expires);
    }
    seen.with_fact("replayed", answer.replayed).with_fact("late", answer.late).with_owe(answer.owe)
}

fn seen_refusal(refusal: Refusal) -> Seen {
    let seen = Seen::word(refusal.name());
    match refusal {
        Refusal::IdConflict { field } => seen.with("field", field),
        Refusal::NotOpen { opens } => seen.with("opens", opens),
        Refusal::Limit { scope, max } => seen.with("scope", scope).with("max", max),
        Refusal::Amount { due } => seen.with_money("due", "due_points", due),
        _ => seen,
    }
}

fn seen_misuse(misuse: Misuse) -> Seen {
    match misuse {
        Misuse::GroupNeeded => Seen::word("!GROUP_NEEDED"),
        Misuse::GroupUnexpected => Seen::word("!GROUP_UNEXPECTED"),
        Misuse::NotYet { argument } => Seen::word("!NOT_YET").with("argument", argument),
        Misuse::UnitsRange { argument } => Seen::word("!UNITS_RANGE").with("argument", argument),
        Misuse::OpNeeded => Seen::word("!OP_NEEDED"),
        Misuse::ReturnTooMany { left } => Seen::word("!RETURN_TOO_MANY").with("left", left),
        Misuse::OpConflict => Seen::word("!OP_CONFLICT"),
        Misuse::PoolUnknown => Seen::word("!POOL_UNKNOWN"),
        Misuse::PoolRange { available } => Seen::word("!POOL_RANGE").with("available", available),
        Misuse::PoolExists => Seen::word("!POOL_EXISTS"),
        Misuse::CrossSlot => Seen::word("!CROSS_SLOT"),
        Misuse::TakesUnknown => Seen::word("!TAKES_UNKNOWN"),
        Misuse::Offer(error) => Seen::word("!OFFER").with("path", error.path),
        Misuse::OfferFrozen { field } => Seen::word("!OFFER_FROZEN").with("field", field),
        Misuse::OfferClosed => Seen::word("!OFFER_CLOSED"),
        Misuse::OfferNotClosed => Seen::word("!OFFER_NOT_CLOSED"),
        Misuse::OfferUnsettled { units, groups } => {
            Seen::word("!OFFER_UNSETTLED").with("units", units).with("groups", groups)
        }
        Misuse::OfferRemoved => Seen::word("!OFFER_REMOVED"),
        Misuse::Full { what, max } => Seen::word("!FULL").with("what", what).with("max", max),
        Misuse::Busy => Seen::word("!BUSY"),
        Misuse::DiskFull { free_bytes } => Seen::word("!DISK_FULL").with("free_bytes", free_bytes),
    }
}

fn seen_buyer<T: Display>(answer: &BuyerAnswer<T>) -> Seen {
    let short: Vec<String> =
        answer.reservations.iter().map(|entry| format!("{}:{}", entry.id, entry.status.name())).collect();
    let lines: Vec<String> =
        answer.reservations.iter().map(|entry| seen_reservation(entry).to_string()).collect();
    Seen::word("BUYER")
        .with("buyer", &answer.buyer)
        .with("units", answer.units)
        .with("campaign_units", answer.campaign_units)
        .with("count", answer.count)
        .with("reservations", short.join(","))
        .with("detail", lines.join(" | "))
}

fn seen_group<T: Display>(answer: &GroupAnswer<T>) -> Seen {
    let members: Vec<String> = answer
        .members
        .iter()
        .map(|member| format!("{}/{}/{}/{}", member.buyer, member.id, member.status.name(), member.qty))
        .collect();
    Seen::word(answer.state.name())
        .with("group", &answer.group)
        .with_some("leader", answer.leader.as_ref())
        .with("size", answer.size)
        .with("seats", answer.seats)
        .with("paid", answer.paid)
        .with("seats_left", answer.seats_left())
        .with("expires", answer.expires)
        .with("members", members.join(","))
}

fn seen_summary<T: Display>(summary: &OfferSummary<T>) -> Seen {
    Seen::word(summary.window.name())
        .with("offer", &summary.offer)
        .with("opens", summary.opens)
        .with_some("closes", summary.closes)
        .with("reservations", summary.reservations)
        .with("held", summary.held)
        .with("sold", summary.sold)
}

fn seen_offer<T: Display>(answer: &OfferAnswer<T>) -> Seen {
    seen_summary(&answer.summary)
        .with("title", &answer.definition.title)
        .with_money("paid", "paid_points", answer.paid)
        .with_money("owed", "owed_points", answer.owed)
        .with("groups_open", answer.groups_open)
        .with("groups_formed", answer.groups_formed)
        .with("groups_failed", answer.groups_failed)
}

fn seen_demand(answer: &DemandAnswer) -> Seen {
    let lines: Vec<String> =
        answer.answers.iter().map(|line| format!("{}:{}", line.answer, line.intents)).collect();
    let (accepted, refused) = answer
        .timeline
        .iter()
        .fold((0, 0), |(accepted, refused), second| (accepted + second.accepted, refused + second.refused));
    Seen::word("DEMAND")
        .with("intents", lines.join(","))
        .with("wanted", answer.units_wanted)
        .with_some("sold_out_after", answer.sold_out_after_ms)
        .with("waiting", answer.waiting)
        .with("accepted", accepted)
        .with("refused", refused)
}

fn seen_audit(answer: &AuditAnswer) -> Seen {
    if !answer.broken.is_empty() {
        return Seen::word("BROKEN").with("broken", answer.broken.join(" | "));
    }
    let counts: Vec<String> = answer.reservations.iter().map(u64::to_string).collect();
    Seen::word("OK")
        .with("offers", answer.offers)
        .with("pools", answer.pools)
        .with("reservations", counts.join(","))
        .with("total", answer.total)
        .with("available", answer.available)
        .with("held", answer.held)
        .with("sold", answer.sold)
        .with_money("paid", "paid_points", answer.paid)
        .with_money("owed", "owed_points", answer.owed)
}
