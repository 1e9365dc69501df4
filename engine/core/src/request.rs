//! What can be asked of a machine.
//!
//! A request is generic over how it holds its texts: `Request<Text<'_>>` is what the machine reads; a queue may keep
//! the texts elsewhere and hold `Request<Span>`. [`Request::map`] turns one into the other.

use crate::money::Units;
use crate::offer::Offer;
use crate::time::Millis;
use alloc::boxed::Box;

/// One request to one shard. Ids are scoped as the glossary says: a reservation id to its offer, a pool to its
/// campaign.
#[derive(Clone, Debug)]
pub enum Request<T> {
    /// Wants units, a seat.
    Buy(Buy<T>),
    /// The storefront took money for a reservation.
    Pay {
        /// The offer.
        offer: T,
        /// The reservation.
        id: T,
        /// The cash that was taken; `None`: what is due.
        amount: Option<u64>,
        /// The payment's own reference; the same one replays.
        reference: Option<T>,
    },
    /// The buyer gives up.
    Cancel {
        /// The offer.
        offer: T,
        /// The reservation.
        id: T,
    },
    /// Won units come back.
    Return {
        /// The offer.
        offer: T,
        /// The reservation.
        id: T,
        /// How many units; `None`: all that are left.
        qty: Option<Units>,
        /// Where the units go.
        restock: Restock,
        /// The operation's own id, required with `qty`: the same one counts once.
        op: Option<T>,
    },
    /// A reservation's state.
    Show {
        /// The offer.
        offer: T,
        /// The reservation.
        id: T,
    },
    /// A buyer's counts and reservations on an offer.
    Buyer {
        /// The offer.
        offer: T,
        /// The buyer.
        buyer: T,
    },
    /// One group with its members.
    Group {
        /// The offer.
        offer: T,
        /// The group: its first leader's reservation id.
        group: T,
    },
    /// Open groups, nearest to full first.
    Groups {
        /// The offer.
        offer: T,
        /// At most so many.
        count: u32,
    },
    /// Defines or changes an offer.
    OfferPut {
        /// The offer.
        offer: T,
        /// A definition that passed [`Offer::check`].
        definition: Box<Offer>,
    },
    /// An offer with its definition and counts.
    OfferGet {
        /// The offer.
        offer: T,
    },
    /// Refuses purchases until it resumes.
    OfferPause {
        /// The offer.
        offer: T,
    },
    /// Ends a pause.
    OfferResume {
        /// The offer.
        offer: T,
    },
    /// Ends selling, for good.
    OfferClose {
        /// The offer.
        offer: T,
    },
    /// Takes a closed and settled offer out of memory; its sums stay.
    OfferRemove {
        /// The offer.
        offer: T,
    },
    /// Moves the deadlines of live holds and open groups.
    OfferExtend {
        /// The offer.
        offer: T,
        /// How far.
        by: Millis,
        /// The operation's own id: the same one counts once.
        op: T,
    },
    /// The offers of the shard, in the order in which they were put.
    OfferList {
        /// Where to go on: the number of offers to pass over.
        cursor: u64,
        /// At most so many.
        count: u32,
    },
    /// Adds units to a pool or takes available ones out.
    PoolAdd {
        /// The pool.
        pool: T,
        /// Units; negative takes out.
        units: i64,
        /// The operation's own id: the same one counts once.
        op: T,
    },
    /// A pool's counts.
    PoolGet {
        /// The pool.
        pool: T,
    },
    /// The operator ends a reservation.
    Revoke {
        /// The offer.
        offer: T,
        /// The reservation.
        id: T,
        /// Why.
        reason: T,
    },
    /// Reservations of an offer, in order of acceptance.
    Reservations {
        /// The offer.
        offer: T,
        /// Only those in this state.
        state: StateFilter,
        /// Where to go on: the number of reservations to pass over.
        cursor: u64,
        /// At most so many.
        count: u32,
    },
    /// How many wanted the offer and what they were answered.
    Demand {
        /// The offer.
        offer: T,
    },
    /// Checks the invariants, of one offer's campaign or of the whole shard.
    Audit {
        /// The offer; `None`: everything.
        offer: Option<T>,
    },
}

/// A BUY: one intent.
#[derive(Clone, Copy, Debug)]
pub struct Buy<T> {
    /// The offer.
    pub offer: T,
    /// Who buys.
    pub buyer: T,
    /// The reservation id, chosen by the storefront: the key of idempotency.
    pub id: T,
    /// Units, at least 1, at most a million.
    pub qty: Units,
    /// Which group.
    pub group: GroupChoice<T>,
    /// The buyer's tags, comma-separated.
    pub tags: Option<T>,
    /// Who brought the buyer; kept and compared, used by later ways to sell.
    pub referrer: Option<T>,
    /// A pass-phrase.
    pub code: Option<T>,
}

/// The GROUP argument of a BUY, as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupChoice<T> {
    /// Not sent: buy alone.
    Alone,
    /// Open a group and lead it.
    New,
    /// Join the open group nearest to full, or open one.
    Any,
    /// Join this group.
    Join(T),
}

/// Where returned units go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restock {
    /// Back to the pools.
    Yes,
    /// Nowhere: the pools' totals fall.
    No,
}

/// A state to list reservations by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateFilter {
    /// Any state.
    Any,
    /// One state.
    Is(crate::status::Status),
}

impl<T> Request<T> {
    /// A plain BUY of one unit.
    pub fn buy(offer: T, buyer: T, id: T) -> Self {
        Request::Buy(Buy {
            offer,
            buyer,
            id,
            qty: 1,
            group: GroupChoice::Alone,
            tags: None,
            referrer: None,
            code: None,
        })
    }

    /// The same request with its texts held another way. `hold` is called once per text; a definition is cloned.
    ///
    /// Made field by field: a copy of the whole would wait for the parts just written.
    #[inline]
    pub fn map<U>(&self, mut hold: impl FnMut(T) -> U) -> Request<U>
    where
        T: Copy,
    {
        let hold = &mut hold;
        match *self {
            Request::Buy(ref buy) => Request::Buy(buy.map(hold)),
            Request::Pay { offer, id, amount, reference } => {
                Request::Pay { offer: hold(offer), id: hold(id), amount, reference: reference.map(hold) }
            }
            Request::Cancel { offer, id } => Request::Cancel { offer: hold(offer), id: hold(id) },
            Request::Return { offer, id, qty, restock, op } => {
                Request::Return { offer: hold(offer), id: hold(id), qty, restock, op: op.map(hold) }
            }
            Request::Show { offer, id } => Request::Show { offer: hold(offer), id: hold(id) },
            Request::Buyer { offer, buyer } => Request::Buyer { offer: hold(offer), buyer: hold(buyer) },
            Request::Group { offer, group } => Request::Group { offer: hold(offer), group: hold(group) },
            Request::Groups { offer, count } => Request::Groups { offer: hold(offer), count },
            Request::OfferPut { offer, ref definition } => {
                Request::OfferPut { offer: hold(offer), definition: definition.clone() }
            }
            Request::OfferGet { offer } => Request::OfferGet { offer: hold(offer) },
            Request::OfferPause { offer } => Request::OfferPause { offer: hold(offer) },
            Request::OfferResume { offer } => Request::OfferResume { offer: hold(offer) },
            Request::OfferClose { offer } => Request::OfferClose { offer: hold(offer) },
            Request::OfferRemove { offer } => Request::OfferRemove { offer: hold(offer) },
            Request::OfferExtend { offer, by, op } => {
                Request::OfferExtend { offer: hold(offer), by, op: hold(op) }
            }
            Request::OfferList { cursor, count } => Request::OfferList { cursor, count },
            Request::PoolAdd { pool, units, op } => {
                Request::PoolAdd { pool: hold(pool), units, op: hold(op) }
            }
            Request::PoolGet { pool } => Request::PoolGet { pool: hold(pool) },
            Request::Revoke { offer, id, reason } => {
                Request::Revoke { offer: hold(offer), id: hold(id), reason: hold(reason) }
            }
            Request::Reservations { offer, state, cursor, count } => {
                Request::Reservations { offer: hold(offer), state, cursor, count }
            }
            Request::Demand { offer } => Request::Demand { offer: hold(offer) },
            Request::Audit { offer } => Request::Audit { offer: offer.map(hold) },
        }
    }

    /// The text that decides the shard: the offer's or pool's id. `None` where every shard is meant.
    pub fn key(&self) -> Option<&T> {
        match self {
            Request::Buy(buy) => Some(&buy.offer),
            Request::Pay { offer, .. }
            | Request::Cancel { offer, .. }
            | Request::Return { offer, .. }
            | Request::Show { offer, .. }
            | Request::Buyer { offer, .. }
            | Request::Group { offer, .. }
            | Request::Groups { offer, .. }
            | Request::OfferPut { offer, .. }
            | Request::OfferGet { offer }
            | Request::OfferPause { offer }
            | Request::OfferResume { offer }
            | Request::OfferClose { offer }
            | Request::OfferRemove { offer }
            | Request::OfferExtend { offer, .. }
            | Request::Revoke { offer, .. }
            | Request::Reservations { offer, .. }
            | Request::Demand { offer } => Some(offer),
            Request::PoolAdd { pool, .. } | Request::PoolGet { pool } => Some(pool),
            Request::Audit { offer } => offer.as_ref(),
            Request::OfferList { .. } => None,
        }
    }
}

impl<T> Buy<T> {
    #[expect(clippy::inline_always, reason = "made where it is used, instead of copied there")]
    #[inline(always)]
    fn map<U>(self, hold: &mut impl FnMut(T) -> U) -> Buy<U> {
        Buy {
            offer: hold(self.offer),
            buyer: hold(self.buyer),
            id: hold(self.id),
            qty: self.qty,
            group: self.group.map(&mut *hold),
            tags: self.tags.map(&mut *hold),
            referrer: self.referrer.map(&mut *hold),
            code: self.code.map(&mut *hold),
        }
    }
}

impl<T> GroupChoice<T> {
    /// The same choice with its text held another way.
    pub fn map<U>(self, hold: impl FnOnce(T) -> U) -> GroupChoice<U> {
        match self {
            GroupChoice::Alone => GroupChoice::Alone,
            GroupChoice::New => GroupChoice::New,
            GroupChoice::Any => GroupChoice::Any,
            GroupChoice::Join(group) => GroupChoice::Join(hold(group)),
        }
    }
}
