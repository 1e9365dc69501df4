//! A difference between what the answers said and what the server says, in words.
//!
//! Names the thing, the rule, and both values, so that an operator can look it up on the server.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The rule that is broken, one short word or two.
    pub rule: &'static str,
    /// The offer, and the reservation, buyer or group on it.
    pub subject: String,
    /// What the answers of the run add up to.
    pub expected: String,
    /// What the server says, or said.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, subject, expected, found } = self;
        write!(f, "{rule}: {subject}: expected {expected}, found {found}")
    }
}

/// The most differences that are kept word for word; all are counted.
const KEPT_MAX: usize = 100_000;

/// All differences of a run.
#[derive(Debug, Default, Serialize)]
pub struct Differences {
    by_rule: BTreeMap<&'static str, u64>,
    kept: Vec<Difference>,
}

impl Differences {
    /// Writes one down.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hand over numbers, words and made-up texts alike"
    )]
    pub fn add(
        &mut self,
        rule: &'static str,
        subject: String,
        expected: impl ToString,
        found: impl ToString,
    ) {
        *self.by_rule.entry(rule).or_default() += 1;
        if self.kept.len() < KEPT_MAX {
            let (expected, found) = (expected.to_string(), found.to_string());
            self.kept.push(Difference { rule, subject, expected, found });
        }
    }

    /// Writes one down if the two values differ.
    pub fn compare<T: PartialEq + ToString>(
        &mut self,
        rule: &'static str,
        subject: impl FnOnce() -> String,
        expected: &T,
        found: &T,
    ) {
        if expected != found {
            self.add(rule, subject(), expected.to_string(), found.to_string());
        }
    }

    /// How many in all.
    pub fn count(&self) -> u64 {
        self.by_rule.values().sum()
    }

    /// How many by rule.
    pub fn by_rule(&self) -> &BTreeMap<&'static str, u64> {
        &self.by_rule
    }

    /// Those that are kept word for word.
    pub fn kept(&self) -> &[Difference] {
        &self.kept
    }
}
