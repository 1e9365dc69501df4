//! Answers with lists inside: buyers, groups, offers, reservations, demand.
//!
//! Lists are arrays of maps; a map inside has no `status` of its own unless it is a thing with a state.

use super::{Detail, Terms, reservation, status, write_money};
use crate::offer_text;
use crate::resp::encode::{Encoder, key};
use stampede_engine::core::{
    BuyerAnswer, DemandAnswer, GroupAnswer, MemberAnswer, OfferAnswer, OfferSummary, Page, ReservationAnswer,
    Text,
};

pub(super) fn buyer(out: &mut Encoder<'_>, buyer: &BuyerAnswer<Text<'_>>) {
    out.map(6);
    status(out, "OK");
    out.pair_bulk(key!(5 "buyer"), buyer.buyer.as_bytes());
    out.pair_integer(key!(5 "units"), buyer.units);
    out.pair_integer(key!(14 "campaign_units"), buyer.campaign_units);
    out.pair_integer(key!(5 "count"), buyer.count);
    out.key(key!(12 "reservations"));
    reservation_maps(out, &buyer.reservations);
}

pub(super) fn reservations(out: &mut Encoder<'_>, page: &Page<ReservationAnswer<Text<'_>>>) {
    out.map(2 + usize::from(page.next.is_some()));
    status(out, "OK");
    out.key(key!(12 "reservations"));
    reservation_maps(out, &page.entries);
    cursor(out, page.next);
}

fn reservation_maps(out: &mut Encoder<'_>, reservations: &[ReservationAnswer<Text<'_>>]) {
    out.array(reservations.len());
    let mut terms = Terms::default();
    for one in reservations {
        reservation(out, one, Detail::Full, &mut terms);
    }
}

/// Where the next page begins; left out behind the last one.
fn cursor(out: &mut Encoder<'_>, next: Option<u64>) {
    if let Some(next) = next {
        out.pair_integer(key!(6 "cursor"), next);
    }
}

pub(super) fn group(out: &mut Encoder<'_>, group: &GroupAnswer<Text<'_>>) {
    out.map(group_pairs(group) + 1);
    write_group_pairs(out, group);
    out.key(key!(7 "members"));
    out.array(group.members.len());
    for MemberAnswer { buyer, id, status, qty } in &group.members {
        out.map(4);
        super::reservation_status(out, *status);
        out.pair_bulk(key!(5 "buyer"), buyer.as_bytes());
        out.pair_bulk(key!(2 "id"), id.as_bytes());
        out.pair_integer(key!(3 "qty"), u64::from(*qty));
    }
}

pub(super) fn groups(out: &mut Encoder<'_>, groups: &[GroupAnswer<Text<'_>>]) {
    out.map(2);
    status(out, "OK");
    out.key(key!(6 "groups"));
    out.array(groups.len());
    for group in groups {
        out.map(group_pairs(group));
        write_group_pairs(out, group);
    }
}

fn group_pairs(group: &GroupAnswer<Text<'_>>) -> usize {
    7 + usize::from(group.leader.is_some())
}

fn write_group_pairs(out: &mut Encoder<'_>, group: &GroupAnswer<Text<'_>>) {
    status(out, group.state.name());
    out.pair_bulk(key!(5 "group"), group.group.as_bytes());
    if let Some(leader) = group.leader {
        out.pair_bulk(key!(6 "leader"), leader.as_bytes());
    }
    out.pair_integer(key!(4 "size"), u64::from(group.size));
    out.pair_integer(key!(5 "seats"), u64::from(group.seats));
    out.pair_integer(key!(4 "paid"), u64::from(group.paid));
    out.pair_integer(key!(10 "seats_left"), u64::from(group.seats_left()));
    out.pair_integer(key!(7 "expires"), group.expires.get());
}

pub(super) fn offer(out: &mut Encoder<'_>, offer: &OfferAnswer<Text<'_>>) {
    let points = [offer.paid.points, offer.owed.points].into_iter().filter(|points| *points > 0).count();
    out.map(summary_pairs(&offer.summary) + 6 + points);
    write_summary_pairs(out, &offer.summary);
    write_money(out, offer.paid, key!(4 "paid"), key!(11 "paid_points"));
    write_money(out, offer.owed, key!(4 "owed"), key!(11 "owed_points"));
    out.pair_integer(key!(11 "groups_open"), offer.groups_open);
    out.pair_integer(key!(13 "groups_formed"), offer.groups_formed);
    out.pair_integer(key!(13 "groups_failed"), offer.groups_failed);
    out.pair_bulk(key!(10 "definition"), offer_text::to_json(&offer.definition).as_bytes());
}

pub(super) fn offers(out: &mut Encoder<'_>, entries: &[OfferSummary<Text<'_>>], next: Option<u64>) {
    out.map(2 + usize::from(next.is_some()));
    status(out, "OK");
    out.key(key!(6 "offers"));
    out.array(entries.len());
    for summary in entries {
        out.map(summary_pairs(summary));
        write_summary_pairs(out, summary);
    }
    cursor(out, next);
}

fn summary_pairs(summary: &OfferSummary<Text<'_>>) -> usize {
    6 + usize::from(summary.closes.is_some())
}

fn write_summary_pairs(out: &mut Encoder<'_>, summary: &OfferSummary<Text<'_>>) {
    status(out, summary.window.name());
    out.pair_bulk(key!(5 "offer"), summary.offer.as_bytes());
    out.pair_integer(key!(5 "opens"), summary.opens.get());
    if let Some(closes) = summary.closes {
        out.pair_integer(key!(6 "closes"), closes.get());
    }
    out.pair_integer(key!(12 "reservations"), summary.reservations);
    out.pair_integer(key!(4 "held"), summary.held);
    out.pair_integer(key!(4 "sold"), summary.sold);
}

pub(super) fn demand(out: &mut Encoder<'_>, demand: &DemandAnswer) {
    out.map(5 + usize::from(demand.sold_out_after_ms.is_some()));
    status(out, "OK");
    out.pair_integer(key!(12 "units_wanted"), demand.units_wanted);
    if let Some(length_ms) = demand.sold_out_after_ms {
        out.pair_integer(key!(17 "sold_out_after_ms"), length_ms);
    }
    out.pair_integer(key!(7 "waiting"), demand.waiting);
    out.key(key!(7 "answers"));
    out.array(demand.answers.len());
    for line in &demand.answers {
        out.map(3);
        out.pair_bulk(key!(6 "answer"), line.answer.as_bytes());
        out.pair_integer(key!(7 "intents"), line.intents);
        out.pair_integer(key!(6 "buyers"), line.buyers);
    }
    out.key(key!(8 "timeline"));
    out.array(demand.timeline.len());
    for second in &demand.timeline {
        out.map(3);
        out.pair_integer(key!(2 "at"), second.at.get());
        out.pair_integer(key!(8 "accepted"), u64::from(second.accepted));
        out.pair_integer(key!(7 "refused"), u64::from(second.refused));
    }
}
