//! Runs many histories from one seed and says how to run them again.
//!
//! `TWIN_SEED` repeats a run, `TWIN_CASES` makes it longer or shorter.

use crate::history::{History, histories};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::sync::Once;

/// Shrinking ends here and leaves the rest to the removal of needless moves.
const SHRINK_MS_MAX: u32 = 10_000;

/// A number from the environment, or else this one.
fn from_environment(key: &str, otherwise: impl FnOnce() -> u64) -> u64 {
    match std::env::var(key) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{key}={text}: a number is expected")),
        Err(_) => otherwise(),
    }
}

thread_local! {
    /// Whether this thread's panics are caught and told in a failure's own words. While one is shrunk the machine may
    /// panic thousands of times.
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Other tests of the process run beside this one and keep their voice: the hook is set once and asks the thread.
fn silence_panics_where_asked() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let speak = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !IS_QUIET.get() {
                speak(panic);
            }
        }));
    });
}

/// Runs `check` on random histories. A failure is shrunk, and printed with the seed and the command that repeats it.
pub(crate) fn for_all(test: &str, cases: u64, check: impl Fn(&History) -> Result<(), String>) {
    let seed = from_environment("TWIN_SEED", || RandomState::new().hash_one(test));
    let cases = from_environment("TWIN_CASES", || cases);
    println!("{test}: seed {seed}, {cases} histories");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: u32::try_from(cases).expect("TWIN_CASES fits 32 bits"),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        max_shrink_time: SHRINK_MS_MAX,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    silence_panics_where_asked();
    IS_QUIET.set(true);
    let outcome = runner.run(&histories(), |history| check(&history).map_err(TestCaseError::fail));
    let shrunk = outcome.map_err(|error| match error {
        TestError::Fail(_, history) => without_needless_moves(history, &check),
        TestError::Abort(reason) => (0, format!("aborted: {reason}")),
    });
    IS_QUIET.set(false);
    let again =
        format!("TWIN_SEED={seed} TWIN_CASES={cases} cargo test -p stampede-core --test histories {test}");
    if let Err((moves, reason)) = shrunk {
        panic!("shrunk to {moves} moves:\n{reason}\nseed {seed}; to repeat:\n  {again}");
    }
}

/// Leaves out every move without which the history still fails. Returns how many are left, and why it fails.
fn without_needless_moves(
    mut history: History,
    check: &impl Fn(&History) -> Result<(), String>,
) -> (usize, String) {
    let mut reason = check(&history).err().unwrap_or_else(|| "it passes when played again".to_owned());
    loop {
        let before = history.moves.len();
        for index in (0..before).rev() {
            let mut shorter = history.clone();
            shorter.moves.remove(index);
            if let Err(words) = check(&shorter) {
                (history, reason) = (shorter, words);
            }
        }
        if history.moves.len() == before {
            return (before, reason);
        }
    }
}
