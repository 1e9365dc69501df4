//! What an answer may say: only what the feed has shown by the time it leaves; and what it says stays true.
//!
//! Called by the world with every answer that comes back. Keeps the answers that a crash must not undo, to be asked for
//! again.

use super::{Auditor, Book, Checked};
use crate::names::Name;
use crate::tally::{Kind, Tally};
use stampede_engine::Durability;
use stampede_engine::core::{
    Answer, Entry, Event, EventId, GroupState, Misuse, Money, Refusal, Request, ReservationAnswer, Seq,
    Status,
};

/// The most answers of one shard that are asked for again; the newest ones, whose loss is likeliest, stay.
const ACKS_MAX: usize = 600;

/// An answer that must stay true.
#[derive(Clone, Debug)]
pub(crate) struct Ack {
    pub(crate) request: Request<Name>,
    said: Said,
    /// The answer saw nothing after this event.
    upto: Seq,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Accepted { event: EventId, price: Money },
    Paid { owe: Money },
    Returned { owe: Money },
    DoneOnce,
}

/// What is known of the events that an answer saw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Saw {
    /// It saw this event and all before, but for checkpoints of demand at the end, which no answer speaks of.
    pub(crate) at_least: Seq,
    /// It was decided after this event.
    pub(crate) decided_after: Seq,
    /// The feed says that this is synced.
    pub(crate) synced: Seq,
    /// It saw none after this one.
    pub(crate) at_most: Seq,
}

impl Auditor {
    /// An answer left. The feed has been read up to what is synced.
    pub(crate) fn hear_answer(
        &mut self,
        shard: usize,
        request: &Request<Name>,
        answer: &Answer<Name>,
        saw: Saw,
        tally: &mut Tally,
    ) -> Checked {
        count(answer, tally);
        let book = &mut self.books[shard];
        let is_bound = self.durability != Durability::Async;
        if is_bound && saw.decided_after > saw.synced {
            let (saw, synced) = (saw.decided_after.0, saw.synced.0);
            return Err(format!("I8: an answer left that saw event {saw}, and only {synced} is synced"));
        }
        if is_bound && saw.at_least > saw.synced {
            book.early.push((saw.synced, saw.at_least));
        }
        // Behind what was decided there may be checkpoints of demand, which no answer waits for.
        let accepted = if let Answer::Reservation(answer) = answer { answer.event.seq } else { Seq(0) };
        let seen = if is_bound { saw.at_least.min(saw.synced) } else { accepted };
        book.promised = book.promised.max(seen).max(saw.decided_after);
        // What could not be read of the feed, because the power went, cannot be checked against it.
        if self.durability != Durability::Async && book.record.last() >= saw.synced {
            book.check(request, answer, saw)
                .map_err(|words| format!("{request:?} was answered {answer:?}: {words}"))?;
        }
        // An answer may arrive after the removal of its offer.
        let is_gone =
            request.key().and_then(|key| book.ledger.offer(key)).is_some_and(|page| page.is_removed);
        if let Some(said) = said(request, answer)
            && (!is_gone || matches!(request, Request::OfferRemove { .. }))
        {
            book.keep(Ack { request: request.clone(), said, upto: saw.at_most });
        }
        Ok(())
    }

    /// Some answers to ask for again: every `every`th.
    pub(crate) fn acks(&self, shard: usize, every: usize, first: usize) -> Vec<Ack> {
        self.books[shard].acks.iter().skip(first).step_by(every.max(1)).cloned().collect()
    }
}

impl Book {
    fn keep(&mut self, ack: Ack) {
        if self.acks.len() == ACKS_MAX {
            self.acks.drain(..ACKS_MAX / 4);
        }
        self.acks.push(ack);
    }

    /// Drops the answers about an offer that is gone.
    pub(super) fn drop_acks_of(&mut self, offer: &str) {
        self.acks.retain(|ack| ack.request.key().is_none_or(|key| *key != offer));
    }

    /// An entry that answers were ahead of must be one that answers do not speak of.
    pub(super) fn check_early(&mut self, entry: &Entry<'_>) -> Checked {
        let seq = entry.stamp.id.seq;
        let was_early = self.early.iter().any(|(synced, seen)| *synced < seq && seq <= *seen);
        self.early.retain(|(_, seen)| *seen > seq);
        if was_early && !matches!(entry.event, Event::Demand(_)) {
            return Err("I8: an answer that saw it left before it was synced".into());
        }
        Ok(())
    }

    /// Drops the answers that saw more than is there.
    pub(super) fn drop_acks_after(&mut self, last: Seq) {
        self.early.clear();
        self.acks.retain(|ack| ack.upto <= last);
    }

    /// Every claim is backed by an entry that was shown.
    fn check(&self, request: &Request<Name>, answer: &Answer<Name>, saw: Saw) -> Checked {
        match answer {
            Answer::Reservation(answer) => self.check_reservation(request, answer),
            Answer::Reservations(page) => {
                page.entries.iter().try_for_each(|entry| self.check_reservation(request, entry))
            }
            Answer::Buyer(buyer) => {
                buyer.reservations.iter().try_for_each(|entry| self.check_reservation(request, entry))
            }
            Answer::Pool(pool) if pool.available + pool.held + pool.sold != pool.total => {
                Err("I1: available + held + sold is not the total".into())
            }
            Answer::Audit(audit) if !audit.broken.is_empty() => Err(audit.broken.join("; ")),
            Answer::Refused(refusal) => self.check_refusal(request, *refusal, saw),
            Answer::Done => self.check_done(request),
            _ => Ok(()),
        }
    }

    fn check_reservation(&self, request: &Request<Name>, answer: &ReservationAnswer<Name>) -> Checked {
        let offer = *request.key().ok_or("a reservation was answered to a request without an offer")?;
        let row = self.ledger.row(offer, answer.id).ok_or("the feed knows no such reservation")?;
        if row.event != answer.event || row.buyer != answer.buyer || row.price != answer.price {
            return Err(format!("the feed says {} for {} at {:?}", row.event, row.buyer, row.price));
        }
        let has_been = row.statuses.contains(&answer.status);
        let group = answer.group.map(|part| part.state);
        // What is due but not swept answers as over.
        let is_due = match answer.status {
            Status::Won => group == Some(GroupState::Formed) && row.statuses.contains(&Status::Paid),
            Status::Released => row.statuses.last() == Some(&Status::Held),
            Status::Refunded => group == Some(GroupState::Failed),
            _ => false,
        };
        if !has_been && !is_due {
            return Err(format!("the feed says that it was {:?}", row.statuses));
        }
        let owe = answer.owe;
        if !owe.is_zero() && !row.owes.contains(&owe) {
            return Err(format!("the feed says that {:?} is owed", row.owes));
        }
        Ok(())
    }

    fn check_refusal(&self, request: &Request<Name>, refusal: Refusal, saw: Saw) -> Checked {
        let Some(offer) = request.key() else { return Ok(()) };
        let page = self.ledger.offer(offer);
        match (request, refusal) {
            (Request::Buy(_), Refusal::OfferUnknown)
                if page.is_some_and(|page| page.put <= saw.decided_after) =>
            {
                Err("the feed knows the offer".into())
            }
            (Request::Buy(buy), Refusal::IdConflict { .. }) if self.ledger.row(offer, buy.id).is_none() => {
                Err("the feed knows nothing of the id".into())
            }
            (Request::Buy(_), Refusal::Closed) => {
                let is_closed = page.is_some_and(|page| page.is_closed || page.definition.closes.is_some());
                if is_closed { Ok(()) } else { Err("the feed does not say so".into()) }
            }
            _ => Ok(()),
        }
    }

    fn check_done(&self, request: &Request<Name>) -> Checked {
        let is_shown = match request {
            Request::PoolAdd { pool, op, .. } => self.ledger.knows_pool_op(pool, op),
            Request::OfferExtend { offer, op, .. } => {
                self.ledger.offer(offer).is_none_or(|page| page.extensions.contains(op))
            }
            Request::OfferRemove { offer } => self.ledger.offer(offer).is_some_and(|page| page.is_removed),
            Request::OfferClose { offer } => self.ledger.offer(offer).is_none_or(|page| page.is_closed),
            _ => true,
        };
        if is_shown { Ok(()) } else { Err("the feed does not show it".into()) }
    }
}

impl Ack {
    /// Compares the answer to the same request with the first one; says no where it was asked at a bad moment: too much
    /// was due, or the disk was full.
    pub(crate) fn compare(&self, again: &Answer<Name>) -> Checked<bool> {
        let is_same = match (self.said, again) {
            (_, Answer::Misuse(Misuse::Busy | Misuse::DiskFull { .. })) => return Ok(false),
            (Said::DoneOnce, Answer::DoneBefore) => true,
            (Said::Accepted { event, price }, Answer::Reservation(now)) => {
                now.replayed && now.event == event && now.price == price
            }
            (Said::Paid { owe } | Said::Returned { owe }, Answer::Reservation(now)) => {
                now.replayed && now.owe == owe
            }
            _ => false,
        };
        let (request, said) = (&self.request, self.said);
        if is_same { Ok(true) } else { Err(format!("I8: {request:?} was {said:?}, and now it is {again:?}")) }
    }
}

/// What an answer promises for good, if it does.
fn said(request: &Request<Name>, answer: &Answer<Name>) -> Option<Said> {
    match (request, answer) {
        (Request::Buy(_), Answer::Reservation(answer)) => {
            Some(Said::Accepted { event: answer.event, price: answer.price })
        }
        (Request::Pay { .. }, Answer::Reservation(answer)) => {
            // A payment of nothing leaves no trace, and one that replays was kept when it was new.
            let has_effect = !answer.owe.is_zero() || matches!(answer.status, Status::Paid | Status::Won);
            let is_kept = has_effect && !answer.replayed && !answer.amount.is_zero();
            is_kept.then_some(Said::Paid { owe: answer.owe })
        }
        (Request::Return { op: Some(_), .. }, Answer::Reservation(answer)) => {
            let has_effect = !answer.owe.is_zero() && !answer.replayed;
            has_effect.then_some(Said::Returned { owe: answer.owe })
        }
        (
            Request::PoolAdd { .. } | Request::OfferExtend { .. } | Request::OfferRemove { .. },
            Answer::Done,
        ) => Some(Said::DoneOnce),
        _ => None,
    }
}

/// Counts an answer by its kind.
fn count(answer: &Answer<Name>, tally: &mut Tally) {
    let (kind, name) = match answer {
        Answer::Reservation(answer) if answer.replayed => (Kind::Answer, "replayed"),
        Answer::Reservation(answer) => (Kind::Answer, answer.status.name()),
        Answer::Refused(refusal) => (Kind::Refusal, refusal.name()),
        Answer::Misuse(misuse) => (Kind::Answer, misuse_name(misuse)),
        Answer::Done => (Kind::Answer, "done"),
        Answer::DoneBefore => (Kind::Answer, "done before"),
        Answer::Audit(_) => (Kind::Answer, "audit"),
        Answer::Demand(_) => (Kind::Answer, "demand"),
        Answer::Pool(_)
        | Answer::Buyer(_)
        | Answer::Group(_)
        | Answer::Groups(_)
        | Answer::Offer(_)
        | Answer::Offers(_)
        | Answer::Reservations(_) => (Kind::Answer, "a look or a list"),
    };
    tally.count(kind, name);
}

fn misuse_name(misuse: &Misuse) -> &'static str {
    match misuse {
        Misuse::GroupNeeded => "misuse: group needed",
        Misuse::GroupUnexpected => "misuse: group unexpected",
        Misuse::NotYet { .. } => "misuse: not yet",
        Misuse::UnitsRange { .. } => "misuse: units range",
        Misuse::OpNeeded => "misuse: op needed",
        Misuse::ReturnTooMany { .. } => "misuse: return too many",
        Misuse::OpConflict => "misuse: op conflict",
        Misuse::PoolUnknown => "misuse: pool unknown",
        Misuse::PoolRange { .. } => "misuse: pool range",
        Misuse::PoolExists => "misuse: pool exists",
        Misuse::CrossSlot => "misuse: cross slot",
        Misuse::TakesUnknown => "misuse: takes unknown",
        Misuse::Offer(_) => "misuse: offer",
        Misuse::OfferFrozen { .. } => "misuse: offer frozen",
        Misuse::OfferClosed => "misuse: offer closed",
        Misuse::OfferNotClosed => "misuse: offer not closed",
        Misuse::OfferUnsettled { .. } => "misuse: offer unsettled",
        Misuse::OfferRemoved => "misuse: offer removed",
        Misuse::Full { .. } => "misuse: full",
        Misuse::Busy => "misuse: busy",
        Misuse::DiskFull { .. } => "misuse: disk full",
    }
}
