//! Medians, spreads and ratios of what the rounds measured.
//!
//! Pure arithmetic. A ratio is taken between medians; its spread is that of the ratios within
//! single rounds, where both sides saw the same state of the machine. Used by `report`.

use serde::Serialize;

/// A median with the least and the greatest value beside it.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Nothing where nothing was measured.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        } else {
            sorted[middle]
        };
        Some(Self { median, min, max })
    }

    /// How often `over` holds `under`, both measured in the same rounds; a round in which one is missing has no ratio.
    pub(crate) fn ratio(over: &[Option<f64>], under: &[Option<f64>]) -> Option<Self> {
        let pairs = over.iter().zip(under).filter_map(|(over, under)| Some((*over)? / (*under)?));
        let within = Self::of(&pairs.collect::<Vec<_>>())?;
        let all = |values: &[Option<f64>]| Self::of(&values.iter().copied().flatten().collect::<Vec<_>>());
        Some(Self { median: all(over)?.median / all(under)?.median, ..within })
    }
}

/// A rate as people read it: `612 k`, `1.23 M`.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second >= 999_500.0 {
        format!("{:.2} M", per_second / 1e6)
    } else if per_second >= 99_950.0 {
        format!("{:.0} k", per_second / 1e3)
    } else if per_second >= 1_000.0 {
        format!("{:.1} k", per_second / 1e3)
    } else {
        format!("{per_second:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Spread, rate};

    #[test]
    fn the_median_of_an_even_count_lies_between_the_two_in_the_middle() {
        let even = Spread::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!(even, Spread { median: 2.5, min: 1.0, max: 4.0 });
        assert_eq!(Spread::of(&[7.0, 5.0, 6.0]).unwrap().median.to_bits(), 6.0_f64.to_bits());
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn a_ratio_spreads_over_rounds_and_not_over_mixed_pairs() {
        // Each round is slow or fast on both sides alike: the ratio stays 2.
        let (over, under) = ([2.0, 20.0, 4.0].map(Some), [1.0, 10.0, 2.0].map(Some));
        let ratio = Spread::ratio(&over, &under).unwrap();
        assert_eq!(ratio, Spread { median: 2.0, min: 2.0, max: 2.0 });
    }

    #[test]
    fn rates_keep_three_digits() {
        assert_eq!([rate(612.4), rate(3_812.0), rate(99_949.0)], ["612", "3.8 k", "99.9 k"]);
        assert_eq!([rate(99_960.0), rate(612_345.0), rate(999_600.0)], ["100 k", "612 k", "1.00 M"]);
    }
}
