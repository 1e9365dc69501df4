//! Runs many histories from one seed and says how to run them again.
//!
//! `TWIN_SEED` repeats a run, `TWIN_CASES` makes it longer or shorter.

use crate::history::{History, histories};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

/// A number from the environment, or else this one.
fn from_environment(key: &str, otherwise: impl FnOnce() -> u64) -> u64 {
    match std::env::var(key) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{key}={text}: a number is expected")),
        Err(_) => otherwise(),
    }
}

/// Runs `check` on random histories. A failure is shrunk, and printed with the seed and the command that repeats it.
pub(crate) fn for_all(test: &str, file: &str, cases: u64, check: impl Fn(&History) -> Result<(), String>) {
    let seed = from_environment("TWIN_SEED", || RandomState::new().hash_one(test));
    let cases = from_environment("TWIN_CASES", || cases);
    println!("{test}: seed {seed}, {cases} histories");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: u32::try_from(cases).expect("TWIN_CASES fits 32 bits"),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let quiet = quiet_panics();
    let passed = Cell::new(0_u64);
    let outcome = runner.run(&histories(), |history| {
        check(&history).map_err(TestCaseError::fail)?;
        passed.set(passed.get() + 1);
        Ok(())
    });
    drop(quiet);
    let again =
        format!("TWIN_SEED={seed} TWIN_CASES={cases} cargo test -p stampede-core --test {file} {test}");
    match outcome {
        Ok(()) => println!("{test}: {} histories passed", passed.get()),
        Err(TestError::Fail(reason, history)) => {
            let moves = history.moves.len();
            panic!("shrunk to {moves} moves:\n{reason}\nseed {seed}; to repeat:\n  {again}");
        }
        Err(TestError::Abort(reason)) => panic!("aborted: {reason}; to repeat:\n  {again}"),
    }
}

/// While a failure is shrunk, the machine may panic thousands of times: only the last one matters, and it is in the
/// failure's own words.
struct Quiet;

fn quiet_panics() -> Quiet {
    std::panic::set_hook(Box::new(|_| {}));
    Quiet
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = std::panic::take_hook();
    }
}
