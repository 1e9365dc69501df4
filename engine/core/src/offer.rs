//! What an offer is: the typed definition that the rules read, and what makes one valid.
//!
//! JSON and TOML are read elsewhere; a definition that reached the machine through [`Offer::check`] needs no second
//! look. Fields that later ways to sell need are not here yet and are refused by name where text is read.

use crate::money::{Money, ORDER_UNITS_MAX, PRICE_MAX, Units};
use crate::text::{FREE_BYTES_MAX, Text};
use crate::time::{Millis, UnixMs};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

/// The hold when an offer names none: 15 minutes.
pub const HOLD_DEFAULT: Millis = Millis::new(15 * 60 * 1_000);
/// The longest hold or group window: 366 days. Longer ones are mistakes of unit.
pub const LENGTH_MAX: Millis = Millis::new(366 * 24 * 60 * 60 * 1_000);
/// The most units of one pool.
pub const POOL_UNITS_MAX: u64 = 1 << 40;
/// The most seats of a group.
pub const GROUP_SIZE_MAX: u32 = 1_000_000;
/// The most seats of a group that may absorb others: all of them move in one batch.
pub const MERGE_SIZE_MAX: u32 = 1_000;
/// The most pools that one purchase takes from.
pub const TAKES_MAX: usize = 8;
/// The most tags in one admission rule.
pub const ADMISSION_TAGS_MAX: usize = 64;
/// The longest title, in bytes.
pub const TITLE_BYTES_MAX: usize = 1_024;

/// The definition of an offer, as its operator put it. What was left out stays `None`, so that an identical
/// definition put again compares equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// For people; may be empty.
    pub title: Box<str>,
    /// When selling begins; `None`: at once.
    pub opens: Option<UnixMs>,
    /// When selling ends; `None`: never.
    pub closes: Option<UnixMs>,
    /// Units of a new pool named like the offer, one per unit bought. Either this or `takes`.
    pub stock: Option<u64>,
    /// The pools that each unit bought takes from, all or nothing. Empty when `stock` is given.
    pub takes: Vec<Take>,
    /// How many units an order, a buyer, a buyer in the campaign may have.
    pub limit: Limits,
    /// Who may buy.
    pub admit: Admission,
    /// Price per unit.
    pub price: Money,
    /// Price per unit of buying alone on a group offer; `None`: a group is required.
    pub alone: Option<Money>,
    /// How long an unpaid reservation is held.
    pub hold: Millis,
    /// What a payment after the deadline does.
    pub late: Late,
    /// When a paid reservation becomes final.
    pub settle: Settle,
}

/// Units of one pool per unit bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Take {
    /// The pool's id; same campaign as the offer.
    pub pool: Box<str>,
    /// Units per unit bought, at least 1.
    pub units: Units,
}

/// Upper bounds in units; `None` is no bound. Held, paid and won units count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Per order.
    pub order: Option<Units>,
    /// Per buyer on this offer.
    pub buyer: Option<Units>,
    /// Per buyer over all offers of the campaign.
    pub campaign: Option<Units>,
}

/// Who may buy; an empty rule admits everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// Tags that the buyer must all have.
    pub all: Vec<Box<str>>,
    /// Tags of which the buyer must have one, unless the list is empty.
    pub any: Vec<Box<str>>,
    /// Tags that the buyer must not have.
    pub none: Vec<Box<str>>,
    /// A pass-phrase that the intent must carry.
    pub code: Option<Box<str>>,
    /// The part of all buyers that is admitted.
    pub cohort: Option<Cohort>,
}

/// A part of all buyers, in percent: `from ≤ x < to`, where x is a stable hash of offer and buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cohort {
    /// First percent inside, 0 to 99.
    pub from: u8,
    /// First percent outside, 1 to 100.
    pub to: u8,
}

/// What a payment after its deadline does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Late {
    /// It is owed back.
    #[default]
    Refund,
    /// It takes the units again if everything is still free, else it is owed back.
    Retake,
}

/// When a paid reservation becomes final.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Settle {
    /// Paying is winning.
    #[default]
    Now,
    /// When its group forms.
    Group(GroupRule),
}

/// How groups form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRule {
    /// Seats, 2 to [`GROUP_SIZE_MAX`].
    pub size: u32,
    /// How long a group may take to form.
    pub open: Millis,
    /// Paid seats with which it forms at its deadline; `None`: only a full group forms.
    pub min: Option<u32>,
    /// Who may join, on top of the offer's admission; the leader need not pass it.
    pub join: Option<Admission>,
    /// Whether a group at its deadline may take in later ones.
    pub merge: bool,
    /// Whether a paid member may leave before the group forms.
    pub leave: bool,
    /// Whether units are taken per seat as it fills, or for the whole group when it opens.
    pub reserve: Reserve,
    /// GROUP ANY passes over groups with less time than this left; `None`: the hold, at most half of `open`.
    pub any_min_left: Option<Millis>,
}

impl GroupRule {
    /// Groups of `size` with so long to form, and defaults elsewhere.
    pub const fn new(size: u32, open: Millis) -> Self {
        GroupRule {
            size,
            open,
            min: None,
            join: None,
            merge: false,
            leave: false,
            reserve: Reserve::Seat,
            any_min_left: None,
        }
    }
}

/// When a group's units are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reserve {
    /// Each seat takes its units when it is taken.
    #[default]
    Seat,
    /// Opening takes the units of all seats.
    Group,
}

/// A definition that cannot be: the path of the field and what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfferError {
    /// The field's path in the definition, such as `settle.group.size`.
    pub path: &'static str,
    /// What was expected there.
    pub expected: &'static str,
}

impl Offer {
    /// An offer open at once and for ever, with a pool of its own and defaults elsewhere.
    pub fn with_stock(price: Money, stock: u64) -> Self {
        Offer {
            title: "".into(),
            opens: None,
            closes: None,
            stock: Some(stock),
            takes: Vec::new(),
            limit: Limits::default(),
            admit: Admission::default(),
            price,
            alone: None,
            hold: HOLD_DEFAULT,
            late: Late::Refund,
            settle: Settle::Now,
        }
    }

    /// The group rule, if the offer sells to groups.
    pub fn group(&self) -> Option<&GroupRule> {
        match &self.settle {
            Settle::Group(rule) => Some(rule),
            Settle::Now => None,
        }
    }

    /// Whether it takes from pools of its own campaign alone, put under this id.
    pub fn stays_in_campaign(&self, id: Text<'_>) -> bool {
        let campaign = id.campaign();
        self.takes.iter().all(|take| Text::stored(take.pool.as_bytes()).campaign() == campaign)
    }

    /// Checks everything that does not depend on other offers or on the time.
    pub fn check(&self) -> Result<(), OfferError> {
        let fail = |path, expected| Err(OfferError { path, expected });
        if self.title.len() > TITLE_BYTES_MAX {
            return fail("title", "at most 1,024 bytes");
        }
        if let (Some(opens), Some(closes)) = (self.opens, self.closes)
            && closes <= opens
        {
            return fail("closes", "an instant after opens");
        }
        self.check_takes()?;
        self.check_limits()?;
        check_admission(&self.admit, ["admit.all", "admit.any", "admit.none", "admit.code", "admit.cohort"])?;
        check_price(self.price, "price")?;
        if let Some(alone) = self.alone {
            check_price(alone, "alone")?;
            if self.group().is_none() {
                return fail("alone", "no price for buying alone unless settle.group is given");
            }
        }
        check_length(self.hold, "hold")?;
        self.group().map_or(Ok(()), |rule| self.check_group(rule))
    }

    fn check_takes(&self) -> Result<(), OfferError> {
        let fail = |path, expected| Err(OfferError { path, expected });
        match (self.stock, self.takes.len()) {
            (Some(_), 1..) => return fail("takes", "either stock or takes, not both"),
            (None, 0) => return fail("stock", "one of stock and takes"),
            (Some(POOL_UNITS_MAX..), _) => return fail("stock", "fewer than 2^40 units"),
            (None, n) if n > TAKES_MAX => return fail("takes", "at most 8 pools"),
            _ => {}
        }
        for (index, take) in self.takes.iter().enumerate() {
            if Text::id(take.pool.as_bytes()).is_err() {
                return fail("takes.pool", "1 to 64 bytes of printable ASCII without space or comma");
            }
            if take.units == 0 || take.units > ORDER_UNITS_MAX {
                return fail("takes.units", "1 to 1,000,000 units");
            }
            if self.takes[..index].iter().any(|other| other.pool == take.pool) {
                return fail("takes.pool", "each pool once");
            }
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), OfferError> {
        let named = [
            (self.limit.order, "limit.order"),
            (self.limit.buyer, "limit.buyer"),
            (self.limit.campaign, "limit.campaign"),
        ];
        for (limit, path) in named {
            if limit == Some(0) {
                return Err(OfferError { path, expected: "at least 1 unit; leave it out for no limit" });
            }
        }
        Ok(())
    }

    fn check_group(&self, rule: &GroupRule) -> Result<(), OfferError> {
        let fail = |path, expected| Err(OfferError { path, expected });
        if rule.size < 2 || rule.size > GROUP_SIZE_MAX {
            return fail("settle.group.size", "2 to 1,000,000 seats");
        }
        check_length(rule.open, "settle.group.open")?;
        if rule.min.is_some_and(|min| min < 1 || min > rule.size) {
            return fail("settle.group.min", "1 to size seats");
        }
        if rule.merge && rule.size > MERGE_SIZE_MAX {
            return fail("settle.group.size", "at most 1,000 seats with merge");
        }
        if rule.reserve == Reserve::Group && self.limit.order != Some(1) {
            return fail("settle.group.reserve", "limit.order = 1 with reserve = \"group\"");
        }
        if rule.any_min_left.is_some_and(|left| left > rule.open) {
            return fail("settle.group.any_min_left", "at most settle.group.open");
        }
        rule.join.as_ref().map_or(Ok(()), |join| {
            check_admission(
                join,
                [
                    "settle.group.join.all",
                    "settle.group.join.any",
                    "settle.group.join.none",
                    "settle.group.join.code",
                    "settle.group.join.cohort",
                ],
            )
        })
    }
}

impl Admission {
    /// Whether everybody is admitted, as to most offers.
    #[inline]
    pub(crate) fn asks_nothing(&self) -> bool {
        let Admission { all, any, none, code, cohort } = self;
        all.is_empty() && any.is_empty() && none.is_empty() && code.is_none() && cohort.is_none()
    }
}

fn check_length(length: Millis, path: &'static str) -> Result<(), OfferError> {
    if length == Millis::new(0) || length > LENGTH_MAX {
        return Err(OfferError { path, expected: "a duration from 1ms to 366d" });
    }
    Ok(())
}

fn check_price(price: Money, path: &'static str) -> Result<(), OfferError> {
    if price.cash > PRICE_MAX || price.points > PRICE_MAX {
        return Err(OfferError { path, expected: "at most 9,007,199,254 minor units per unit" });
    }
    Ok(())
}

/// `paths` names the fields `all`, `any`, `none`, `code` and `cohort`, in this order.
fn check_admission(admission: &Admission, paths: [&'static str; 5]) -> Result<(), OfferError> {
    let lists = [&admission.all, &admission.any, &admission.none];
    for (list, path) in lists.into_iter().zip(paths) {
        if list.len() > ADMISSION_TAGS_MAX {
            return Err(OfferError { path, expected: "at most 64 tags" });
        }
        if list.iter().any(|tag| Text::id(tag.as_bytes()).is_err()) {
            return Err(OfferError {
                path,
                expected: "tags of 1 to 64 bytes of printable ASCII without space or comma",
            });
        }
    }
    if admission.code.as_ref().is_some_and(|code| code.is_empty() || code.len() > FREE_BYTES_MAX) {
        return Err(OfferError { path: paths[3], expected: "1 to 256 bytes" });
    }
    if admission.cohort.is_some_and(|cohort| cohort.from >= cohort.to || cohort.to > 100) {
        return Err(OfferError {
            path: paths[4],
            expected: "[from, to] in percent with 0 <= from < to <= 100",
        });
    }
    Ok(())
}

impl fmt::Display for OfferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}", self.path, self.expected)
    }
}

impl core::error::Error for OfferError {}
