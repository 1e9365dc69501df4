//! The state as answers. Reads; decides nothing.
//!
//! What is due but not yet swept shows as over.

mod archive;

pub use archive::ArchivedReservation;

use crate::answer::{
    Answer, BuyerAnswer, GroupAnswer, GroupPart, LIST_MAX, MemberAnswer, OfferAnswer, OfferSummary,
    OfferWindow, Page, PoolAnswer, ReservationAnswer,
};
use crate::event::{Accepted, EventId, GroupIndex, OfferIndex, ReservationNames, Seat};
use crate::money::{Money, Units};
use crate::request::StateFilter;
use crate::state::{Group, OfferState, PoolIndex, Reservation, State};
use crate::status::{GroupState, Status};
use crate::text::Text;
use crate::time::UnixMs;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// How many reservations one RESERVATIONS looks at before it hands back a cursor.
const SCAN_MAX: u32 = 10_000;

/// A reservation with what lies behind it, looked up once for the names of an event and for the answer.
pub(crate) struct Standing<'a> {
    offer: &'a OfferState,
    row: &'a Reservation,
    group: Option<&'a Group>,
    pub(crate) names: ReservationNames<'a>,
    pub(crate) group_id: Option<Text<'a>>,
}

impl State {
    /// A reservation as it stands at `now`.
    pub(crate) fn view_reservation(
        &self,
        offer: OfferIndex,
        at: u32,
        now: UnixMs,
    ) -> ReservationAnswer<Text<'_>> {
        self.view_standing(&self.standing(offer, at), now)
    }

    /// Looks up what a reservation's names and its answer are made of.
    #[expect(
        clippy::inline_always,
        reason = "made where it is used, instead of written to memory and read back"
    )]
    #[inline(always)]
    pub(crate) fn standing(&self, offer: OfferIndex, at: u32) -> Standing<'_> {
        let offer = self.offer(offer);
        let row = offer.reservations.get(at);
        let group = offer.group_of(row).map(|group| offer.groups.get(group));
        let names = ReservationNames {
            id: offer.reservations.text(row.id),
            buyer: offer.reservations.buyer_id(row.buyer),
            qty: row.qty,
            price: offer.reservations.price(row),
        };
        Standing { offer, row, group, names, group_id: group.map(|group| id_of_group(offer, group)) }
    }

    /// The answer for a reservation that was looked up.
    #[inline]
    pub(crate) fn view_standing<'a>(
        &self,
        standing: &Standing<'a>,
        now: UnixMs,
    ) -> ReservationAnswer<Text<'a>> {
        let Standing { offer, row, group, ref names, group_id } = *standing;
        let status = status_at(offer, row, group, now);
        ReservationAnswer {
            status,
            id: names.id,
            buyer: names.buyer,
            qty: shown_qty(row, status),
            price: names.price,
            amount: names.price.times(row.qty),
            expires: (status == Status::Held).then(|| offer.real_deadline(row.deadline)),
            event: self.event_id(row.event),
            group: group.zip(group_id).map(|(group, id)| group_part(offer, group, id)),
            replayed: false,
            late: false,
            owe: Money::ZERO,
        }
    }

    /// A reservation with a seat, right after its acceptance: as it was decided, unless more happened with it. `group` is
    /// the id of its group.
    #[inline]
    pub(crate) fn view_seated<'a>(
        &'a self,
        accepted: &Accepted<'a>,
        group: Option<Text<'a>>,
        event: EventId,
        now: UnixMs,
    ) -> ReservationAnswer<Text<'a>> {
        let offer = self.offer(accepted.offer);
        if self.seq != event.seq {
            return self.view_reservation(accepted.offer, offer.reservations.len() - 1, now);
        }
        let part = |(seat, id): (Seat, _)| group_part(offer, offer.groups.get(seat.group), id);
        ReservationAnswer { group: accepted.seat.zip(group).map(part), ..view_accepted(accepted, event) }
    }

    pub(crate) fn view_group(
        &self,
        offer: OfferIndex,
        at: GroupIndex,
        members_max: usize,
        now: UnixMs,
    ) -> GroupAnswer<Text<'_>> {
        let offer = self.offer(offer);
        let row = offer.groups.get(at);
        let reservations = &offer.reservations;
        let reservation_of = |seat: u32| offer.groups.seats[seat].reservation;
        let buyer_of = |at: u32| reservations.buyer_id(reservations.get(at).buyer);
        let member = |seat| {
            let at = reservation_of(seat);
            view_member(offer, at, effective_status(offer, at, now))
        };
        GroupAnswer {
            group: id_of_group(offer, row),
            state: row.state,
            leader: row.leader.map(|seat| buyer_of(reservation_of(seat.get() - 1))),
            size: offer.group_size(),
            seats: row.seats,
            paid: row.paid,
            expires: offer.group_deadline(row),
            members: offer.groups.members(at).take(members_max).map(member).collect(),
        }
    }

    pub(crate) fn view_open_groups(
        &self,
        offer: OfferIndex,
        count: u32,
        now: UnixMs,
    ) -> Vec<GroupAnswer<Text<'_>>> {
        let groups = &self.offer(offer).groups;
        let nearest = groups.by_free.iter().take((count as usize).min(LIST_MAX));
        nearest.map(|&(_, _, at)| self.view_group(offer, GroupIndex(at), 0, now)).collect()
    }

    pub(crate) fn view_buyer(&self, offer: OfferIndex, buyer: u32, now: UnixMs) -> Answer<Text<'_>> {
        let state = self.offer(offer);
        let sums = state.reservations.buyer_sums(buyer);
        let id = state.reservations.buyer_id(buyer);
        let newest = state.reservations.of_buyer(buyer).take(LIST_MAX);
        Answer::Buyer(Box::new(BuyerAnswer {
            buyer: id,
            units: sums.units,
            campaign_units: self.campaign_units(state, id, sums.units),
            count: u64::from(sums.count),
            reservations: newest.map(|at| self.view_reservation(offer, at, now)).collect(),
        }))
    }

    /// Units that the buyer has in the offer's campaign, given those on the offer.
    pub(crate) fn campaign_units(&self, offer: &OfferState, buyer: Text<'_>, on_offer: u64) -> u64 {
        let campaign = &self.campaigns[offer.campaign.0];
        campaign.buyers.as_ref().map_or(on_offer, |buyers| buyers.units(self.hashes.of(buyer), buyer))
    }

    pub(crate) fn view_pool(&self, pool: PoolIndex) -> PoolAnswer<Text<'_>> {
        let pool = &self.pools[pool.0];
        PoolAnswer {
            pool: pool.id(),
            total: pool.total(),
            available: pool.available(),
            held: pool.held(),
            sold: pool.sold(),
        }
    }

    pub(crate) fn view_summary(&self, offer: OfferIndex, now: UnixMs) -> OfferSummary<Text<'_>> {
        let offer = self.offer(offer);
        OfferSummary {
            offer: offer.id(),
            window: window(offer, now),
            opens: offer.opens,
            closes: offer.definition.closes,
            reservations: match &offer.removed {
                Some(removed) => removed.reservations.iter().sum(),
                None => u64::from(offer.reservations.len()),
            },
            held: offer.units_held,
            sold: offer.units_sold,
        }
    }

    pub(crate) fn view_offer(&self, at: OfferIndex, now: UnixMs) -> Answer<Text<'_>> {
        let offer = self.offer(at);
        Answer::Offer(Box::new(OfferAnswer {
            summary: self.view_summary(at, now),
            definition: offer.definition.clone(),
            paid: offer.paid.shown(),
            owed: offer.owed.shown(),
            groups_open: offer.groups.deadlines.len() as u64,
            groups_formed: offer.groups.formed,
            groups_failed: offer.groups.failed,
        }))
    }

    pub(crate) fn view_offers(&self, cursor: u64, count: u32, now: UnixMs) -> Page<OfferSummary<Text<'_>>> {
        let len = u64::from(self.offers.len());
        let end = len.min(cursor.saturating_add(u64::from(count).clamp(1, LIST_MAX as u64)));
        Page {
            next: (end < len).then_some(end),
            entries: (cursor..end).map(|at| self.view_summary(OfferIndex(at as u32), now)).collect(),
        }
    }

    pub(crate) fn view_reservations(
        &self,
        offer: OfferIndex,
        filter: StateFilter,
        cursor: u64,
        count: u32,
        now: UnixMs,
    ) -> Page<ReservationAnswer<Text<'_>>> {
        let all = page(self.offer(offer), cursor, count, |at| {
            let entry = self.view_reservation(offer, at, now);
            let is_wanted = filter == StateFilter::Any || filter == StateFilter::Is(entry.status);
            Some(is_wanted.then_some(entry))
        });
        all.expect("every reservation can be shown")
    }
}

/// A reservation right after its acceptance; of its group, nothing.
#[inline]
pub(crate) fn view_accepted<'a>(accepted: &Accepted<'a>, event: EventId) -> ReservationAnswer<Text<'a>> {
    let Accepted { id, buyer, qty, price, status, expires, .. } = *accepted;
    ReservationAnswer {
        status,
        id,
        buyer,
        qty,
        price,
        amount: price.times(qty),
        expires,
        event,
        group: None,
        replayed: false,
        late: false,
        owe: Money::ZERO,
    }
}

/// A page of an offer's reservations from `cursor` on: those for which `show` gives an entry. `None` when `show` gives
/// up.
pub(crate) fn page<E>(
    offer: &OfferState,
    cursor: u64,
    count: u32,
    mut show: impl FnMut(u32) -> Option<Option<E>>,
) -> Option<Page<E>> {
    let len = u64::from(offer.reservations.len());
    let end = len.min(cursor.saturating_add(u64::from(SCAN_MAX)));
    let wanted = (count as usize).clamp(1, LIST_MAX);
    let mut entries = Vec::new();
    let mut at = cursor;
    while at < end && entries.len() < wanted {
        entries.extend(show(at as u32)?);
        at += 1;
    }
    Some(Page { next: (at < len).then_some(at), entries })
}

/// A group's member that stands so.
pub(crate) fn view_member(offer: &OfferState, at: u32, status: Status) -> MemberAnswer<Text<'_>> {
    let row = offer.reservations.get(at);
    MemberAnswer {
        buyer: offer.reservations.buyer_id(row.buyer),
        id: offer.reservations.id(at),
        status,
        qty: shown_qty(row, status),
    }
}

/// The units that an answer names: what is left of a won one, what was bought of any other.
pub(crate) fn shown_qty(row: &Reservation, status: Status) -> Units {
    if status == Status::Won { row.qty - row.returned } else { row.qty }
}

/// The status that counts at `now`: an unswept deadline and a running settlement show as over.
pub(crate) fn effective_status(offer: &OfferState, at: u32, now: UnixMs) -> Status {
    let row = offer.reservations.get(at);
    status_at(offer, row, offer.group_of(row).map(|group| offer.groups.get(group)), now)
}

/// The status that counts at `now` of a reservation whose seat belongs to `group`.
fn status_at(offer: &OfferState, row: &Reservation, group: Option<&Group>, now: UnixMs) -> Status {
    match (row.status, group.map(|group| group.state)) {
        (Status::Held, _) if offer.is_overdue(row, now) => Status::Released,
        (Status::Held, Some(GroupState::Failed)) => Status::Released,
        (Status::Paid, Some(GroupState::Failed)) => Status::Refunded,
        (Status::Paid, Some(GroupState::Formed)) => Status::Won,
        (status, _) => status,
    }
}

/// A group's id: that of the reservation that opened it.
pub(crate) fn group_id(offer: &OfferState, group: GroupIndex) -> Text<'_> {
    id_of_group(offer, offer.groups.get(group))
}

fn id_of_group<'a>(offer: &'a OfferState, row: &Group) -> Text<'a> {
    let first = row.first.expect("I5: a group has a first leader");
    offer.reservations.id(first.get() - 1)
}

#[inline]
fn group_part<'a>(offer: &OfferState, row: &Group, id: Text<'a>) -> GroupPart<Text<'a>> {
    GroupPart {
        group: id,
        state: row.state,
        seats_left: row.state.seats_left(offer.group_size(), row.seats),
        expires: offer.group_deadline(row),
    }
}

fn window(offer: &OfferState, now: UnixMs) -> OfferWindow {
    if offer.removed.is_some() {
        OfferWindow::Removed
    } else if offer.is_over(now) {
        OfferWindow::Closed
    } else if offer.is_paused {
        OfferWindow::Paused
    } else if now < offer.opens {
        OfferWindow::Scheduled
    } else {
        OfferWindow::Open
    }
}
