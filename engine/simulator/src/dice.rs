//! Everything random of one run, drawn from its seed.
//!
//! The disk and the workload hold dice of their own, split off the seed, so that one more draw in one of them does not
//! shift the other.

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A seeded source of decisions.
#[derive(Clone, Debug)]
pub(crate) struct Dice(Xoshiro256PlusPlus);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Dice(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Dice of their own for another part of the run.
    pub(crate) fn split(&mut self) -> Dice {
        Dice::new(self.0.random())
    }

    /// A number below `sides`, which is at least 1.
    pub(crate) fn below(&mut self, sides: u64) -> u64 {
        self.0.random_range(0..sides)
    }

    /// An index into something of `len` entries, at least one.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.0.random_range(0..len)
    }

    /// A number from `low` to `high`, both possible.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.random_range(low..=high)
    }

    /// True for one of so many throws.
    pub(crate) fn one_in(&mut self, sides: u64) -> bool {
        self.below(sides) == 0
    }

    /// True in so many of a hundred throws.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.0.random()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.0.random()
    }

    /// One of these.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    /// One of these by weight.
    pub(crate) fn weighted<T: Copy>(&mut self, from: &[(u32, T)]) -> T {
        let sum = from.iter().map(|(weight, _)| u64::from(*weight)).sum();
        let mut left = self.below(sum);
        for (weight, what) in from {
            if left < u64::from(*weight) {
                return *what;
            }
            left -= u64::from(*weight);
        }
        unreachable!("a draw below the sum of the weights falls into one of them")
    }
}
