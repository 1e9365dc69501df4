//! One offer: its definition, its window, its reservations, its groups and its sums.

use super::agenda::Due;
use super::buyers::BuyerSums;
use super::campaign::CampaignIndex;
use super::groups::{Group, Groups, Listing};
use super::pools::PoolTake;
use super::reservations::{Reservation, Reservations};
use crate::event::GroupIndex;
use crate::money::MoneySum;
use crate::offer::{Offer, Reserve};
use crate::status::{GroupState, Status};
use crate::store::fetch;
use crate::text::Text;
use crate::time::{Millis, UnixMs};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

/// Reservations that one look along a hold queue passes over.
const PASSED_AT_ONCE: u32 = 256;

/// The fields stand in this order in memory, what a purchase looks at first: of ten thousand offers on sale hardly one is
/// at hand, and each line of memory that a purchase touches is one more to ask for.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct OfferState {
    pub(crate) campaign: CampaignIndex,
    /// Whether who buys alone is asked for nothing: no group, no tag, no pass-phrase, no cohort. Follows from the
    /// definition, and spares nearly every intent the look at what it does not have.
    pub(crate) asks_nothing: bool,
    pub(crate) is_paused: bool,
    pub(crate) is_closed: bool,
    pub(crate) opens: UnixMs,
    /// All extensions so far, added up.
    pub(crate) extended: Millis,
    /// What is left of an offer that was removed.
    pub(crate) removed: Option<Box<Removed>>,
    /// Units held and paid, as bought.
    pub(crate) units_held: u64,
    /// Units won.
    pub(crate) units_sold: u64,
    pub(crate) takes: Vec<PoolTake>,
    /// Holds in the order of their deadlines, one queue from each EXTEND to the next.
    pub(crate) hold_runs: VecDeque<HoldRun>,
    /// The number of the first queue in `hold_runs`.
    pub(crate) hold_runs_first: u32,
    pub(crate) reservations: Reservations,
    pub(crate) definition: Offer,
    pub(crate) groups: Groups,
    /// The agenda entry that stands for the first of the open groups.
    pub(crate) groups_due: Option<Due>,
    pub(crate) paid: MoneySum,
    pub(crate) owed: MoneySum,
    id: Box<[u8]>,
    /// What each EXTEND did, so that none counts twice.
    pub(crate) ops: BTreeMap<Box<[u8]>, Millis>,
}

/// What stays known of the reservations of a removed offer. The offer's own sums stay with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    /// By status, indexed by [`Status::number`].
    pub(crate) reservations: [u64; 8],
    /// What its won reservations are worth: paid and not given back.
    pub(crate) kept: MoneySum,
    /// Of what is owed, what was paid late or twice.
    pub(crate) owed_back: MoneySum,
}

/// A stretch of reservations whose holds fall due one after the other.
///
/// Every hold of an offer lasts equally long, so the list of reservations is itself the queue of their deadlines. An
/// EXTEND breaks the order once, between those accepted before it and those after: so it begins a new stretch.
/// Reservations that are not held, or that end with their group, are passed over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HoldRun {
    /// The first reservation not yet passed.
    pub(crate) next: u32,
    /// The first reservation beyond the stretch; `None` while it grows.
    pub(crate) end: Option<u32>,
    /// Whether an agenda entry stands for it.
    pub(crate) is_scheduled: bool,
}

/// One look along a hold queue.
#[derive(Clone, Copy, Debug)]
pub(crate) enum HoldStep {
    /// This reservation is first.
    Found(u32),
    /// The look ended before it found one.
    Farther,
}

impl OfferState {
    pub(crate) fn new(
        id: Text<'_>,
        campaign: CampaignIndex,
        definition: Offer,
        opens: UnixMs,
        takes: Vec<PoolTake>,
    ) -> Self {
        OfferState {
            id: id.as_bytes().into(),
            campaign,
            asks_nothing: asks_nothing(&definition),
            definition,
            opens,
            is_paused: false,
            is_closed: false,
            takes,
            extended: Millis::new(0),
            ops: BTreeMap::new(),
            reservations: Reservations::default(),
            groups: Groups::default(),
            hold_runs: VecDeque::from([HoldRun { next: 0, end: None, is_scheduled: false }]),
            hold_runs_first: 0,
            groups_due: None,
            paid: MoneySum::default(),
            owed: MoneySum::default(),
            units_held: 0,
            units_sold: 0,
            removed: None,
        }
    }

    /// Another definition holds from here on.
    pub(crate) fn redefine(&mut self, definition: Offer, opens: UnixMs) {
        self.asks_nothing = asks_nothing(&definition);
        self.definition = definition;
        self.opens = opens;
    }

    /// Asks memory for what a purchase reads and writes of the offer itself: a field for about each line of it, wherever
    /// the compiler puts those of the definition.
    #[inline]
    pub(crate) fn fetch(&self) {
        let definition = &self.definition;
        fetch(&self.campaign);
        fetch(&self.takes);
        fetch(&self.hold_runs);
        fetch(&definition.price);
        fetch(&definition.hold);
        fetch(&definition.limit);
        fetch(&definition.closes);
        self.reservations.fetch_tables();
    }

    /// Asks memory for what the offer asks of a buyer, once the offer's first line is at hand.
    #[inline]
    pub(crate) fn fetch_what_is_asked(&self) {
        if !self.asks_nothing {
            fetch(&self.definition.settle);
            fetch(&self.definition.admit.all);
            fetch(&self.definition.admit.cohort);
        }
    }

    /// Whether it sells to groups; read off the first line where it can be.
    #[inline]
    pub(crate) fn sells_to_groups(&self) -> bool {
        !self.asks_nothing && self.definition.group().is_some()
    }

    pub(crate) fn id(&self) -> Text<'_> {
        Text::stored(&self.id)
    }

    /// A stored deadline is the real one less the extensions so far, so that one EXTEND moves all at once.
    pub(crate) fn stored_deadline(&self, deadline: UnixMs) -> i64 {
        deadline.get().cast_signed() - self.extended.get().cast_signed()
    }

    pub(crate) fn real_deadline(&self, stored: i64) -> UnixMs {
        UnixMs::new((stored + self.extended.get().cast_signed()).cast_unsigned())
    }

    /// A group's deadline: it moves while the group is open, and stays once it is over.
    pub(crate) fn group_deadline(&self, group: &Group) -> UnixMs {
        match group.state {
            GroupState::Open => self.real_deadline(group.deadline),
            _ => UnixMs::new(group.deadline.cast_unsigned()),
        }
    }

    /// Whether the hold's time is up, swept or not.
    pub(crate) fn is_overdue(&self, reservation: &Reservation, now: UnixMs) -> bool {
        self.real_deadline(reservation.deadline) <= now
    }

    /// Whether the offer's time is up, swept or not.
    pub(crate) fn is_over(&self, now: UnixMs) -> bool {
        self.is_closed || self.definition.closes.is_some_and(|closes| closes <= now)
    }

    pub(crate) fn group_size(&self) -> u32 {
        self.definition.group().map_or(0, |rule| rule.size)
    }

    /// What the orders of its groups go by.
    pub(crate) fn listing(&self) -> Listing {
        Listing { size: self.group_size(), merges: self.merges() }
    }

    pub(crate) fn merges(&self) -> bool {
        self.definition.group().is_some_and(|rule| rule.merge)
    }

    /// Whether a group holds the units of its empty seats.
    pub(crate) fn reserves_groups(&self) -> bool {
        self.sells_to_groups() && self.definition.group().is_some_and(|rule| rule.reserve == Reserve::Group)
    }

    /// The group that a reservation's seat belongs to, or belonged to last.
    pub(crate) fn group_of(&self, reservation: &Reservation) -> Option<GroupIndex> {
        reservation.seat.map(|seat| self.groups.seats[seat.get() - 1].group)
    }

    /// The next member of a group in one of these states, looking from the group's finger on; moves the finger behind it.
    /// Whoever asks takes it out of these states at once.
    ///
    /// The finger is no part of the truth: it only spares a second look at members that were passed.
    pub(crate) fn next_member(
        &mut self,
        group: GroupIndex,
        is_wanted: impl Fn(Status) -> bool,
    ) -> Option<u32> {
        let mut finger = self.groups.get(group).cursor;
        let mut found = None;
        while let Some(seat) = finger {
            let seating = &self.groups.seats[seat.get() - 1];
            finger = seating.next;
            if is_wanted(self.reservations.get(seating.reservation).status) {
                found = Some(seating.reservation);
                break;
            }
        }
        self.groups.get_mut(group).cursor = finger;
        found
    }

    /// Puts the finger of an open group on its first member, unless it is under way already.
    pub(crate) fn place_finger(&mut self, group: GroupIndex) {
        let row = self.groups.get_mut(group);
        row.cursor = row.cursor.or(row.head);
    }

    /// Whether a buyer who has this sits in a group that is open.
    pub(crate) fn sits_in_open_group(&self, has: BuyerSums) -> bool {
        has.group.is_some_and(|group| self.groups.get(GroupIndex(group.get() - 1)).state == GroupState::Open)
    }

    /// Whether the unit of a seat in this group belongs to the group rather than to the member.
    pub(crate) fn is_reserved_by(&self, group: Option<GroupIndex>) -> bool {
        self.reserves_groups() && group.is_some_and(|group| self.groups.get(group).state == GroupState::Open)
    }

    /// The first reservation of a hold queue that waits there, passing over a bounded number of others.
    pub(crate) fn hold_head(&mut self, number: u32) -> Option<HoldStep> {
        let len = self.reservations.len();
        let mut next = self.hold_run(number)?.next;
        let end = self.hold_run(number)?.end.unwrap_or(len);
        let last = end.min(next.saturating_add(PASSED_AT_ONCE));
        while next < last && !self.reservations.get(next).waits_in_hold_queue() {
            next += 1;
        }
        let run = self.hold_run(number)?;
        run.next = next;
        run.is_scheduled = next < end;
        (next < end).then_some(if next < last { HoldStep::Found(next) } else { HoldStep::Farther })
    }

    fn hold_run(&mut self, number: u32) -> Option<&mut HoldRun> {
        let at = number.checked_sub(self.hold_runs_first)?;
        self.hold_runs.get_mut(at as usize)
    }
}

/// What [`OfferState::asks_nothing`] follows from.
pub(crate) fn asks_nothing(definition: &Offer) -> bool {
    definition.group().is_none() && definition.admit.asks_nothing()
}
