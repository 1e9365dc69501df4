//! Money and units: integers in minor units, never floats.
//!
//! The caps below keep every product and every sum of one offer inside what the wire can carry.

use core::ops::{AddAssign, SubAssign};

/// The largest number on the wire: 2^53 − 1, what every client language reads exactly.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;
/// The most units that one order may take.
pub const ORDER_UNITS_MAX: u32 = 1_000_000;
/// The highest price per unit, cash or points apart: with [`ORDER_UNITS_MAX`] units an amount still fits the wire.
pub const PRICE_MAX: u64 = MAX_NUMBER / ORDER_UNITS_MAX as u64;

/// A count of units. Zero is no unit; an order takes at least one.
pub type Units = u32;

/// A price per unit or an amount for all units: cash in minor units, and points. Zero of both is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Money {
    /// Minor units of the offer's currency.
    pub cash: u64,
    /// Points, counted apart from cash.
    pub points: u64,
}

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money { cash: 0, points: 0 };

    /// Cash alone.
    pub const fn cash(cash: u64) -> Self {
        Money { cash, points: 0 }
    }

    /// Whether there is nothing to pay.
    pub const fn is_zero(self) -> bool {
        self.cash == 0 && self.points == 0
    }

    /// The amount for `units` units at this price. The caps of this module rule out an overflow.
    pub const fn times(self, units: Units) -> Money {
        Money { cash: self.cash * units as u64, points: self.points * units as u64 }
    }

    /// The share of `part` in `whole` units, rounded down, cash and points apart.
    ///
    /// # Panics
    /// When `whole` is zero.
    pub fn share(self, part: Units, whole: Units) -> Money {
        let share = |amount: u64| (u128::from(amount) * u128::from(part) / u128::from(whole)) as u64;
        Money { cash: share(self.cash), points: share(self.points) }
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Money) {
        self.cash += other.cash;
        self.points += other.points;
    }
}

impl SubAssign for Money {
    /// Both parts must be covered: money that was never taken cannot be given back.
    fn sub_assign(&mut self, other: Money) {
        assert!(
            self.cash >= other.cash && self.points >= other.points,
            "I10: more is given back than was taken"
        );
        self.cash -= other.cash;
        self.points -= other.points;
    }
}

/// A sum of amounts over the life of an offer. Wide enough that no client can make it overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MoneySum {
    pub(crate) cash: u128,
    pub(crate) points: u128,
}

impl MoneySum {
    /// The sum for the wire, at most [`MAX_NUMBER`].
    pub(crate) fn shown(self) -> Money {
        let shown = |sum: u128| sum.min(u128::from(MAX_NUMBER)) as u64;
        Money { cash: shown(self.cash), points: shown(self.points) }
    }
}

impl AddAssign<Money> for MoneySum {
    fn add_assign(&mut self, amount: Money) {
        self.cash += u128::from(amount.cash);
        self.points += u128::from(amount.points);
    }
}

impl AddAssign for MoneySum {
    fn add_assign(&mut self, other: MoneySum) {
        self.cash += other.cash;
        self.points += other.points;
    }
}
