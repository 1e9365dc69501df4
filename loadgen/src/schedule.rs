//! When each intent is due. Fixed before the run, from a shape and a seed alone.
//!
//! A generator that waits for answers before it sends hides the very waits it should show; so every moment is
//! decided here, in advance, and latency is counted from it. Owns shapes and arrival times; who buys what at
//! that time is `population`'s.

use std::time::Duration;

use anyhow::{Result, ensure};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// How the rate changes over the run. Rates are intents per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// The same rate throughout.
    Constant {
        /// Intents per second.
        rate: f64,
    },
    /// From one rate to another in a straight line.
    Ramp {
        /// At the start.
        from: f64,
        /// At the end.
        to: f64,
    },
    /// A quiet rate, one step up to the peak, and back.
    Spike {
        /// Before and after.
        base: f64,
        /// During the spike.
        peak: f64,
        /// When the spike starts.
        starts: Duration,
        /// How long it lasts.
        lasts: Duration,
    },
}

/// How intents lie within the rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Arrivals {
    /// Evenly spaced.
    Even,
    /// At random, each independent of the others, as people are.
    Poisson,
}

/// A stretch of the run over which the rate goes in a straight line.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    seconds: f64,
    from: f64,
    to: f64,
}

impl Stretch {
    fn intents(self) -> f64 {
        self.seconds * f64::midpoint(self.from, self.to)
    }

    /// The second within the stretch by which `intents` have come.
    fn second_of(self, intents: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds;
        if slope.abs() < 1e-9 {
            return intents / self.from;
        }
        // intents = from·t + slope·t²/2, solved for t.
        ((self.from * self.from + 2.0 * slope * intents).max(0.0).sqrt() - self.from) / slope
    }
}

impl Shape {
    fn stretches(self, duration: Duration) -> Vec<Stretch> {
        let seconds = duration.as_secs_f64();
        match self {
            Self::Constant { rate } => vec![Stretch { seconds, from: rate, to: rate }],
            Self::Ramp { from, to } => vec![Stretch { seconds, from, to }],
            Self::Spike { base, peak, starts, lasts } => {
                let starts = starts.as_secs_f64().min(seconds);
                let lasts = lasts.as_secs_f64().min(seconds - starts);
                let after = seconds - starts - lasts;
                [(starts, base), (lasts, peak), (after, base)]
                    .into_iter()
                    .filter(|&(seconds, _)| seconds > 0.0)
                    .map(|(seconds, rate)| Stretch { seconds, from: rate, to: rate })
                    .collect()
            }
        }
    }

    fn check(self, duration: Duration) -> Result<()> {
        ensure!(duration > Duration::ZERO, "duration: expected more than 0, for example 10s");
        let rates = match self {
            Self::Constant { rate } => vec![("rate", rate)],
            Self::Ramp { from, to } => vec![("from", from), ("rate", to)],
            Self::Spike { base, peak, .. } => vec![("base", base), ("rate", peak)],
        };
        for (name, rate) in &rates {
            ensure!(
                rate.is_finite() && (0.0..=10_000_000.0).contains(rate),
                "{name}: expected 0 to 10000000 intents per second, got {rate}"
            );
        }
        ensure!(rates.iter().any(|&(_, rate)| rate > 0.0), "rate: a rate of 0 throughout sends nothing");
        Ok(())
    }
}

/// The most intents of one run: their plan and their answers are held in memory.
const INTENTS_MAX: f64 = 50_000_000.0;

/// The moments of a run, in nanoseconds from its start, rising; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// When each intent is due.
    pub due_ns: Vec<u64>,
}

impl Schedule {
    /// Lays down every moment.
    ///
    /// # Errors
    /// A duration of zero, a rate below zero or beyond reason, more intents than fit in memory, or none.
    pub fn new(shape: Shape, arrivals: Arrivals, duration: Duration, seed: u64) -> Result<Self> {
        shape.check(duration)?;
        let stretches = shape.stretches(duration);
        let intents: f64 = stretches.iter().map(|stretch| stretch.intents()).sum();
        ensure!(
            intents <= INTENTS_MAX,
            "rate × duration: {intents:.0} intents are more than one run may plan ({INTENTS_MAX:.0})"
        );
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x5c4e_d01e);
        let mut due_ns = Vec::with_capacity(intents as usize + 1);
        let (mut before, mut second, mut stretches) = (0.0, 0.0, stretches.into_iter());
        let mut current = stretches.next();
        let mut count = match arrivals {
            Arrivals::Even => 0.5,
            Arrivals::Poisson => unit_gap(&mut rng),
        };
        // Time is stretched so that the rate is one per unit; there, arrivals are even or exponential.
        while let Some(stretch) = current {
            if count - before >= stretch.intents() {
                before += stretch.intents();
                second += stretch.seconds;
                current = stretches.next();
                continue;
            }
            due_ns.push(((second + stretch.second_of(count - before)) * 1e9) as u64);
            count += match arrivals {
                Arrivals::Even => 1.0,
                Arrivals::Poisson => unit_gap(&mut rng),
            };
        }
        ensure!(!due_ns.is_empty(), "rate × duration: not one intent falls into the run");
        Ok(Self { due_ns })
    }
}

/// A gap drawn from the exponential distribution with mean one.
fn unit_gap(rng: &mut Xoshiro256PlusPlus) -> f64 {
    -(1.0 - rng.random::<f64>()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Duration = Duration::from_secs(10);

    fn count_between(schedule: &Schedule, from_s: u64, to_s: u64) -> usize {
        let range = from_s * 1_000_000_000..to_s * 1_000_000_000;
        schedule.due_ns.iter().filter(|due| range.contains(due)).count()
    }

    #[test]
    fn the_same_seed_gives_the_same_moments_and_another_seed_others() {
        let make =
            |seed| Schedule::new(Shape::Constant { rate: 500.0 }, Arrivals::Poisson, TEN, seed).unwrap();
        assert_eq!(make(7), make(7));
        assert_ne!(make(7), make(8));
    }

    #[test]
    fn an_even_rate_is_exact() {
        let schedule = Schedule::new(Shape::Constant { rate: 1_000.0 }, Arrivals::Even, TEN, 1).unwrap();
        assert_eq!(schedule.due_ns.len(), 10_000);
        assert!(schedule.due_ns.windows(2).all(|pair| (999_000..1_001_000).contains(&(pair[1] - pair[0]))));
    }

    #[test]
    fn poisson_arrivals_keep_the_rate_and_scatter() {
        let shape = Shape::Constant { rate: 10_000.0 };
        let schedule = Schedule::new(shape, Arrivals::Poisson, TEN, 1).unwrap();
        // The count's standard deviation is √100,000 ≈ 316; five of them never happen by chance.
        assert!((98_400..101_600).contains(&schedule.due_ns.len()), "{}", schedule.due_ns.len());
        let gaps: Vec<f64> =
            schedule.due_ns.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e5).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((0.95..1.05).contains(&variance), "an exponential gap has variance 1, not {variance}");
    }

    #[test]
    fn a_ramp_sends_three_quarters_in_its_second_half() {
        let shape = Shape::Ramp { from: 0.0, to: 2_000.0 };
        let schedule = Schedule::new(shape, Arrivals::Even, TEN, 1).unwrap();
        assert_eq!(schedule.due_ns.len(), 10_000);
        assert!((7_490..7_510).contains(&count_between(&schedule, 5, 10)));
    }

    #[test]
    fn a_spike_steps_up_and_back() {
        let shape = Shape::Spike {
            base: 100.0,
            peak: 5_000.0,
            starts: Duration::from_secs(3),
            lasts: Duration::from_secs(2),
        };
        let schedule = Schedule::new(shape, Arrivals::Even, TEN, 1).unwrap();
        assert_eq!(count_between(&schedule, 0, 3), 300);
        assert_eq!(count_between(&schedule, 3, 5), 10_000);
        assert_eq!(count_between(&schedule, 5, 10), 500);
        assert!(schedule.due_ns.is_sorted());
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_argument_named() {
        let error =
            |shape, duration| Schedule::new(shape, Arrivals::Even, duration, 1).unwrap_err().to_string();
        assert!(error(Shape::Constant { rate: -1.0 }, TEN).starts_with("rate:"));
        assert!(error(Shape::Constant { rate: f64::NAN }, TEN).starts_with("rate:"));
        assert!(error(Shape::Constant { rate: 5.0 }, Duration::ZERO).starts_with("duration:"));
        assert!(error(Shape::Constant { rate: 1e7 }, TEN * 6).starts_with("rate × duration:"));
        let moment = Duration::from_millis(1);
        assert!(error(Shape::Constant { rate: 1.0 }, moment).ends_with("not one intent falls into the run"));
    }
}
