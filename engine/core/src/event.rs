//! Everything that can change a machine: the truth that a journal keeps.
//!
//! An event carries resolved values (time, price, deadline, group), so that replaying it asks no rule again. Offers,
//! reservations, groups and pools are named by their position, which is the order of the events that made them and
//! so the same in every replay.

mod demand;
mod entry;

use crate::money::{Money, Units};
use crate::offer::Offer;
use crate::request::Restock;
use crate::status::Status;
use crate::text::Text;
use crate::time::{Millis, UnixMs};
use core::fmt;

pub use demand::{DemandMoved, DemandSecond, TallyMoved};
pub use entry::{Entry, Names, Record, ReservationNames, Unrecorded};

/// The place of an event in its shard, counted from 1 and never reset. Zero is "before the first".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

/// The public name of an event, `<epoch>-<seq>`. An epoch is one life of the shard's writer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// The writer's life.
    pub epoch: u64,
    /// The event's place.
    pub seq: Seq,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq.0)
    }
}

/// The position of an offer in its shard, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OfferIndex(pub u32);

/// The position of a reservation in its offer, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReservationIndex(pub u32);

/// The position of a group in its offer, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupIndex(pub u32);

/// When an event happened and what it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Its name.
    pub id: EventId,
    /// Its time.
    pub at: UnixMs,
}

/// One change. Each transition of a reservation is one event, and money owed stands in exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A new offer, with its pool if it has a stock of its own.
    OfferPut {
        /// The offer's id.
        offer: Text<'a>,
        /// As put.
        definition: &'a Offer,
        /// When it opens, resolved.
        opens: UnixMs,
    },
    /// An offer's definition changed.
    OfferChanged {
        /// The offer.
        offer: OfferIndex,
        /// As put now.
        definition: &'a Offer,
        /// When it opens, resolved.
        opens: UnixMs,
    },
    /// Purchases are refused from now on.
    OfferPaused {
        /// The offer.
        offer: OfferIndex,
    },
    /// Purchases are taken again.
    OfferResumed {
        /// The offer.
        offer: OfferIndex,
    },
    /// Selling ended, for good.
    OfferClosed {
        /// The offer.
        offer: OfferIndex,
        /// By its deadline or by its operator.
        by: CloseCause,
    },
    /// A closed and settled offer was forgotten but for its sums.
    OfferRemoved {
        /// The offer.
        offer: OfferIndex,
    },
    /// The demand for an offer moved; no part of the state.
    Demand(DemandMoved<'a>),
    /// Deadlines of live holds and open groups moved.
    OfferExtended {
        /// The offer.
        offer: OfferIndex,
        /// How far.
        by: Millis,
        /// The operation.
        op: Text<'a>,
    },
    /// Units came into a pool or left it; an unknown pool begins.
    PoolAdded {
        /// The pool's id.
        pool: Text<'a>,
        /// Units; negative leaves.
        units: i64,
        /// The operation.
        op: Text<'a>,
    },
    /// A group began; the next event is its leader's acceptance.
    GroupOpened {
        /// The offer.
        offer: OfferIndex,
        /// The group's id: that of its opener's reservation.
        group: Text<'a>,
        /// When its time is up.
        expires: UnixMs,
    },
    /// An intent became a reservation.
    Accepted(Accepted<'a>),
    /// A payment took effect.
    Paid {
        /// The offer.
        offer: OfferIndex,
        /// The reservation.
        reservation: ReservationIndex,
        /// What was taken.
        amount: Money,
        /// The payment's reference; empty when none was sent.
        reference: Text<'a>,
        /// PAID, or WON where paying is winning.
        status: Status,
    },
    /// Money is owed without a transition: a late or double payment.
    Owed {
        /// The offer.
        offer: OfferIndex,
        /// The reservation.
        reservation: ReservationIndex,
        /// The payment's reference; empty when none was sent.
        reference: Text<'a>,
        /// How much, exactly once.
        owe: Money,
    },
    /// An unpaid reservation ended; its units and its seat are free again.
    Released {
        /// The offer.
        offer: OfferIndex,
        /// The reservation.
        reservation: ReservationIndex,
        /// Why.
        cause: EndCause,
        /// The operator's words, where the operator did it.
        reason: Option<Text<'a>>,
    },
    /// A paid reservation ended.
    Refunded {
        /// The offer.
        offer: OfferIndex,
        /// The reservation.
        reservation: ReservationIndex,
        /// What is owed back, exactly once.
        owe: Money,
        /// Why.
        cause: EndCause,
        /// The operator's words, where the operator did it.
        reason: Option<Text<'a>>,
    },
    /// A paid reservation became final.
    Won {
        /// The offer.
        offer: OfferIndex,
        /// The reservation.
        reservation: ReservationIndex,
    },
    /// Won units came back; with none left the reservation is refunded.
    Returned {
        /// The offer.
        offer: OfferIndex,
        /// The reservation.
        reservation: ReservationIndex,
        /// How many.
        qty: Units,
        /// Where they went.
        restock: Restock,
        /// What is owed back, exactly once.
        owe: Money,
        /// The operation; empty when none was sent.
        op: Text<'a>,
    },
    /// Another member leads.
    Leader {
        /// The offer.
        offer: OfferIndex,
        /// The group.
        group: GroupIndex,
        /// The new leader's reservation.
        reservation: ReservationIndex,
    },
    /// A paid member moved into another group.
    Moved {
        /// The offer.
        offer: OfferIndex,
        /// The reservation.
        reservation: ReservationIndex,
        /// The group that took it in.
        to: GroupIndex,
    },
    /// A group formed: from here on its paid members win, even if their own events come later.
    GroupFormed {
        /// The offer.
        offer: OfferIndex,
        /// The group.
        group: GroupIndex,
    },
    /// A group failed: from here on its members end, even if their own events come later.
    GroupFailed {
        /// The offer.
        offer: OfferIndex,
        /// The group.
        group: GroupIndex,
    },
}

/// An intent that was accepted, with everything that was decided about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted<'a> {
    /// The offer.
    pub offer: OfferIndex,
    /// The reservation's id.
    pub id: Text<'a>,
    /// Who bought.
    pub buyer: Text<'a>,
    /// Units.
    pub qty: Units,
    /// Price per unit.
    pub price: Money,
    /// HELD, or PAID or WON where nothing is due.
    pub status: Status,
    /// The deadline, where something is due.
    pub expires: Option<UnixMs>,
    /// The seat taken.
    pub seat: Option<Seat>,
    /// Who brought the buyer.
    pub referrer: Option<Text<'a>>,
}

/// The seat of an accepted intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The group.
    pub group: GroupIndex,
    /// How GROUP was sent, for repeats.
    pub sent: Sent,
    /// Whether the buyer passed the joiners' admission; decides whether the seat may move in a merge.
    pub may_join: bool,
}

/// How GROUP was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// GROUP NEW.
    New,
    /// GROUP ANY.
    Any,
    /// GROUP and an id: the group that the id named.
    Join(GroupIndex),
}

/// Who ended the selling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCause {
    /// `closes` was reached.
    Deadline,
    /// The operator.
    Operator,
}

/// Why a reservation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndCause {
    /// Its deadline passed.
    Expired,
    /// The buyer gave up or left.
    Cancelled,
    /// Its group failed.
    GroupFailed,
    /// All its units were returned.
    Returned,
    /// The operator.
    Revoked,
}

impl EndCause {
    /// All of them, each at the place of its declaration.
    pub(crate) const ALL: [EndCause; 5] = [
        EndCause::Expired,
        EndCause::Cancelled,
        EndCause::GroupFailed,
        EndCause::Returned,
        EndCause::Revoked,
    ];
}

const _: () = {
    let mut at = 0;
    while at < EndCause::ALL.len() {
        assert!(EndCause::ALL[at] as usize == at, "a cause stands where its declaration does");
        at += 1;
    }
};
