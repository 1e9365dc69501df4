//! BUY: one atomic decision, in the order of its checks.
#![expect(
    clippy::inline_always,
    reason = "each check answers with a large result, which a call writes to memory and reads back"
)]

use super::No;
use crate::event::{Accepted, GroupIndex, OfferIndex, Seat, Sent};
use crate::money::{ORDER_UNITS_MAX, Units};
use crate::offer::{GROUP_SIZE_MAX, GroupRule};
use crate::refusal::{Misuse, Refusal};
use crate::request::{Buy, GroupChoice};
use crate::state::{BuyerSums, CampaignBuyers, Keys, NoteKind, OfferState, State};
use crate::status::{GroupState, Status};
use crate::store::TextHash;
use crate::text::Text;
use crate::time::{Millis, UnixMs};
use crate::view::group_id;

// What one intent may take of one pool: units for each unit bought, units bought, seats.
const _: () = assert!(
    (u64::MAX / GROUP_SIZE_MAX as u64) / ORDER_UNITS_MAX as u64 >= ORDER_UNITS_MAX as u64,
    "the units that an intent takes fit 64 bits"
);

/// The seat that an intent would get.
#[derive(Clone, Copy)]
enum SeatPlan {
    /// Buying alone.
    None,
    /// The first seat of a new group.
    Open,
    /// A seat of this group.
    Join(GroupIndex),
}

/// What a BUY that is not refused leads to.
#[derive(Debug)]
pub(crate) enum Purchase<'r> {
    /// The same intent was here before: this reservation stands as it is.
    Repeat(u32),
    /// A new reservation.
    New(Acceptance<'r>),
}

/// A new reservation, as decided.
#[derive(Debug)]
pub(crate) struct Acceptance<'r> {
    /// When the time of the group is up that it opens, if it opens one.
    pub(crate) opens: Option<UnixMs>,
    pub(crate) accepted: Accepted<'r>,
    /// The buyer's position, if the offer knows the buyer.
    pub(crate) buyer: Option<u32>,
}

impl State {
    pub(crate) fn decide_buy<'r>(
        &self,
        at: OfferIndex,
        buy: &Buy<Text<'r>>,
        keys: &Keys,
        now: UnixMs,
    ) -> Result<Purchase<'r>, No> {
        if buy.qty == 0 || buy.qty > ORDER_UNITS_MAX {
            return Err(Misuse::UnitsRange { argument: "QTY" }.into());
        }
        let offer = self.offer(at);
        if offer.removed.is_some() {
            return Err(Refusal::Closed.into());
        }
        if let Some(known) = offer.reservations.find(keys.id, buy.id) {
            return self.decide_repeat(at, known, buy);
        }
        let asks_nothing = offer.asks_nothing && buy.group == GroupChoice::Alone;
        if !asks_nothing {
            check_group_argument(offer, buy)?;
        }
        let may_join = !asks_nothing && offer.lets_join(buy);
        check_window(offer, buy, may_join, now)?;
        if !asks_nothing && !offer.definition.admit.admits(buy) {
            return Err(Refusal::NotAdmitted.into());
        }
        let find_buyer = || offer.reservations.find_buyer(keys.buyer, buy.buyer);
        // Where nothing hangs on what the buyer has, a refusal is spared the look.
        let limit = offer.definition.limit;
        let counts = limit.buyer.is_some() || limit.campaign.is_some() || buy.group != GroupChoice::Alone;
        let known = counts.then(find_buyer);
        let has = known.flatten().map(|buyer| offer.reservations.buyer_sums(buyer)).unwrap_or_default();
        self.check_limits(offer, buy, has.units)?;
        let seat = plan_seat(offer, buy, keys, may_join, has, now)?;
        self.check_stock(offer, seat, buy.qty)?;
        self.check_room(offer)?;
        let buyer = known.unwrap_or_else(find_buyer);
        let (accepted, opens) = accept(at, offer, buy, seat, may_join, now);
        Ok(Purchase::New(Acceptance { opens, accepted, buyer }))
    }

    /// Whether the tables take one more reservation.
    #[inline(always)]
    fn check_room(&self, offer: &OfferState) -> Result<(), No> {
        let buyers = &self.campaigns[offer.campaign.0].buyers;
        if offer.reservations.has_room() && buyers.as_ref().is_none_or(CampaignBuyers::has_room) {
            return Ok(());
        }
        Err(Misuse::Full {
            what: "reservations of one offer, or bytes of their ids",
            max: u64::from(u32::MAX),
        }
        .into())
    }

    /// An id that is taken: the same intent stands as it is, another one conflicts.
    fn decide_repeat<'r>(&self, at: OfferIndex, known: u32, buy: &Buy<Text<'r>>) -> Result<Purchase<'r>, No> {
        let offer = self.offer(at);
        let row = offer.reservations.get(known);
        let referrer = offer.reservations.notes(known).find_map(|note| match note.kind {
            NoteKind::Referrer { buyer } => Some(offer.reservations.text(buyer)),
            _ => None,
        });
        let field = if offer.reservations.buyer_id(row.buyer) != buy.buyer {
            "buyer"
        } else if row.qty != buy.qty {
            "QTY"
        } else if !is_group_as_sent(offer, known, buy.group) {
            "GROUP"
        } else if referrer != buy.referrer {
            "REFERRER"
        } else {
            return Ok(Purchase::Repeat(known));
        };
        Err(Refusal::IdConflict { field }.into())
    }

    /// Limits on what the buyer would have, with `own` units on the offer already.
    #[inline(always)]
    fn check_limits(&self, offer: &OfferState, buy: &Buy<Text<'_>>, own: u64) -> Result<(), No> {
        let limit = offer.definition.limit;
        if let Some(max) = limit.order
            && buy.qty > max
        {
            return Err(Refusal::Limit { scope: "order", max }.into());
        }
        self.check_buyer_limits(offer, buy.buyer, buy.qty, own)
    }

    #[inline(always)]
    pub(super) fn check_buyer_limits(
        &self,
        offer: &OfferState,
        buyer: Text<'_>,
        qty: Units,
        own: u64,
    ) -> Result<(), No> {
        let limit = offer.definition.limit;
        if let Some(max) = limit.buyer
            && own + u64::from(qty) > u64::from(max)
        {
            return Err(Refusal::Limit { scope: "buyer", max }.into());
        }
        if let Some(max) = limit.campaign
            && self.campaign_units(offer, buyer, own) + u64::from(qty) > u64::from(max)
        {
            return Err(Refusal::Limit { scope: "campaign", max }.into());
        }
        Ok(())
    }

    /// A group by its id, for who has not taken the id's hash.
    pub(crate) fn find_group(&self, offer: &OfferState, id: Text<'_>) -> Option<GroupIndex> {
        offer.find_group(self.hashes.of(id), id)
    }

    #[inline(always)]
    fn check_stock(&self, offer: &OfferState, seat: SeatPlan, qty: Units) -> Result<(), No> {
        let seats = match (seat, offer.reserves_groups()) {
            (SeatPlan::Join(_), true) => return Ok(()),
            (SeatPlan::Open, true) => u64::from(offer.group_size()),
            _ => 1,
        };
        if self.has_stock(offer, u64::from(qty) * seats) { Ok(()) } else { Err(Refusal::SoldOut.into()) }
    }

    /// Whether every pool has its units for `units` units of the offer, at most a whole group's.
    #[inline(always)]
    pub(super) fn has_stock(&self, offer: &OfferState, units: u64) -> bool {
        for take in &offer.takes {
            if u64::from(take.units) * units > self.pools[take.pool.0].available() {
                return false;
            }
        }
        true
    }
}

impl OfferState {
    /// A group by its id: the id of the reservation that opened it.
    fn find_group(&self, hash: TextHash, id: Text<'_>) -> Option<GroupIndex> {
        let first = self.reservations.find(hash, id)?;
        let seat = self.reservations.get(first).seat?;
        self.groups.seats[seat.get() - 1].opened
    }

    /// Whether an intent may join a group of the offer, if it has any.
    fn lets_join(&self, buy: &Buy<Text<'_>>) -> bool {
        self.definition.group().is_some_and(|rule| rule.join.as_ref().is_none_or(|join| join.admits(buy)))
    }
}

#[inline(always)]
fn plan_seat(
    offer: &OfferState,
    buy: &Buy<Text<'_>>,
    keys: &Keys,
    may_join: bool,
    has: BuyerSums,
    now: UnixMs,
) -> Result<SeatPlan, No> {
    let named = match buy.group {
        GroupChoice::Alone => return Ok(SeatPlan::None),
        GroupChoice::New | GroupChoice::Any => None,
        GroupChoice::Join(id) => Some(find_open_group(offer, keys.group, id, now)?),
    };
    if offer.sits_in_open_group(has) {
        return Err(Refusal::GroupMember.into());
    }
    match (named, buy.group) {
        (Some(_), _) if !may_join => Err(Refusal::NotAdmitted.into()),
        (Some(group), _) => Ok(SeatPlan::Join(group)),
        (None, GroupChoice::Any) if may_join => {
            Ok(nearest_to_full(offer, now).map_or(SeatPlan::Open, SeatPlan::Join))
        }
        _ => Ok(SeatPlan::Open),
    }
}

/// A group by its id, with a seat to take.
fn find_open_group(offer: &OfferState, hash: TextHash, id: Text<'_>, now: UnixMs) -> Result<GroupIndex, No> {
    let group = offer.find_group(hash, id).ok_or(Refusal::GroupUnknown)?;
    let row = offer.groups.get(group);
    if row.state != GroupState::Open || offer.group_deadline(row) <= now {
        return Err(Refusal::GroupOver.into());
    }
    if row.seats == offer.group_size() {
        return Err(Refusal::GroupFull.into());
    }
    Ok(group)
}

/// Whether GROUP fits the offer at all; if not, the caller's code has to change.
fn check_group_argument(offer: &OfferState, buy: &Buy<Text<'_>>) -> Result<(), No> {
    match (buy.group, offer.definition.group()) {
        (GroupChoice::Alone, Some(_)) if offer.definition.alone.is_none() => Err(Misuse::GroupNeeded.into()),
        (GroupChoice::Alone, _) | (_, Some(_)) => Ok(()),
        (_, None) => Err(Misuse::GroupUnexpected.into()),
    }
}

/// After the close an open group can still be joined; nothing else can be begun.
fn check_window(offer: &OfferState, buy: &Buy<Text<'_>>, may_join: bool, now: UnixMs) -> Result<(), No> {
    if now < offer.opens {
        return Err(Refusal::NotOpen { opens: offer.opens }.into());
    }
    if offer.is_paused {
        return Err(Refusal::Paused.into());
    }
    let joins = match buy.group {
        GroupChoice::Join(_) => true,
        GroupChoice::Any => may_join && offer.is_over(now) && nearest_to_full(offer, now).is_some(),
        GroupChoice::Alone | GroupChoice::New => false,
    };
    if offer.is_over(now) && !joins {
        return Err(Refusal::Closed.into());
    }
    Ok(())
}

/// The open group with the fewest free seats, of these the one nearest to its end, among those with time enough.
fn nearest_to_full(offer: &OfferState, now: UnixMs) -> Option<GroupIndex> {
    let rule = offer.definition.group()?;
    let earliest = offer.stored_deadline(now.after(any_min_left(rule, offer.definition.hold))).max(
        // What is due at this very instant is over.
        offer.stored_deadline(now.after(Millis::new(1))),
    );
    let mut free = 1;
    loop {
        let &(found, _, group) = offer.groups.by_free.range((free, earliest, 0)..).next()?;
        if found == free {
            return Some(GroupIndex(group));
        }
        // The first group with more free seats may be too near to its end; look again from its own place.
        free = found;
    }
}

fn any_min_left(rule: &GroupRule, hold: Millis) -> Millis {
    rule.any_min_left.unwrap_or(hold.min(Millis::new(rule.open.get() / 2)))
}

fn is_group_as_sent(offer: &OfferState, known: u32, sent: GroupChoice<Text<'_>>) -> bool {
    let before = offer.reservations.get(known).seat.map(|seat| offer.groups.seats[seat.get() - 1].sent);
    match (before, sent) {
        (None, GroupChoice::Alone)
        | (Some(Sent::New), GroupChoice::New)
        | (Some(Sent::Any), GroupChoice::Any) => true,
        (Some(Sent::Join(group)), GroupChoice::Join(id)) => group_id(offer, group) == id,
        _ => false,
    }
}

#[inline(always)]
fn accept<'r>(
    at: OfferIndex,
    offer: &OfferState,
    buy: &Buy<Text<'r>>,
    plan: SeatPlan,
    may_join: bool,
    now: UnixMs,
) -> (Accepted<'r>, Option<UnixMs>) {
    let definition = &offer.definition;
    let (group, opens) = match plan {
        SeatPlan::None => (None, None),
        SeatPlan::Join(group) => (Some((group, offer.group_deadline(offer.groups.get(group)))), None),
        SeatPlan::Open => {
            let expires = now.after(definition.group().map_or(Millis::new(0), |rule| rule.open));
            (Some((GroupIndex(offer.groups.rows.len()), expires)), Some(expires))
        }
    };
    let price = match group {
        None => definition.alone.unwrap_or(definition.price),
        Some(_) => definition.price,
    };
    let is_free = price.is_zero();
    let held_until = now.after(definition.hold);
    let accepted = Accepted {
        offer: at,
        id: buy.id,
        buyer: buy.buyer,
        qty: buy.qty,
        price,
        status: match (is_free, group) {
            (false, _) => Status::Held,
            (true, Some(_)) => Status::Paid,
            (true, None) => Status::Won,
        },
        expires: (!is_free).then(|| group.map_or(held_until, |(_, expires)| held_until.min(expires))),
        seat: group.map(|(group, _)| Seat { group, sent: as_sent(offer, buy.group, group), may_join }),
        referrer: buy.referrer,
    };
    (accepted, opens)
}

fn as_sent(offer: &OfferState, choice: GroupChoice<Text<'_>>, group: GroupIndex) -> Sent {
    debug_assert!(offer.definition.group().is_some());
    match choice {
        GroupChoice::Any => Sent::Any,
        GroupChoice::Join(_) => Sent::Join(group),
        GroupChoice::New | GroupChoice::Alone => Sent::New,
    }
}
