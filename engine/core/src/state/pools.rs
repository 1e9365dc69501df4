//! Moves the units of one pool between `available`, `held` and `sold`.
//!
//! Who gets a unit is decided in `decide`; nothing here knows buyers or time. Keeps I1.

use crate::text::Text;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;

/// The position of a pool in its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolIndex(pub(crate) u32);

/// Units of one pool per unit bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolTake {
    pub(crate) pool: PoolIndex,
    pub(crate) units: u32,
}

#[derive(Debug)]
pub(crate) struct Pool {
    id: Box<[u8]>,
    total: u64,
    held: u64,
    sold: u64,
    /// What each POOL ADD did, so that none counts twice.
    pub(crate) ops: BTreeMap<Box<[u8]>, i64>,
}

impl Pool {
    pub(crate) fn new(id: Text<'_>, total: u64) -> Self {
        Pool { id: id.as_bytes().into(), total, held: 0, sold: 0, ops: BTreeMap::new() }
    }

    /// A pool that a snapshot tells of; `None` where more units are held and sold than there are (I1).
    pub(crate) fn restored(id: Text<'_>, total: u64, held: u64, sold: u64) -> Option<Self> {
        held.checked_add(sold).filter(|&taken| taken <= total)?;
        Some(Pool { held, sold, ..Pool::new(id, total) })
    }

    pub(crate) fn id(&self) -> Text<'_> {
        Text::stored(&self.id)
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn held(&self) -> u64 {
        self.held
    }

    pub(crate) fn sold(&self) -> u64 {
        self.sold
    }

    /// Units that can be taken.
    pub(crate) fn available(&self) -> u64 {
        self.total - self.held - self.sold
    }

    /// available → held
    pub(crate) fn hold(&mut self, units: u64) {
        assert!(units <= self.available(), "I1: units are held that are not there");
        self.held += units;
    }

    /// held → available
    pub(crate) fn release(&mut self, units: u64) {
        assert!(units <= self.held, "I1: units are released that were never held");
        self.held -= units;
    }

    /// held → sold
    pub(crate) fn sell(&mut self, units: u64) {
        assert!(units <= self.held, "I1: units are sold that were never held");
        self.held -= units;
        self.sold += units;
    }

    /// sold → available
    pub(crate) fn restock(&mut self, units: u64) {
        assert!(units <= self.sold, "I1: units come back that were never sold");
        self.sold -= units;
    }

    /// sold → gone
    pub(crate) fn write_off(&mut self, units: u64) {
        assert!(units <= self.sold, "I1: units are written off that were never sold");
        self.sold -= units;
        self.total -= units;
    }

    /// Changes the total; what leaves must be available.
    pub(crate) fn add(&mut self, units: i64) {
        let total = self.total.checked_add_signed(units).expect("I1: a pool's total left its range");
        assert!(total >= self.held + self.sold, "I1: units leave that are not available");
        self.total = total;
    }
}
