//! The terms of a reservation, encoded: units, price, amount and deadline.
//!
//! Most of the answers that leave together name the same terms, whose numbers are the dearest part of them to write. So the
//! pairs of the last answer are kept and written again while they fit. Held by whoever writes answers in a row, read by
//! `reply`.

use crate::resp::encode::{Encoder, Protocol, key};
use stampede_engine::core::{Money, Units, UnixMs};

/// What is kept of the last answer.
#[derive(Debug, Default)]
pub struct Terms {
    last: Option<Deal>,
    /// The pairs of `last`. They are the same in both protocols.
    pairs: Vec<u8>,
}

/// What a reservation was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deal {
    pub(super) qty: Units,
    pub(super) price: Money,
    pub(super) amount: Money,
    pub(super) expires: Option<UnixMs>,
}

impl Terms {
    /// The pairs of a deal.
    #[inline]
    pub(super) fn pairs(&mut self, deal: Deal) -> &[u8] {
        if self.last != Some(deal) {
            self.pairs.clear();
            deal.write(&mut Encoder::new(&mut self.pairs, Protocol::Resp2));
            self.last = Some(deal);
        }
        &self.pairs
    }
}

impl Deal {
    /// How many pairs it has.
    pub(super) fn count(&self) -> usize {
        let optional = [self.price.points > 0, self.amount.points > 0, self.expires.is_some()];
        3 + optional.into_iter().map(usize::from).sum::<usize>()
    }

    fn write(&self, out: &mut Encoder<'_>) {
        out.pair_integer(key!(3 "qty"), u64::from(self.qty));
        out.pair_integer(key!(5 "price"), self.price.cash);
        if self.price.points > 0 {
            out.pair_integer(key!(12 "price_points"), self.price.points);
        }
        out.pair_integer(key!(6 "amount"), self.amount.cash);
        if self.amount.points > 0 {
            out.pair_integer(key!(6 "points"), self.amount.points);
        }
        if let Some(expires) = self.expires {
            out.pair_integer(key!(7 "expires"), expires.get());
        }
    }
}
