//! The buyers of one offer: who has how much, and who sits in which group.
//!
//! Nearly every buyer of a flash sale buys once and alone. For those the one reservation says it all; only who buys
//! again, or sits in a group, has sums of their own.

use super::reservations::{Reservations, one_up};
use crate::event::GroupIndex;
use crate::money::Units;
use crate::store::{Column, Index, TextHash, TextRef};
use crate::text::Text;
use core::mem;
use core::num::NonZeroU32;

#[derive(Debug, Default)]
pub(super) struct Buyers {
    pub(super) rows: Column<Buyer>,
    pub(super) ids: Index,
    sums: Column<BuyerSums>,
}

#[derive(Debug)]
pub(super) struct Buyer {
    pub(super) id: TextRef,
    /// The newest reservation, as position + 1.
    newest: Option<NonZeroU32>,
    /// The sums, as position + 1; none where they follow from the only reservation.
    sums: Option<NonZeroU32>,
}

// Every buyer pays for each byte.
const _: () = assert!(size_of::<Buyer>() == 12, "a buyer is three positions");

/// What a buyer has on the offer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BuyerSums {
    /// Units held, paid and won.
    pub(crate) units: u64,
    /// Reservations ever made.
    pub(crate) count: u32,
    /// The last group that the buyer sat down in, as position + 1; counts while that group is open and the seat
    /// is taken.
    pub(crate) group: Option<NonZeroU32>,
}

impl Reservations {
    pub(crate) fn buyer_count(&self) -> u32 {
        self.buyers.rows.len()
    }

    /// Every buyer, with what each has.
    pub(crate) fn buyers(&self) -> impl Iterator<Item = (Text<'_>, BuyerSums)> {
        (0..self.buyer_count()).map(|at| (self.buyer_id(at), self.buyer_sums(at)))
    }

    pub(crate) fn buyer_id(&self, buyer: u32) -> Text<'_> {
        self.texts.get(self.buyers.rows[buyer].id)
    }

    /// The buyer of a reservation.
    pub(crate) fn buyer_of(&self, at: u32) -> Text<'_> {
        self.buyer_id(self.rows[at].buyer)
    }

    /// What a buyer has.
    #[inline]
    pub(crate) fn buyer_sums(&self, buyer: u32) -> BuyerSums {
        let buyer = &self.buyers.rows[buyer];
        match buyer.sums {
            Some(sums) => self.buyers.sums[sums.get() - 1],
            None => self.sums_of_only(buyer.newest),
        }
    }

    /// What a buyer has through the only reservation, by its position + 1.
    #[inline]
    fn sums_of_only(&self, only: Option<NonZeroU32>) -> BuyerSums {
        let Some(only) = only else { return BuyerSums::default() };
        let units = u64::from(self.rows[only.get() - 1].live_units());
        BuyerSums { units, count: 1, group: None }
    }

    /// The reservations of a buyer, newest first.
    pub(crate) fn of_buyer(&self, buyer: u32) -> impl Iterator<Item = u32> {
        let mut next = self.buyers.rows[buyer].newest;
        core::iter::from_fn(move || {
            let at = next?.get() - 1;
            next = self.rows[at].previous_of_buyer;
            Some(at)
        })
    }

    #[inline]
    pub(crate) fn find_buyer(&self, hash: TextHash, id: Text<'_>) -> Option<u32> {
        self.buyers.ids.find(hash, |at| self.buyer_id(at) == id)
    }

    /// Appends a buyer whose id is new.
    pub(crate) fn push_buyer(&mut self, hash: TextHash, id: Text<'_>) -> u32 {
        let at = self.append_buyer(id);
        self.buyers.ids.insert(hash, at);
        at
    }

    /// Appends a buyer whose id is new. It is found once the indexes are built.
    pub(crate) fn append_buyer(&mut self, id: Text<'_>) -> u32 {
        let id = self.texts.push(id);
        self.buyers.rows.push(Buyer { id, newest: None, sums: None })
    }

    /// Makes the reservation that is appended next the buyer's newest, and gives the one before it.
    pub(super) fn link_to_buyer(&mut self, buyer: u32) -> Option<NonZeroU32> {
        let newest = one_up(self.rows.len());
        let row = &mut self.buyers.rows[buyer];
        if row.newest.is_some() || row.sums.is_some() {
            self.sums_mut(buyer).count += 1;
            return mem::replace(&mut self.buyers.rows[buyer].newest, newest);
        }
        row.newest = newest;
        None
    }

    /// The buyer has these units more. Whoever calls has given them to a reservation of the buyer.
    pub(crate) fn gain(&mut self, buyer: u32, units: Units) {
        if let Some(sums) = self.buyers.rows[buyer].sums {
            self.buyers.sums[sums.get() - 1].units += u64::from(units);
        }
    }

    /// The buyer has these units less. Whoever calls takes them from a reservation of the buyer in the same event, and
    /// looks at no sums in between.
    pub(crate) fn lose(&mut self, buyer: u32, units: Units) {
        if let Some(sums) = self.buyers.rows[buyer].sums {
            let left = &mut self.buyers.sums[sums.get() - 1].units;
            *left = left.checked_sub(u64::from(units)).expect("I3: a buyer gives back more than was counted");
        }
    }

    /// Notes the group that the buyer sits in now; `None` after leaving an open one.
    pub(crate) fn seat_buyer(&mut self, buyer: u32, group: Option<GroupIndex>) {
        let group = group.and_then(|group| one_up(group.0));
        match self.buyers.rows[buyer].sums {
            Some(sums) => self.buyers.sums[sums.get() - 1].group = group,
            None => {
                self.begin_sums(buyer, |sums| sums.group = group);
            }
        }
    }

    /// The buyer's own sums; from here on they are counted.
    fn sums_mut(&mut self, buyer: u32) -> &mut BuyerSums {
        let at = match self.buyers.rows[buyer].sums {
            Some(sums) => sums.get() - 1,
            None => self.begin_sums(buyer, |_| {}),
        };
        &mut self.buyers.sums[at]
    }

    /// Begins to count what a buyer has, changed so.
    fn begin_sums(&mut self, buyer: u32, change: impl FnOnce(&mut BuyerSums)) -> u32 {
        let mut sums = self.sums_of_only(self.buyers.rows[buyer].newest);
        change(&mut sums);
        let at = self.buyers.sums.push(sums);
        self.buyers.rows[buyer].sums = one_up(at);
        at
    }
}
