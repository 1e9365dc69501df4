//! Answers that several shards gave together: AUDIT of everything, OFFER LIST.
//!
//! A part that a shard did not answer is the answer of the whole: half an audit would pass for one.

use super::{answer, status, write_money};
use crate::command::{EveryShard, ListCursor};
use crate::error_code::ErrorCode;
use crate::reply::{Detail, Terms, lists};
use crate::resp::encode::{Encoder, key};
use stampede_engine::core::{Answer, AuditAnswer, Money, Status, Text};

/// Writes one reply for the answers of the shards, in their order. `first` is the shard of the first of them.
pub fn every_shard(out: &mut Encoder<'_>, asked: EveryShard, first: u16, answers: &[Answer<Text<'_>>]) {
    match asked {
        EveryShard::Audit => {
            let audits: Option<Vec<&AuditAnswer>> = answers
                .iter()
                .map(|answer| if let Answer::Audit(audit) = answer { Some(audit.as_ref()) } else { None })
                .collect();
            match audits {
                Some(audits) => audit(out, &audits),
                None => other(out, answers),
            }
        }
        EveryShard::OfferList { cursor, count } => offer_list(out, cursor, count, first, answers),
    }
}

/// The first answer that is not the one expected: a misuse, such as "busy".
fn other(out: &mut Encoder<'_>, answers: &[Answer<Text<'_>>]) {
    let odd = answers.iter().find(|answer| !matches!(answer, Answer::Audit(_) | Answer::Offers(_)));
    match odd {
        Some(odd) => answer(out, odd, Detail::Brief, &mut Terms::default()),
        None => out.error(ErrorCode::Err.name(), "the shards gave no answer that fits the command"),
    }
}

/// Takes the shards' lists one after the other until there are `count` offers.
fn offer_list(
    out: &mut Encoder<'_>,
    cursor: ListCursor,
    count: u32,
    first: u16,
    answers: &[Answer<Text<'_>>],
) {
    let mut entries = Vec::new();
    let mut next = None;
    for (shard, answer) in (first..).zip(answers) {
        let Answer::Offers(page) = answer else { return other(out, answers) };
        let room = count as usize - entries.len();
        let taken = page.entries.len().min(room);
        entries.extend_from_slice(&page.entries[..taken]);
        if taken < page.entries.len() || page.next.is_some() {
            let before = if shard == cursor.shard { cursor.skip } else { 0 };
            next = Some(ListCursor { shard, skip: before + taken as u32 }.number());
            break;
        }
    }
    lists::offers(out, &entries, next);
}

/// Audits as one: sums over all, and each shard's event and digest.
pub(super) fn audit<A: std::borrow::Borrow<AuditAnswer>>(out: &mut Encoder<'_>, audits: &[A]) {
    let audits = || audits.iter().map(std::borrow::Borrow::borrow);
    let sum = |count: fn(&AuditAnswer) -> u64| audits().map(count).sum::<u64>();
    let money = |of: fn(&AuditAnswer) -> Money| {
        audits().map(of).fold(Money::ZERO, |mut sum, money| {
            sum += money;
            sum
        })
    };
    let broken: Vec<&str> = audits().flat_map(|audit| audit.broken.iter().map(String::as_str)).collect();
    let (paid, owed) = (money(|audit| audit.paid), money(|audit| audit.owed));
    let points = [paid.points, owed.points].into_iter().filter(|points| *points > 0).count();
    let single = audits().count() == 1;
    out.map(11 + points + usize::from(!broken.is_empty()) + usize::from(single));
    status(out, if broken.is_empty() { "OK" } else { "BROKEN" });
    if !broken.is_empty() {
        out.key(key!(6 "broken"));
        out.array(broken.len());
        for what in broken {
            out.bulk(what.as_bytes());
        }
    }
    if single {
        audits().for_each(|audit| write_event(out, audit));
    }
    out.pair_integer(key!(6 "offers"), sum(|audit| audit.offers));
    out.pair_integer(key!(5 "pools"), sum(|audit| audit.pools));
    out.pair_integer(key!(5 "total"), sum(|audit| audit.total));
    out.pair_integer(key!(9 "available"), sum(|audit| audit.available));
    out.pair_integer(key!(4 "held"), sum(|audit| audit.held));
    out.pair_integer(key!(4 "sold"), sum(|audit| audit.sold));
    write_money(out, paid, key!(4 "paid"), key!(11 "paid_points"));
    write_money(out, owed, key!(4 "owed"), key!(11 "owed_points"));
    out.key(key!(12 "reservations"));
    out.array(Status::ALL.len());
    for status in Status::ALL {
        let count = audits().map(|audit| audit.reservations[usize::from(status.number())]).sum();
        out.map(2);
        super::reservation_status(out, status);
        out.pair_integer(key!(5 "count"), count);
    }
    out.key(key!(6 "shards"));
    out.array(audits().count());
    for audit in audits() {
        out.map(2);
        write_event(out, audit);
        out.pair_bulk(key!(6 "digest"), format!("{:032x}", audit.digest).as_bytes());
    }
}

fn write_event(out: &mut Encoder<'_>, audit: &AuditAnswer) {
    out.key(key!(5 "event"));
    out.dashed(audit.event.epoch, audit.event.seq.0);
}
