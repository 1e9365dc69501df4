//! What the product is held to: every row of the target table, and the readings that it is judged by.
//!
//! A declaration, and how one value is judged against its bound. Values come from `rows` (ratios of two rows) and from
//! probes (readings by name); `report` joins them.

use crate::figures::Spread;
use crate::rows::Subject;
use serde::Serialize;

/// One figure of one round.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Reading {
    /// The name that targets know it by.
    pub(crate) name: &'static str,
    pub(crate) ours: f64,
    /// The same of the peer, in the same round.
    pub(crate) peer: Option<f64>,
    /// What belongs beside it.
    pub(crate) note: Option<String>,
}

impl Reading {
    pub(crate) fn alone(name: &'static str, ours: f64) -> Self {
        Self { name, ours, peer: None, note: None }
    }

    pub(crate) fn with_note(name: &'static str, ours: f64, note: String) -> Self {
        Self { name, ours, peer: None, note: Some(note) }
    }
}

/// What a target's value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Value {
    /// One row's rate over another's.
    Ratio { over: (&'static str, Subject), under: (&'static str, Subject) },
    /// A reading.
    Reading(&'static str),
    /// A reading over that of its peer.
    OverPeer(&'static str),
}

/// What it should be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// Shown, and held to nothing.
    None,
}

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unit {
    Times,
    PerSecond,
    Nanoseconds,
    Bytes,
    Seconds,
    /// A count that may be a part of one.
    Each,
}

/// One row of the target table.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) title: &'static str,
    pub(crate) value: Value,
    pub(crate) bound: Bound,
    pub(crate) unit: Unit,
    /// Stated for a server that syncs before it answers: another mode proves nothing about it.
    pub(crate) wants_sync: bool,
}

impl Bound {
    /// Whether a value keeps to it; nothing where there is no bound.
    pub(crate) fn holds(self, value: f64) -> Option<bool> {
        match self {
            Self::AtLeast(least) => Some(value >= least),
            Self::AtMost(most) => Some(value <= most),
            Self::None => None,
        }
    }
}

impl Unit {
    /// A value as people read it.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::Times => format!("{value:.2}"),
            Self::PerSecond => crate::figures::rate(value),
            Self::Nanoseconds => format!("{value:.1} ns"),
            Self::Bytes => format!("{value:.0} bytes"),
            Self::Seconds => format!("{value:.2} s"),
            Self::Each => format!("{value:.4}"),
        }
    }

    /// A median with its spread; alone where there was one round.
    pub(crate) fn show_spread(self, spread: Spread) -> String {
        let Spread { median, min, max } = spread;
        if min.to_bits() == max.to_bits() {
            return self.show(median);
        }
        format!("{} ({}–{})", self.show(median), self.show(min), self.show(max))
    }
}

const fn row(
    title: &'static str,
    over: &'static str,
    under: (&'static str, Subject),
    least: f64,
    wants_sync: bool,
) -> Target {
    Target {
        title,
        value: Value::Ratio { over: (over, Subject::Stampede), under },
        bound: Bound::AtLeast(least),
        unit: Unit::Times,
        wants_sync,
    }
}

const fn reading(title: &'static str, name: &'static str, bound: Bound, unit: Unit) -> Target {
    Target { title, value: Value::Reading(name), bound, unit, wants_sync: false }
}

const fn over_peer(title: &'static str, name: &'static str, most: f64) -> Target {
    let bound = Bound::AtMost(most);
    Target { title, value: Value::OverPeer(name), bound, unit: Unit::Times, wants_sync: true }
}

/// What syncing costs, and what it brings beside a peer: shown, and held to nothing.
const fn shown(title: &'static str, row: &'static str, under: Subject) -> Target {
    Target {
        title,
        value: Value::Ratio { over: (row, Subject::Stampede), under: (row, under) },
        bound: Bound::None,
        unit: Unit::Times,
        wants_sync: true,
    }
}

/// A latency beside a peer's: shown, and held to nothing.
const fn beside(title: &'static str, name: &'static str, wants_sync: bool) -> Target {
    Target { title, value: Value::OverPeer(name), bound: Bound::None, unit: Unit::Times, wants_sync }
}

/// What the client can do at most: shown, and held to nothing.
const fn ceiling(title: &'static str, name: &'static str) -> Target {
    reading(title, name, Bound::None, Unit::PerSecond)
}

/// The reading of that name, where a target is judged by it.
pub(crate) fn reading_name(wanted: &str) -> Option<&'static str> {
    let mut names = TARGETS.iter().filter_map(|target| match target.value {
        Value::Reading(name) | Value::OverPeer(name) => Some(name),
        Value::Ratio { .. } => None,
    });
    names.find(|name| *name == wanted)
}

/// Every target, in the order of the table.
pub(crate) const TARGETS: &[Target] = &[
    row("BUY, pipeline 64 / Redis + Lua (everysec)", "buy-64", ("buy-64", Subject::Redis), 8.0, true),
    row("BUY, pipeline 64 / stub", "buy-64", ("buy-64", Subject::Stub), 0.8, true),
    row(
        "BUY by redis-benchmark / Redis + Lua (everysec)",
        "redis-benchmark",
        ("redis-benchmark", Subject::Redis),
        6.0,
        true,
    ),
    row("BUY by redis-benchmark / stub", "redis-benchmark", ("redis-benchmark", Subject::Stub), 0.8, true),
    row("BUY, no pipeline × 50 / Redis + Lua (everysec)", "buy-1", ("buy-1", Subject::Redis), 1.3, true),
    row("BUY, no pipeline × 50 / own PING", "buy-1", ("ping-1", Subject::Stampede), 0.85, true),
    row("BUY sold out, pipeline 64 / stub", "sold-out-64", ("sold-out-64", Subject::Stub), 0.9, false),
    row("group seats / BUY, pipeline 64", "groups", ("buy-64", Subject::Stampede), 0.5, false),
    reading("core alone, BUY accepted per second", "core-accepted", Bound::AtLeast(5e6), Unit::PerSecond),
    reading("core alone, BUY refused", "core-refused", Bound::AtMost(30.0), Unit::Nanoseconds),
    reading(
        "core + journal (sync, one shard), per second",
        "core-journal",
        Bound::AtLeast(2e6),
        Unit::PerSecond,
    ),
    over_peer("p99 at half of Redis's maximum / Redis + Lua", "latency-p99", 0.5),
    over_peer("p99.9 at half of Redis's maximum / Redis + Lua", "latency-p999", 0.5),
    over_peer("p99 while a million holds end at once / Redis + Lua", "sweeps-holds-p99", 0.5),
    over_peer("p99.9 while a million holds end at once / Redis + Lua", "sweeps-holds-p999", 0.5),
    over_peer("p99 while 100,000 groups fail at once / Redis + Lua", "sweeps-groups-p99", 0.5),
    over_peer("p99.9 while 100,000 groups fail at once / Redis + Lua", "sweeps-groups-p999", 0.5),
    reading("memory per live reservation", "memory", Bound::AtMost(160.0), Unit::Bytes),
    reading("allocations per intent, socket to reply", "allocations", Bound::AtMost(0.001), Unit::Each),
    reading("recovery, snapshot + tail", "recovery", Bound::AtMost(10.0), Unit::Seconds),
    over_peer("recovery per entry / Redis's AOF", "recovery-per-entry", 0.5),
    reading(
        "BUY dearer with more reservations, times",
        "growth-reservations",
        Bound::AtMost(2.0),
        Unit::Times,
    ),
    reading("BUY dearer with more offers, times", "growth-offers", Bound::AtMost(2.0), Unit::Times),
    reading("BUY dearer with more connections, times", "growth-connections", Bound::AtMost(2.0), Unit::Times),
    reading(
        "goodput in a step to 10 × capacity / maximum",
        "spike-goodput",
        Bound::AtLeast(0.9),
        Unit::Times,
    ),
    reading("drained after the step / ideal", "spike-drain", Bound::AtMost(2.0), Unit::Times),
    reading(
        "core alone, BUY while growing from 1 M to 50 M reservations, p99.9 of batches",
        "core-growing-p999",
        Bound::None,
        Unit::Nanoseconds,
    ),
    shown("BUY, pipeline 64, sync / memory", "buy-64", Subject::Memory),
    shown("BUY, no pipeline × 50, sync / memory", "buy-1", Subject::Memory),
    shown("BUY, one connection, sync / memory", "buy-1-client", Subject::Memory),
    shown("group seats, sync / memory", "groups", Subject::Memory),
    shown("BUY, pipeline 64 / Redis + Lua (always)", "buy-64", Subject::RedisAlways),
    shown("BUY, no pipeline × 50 / Redis + Lua (always)", "buy-1", Subject::RedisAlways),
    shown("BUY, one connection / Redis + Lua (always)", "buy-1-client", Subject::RedisAlways),
    beside("p99 at half of Redis's maximum, sync / Redis + Lua (always)", "latency-always-p99", true),
    beside("p99.9 at half of Redis's maximum, sync / Redis + Lua (always)", "latency-always-p999", true),
    beside("p99 at half of Redis's maximum, memory / Redis + Lua (everysec)", "latency-memory-p99", false),
    beside("p99.9 at half of Redis's maximum, memory / Redis + Lua (everysec)", "latency-memory-p999", false),
    shown("BUY, pipeline 64 / Redis + Lua (no log)", "buy-64", Subject::RedisOff),
    shown("BUY, 8 connections / PostgreSQL", "buy-8-clients", Subject::Postgres),
    shown(
        "BUY, 8 connections / PostgreSQL (commit not synchronous)",
        "buy-8-clients",
        Subject::PostgresAsync,
    ),
    shown("BUY, one connection / PostgreSQL", "buy-1-client", Subject::Postgres),
    reading(
        "BUYs turned away (BUSY) while a million holds end, part",
        "sweeps-holds-busy",
        Bound::None,
        Unit::Each,
    ),
    reading(
        "BUYs turned away (BUSY) while 100,000 groups fail, part",
        "sweeps-groups-busy",
        Bound::None,
        Unit::Each,
    ),
    reading("recovery, for each million reservations", "recovery-per-million", Bound::None, Unit::Seconds),
    ceiling("the generator against the stub, closed loop, pipeline 64", "ceiling-closed-64"),
    ceiling("the generator against the stub, closed loop, no pipeline × 50", "ceiling-closed-1"),
    ceiling("the generator against the stub, open loop × 50, not late", "ceiling-open"),
];

#[cfg(test)]
mod tests {
    use super::{Bound, TARGETS, Unit, Value};
    use crate::figures::Spread;
    use crate::rows::ROWS;

    #[test]
    fn every_ratio_names_rows_and_one_of_their_subjects() {
        for target in TARGETS {
            let Value::Ratio { over, under } = target.value else { continue };
            for (name, subject) in [over, under] {
                let row = ROWS.iter().find(|row| row.name == name).unwrap();
                assert!(row.subjects.contains(&subject), "{name} is not run on {subject:?}");
            }
        }
    }

    #[test]
    fn a_bound_holds_at_its_very_value() {
        assert_eq!(Bound::AtLeast(5.0).holds(5.0), Some(true));
        assert_eq!(Bound::AtMost(30.0).holds(30.1), Some(false));
        assert_eq!(Bound::None.holds(1.0), None);
    }

    #[test]
    fn one_round_has_no_spread() {
        let spread = |min, max| Spread { median: 2.0, min, max };
        assert_eq!(Unit::Times.show_spread(spread(2.0, 2.0)), "2.00");
        assert_eq!(Unit::Seconds.show_spread(spread(1.0, 3.0)), "2.00 s (1.00 s–3.00 s)");
    }
}
