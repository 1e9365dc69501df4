//! INFO and CONFIG GET: the server described under the names that Redis tools read, and under its own.
//!
//! Clients wait for `loading:0` and `role:master` and read `redis_version`; what is Stampede's own has names of its own.
//! Called by the connection.

mod persistence;

use crate::command::args::Args;
use crate::resp::encode::Encoder;
use crate::shared::Shared;
pub(crate) use persistence::last_save;
use persistence::persistence;
use stampede_engine::Durability;
use std::borrow::Cow;
use std::fmt::Write as _;

/// The Redis whose protocol and handshake are spoken. Clients decide by it what they may send.
pub(crate) const REDIS_VERSION: &str = "7.0.0";
/// The version of this server.
pub(crate) const STAMPEDE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Writes one section.
type Section = fn(&Shared, &mut String) -> std::fmt::Result;

/// The sections in their order.
const SECTIONS: [(&str, Section); 8] = [
    ("Server", server),
    ("Clients", clients),
    ("Persistence", persistence),
    ("Stats", stats),
    ("Replication", replication),
    ("Cluster", cluster),
    ("Stampede", stampede),
    ("Shards", shards),
];

/// Settings that tools ask for, with the values that describe this server.
fn settings(shared: &Shared) -> [(&'static str, Cow<'static, str>); 9] {
    let config = shared.engine.config();
    let (append, sync) = match config.durability {
        Durability::Sync => ("yes", "always"),
        Durability::Async => ("yes", "everysec"),
        Durability::Memory => ("no", "no"),
    };
    [
        ("appendfsync", sync.into()),
        ("appendonly", append.into()),
        ("databases", "1".into()),
        ("dir", config.data.display().to_string().into()),
        ("maxmemory", "0".into()),
        ("maxmemory-policy", "noeviction".into()),
        ("proto-max-bulk-len", "65536".into()),
        ("save", "".into()),
        ("timeout", "0".into()),
    ]
}

/// `INFO [section …]`: all sections when none is named, or `all`, `default`, `everything`.
pub(crate) fn write(out: &mut Encoder<'_>, shared: &Shared, names: &mut Args<'_>) {
    let names: Vec<&[u8]> = std::iter::from_fn(|| names.rest()).collect();
    let is_wanted = |section: &str| {
        let words = [section, "all", "default", "everything"];
        names.is_empty()
            || names.iter().any(|name| words.iter().any(|word| word.as_bytes().eq_ignore_ascii_case(name)))
    };
    let mut text = String::with_capacity(2_048);
    for (name, section) in SECTIONS {
        if !is_wanted(name) {
            continue;
        }
        if !text.is_empty() {
            text.push_str("\r\n");
        }
        let written = write!(text, "# {name}\r\n").and_then(|()| section(shared, &mut text));
        written.expect("a String takes all that is written");
    }
    out.bulk(text.as_bytes());
}

/// `CONFIG GET name …`: what is known of the names, as a map; a name may end in `*`.
pub(crate) fn write_settings(out: &mut Encoder<'_>, shared: &Shared, names: &mut Args<'_>) {
    let names: Vec<&[u8]> = std::iter::from_fn(|| names.rest()).collect();
    let is_wanted = |setting: &str| names.iter().any(|name| matches(name, setting.as_bytes()));
    let settings = settings(shared);
    out.map(settings.iter().filter(|(name, _)| is_wanted(name)).count());
    for (name, value) in settings {
        if is_wanted(name) {
            out.bulk(name.as_bytes());
            out.bulk(value.as_bytes());
        }
    }
}

fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_last() {
        Some((b'*', start)) => name.len() >= start.len() && name[..start.len()].eq_ignore_ascii_case(start),
        _ => name.eq_ignore_ascii_case(pattern),
    }
}

fn server(shared: &Shared, text: &mut String) -> std::fmt::Result {
    let uptime = shared.started.elapsed().as_secs();
    write!(
        text,
        "redis_version:{REDIS_VERSION}\r\nredis_mode:standalone\r\nstampede_version:{STAMPEDE_VERSION}\r\n\
         os:{}\r\narch_bits:{}\r\nprocess_id:{}\r\ntcp_port:{}\r\nuptime_in_seconds:{uptime}\r\n\
         uptime_in_days:{}\r\n",
        std::env::consts::OS,
        usize::BITS,
        std::process::id(),
        shared.address.port(),
        uptime / 86_400,
    )
}

fn clients(shared: &Shared, text: &mut String) -> std::fmt::Result {
    let (count, max) = (shared.peers.count(), shared.limits.connections);
    let blocked = shared.readers.blocked();
    write!(text, "connected_clients:{count}\r\nmaxclients:{max}\r\nblocked_clients:{blocked}\r\n")
}

fn stats(shared: &Shared, text: &mut String) -> std::fmt::Result {
    let counts = shared.counts.read();
    write!(
        text,
        "total_connections_received:{}\r\nrejected_connections:{}\r\ntotal_commands_processed:{}\r\n\
         total_error_replies:{}\r\nslow_readers_closed:{}\r\n",
        counts.connections, counts.connections_refused, counts.commands, counts.errors, counts.slow_readers,
    )
}

fn replication(_: &Shared, text: &mut String) -> std::fmt::Result {
    text.write_str("role:master\r\nconnected_slaves:0\r\n")
}

fn cluster(_: &Shared, text: &mut String) -> std::fmt::Result {
    text.write_str("cluster_enabled:0\r\n")
}

fn stampede(shared: &Shared, text: &mut String) -> std::fmt::Result {
    let engine = &shared.engine;
    let counters = || engine.shards().map(|shard| engine.counters(shard));
    let total =
        |of: fn(&stampede_engine::Counters) -> u64| counters().map(|counters| of(&counters)).sum::<u64>();
    write!(
        text,
        "epoch:{}\r\nshards:{}\r\nshards_down:{}\r\nrequests:{}\r\nevents:{}\r\nbatches:{}\r\nbusy:{}\r\nqueued:{}\r\n",
        engine.epoch(),
        engine.shard_count(),
        counters().filter(|counters| counters.is_down).count(),
        total(|counters| counters.requests),
        total(|counters| counters.events),
        total(|counters| counters.batches),
        total(|counters| counters.busy),
        total(|counters| counters.queued),
    )
}

fn shards(shared: &Shared, text: &mut String) -> std::fmt::Result {
    shared.engine.shards().try_for_each(|shard| {
        let c = shared.engine.counters(shard);
        write!(
            text,
            "shard{shard}:requests={},events={},batches={},busy={},queued={},down={}\r\n",
            c.requests,
            c.events,
            c.batches,
            c.busy,
            c.queued,
            u8::from(c.is_down)
        )
    })
}
