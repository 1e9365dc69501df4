//! A digest of the whole state: equal digests are equal states.
//!
//! Everything that an event can change goes in, in order of position; what is derived (indexes, agenda, fingers,
//! demand) stays out. XXH3 with 128 bits, seed 0.

use crate::codec::{Writer, write_offer};
use crate::event::{GroupIndex, Sent};
use crate::money::{Money, MoneySum};
use crate::state::{CampaignIndex, NoteKind, OfferState, State};
use crate::text::Text;
use alloc::vec::Vec;
use xxhash_rust::xxh3::Xxh3;

struct Digest(Xxh3);

impl Digest {
    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn text(&mut self, text: Text<'_>) {
        self.number(text.as_bytes().len() as u64);
        self.0.update(text.as_bytes());
    }

    fn money(&mut self, money: Money) {
        self.number(money.cash);
        self.number(money.points);
    }

    fn sum(&mut self, sum: MoneySum) {
        self.0.update(&sum.cash.to_le_bytes());
        self.0.update(&sum.points.to_le_bytes());
    }
}

impl State {
    /// The digest of one campaign, or of the whole shard.
    pub(crate) fn digest(&self, only: Option<CampaignIndex>) -> u128 {
        let only_id = only.map(|campaign| self.campaigns[campaign.0].id());
        let mut digest = Digest(Xxh3::new());
        digest.number(self.seq.0);
        digest.number(self.at.get());
        for pool in self.pools.iter().filter(|pool| only_id.is_none_or(|id| pool.id().campaign() == id)) {
            digest.text(pool.id());
            for number in [pool.total(), pool.held(), pool.sold(), pool.ops.len() as u64] {
                digest.number(number);
            }
            for (op, units) in &pool.ops {
                digest.text(Text::stored(op));
                digest.number(units.cast_unsigned());
            }
        }
        for offer in self.offers.iter().filter(|offer| only.is_none_or(|only| offer.campaign == only)) {
            digest_offer(&mut digest, offer);
            digest_reservations(&mut digest, offer);
            digest_groups(&mut digest, offer);
        }
        digest.0.digest128()
    }
}

fn digest_offer(digest: &mut Digest, offer: &OfferState) {
    digest.text(offer.id());
    let mut definition = Vec::new();
    write_offer(&mut Writer(&mut definition), &offer.definition);
    digest.text(Text::stored(&definition));
    digest.number(offer.opens.get());
    let is_removed = offer.removed.is_some();
    digest.number(u64::from(offer.is_paused) | u64::from(offer.is_closed) << 1 | u64::from(is_removed) << 2);
    digest.number(offer.extended.get());
    for (op, by) in &offer.ops {
        digest.text(Text::stored(op));
        digest.number(by.get());
    }
    for sum in [offer.paid, offer.owed] {
        digest.sum(sum);
    }
    digest.number(offer.units_held);
    digest.number(offer.units_sold);
    if let Some(removed) = &offer.removed {
        for count in removed.reservations {
            digest.number(count);
        }
        for sum in [removed.kept, removed.owed_back] {
            digest.sum(sum);
        }
    }
}

fn digest_reservations(digest: &mut Digest, offer: &OfferState) {
    let reservations = &offer.reservations;
    digest.number(u64::from(reservations.len()));
    for (at, row) in reservations.iter().enumerate() {
        digest.text(reservations.id(at as u32));
        digest.text(reservations.buyer_id(row.buyer));
        digest.number(u64::from(row.qty) << 32 | u64::from(row.returned));
        digest.money(reservations.price(row));
        digest.number(row.deadline.cast_unsigned());
        digest.number(row.event.0);
        let (cause, is_cut) = (row.ending.cause(), row.ending.is_cut());
        digest.number(u64::from(row.status.number()) << 16 | (cause as u64) << 8 | u64::from(is_cut));
        digest.number(row.seat.map_or(0, |seat| u64::from(seat.get())));
        for note in reservations.notes(at as u32) {
            digest_note(digest, offer, note.kind);
        }
    }
    for (buyer, sums) in reservations.buyers() {
        digest.text(buyer);
        digest.number(sums.units);
        digest.number(u64::from(sums.count) << 32 | sums.group.map_or(0, |group| u64::from(group.get())));
    }
}

fn digest_note(digest: &mut Digest, offer: &OfferState, note: NoteKind) {
    let text = |at| offer.reservations.text(at);
    match note {
        NoteKind::Paid { reference } => {
            digest.number(1);
            digest.text(text(reference));
        }
        NoteKind::Owed { reference, owe, is_late } => {
            digest.number(2 | u64::from(is_late) << 8);
            digest.text(text(reference));
            digest.money(owe);
        }
        NoteKind::Returned { op, qty, restock, owe } => {
            digest.number(3 | (restock as u64) << 8 | u64::from(qty) << 16);
            digest.text(text(op));
            digest.money(owe);
        }
        NoteKind::Referrer { buyer } => {
            digest.number(4);
            digest.text(text(buyer));
        }
    }
}

fn digest_groups(digest: &mut Digest, offer: &OfferState) {
    let groups = &offer.groups;
    digest.number(groups.formed);
    digest.number(groups.failed);
    for (at, row) in groups.rows.iter().enumerate() {
        let numbers = [
            u64::from(row.first.map_or(0, core::num::NonZeroU32::get)),
            u64::from(row.leader.map_or(0, core::num::NonZeroU32::get)),
            row.deadline.cast_unsigned(),
            row.event.0,
            u64::from(row.seats) << 32 | u64::from(row.paid),
            u64::from(row.may_join) << 32 | u64::from(row.unsettled),
            row.state as u64,
        ];
        for number in numbers {
            digest.number(number);
        }
        for seat in groups.members(GroupIndex(at as u32)) {
            digest.number(u64::from(seat));
        }
    }
    for seat in groups.seats.iter() {
        let sent = match seat.sent {
            Sent::New => 1,
            Sent::Any => 2,
            Sent::Join(group) => 3 + u64::from(group.0),
        };
        digest.number(u64::from(seat.reservation) << 32 | u64::from(seat.group.0));
        digest.number(seat.opened.map_or(0, |group| u64::from(group.0) + 1));
        digest.number(sent << 1 | u64::from(seat.may_join));
    }
}
