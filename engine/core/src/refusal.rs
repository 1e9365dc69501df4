//! What the engine says no with: refusals (business answers) and misuse (the caller's mistakes).
//!
//! Refusals stand in the order in which the checks run, with numbers that never change meaning.

use crate::money::{Money, Units};
use crate::offer::OfferError;
use crate::time::UnixMs;
use core::fmt;

/// A business answer that took nothing. Nothing is remembered of it: the same id may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such offer.
    OfferUnknown,
    /// The reservation id is taken by a different intent.
    IdConflict {
        /// The name of the first argument that differs from the first intent.
        field: &'static str,
    },
    /// The offer has not opened.
    NotOpen {
        /// When it opens.
        opens: UnixMs,
    },
    /// The offer is paused by its operator.
    Paused,
    /// The offer is over; no new purchase, no new group.
    Closed,
    /// The buyer lacks a tag, has a forbidden one, sent the wrong code, or is outside the cohort.
    NotAdmitted,
    /// A limit would be passed.
    Limit {
        /// Which limit: `order`, `buyer` or `campaign`.
        scope: &'static str,
        /// The limit, in units.
        max: Units,
    },
    /// The offer has no such option.
    OptionUnknown,
    /// The coupon is unknown, not the buyer's, over or used.
    CouponInvalid,
    /// The bargain is unknown, not the buyer's, over or used.
    BargainInvalid,
    /// There is no such group in this offer.
    GroupUnknown,
    /// The group has formed, failed or run out of time.
    GroupOver,
    /// Every seat of the group is taken.
    GroupFull,
    /// The buyer already sits in an open group of this offer.
    GroupMember,
    /// A pool that the purchase takes from has not enough units left.
    SoldOut,
    /// The waiting list is full.
    WaitlistFull,
    /// There is no such reservation, buyer, group or pool.
    Unknown,
    /// The amount is not what is due.
    Amount {
        /// What is due.
        due: Money,
    },
}

impl Refusal {
    /// Every refusal, in the order of the checks, with example details. Docs and tests walk it.
    pub const ALL: [Refusal; 18] = [
        Refusal::OfferUnknown,
        Refusal::IdConflict { field: "buyer" },
        Refusal::NotOpen { opens: UnixMs::new(0) },
        Refusal::Paused,
        Refusal::Closed,
        Refusal::NotAdmitted,
        Refusal::Limit { scope: "buyer", max: 1 },
        Refusal::OptionUnknown,
        Refusal::CouponInvalid,
        Refusal::BargainInvalid,
        Refusal::GroupUnknown,
        Refusal::GroupOver,
        Refusal::GroupFull,
        Refusal::GroupMember,
        Refusal::SoldOut,
        Refusal::WaitlistFull,
        Refusal::Unknown,
        Refusal::Amount { due: Money::ZERO },
    ];

    /// The stable number. A number is never given to another refusal.
    pub const fn number(self) -> u16 {
        match self {
            Refusal::OfferUnknown => 101,
            Refusal::IdConflict { .. } => 102,
            Refusal::NotOpen { .. } => 103,
            Refusal::Paused => 104,
            Refusal::Closed => 105,
            Refusal::NotAdmitted => 106,
            Refusal::Limit { .. } => 107,
            Refusal::OptionUnknown => 108,
            Refusal::CouponInvalid => 109,
            Refusal::BargainInvalid => 110,
            Refusal::GroupUnknown => 111,
            Refusal::GroupOver => 112,
            Refusal::GroupFull => 113,
            Refusal::GroupMember => 114,
            Refusal::SoldOut => 115,
            Refusal::WaitlistFull => 116,
            Refusal::Unknown => 117,
            Refusal::Amount { .. } => 118,
        }
    }

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Refusal::OfferUnknown => "OFFER_UNKNOWN",
            Refusal::IdConflict { .. } => "ID_CONFLICT",
            Refusal::NotOpen { .. } => "NOT_OPEN",
            Refusal::Paused => "PAUSED",
            Refusal::Closed => "CLOSED",
            Refusal::NotAdmitted => "NOT_ADMITTED",
            Refusal::Limit { .. } => "LIMIT",
            Refusal::OptionUnknown => "OPTION_UNKNOWN",
            Refusal::CouponInvalid => "COUPON_INVALID",
            Refusal::BargainInvalid => "BARGAIN_INVALID",
            Refusal::GroupUnknown => "GROUP_UNKNOWN",
            Refusal::GroupOver => "GROUP_OVER",
            Refusal::GroupFull => "GROUP_FULL",
            Refusal::GroupMember => "GROUP_MEMBER",
            Refusal::SoldOut => "SOLD_OUT",
            Refusal::WaitlistFull => "WAITLIST_FULL",
            Refusal::Unknown => "UNKNOWN",
            Refusal::Amount { .. } => "AMOUNT",
        }
    }

    /// What happened, what it cost, and what to do.
    pub const fn message(self) -> &'static str {
        match self {
            Refusal::OfferUnknown => {
                "No offer has this id. Nothing was taken. Check the id, or put the offer first."
            }
            Refusal::IdConflict { .. } => {
                "This reservation id belongs to another intent. Nothing was taken. Use a new id for a new intent."
            }
            Refusal::NotOpen { .. } => {
                "The offer has not opened yet. Nothing was taken. Try again when it opens."
            }
            Refusal::Paused => "The operator paused the offer. Nothing was taken. Try again when it resumes.",
            Refusal::Closed => "The offer is over. Nothing was taken.",
            Refusal::NotAdmitted => {
                "The offer, or the group, does not admit this buyer: tags, code or cohort. Nothing was taken."
            }
            Refusal::Limit { .. } => {
                "A limit would be passed. Nothing was taken. Ask for less, or give something back first."
            }
            Refusal::OptionUnknown => {
                "The offer has no such option. Nothing was taken. Choose one of its options."
            }
            Refusal::CouponInvalid => "The coupon cannot be used here. Nothing was taken.",
            Refusal::BargainInvalid => "The bargain cannot be used here. Nothing was taken.",
            Refusal::GroupUnknown => {
                "The offer has no such group. Nothing was taken. Open one, or check the id."
            }
            Refusal::GroupOver => "The group has ended. Nothing was taken. Join or open another.",
            Refusal::GroupFull => {
                "Every seat of the group is taken. Nothing was taken. A seat may come free; join or open another."
            }
            Refusal::GroupMember => "The buyer is in an open group of this offer already. Nothing was taken.",
            Refusal::SoldOut => "Not enough units are left. Nothing was taken. Units may come back.",
            Refusal::WaitlistFull => "The waiting list is full. Nothing was taken. Try again later.",
            Refusal::Unknown => "There is nothing of this id here. Nothing changed. Check both ids.",
            Refusal::Amount { .. } => "The amount is not what is due. Nothing changed. Pay the amount due.",
        }
    }

    /// Whether the same request may succeed later without anything new from the buyer.
    pub const fn retryable(self) -> bool {
        match self {
            Refusal::NotOpen { .. }
            | Refusal::Paused
            | Refusal::GroupFull
            | Refusal::SoldOut
            | Refusal::WaitlistFull => true,
            Refusal::OfferUnknown
            | Refusal::IdConflict { .. }
            | Refusal::Closed
            | Refusal::NotAdmitted
            | Refusal::Limit { .. }
            | Refusal::OptionUnknown
            | Refusal::CouponInvalid
            | Refusal::BargainInvalid
            | Refusal::GroupUnknown
            | Refusal::GroupOver
            | Refusal::GroupMember
            | Refusal::Unknown
            | Refusal::Amount { .. } => false,
        }
    }
}

/// A request that cannot be carried out: a mistake of the caller, a cap that is reached, or overload. Nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misuse {
    /// A group offer was bought without GROUP, and it has no price for buying alone.
    GroupNeeded,
    /// GROUP was sent to an offer that sells without groups.
    GroupUnexpected,
    /// An argument that a later version will understand.
    NotYet {
        /// The argument.
        argument: &'static str,
    },
    /// A count of units outside 1 to a million.
    UnitsRange {
        /// The argument.
        argument: &'static str,
    },
    /// RETURN of a part without an operation's id.
    OpNeeded,
    /// RETURN of more units than the reservation has left.
    ReturnTooMany {
        /// Units left.
        left: Units,
    },
    /// An `op` was used before with other arguments.
    OpConflict,
    /// The pool is unknown; only a positive POOL ADD creates one.
    PoolUnknown,
    /// POOL ADD of more units than a pool may hold, or fewer than are available.
    PoolRange {
        /// Units available to take out.
        available: u64,
    },
    /// `stock` in an OFFER PUT whose pool exists.
    PoolExists,
    /// An offer takes from a pool of another campaign.
    CrossSlot,
    /// `takes` names a pool that does not exist.
    TakesUnknown,
    /// A definition, or an operator's argument, that cannot be.
    Offer(OfferError),
    /// A field of an offer cannot change any more.
    OfferFrozen {
        /// The field's path in the definition.
        field: &'static str,
    },
    /// CLOSE is final: a closed offer is neither paused nor resumed.
    OfferClosed,
    /// Only a closed offer can be removed.
    OfferNotClosed,
    /// A closed offer that is still to be settled cannot be removed.
    OfferUnsettled {
        /// Units held or paid.
        units: u64,
        /// Groups open.
        groups: u64,
    },
    /// The offer was removed, and its id is not given again.
    OfferRemoved,
    /// A cap is reached.
    Full {
        /// What there are too many of.
        what: &'static str,
        /// The cap.
        max: u64,
    },
    /// Too much is due at once to answer truthfully; nothing was taken.
    Busy,
    /// The disk has too little room to keep what a write would do; nothing was taken.
    DiskFull {
        /// What is free where the journal lies.
        free_bytes: u64,
    },
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misuse::GroupNeeded => {
                f.write_str("GROUP is needed: this offer sells to groups; send GROUP NEW, GROUP ANY or GROUP and a group's id")
            }
            Misuse::GroupUnexpected => f.write_str("GROUP is not expected: this offer sells without groups"),
            Misuse::NotYet { argument } => write!(f, "{argument} is not yet supported by this version"),
            Misuse::UnitsRange { argument } => write!(f, "{argument}: 1 to 1,000,000 units are expected"),
            Misuse::OpNeeded => f.write_str("OP: expected with QTY, so that a repeated return counts once"),
            Misuse::ReturnTooMany { left } => write!(f, "QTY: at most the {left} units left of the reservation are expected"),
            Misuse::OpConflict => f.write_str("OP or ID: this operation was asked for before with other arguments; the same ones, or an id of its own, are expected"),
            Misuse::PoolUnknown => f.write_str("pool: unknown; POOL ADD with a positive count creates it"),
            Misuse::PoolRange { available: 0 } => {
                f.write_str("n: a count that keeps the total below 2^40 is expected; no unit is available to take out")
            }
            Misuse::PoolRange { available } => {
                write!(f, "n: between -{available} (the units available) and what keeps the total below 2^40 is expected")
            }
            Misuse::PoolExists => f.write_str("stock: a pool of this name exists; use takes, and POOL ADD to change its stock"),
            Misuse::CrossSlot => f.write_str("takes.pool: every pool of an offer must be of the offer's campaign"),
            Misuse::TakesUnknown => f.write_str("takes.pool: unknown pool; POOL ADD creates it"),
            Misuse::Offer(error) => error.fmt(f),
            Misuse::OfferFrozen { field } => write!(f, "{field}: cannot change like this once the offer is put (stock) or open (the rest)"),
            Misuse::OfferClosed => f.write_str("the offer is closed, and closing is final"),
            Misuse::OfferNotClosed => f.write_str("the offer is not closed: OFFER CLOSE ends its selling first"),
            Misuse::OfferUnsettled { units, groups } => {
                write!(f, "the offer is not settled: {units} units are held or paid, {groups} groups are open; wait for their deadlines, or REVOKE them")
            }
            Misuse::OfferRemoved => f.write_str("the offer was removed, and its id is not given again: take a new id"),
            Misuse::Full { what, max } => write!(f, "too many {what}: at most {max} are kept"),
            Misuse::Busy => f.write_str("too much is due at once; nothing was taken, try again"),
            Misuse::DiskFull { free_bytes } => {
                let free = free_bytes >> 20;
                write!(f, "the disk of the journal has {free} MiB free, too little to write; nothing was taken, try again once there is room")
            }
        }
    }
}
