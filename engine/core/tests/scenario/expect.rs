//! Compares what a line answered with what stands behind its arrow.
//!
//! `-> STATUS key=value …`: the status must be that one and every named value must stand in the answer;
//! values that are not named are not compared, except the ones that cost money or mark a repeat (`owe`,
//! `owe_points`, `late`, `replayed`): where such a one is answered it must be named. `key=none` says that the
//! value is absent. Without an arrow a line must succeed: no refusal, no misuse.

use crate::line::Clock;
use crate::seen::Seen;
use stampede_core::Refusal;

/// Values that must never pass unnoticed.
const NOTABLE: [&str; 4] = ["owe", "owe_points", "late", "replayed"];

pub(crate) fn check(expected: Option<&str>, seen: &Seen, clock: Clock) -> Result<(), String> {
    let Some(expected) = expected else {
        let refused = Refusal::ALL.iter().any(|refusal| refusal.name() == seen.status);
        let failed = refused || seen.status.starts_with('!') || seen.status == "BROKEN";
        return if failed { Err("expected success".to_owned()) } else { Ok(()) };
    };
    let mut words = expected.split_whitespace();
    let status = words.next().ok_or("nothing stands behind the arrow")?;
    let at = status.starts_with('@').then(|| clock.instant(status)).transpose()?;
    if at.map_or(status.to_owned(), |at| at.to_string()) != seen.status {
        return Err(format!("expected {status}"));
    }
    let mut named = Vec::new();
    for word in words {
        let (key, value) = word.split_once('=').ok_or(format!("{word} is not key=value"))?;
        named.push(key);
        compare(key, value, seen, clock)?;
    }
    let unnoticed = NOTABLE.iter().find(|key| seen.get(key).is_some() && !named.contains(*key));
    unnoticed.map_or(Ok(()), |key| Err(format!("{key} was not expected")))
}

fn compare(key: &str, value: &str, seen: &Seen, clock: Clock) -> Result<(), String> {
    let value = match value {
        "none" => None,
        _ if value.starts_with(['@', '+']) => Some(clock.instant(value)?.to_string()),
        _ => Some(value.to_owned()),
    };
    if seen.get(key) == value.as_deref() {
        Ok(())
    } else {
        Err(format!("expected {key}={}", value.unwrap_or("none".to_owned())))
    }
}
