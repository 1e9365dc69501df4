//! What is measured: the rows of the table and who runs each, and the probes of everything else.
//!
//! A declaration only. How a row is driven is in `drive`, a probe in `probes`; what is wanted of them in `targets`,
//! how it is shown in `report`. A name is the word for `--only`.

use serde::{Deserialize, Serialize};

/// Who is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
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
    /// Redis that keeps no log.
    RedisOff,
    Postgres,
    /// `PostgreSQL` that answers a commit before it is on disk.
    PostgresAsync,
}

impl Subject {
    pub(crate) const ALL: [Self; 8] = [
        Self::Stampede,
        Self::Memory,
        Self::Stub,
        Self::Redis,
        Self::RedisAlways,
        Self::RedisOff,
        Self::Postgres,
        Self::PostgresAsync,
    ];
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
    /// The row's part of `--requests`: what goes slowly gets less, so that a run takes about a second on Stampede, and not
    /// minutes on its peers. A shorter run would measure how a server begins.
    pub(crate) divisor: u64,
    pub(crate) subjects: &'static [Subject],
}

/// Connections of every row that does not name its own.
pub(crate) const CONNECTION_COUNT: usize = 50;
/// The pipeline of `redis-benchmark`; its request count must be a multiple, or it sends more.
pub(crate) const BENCHMARK_PIPELINE: u64 = 64;

const WIRE: &[Subject] = &[Subject::Stampede, Subject::Stub, Subject::Redis];
const ALL_MODES: &[Subject] = &[
    Subject::Stampede,
    Subject::Memory,
    Subject::Stub,
    Subject::Redis,
    Subject::RedisAlways,
    Subject::RedisOff,
];
const DURABLE: &[Subject] = &[
    Subject::Stampede,
    Subject::Memory,
    Subject::Redis,
    Subject::RedisAlways,
    Subject::Postgres,
    Subject::PostgresAsync,
];
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
        divisor: 4,
        subjects: WIRE,
    },
    Row {
        name: "buy-1",
        title: "BUY accepted, no pipeline × 50 connections",
        counts: "accepted",
        load: Load::Buy { pipeline: 1 },
        divisor: 25,
        subjects: ALL_MODES,
    },
    Row {
        name: "buy-8-clients",
        title: "BUY accepted, no pipeline × 8 connections",
        counts: "accepted",
        load: Load::FewClients { clients: 8 },
        divisor: 80,
        subjects: DURABLE,
    },
    Row {
        name: "buy-1-client",
        title: "BUY accepted, no pipeline × 1 connection",
        counts: "accepted",
        load: Load::FewClients { clients: 1 },
        divisor: 400,
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
        divisor: 12,
        subjects: WIRE,
    },
];

/// What can be probed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Core,
    CoreJournal,
    /// The core alone while its tables grow.
    CoreGrowing,
    Latency,
    Memory,
    Allocations,
    Growth,
    Recovery,
    Spike,
    SweptHolds,
    SweptGroups,
    Ceiling,
}

impl Kind {
    /// Whether Redis has its turn in it.
    pub(crate) fn uses_redis(self) -> bool {
        matches!(self, Self::Latency | Self::SweptHolds | Self::SweptGroups | Self::Recovery)
    }
}

/// One probe.
#[derive(Debug)]
pub(crate) struct Probe {
    /// The word for `--only`.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// In each round, or once after the last.
    pub(crate) is_in_each_round: bool,
}

const fn in_each_round(name: &'static str, kind: Kind) -> Probe {
    Probe { name, kind, is_in_each_round: true }
}

const fn once(name: &'static str, kind: Kind) -> Probe {
    Probe { name, kind, is_in_each_round: false }
}

/// Every probe; the long ones come last.
pub(crate) const PROBES: &[Probe] = &[
    in_each_round("core", Kind::Core),
    in_each_round("core-journal", Kind::CoreJournal),
    in_each_round("latency", Kind::Latency),
    once("allocations", Kind::Allocations),
    once("core-growing", Kind::CoreGrowing),
    once("memory", Kind::Memory),
    once("spike", Kind::Spike),
    once("sweeps-holds", Kind::SweptHolds),
    once("sweeps-groups", Kind::SweptGroups),
    once("ceiling", Kind::Ceiling),
    once("growth", Kind::Growth),
    once("recovery", Kind::Recovery),
];

/// The probe of a reading, whose name begins with the probe's: `core-journal` is not of `core`.
pub(crate) fn probe_of(reading: &str) -> Option<&'static str> {
    let names = PROBES.iter().map(|probe| probe.name).filter(|name| reading.starts_with(name));
    names.max_by_key(|name| name.len())
}

/// The rows that `--only` names; all of them where it names none.
pub(crate) fn chosen(only: &[String]) -> Vec<&'static Row> {
    ROWS.iter().filter(|row| is_chosen(only, row.name)).collect()
}

/// The probes that `--only` names; all of them where it names none.
pub(crate) fn chosen_probes(only: &[String]) -> Vec<&'static Probe> {
    PROBES.iter().filter(|probe| is_chosen(only, probe.name)).collect()
}

fn is_chosen(only: &[String], name: &str) -> bool {
    only.is_empty() || only.iter().any(|wanted| wanted == name)
}

/// Every word for `--only`.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name).chain(PROBES.iter().map(|probe| probe.name))
}

#[cfg(test)]
mod tests {
    use super::{ROWS, chosen};

    #[test]
    fn only_keeps_the_order_of_the_table() {
        let names: Vec<&str> =
            chosen(&["ping-1".to_owned(), "buy-1".to_owned()]).iter().map(|row| row.name).collect();
        assert_eq!(names, ["buy-1", "ping-1"]);
        assert_eq!(chosen(&[]).len(), ROWS.len());
    }
}
