//! What is measured: the rows of the table, who runs each, and the ratios that are wanted.
//!
//! A declaration only. How a row is driven is in `drive`, how it is shown in `report`. A row's
//! name is the word for `--only`.

use serde::Serialize;

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Subject {
    /// As it is started without a word: it syncs before it answers.
    Stampede,
    /// The same server, keeping nothing.
    Memory,
    Stub,
    Redis,
    /// Redis that syncs its log before it answers.
    RedisAlways,
    Postgres,
}

impl Subject {
    pub(crate) const ALL: [Self; 6] =
        [Self::Stampede, Self::Memory, Self::Stub, Self::Redis, Self::RedisAlways, Self::Postgres];
}

/// What a row's client does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Load {
    /// Distinct buyers take units of one hot offer with ample stock.
    Buy { pipeline: usize },
    /// Distinct buyers are refused: nothing is left.
    SoldOut { pipeline: usize },
    /// Groups are opened, joined and paid; a seat counts when it is paid.
    Groups { pipeline: usize },
    /// The wire alone.
    Ping { pipeline: usize },
    /// `Buy` sent by `redis-benchmark`, 50 connections, pipeline 64.
    RedisBenchmark,
    /// `Buy` by as many connections as `PostgreSQL` serves best here.
    FewClients { clients: u64 },
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// What a figure counts, per second.
    pub(crate) counts: &'static str,
    pub(crate) load: Load,
    /// The row's part of `--requests`: slow peers get less, so that a run takes seconds.
    pub(crate) divisor: u64,
    pub(crate) subjects: &'static [Subject],
}

/// Connections of every row that does not name its own.
pub(crate) const CONNECTION_COUNT: usize = 50;
/// The pipeline of `redis-benchmark`; its request count must be a multiple, or it sends more.
pub(crate) const BENCHMARK_PIPELINE: u64 = 64;

const WIRE: &[Subject] = &[Subject::Stampede, Subject::Stub, Subject::Redis];
const ALL_MODES: &[Subject] =
    &[Subject::Stampede, Subject::Memory, Subject::Stub, Subject::Redis, Subject::RedisAlways];
const DURABLE: &[Subject] =
    &[Subject::Stampede, Subject::Memory, Subject::Redis, Subject::RedisAlways, Subject::Postgres];
const OWN: &[Subject] = &[Subject::Stampede, Subject::Memory];

/// The table, top to bottom; each round runs it in this order.
pub(crate) const ROWS: &[Row] = &[
    Row {
        name: "buy-64",
        title: "BUY accepted, pipeline 64 × 50 connections",
        counts: "accepted",
        load: Load::Buy { pipeline: 64 },
        divisor: 1,
        subjects: ALL_MODES,
    },
    Row {
        name: "buy-16",
        title: "BUY accepted, pipeline 16 × 50 connections",
        counts: "accepted",
        load: Load::Buy { pipeline: 16 },
        divisor: 2,
        subjects: WIRE,
    },
    Row {
        name: "buy-1",
        title: "BUY accepted, no pipeline × 50 connections",
        counts: "accepted",
        load: Load::Buy { pipeline: 1 },
        divisor: 5,
        subjects: ALL_MODES,
    },
    Row {
        name: "buy-8-clients",
        title: "BUY accepted, no pipeline × 8 connections",
        counts: "accepted",
        load: Load::FewClients { clients: 8 },
        divisor: 50,
        subjects: DURABLE,
    },
    Row {
        name: "buy-1-client",
        title: "BUY accepted, no pipeline × 1 connection",
        counts: "accepted",
        load: Load::FewClients { clients: 1 },
        divisor: 200,
        subjects: DURABLE,
    },
    Row {
        name: "redis-benchmark",
        title: "BUY accepted, redis-benchmark -c 50 -P 64",
        counts: "accepted",
        load: Load::RedisBenchmark,
        divisor: 1,
        subjects: WIRE,
    },
    Row {
        name: "sold-out-64",
        title: "BUY refused (sold out), pipeline 64 × 50 connections",
        counts: "refused",
        load: Load::SoldOut { pipeline: 64 },
        divisor: 1,
        subjects: WIRE,
    },
    Row {
        name: "groups",
        title: "group seats (open + join + pay), pipeline 64 × 50 connections",
        counts: "seats paid",
        load: Load::Groups { pipeline: 64 },
        divisor: 1,
        subjects: OWN,
    },
    Row {
        name: "ping-64",
        title: "PING, pipeline 64 × 50 connections",
        counts: "answered",
        load: Load::Ping { pipeline: 64 },
        divisor: 1,
        subjects: WIRE,
    },
    Row {
        name: "ping-1",
        title: "PING, no pipeline × 50 connections",
        counts: "answered",
        load: Load::Ping { pipeline: 1 },
        divisor: 5,
        subjects: WIRE,
    },
];

/// A ratio that the product is held to: one figure over another, from the same run.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) over: (&'static str, Subject),
    pub(crate) under: (&'static str, Subject),
    /// Nothing where the ratio is shown for itself.
    pub(crate) least: Option<f64>,
    /// Stated for a server that syncs before it answers: another mode proves nothing about it.
    pub(crate) wants_sync: bool,
}

const fn target(over: &'static str, under: (&'static str, Subject), least: f64, wants_sync: bool) -> Target {
    Target { over: (over, Subject::Stampede), under, least: Some(least), wants_sync }
}

/// What syncing costs, and what it brings beside a peer that syncs too: shown, and held to nothing.
const fn shown(row: &'static str, under: Subject) -> Target {
    Target { over: (row, Subject::Stampede), under: (row, under), least: None, wants_sync: true }
}

/// The wanted ratios, in the order of the rows.
pub(crate) const TARGETS: &[Target] = &[
    target("buy-64", ("buy-64", Subject::Redis), 8.0, true),
    target("buy-64", ("buy-64", Subject::Stub), 0.8, true),
    target("redis-benchmark", ("redis-benchmark", Subject::Redis), 6.0, true),
    target("redis-benchmark", ("redis-benchmark", Subject::Stub), 0.8, true),
    target("buy-1", ("buy-1", Subject::Redis), 1.3, true),
    target("buy-1", ("ping-1", Subject::Stampede), 0.85, true),
    target("sold-out-64", ("sold-out-64", Subject::Stub), 0.9, false),
    target("groups", ("buy-64", Subject::Stampede), 0.5, false),
    shown("buy-64", Subject::Memory),
    shown("buy-1", Subject::Memory),
    shown("buy-1-client", Subject::Memory),
    shown("groups", Subject::Memory),
    shown("buy-64", Subject::RedisAlways),
    shown("buy-1", Subject::RedisAlways),
    shown("buy-1-client", Subject::RedisAlways),
    shown("buy-8-clients", Subject::Postgres),
];

/// The rows that `--only` names; all of them where it names none.
pub(crate) fn chosen(only: &[String]) -> Vec<&'static Row> {
    ROWS.iter().filter(|row| only.is_empty() || only.iter().any(|name| name == row.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::{ROWS, TARGETS, chosen};

    #[test]
    fn every_target_names_a_row_and_one_of_its_subjects() {
        for target in TARGETS {
            for (name, subject) in [target.over, target.under] {
                let row = ROWS.iter().find(|row| row.name == name).unwrap();
                assert!(row.subjects.contains(&subject), "{name} is not run on {subject:?}");
            }
        }
    }

    #[test]
    fn only_keeps_the_order_of_the_table() {
        let names: Vec<&str> =
            chosen(&["ping-1".to_owned(), "buy-1".to_owned()]).iter().map(|row| row.name).collect();
        assert_eq!(names, ["buy-1", "ping-1"]);
        assert_eq!(chosen(&[]).len(), ROWS.len());
    }
}
