//! Counts what passed and what failed, and reads those counts out of what the test programs print.

use std::fmt;
use std::ops::AddAssign;

/// How many checks passed, failed and were left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Checks that held.
    pub passed: u64,
    /// Checks that did not hold.
    pub failed: u64,
    /// Tests that carry `#[ignore]`. This repository has none, so any is reported as a fault.
    pub ignored: u64,
}

impl Tally {
    /// One check that held.
    pub const PASSED: Self = Self { passed: 1, failed: 0, ignored: 0 };
    /// One check that did not hold.
    pub const FAILED: Self = Self { passed: 0, failed: 1, ignored: 0 };

    /// The counts in one line of output; all zero for a line that states none.
    ///
    /// Understood: the last line of a Rust test program (`test result: ok. 3 passed; 0 failed; …`) and
    /// the lines of the client scripts (`ok …`, `FAILED …`).
    pub fn from_line(line: &str) -> Self {
        if let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) {
            let count = |what: &str| {
                counts
                    .split(';')
                    .filter_map(|part| part.trim().strip_suffix(what))
                    .find_map(|number| number.trim().parse().ok())
                    .unwrap_or(0)
            };
            return Self { passed: count("passed"), failed: count("failed"), ignored: count("ignored") };
        }
        if line.starts_with("ok ") {
            Self::PASSED
        } else if line.starts_with("FAILED ") {
            Self::FAILED
        } else {
            Self::default()
        }
    }

    /// Whether everything that was meant to run ran and held.
    pub fn is_clean(self) -> bool {
        self.failed == 0 && self.ignored == 0
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn a_test_programs_last_line_is_counted() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.01s";
        assert_eq!(Tally::from_line(line), Tally { passed: 12, failed: 3, ignored: 1 });
    }

    #[test]
    fn a_scripts_lines_are_counted_and_others_are_not() {
        assert_eq!(Tally::from_line("ok redis-py RESP3: INFO parses"), Tally::PASSED);
        assert_eq!(Tally::from_line("FAILED ioredis RESP2, in sells: no"), Tally::FAILED);
        assert_eq!(Tally::from_line("test a::b ... ok"), Tally::default());
    }
}
