//! What a machine answers.
//!
//! Like a request, an answer is generic over how it holds its texts: the machine gives `Answer<Text<'_>>` that
//! borrow from it and from the request; a queue copies the texts and keeps `Answer<Span>`.

use crate::event::{DemandSecond, EventId};
use crate::money::{Money, Units};
use crate::offer::Offer;
use crate::refusal::{Misuse, Refusal};
use crate::status::{GroupState, Status};
use crate::time::UnixMs;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// One answer.
#[derive(Clone, Debug)]
pub enum Answer<T> {
    /// A reservation as it stands after the request.
    Reservation(ReservationAnswer<T>),
    /// A business no.
    Refused(Refusal),
    /// A mistake of the caller.
    Misuse(Misuse),
    /// Done; nothing more to say.
    Done,
    /// Done before, under the same op: nothing changed now.
    DoneBefore,
    /// A pool's counts.
    Pool(PoolAnswer<T>),
    /// A buyer on an offer.
    Buyer(Box<BuyerAnswer<T>>),
    /// A group with its members.
    Group(Box<GroupAnswer<T>>),
    /// Open groups.
    Groups(Vec<GroupAnswer<T>>),
    /// One offer.
    Offer(Box<OfferAnswer<T>>),
    /// Offers of the shard.
    Offers(Page<OfferSummary<T>>),
    /// Reservations of an offer.
    Reservations(Page<ReservationAnswer<T>>),
    /// Demand for an offer.
    Demand(Box<DemandAnswer>),
    /// The result of an audit.
    Audit(Box<AuditAnswer>),
}

impl<T> From<Refusal> for Answer<T> {
    fn from(refusal: Refusal) -> Self {
        Answer::Refused(refusal)
    }
}

impl<T> From<Misuse> for Answer<T> {
    fn from(misuse: Misuse) -> Self {
        Answer::Misuse(misuse)
    }
}

/// A reservation as it stands.
#[derive(Clone, Copy, Debug)]
pub struct ReservationAnswer<T> {
    /// Where it stands.
    pub status: Status,
    /// The reservation's id.
    pub id: T,
    /// Who bought. On the wire in SHOW and in lists.
    pub buyer: T,
    /// Units; after a part RETURN what is left.
    pub qty: Units,
    /// Price per unit.
    pub price: Money,
    /// What is due for all units while it is held, what was due otherwise.
    pub amount: Money,
    /// The deadline while it is held.
    pub expires: Option<UnixMs>,
    /// The event of its acceptance.
    pub event: EventId,
    /// Its group, if it sits in one.
    pub group: Option<GroupPart<T>>,
    /// Whether the answer repeats what was decided before.
    pub replayed: bool,
    /// Whether a payment came too late to win.
    pub late: bool,
    /// What this request made the storefront owe.
    pub owe: Money,
}

/// The group that a reservation sits in.
#[derive(Clone, Copy, Debug)]
pub struct GroupPart<T> {
    /// The group's id.
    pub group: T,
    /// How the group stands.
    pub state: GroupState,
    /// Seats still free; zero once the group is over.
    pub seats_left: u32,
    /// The group's deadline.
    pub expires: UnixMs,
}

/// One group, with its members where one group was asked for.
#[derive(Clone, Debug)]
pub struct GroupAnswer<T> {
    /// The group's id.
    pub group: T,
    /// How it stands.
    pub state: GroupState,
    /// The buyer who leads it; `None` when nobody is left.
    pub leader: Option<T>,
    /// Seats in all.
    pub size: u32,
    /// Seats held or paid.
    pub seats: u32,
    /// Seats paid.
    pub paid: u32,
    /// Its deadline.
    pub expires: UnixMs,
    /// Its members in the order in which they sat down; at most [`LIST_MAX`](crate::answer::LIST_MAX).
    pub members: Vec<MemberAnswer<T>>,
}

/// One member of a group.
#[derive(Clone, Copy, Debug)]
pub struct MemberAnswer<T> {
    /// The buyer.
    pub buyer: T,
    /// The reservation.
    pub id: T,
    /// Where it stands.
    pub status: Status,
    /// Units.
    pub qty: Units,
}

/// The most entries of one list in an answer.
pub const LIST_MAX: usize = 1_000;

/// A buyer's counts and reservations on one offer.
#[derive(Clone, Debug)]
pub struct BuyerAnswer<T> {
    /// The buyer.
    pub buyer: T,
    /// Units held, paid and won on this offer.
    pub units: u64,
    /// Units held, paid and won in the whole campaign.
    pub campaign_units: u64,
    /// Reservations in all, ended ones included.
    pub count: u64,
    /// The newest reservations first, at most [`LIST_MAX`](crate::answer::LIST_MAX).
    pub reservations: Vec<ReservationAnswer<T>>,
}

/// A pool's counts; they add up: available + held + sold = total.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolAnswer<T> {
    /// The pool's id.
    pub pool: T,
    /// Units in all.
    pub total: u64,
    /// Units that can be taken.
    pub available: u64,
    /// Units held or paid, empty seats of reserved groups included.
    pub held: u64,
    /// Units won.
    pub sold: u64,
}

/// Where an offer stands in its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OfferWindow {
    /// Not open yet.
    Scheduled = 1,
    /// Selling.
    Open = 2,
    /// Paused by its operator.
    Paused = 3,
    /// Over.
    Closed = 4,
    /// Over, settled, and out of memory but for its sums.
    Removed = 5,
}

impl OfferWindow {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            OfferWindow::Scheduled => "SCHEDULED",
            OfferWindow::Open => "OPEN",
            OfferWindow::Paused => "PAUSED",
            OfferWindow::Closed => "CLOSED",
            OfferWindow::Removed => "REMOVED",
        }
    }
}

/// One line about an offer.
#[derive(Clone, Copy, Debug)]
pub struct OfferSummary<T> {
    /// The offer's id.
    pub offer: T,
    /// Where it stands in its window.
    pub window: OfferWindow,
    /// When it opens or opened.
    pub opens: UnixMs,
    /// When it closes or closed.
    pub closes: Option<UnixMs>,
    /// Reservations accepted so far, ended ones included.
    pub reservations: u64,
    /// Units held and paid.
    pub held: u64,
    /// Units won.
    pub sold: u64,
}

/// An offer with its definition and sums.
#[derive(Clone, Debug)]
pub struct OfferAnswer<T> {
    /// Where it stands.
    pub summary: OfferSummary<T>,
    /// The definition, as put.
    pub definition: Offer,
    /// Taken from buyers so far, deposits and late payments included.
    pub paid: Money,
    /// Owed back to buyers so far.
    pub owed: Money,
    /// Groups open now.
    pub groups_open: u64,
    /// Groups formed so far.
    pub groups_formed: u64,
    /// Groups failed so far.
    pub groups_failed: u64,
}

/// Part of a list.
#[derive(Clone, Debug)]
pub struct Page<R> {
    /// Where the next page begins; `None`: this was the last.
    pub next: Option<u64>,
    /// The entries.
    pub entries: Vec<R>,
}

/// How many wanted an offer, what they were answered, and when.
///
/// Distinct buyers are estimates with a standard error of about 2.3 %; intents and units are exact.
#[derive(Clone, Debug)]
pub struct DemandAnswer {
    /// Per answer, those that came at all, in a stable order.
    pub answers: Vec<DemandLine>,
    /// Units wanted by intents that were new (not repeats).
    pub units_wanted: u64,
    /// From the opening to the first `SOLD_OUT`; `None`: not sold out yet.
    pub sold_out_after_ms: Option<u64>,
    /// Reservations on the waiting list now.
    pub waiting: u64,
    /// The newest seconds with any intent, oldest first.
    pub timeline: Vec<DemandSecond>,
}

/// Intents with one answer.
#[derive(Clone, Copy, Debug)]
pub struct DemandLine {
    /// The status or refusal.
    pub answer: &'static str,
    /// How many intents.
    pub intents: u64,
    /// How many distinct buyers, estimated.
    pub buyers: u64,
}

/// The result of an audit.
#[derive(Clone, Debug)]
pub struct AuditAnswer {
    /// What is broken; empty when everything holds. Each names its invariant and where.
    pub broken: Vec<String>,
    /// The last event that the audit saw.
    pub event: EventId,
    /// Offers looked at.
    pub offers: u64,
    /// Pools looked at.
    pub pools: u64,
    /// Reservations looked at, by status, indexed by [`Status::number`]; index 0 is unused.
    pub reservations: [u64; 8],
    /// Units of all pools.
    pub total: u64,
    /// Units available.
    pub available: u64,
    /// Units held.
    pub held: u64,
    /// Units sold.
    pub sold: u64,
    /// Taken from buyers.
    pub paid: Money,
    /// Owed back to buyers.
    pub owed: Money,
    /// A digest of the whole state; equal digests are equal states.
    pub digest: u128,
}

impl<T> Answer<T> {
    /// The same answer with its texts held another way. `hold` is called once per text, in the order of the fields.
    pub fn map<U>(self, mut hold: impl FnMut(T) -> U) -> Answer<U> {
        let hold = &mut hold;
        match self {
            Answer::Reservation(reservation) => Answer::Reservation(reservation.map(hold)),
            Answer::Refused(refusal) => Answer::Refused(refusal),
            Answer::Misuse(misuse) => Answer::Misuse(misuse),
            Answer::Done => Answer::Done,
            Answer::DoneBefore => Answer::DoneBefore,
            Answer::Pool(pool) => Answer::Pool(pool.map(hold)),
            Answer::Buyer(buyer) => Answer::Buyer(Box::new(buyer.map(hold))),
            Answer::Group(group) => Answer::Group(Box::new(group.map(hold))),
            Answer::Groups(groups) => {
                Answer::Groups(groups.into_iter().map(|group| group.map(&mut *hold)).collect())
            }
            Answer::Offer(offer) => Answer::Offer(Box::new(offer.map(hold))),
            Answer::Offers(page) => Answer::Offers(page.map(|summary| summary.map(&mut *hold))),
            Answer::Reservations(page) => {
                Answer::Reservations(page.map(|reservation| reservation.map(&mut *hold)))
            }
            Answer::Demand(demand) => Answer::Demand(demand),
            Answer::Audit(audit) => Answer::Audit(audit),
        }
    }
}

impl<T: Copy> Answer<T> {
    /// Like [`Answer::map`], from a reference. What a purchase is answered with is taken apart and put together once,
    /// without a copy in between; lists are cloned.
    #[inline]
    pub fn map_ref<U>(&self, hold: impl FnMut(T) -> U) -> Answer<U> {
        match self {
            Answer::Reservation(reservation) => Answer::Reservation(reservation.map(hold)),
            Answer::Refused(refusal) => Answer::Refused(*refusal),
            other => other.clone().map(hold),
        }
    }
}

impl<T> ReservationAnswer<T> {
    /// The same reservation with its texts held another way.
    pub fn map<U>(self, mut hold: impl FnMut(T) -> U) -> ReservationAnswer<U> {
        ReservationAnswer {
            status: self.status,
            id: hold(self.id),
            buyer: hold(self.buyer),
            qty: self.qty,
            price: self.price,
            amount: self.amount,
            expires: self.expires,
            event: self.event,
            group: self.group.map(|part| part.map(hold)),
            replayed: self.replayed,
            late: self.late,
            owe: self.owe,
        }
    }
}

impl<T> GroupPart<T> {
    /// The same part with its text held another way.
    pub fn map<U>(self, hold: impl FnOnce(T) -> U) -> GroupPart<U> {
        GroupPart {
            group: hold(self.group),
            state: self.state,
            seats_left: self.seats_left,
            expires: self.expires,
        }
    }
}

impl<T> GroupAnswer<T> {
    /// Seats that can still be taken; zero once the group is over.
    pub fn seats_left(&self) -> u32 {
        self.state.seats_left(self.size, self.seats)
    }

    /// The same group with its texts held another way.
    pub fn map<U>(self, mut hold: impl FnMut(T) -> U) -> GroupAnswer<U> {
        GroupAnswer {
            group: hold(self.group),
            state: self.state,
            leader: self.leader.map(&mut hold),
            size: self.size,
            seats: self.seats,
            paid: self.paid,
            expires: self.expires,
            members: self.members.into_iter().map(|member| member.map(&mut hold)).collect(),
        }
    }
}

impl<T> MemberAnswer<T> {
    /// The same member with its texts held another way.
    pub fn map<U>(self, mut hold: impl FnMut(T) -> U) -> MemberAnswer<U> {
        MemberAnswer { buyer: hold(self.buyer), id: hold(self.id), status: self.status, qty: self.qty }
    }
}

impl<T> BuyerAnswer<T> {
    /// The same buyer with its texts held another way.
    pub fn map<U>(self, mut hold: impl FnMut(T) -> U) -> BuyerAnswer<U> {
        BuyerAnswer {
            buyer: hold(self.buyer),
            units: self.units,
            campaign_units: self.campaign_units,
            count: self.count,
            reservations: self.reservations.into_iter().map(|one| one.map(&mut hold)).collect(),
        }
    }
}

impl<T> PoolAnswer<T> {
    /// The same pool with its text held another way.
    pub fn map<U>(self, hold: impl FnOnce(T) -> U) -> PoolAnswer<U> {
        PoolAnswer {
            pool: hold(self.pool),
            total: self.total,
            available: self.available,
            held: self.held,
            sold: self.sold,
        }
    }
}

impl<T> OfferSummary<T> {
    /// The same line with its text held another way.
    pub fn map<U>(self, hold: impl FnOnce(T) -> U) -> OfferSummary<U> {
        OfferSummary {
            offer: hold(self.offer),
            window: self.window,
            opens: self.opens,
            closes: self.closes,
            reservations: self.reservations,
            held: self.held,
            sold: self.sold,
        }
    }
}

impl<T> OfferAnswer<T> {
    /// The same offer with its text held another way.
    pub fn map<U>(self, hold: impl FnOnce(T) -> U) -> OfferAnswer<U> {
        OfferAnswer {
            summary: self.summary.map(hold),
            definition: self.definition,
            paid: self.paid,
            owed: self.owed,
            groups_open: self.groups_open,
            groups_formed: self.groups_formed,
            groups_failed: self.groups_failed,
        }
    }
}

impl<R> Page<R> {
    /// The same page with each entry turned into another.
    pub fn map<S>(self, turn: impl FnMut(R) -> S) -> Page<S> {
        Page { next: self.next, entries: self.entries.into_iter().map(turn).collect() }
    }
}
