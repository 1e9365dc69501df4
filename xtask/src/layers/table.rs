//! The ranks of every module of the workspace, from the top down.
//!
//! Kept by hand: a new module is put where its imports let it stand. The rules are in `layers`.

use super::{Crate, Layer, Pair, Use};

pub(super) const CRATES: &[Crate] = &[LOADGEN, GATEWAY, SIMULATOR, ENGINE, CORE, COMPARE, MICRO, XTASK];

/// Each one is an exception, and says why it is worth it.
pub(super) const PAIRS: &[Pair] = &[
    Pair { package: "stampede-engine", modules: ["run", "outbox"], why: "a run carries its return address" },
    Pair {
        package: "stampede-engine",
        modules: ["engine", "client"],
        why: "an engine hands out its clients",
    },
];

const LOADGEN: Crate = Crate {
    package: "stampede-loadgen",
    folder: "loadgen",
    uses: &[Use { package: "stampede-gateway", only_from: &["demo"] }],
    layers: &[
        Layer { about: "runs what the command line asks for", modules: &["command"] },
        Layer { about: "runs made of other runs", modules: &["compare", "demo"] },
        Layer { about: "one sale from plan to report", modules: &["sale"] },
        Layer { about: "the flags; terminal, JSON and HTML reports", modules: &["cli", "report"] },
        Layer { about: "how a run is driven: open loop, recorded groups", modules: &["open", "replay"] },
        Layer { about: "rebuilds the sale from the answers; measures", modules: &["ledger", "record"] },
        Layer {
            about: "closed loop; who buys; offers; what an answer said",
            modules: &["closed", "population", "setup", "verdict"],
        },
        Layer { about: "what is sent; classes of answers; the feed", modules: &["plan", "class", "feed"] },
        Layer {
            about: "the wire, times, processor time, the disk",
            modules: &["wire", "schedule", "latency", "cpu", "disk"],
        },
    ],
};

const GATEWAY: Crate = Crate {
    package: "stampede-gateway",
    folder: "gateway",
    uses: &[Use { package: "stampede-engine", only_from: &[] }],
    layers: &[
        Layer { about: "the command line", modules: &["cli"] },
        Layer { about: "listens, accepts, shuts down", modules: &["server"] },
        Layer { about: "one socket: reads, submits, answers in order", modules: &["connection"] },
        Layer { about: "answers to replies; INFO; tables for the docs", modules: &["reply", "info", "docs"] },
        Layer { about: "frames to requests; what connections share", modules: &["command", "shared"] },
        Layer {
            about: "settings; offers as JSON and TOML; reads of feeds; snapshots",
            modules: &["config", "offer_text", "readers", "snapshots"],
        },
        Layer {
            about: "frames, files, the operators' page, memory, words for errors",
            modules: &["resp", "text_file", "ops", "memory", "field_error", "error_code"],
        },
    ],
};

const SIMULATOR: Crate = Crate {
    package: "stampede-simulator",
    folder: "engine/simulator",
    uses: &[Use { package: "stampede-engine", only_from: &[] }],
    layers: &[
        Layer { about: "many runs, side by side", modules: &["seeds"] },
        Layer { about: "one run: lives of a process, and what harms it", modules: &["world"] },
        Layer { about: "what must hold; what is sent", modules: &["auditor", "workload"] },
        Layer { about: "what was asked for", modules: &["asked"] },
        Layer { about: "a storefront's books, from the feed alone", modules: &["ledger"] },
        Layer {
            about: "the disk, the clock, the journal's bytes read anew; counts",
            modules: &["disk", "clock", "segment", "tally"],
        },
        Layer {
            about: "randomness, texts, kinds of fault, lines",
            modules: &["dice", "names", "fault", "story"],
        },
    ],
};

const ENGINE: Crate = Crate {
    package: "stampede-engine",
    folder: "engine",
    uses: &[Use { package: "stampede-core", only_from: &[] }],
    layers: &[
        Layer {
            about: "starts shards, takes runs; the blocking way in; the same without threads; tools",
            modules: &["engine", "client", "stepped", "offline"],
        },
        Layer {
            about: "opens and keeps the data directory; queues runs",
            modules: &["opening", "keeping", "submit"],
        },
        Layer { about: "one machine, one thread at a time; settings", modules: &["shard", "config"] },
        Layer {
            about: "the bounded way to a shard; directory, recovery, snapshots; the feed",
            modules: &["inbox", "store", "feed"],
        },
        Layer { about: "requests out, answers back", modules: &["run", "outbox"] },
        Layer { about: "one wake-up for many connections", modules: &["round"] },
        Layer { about: "where events are kept", modules: &["journal"] },
        Layer {
            about: "disk, time, waking, slots, counters, pages, words of a panic",
            modules: &["disk", "clock", "wake", "slot", "counters", "panics", "pages"],
        },
    ],
};

const CORE: Crate = Crate {
    package: "stampede-core",
    folder: "engine/core",
    uses: &[],
    layers: &[
        Layer { about: "the state machine: decide, apply, count demand", modules: &["machine"] },
        Layer { about: "what a read shows while nothing may be written", modules: &["foresee"] },
        Layer {
            about: "request → events or a refusal; reads, never writes; the state as pieces of bytes",
            modules: &["decide", "snapshot"],
        },
        Layer {
            about: "event → state; state → answers; the invariants; demand",
            modules: &["apply", "view", "audit", "demand"],
        },
        Layer { about: "what is remembered; what is answered", modules: &["state", "answer"] },
        Layer { about: "events and offers as bytes", modules: &["codec"] },
        Layer { about: "what happened", modules: &["event"] },
        Layer { about: "what is asked; why not", modules: &["request", "refusal"] },
        Layer { about: "the terms of a sale; dense storage", modules: &["offer", "store"] },
        Layer { about: "one word each", modules: &["money", "time", "text", "status"] },
    ],
};

const COMPARE: Crate = Crate {
    package: "stampede-compare",
    folder: "benches/compare",
    uses: &[
        Use { package: "stampede-loadgen", only_from: &[] },
        Use { package: "stampede-micro", only_from: &["alone"] },
        Use { package: "stampede-gateway", only_from: &["alone"] },
    ],
    layers: &[
        Layer { about: "latency over load", modules: &["curves"] },
        Layer { about: "what is measured besides throughput", modules: &["probes"] },
        Layer { about: "cost as work grows; the alternating runs", modules: &["growth", "drive"] },
        Layer { about: "starts after a kill; counted instructions", modules: &["recovery", "instructions"] },
        Layer { about: "the table", modules: &["report"] },
        Layer { about: "the command line", modules: &["options"] },
        Layer {
            about: "who is compared, on what, and when it stood still",
            modules: &["peers", "benchmark", "machine", "targets", "stalls"],
        },
        Layer {
            about: "processes, cores, rows, sums, sizes, plots, the stub",
            modules: &["process", "cores", "rows", "figures", "sizes", "plot", "stub", "alone"],
        },
    ],
};

const MICRO: Crate = Crate {
    package: "stampede-micro",
    folder: "benches/micro",
    uses: &[
        Use { package: "stampede-engine", only_from: &[] },
        Use { package: "stampede-core", only_from: &[] },
    ],
    layers: &[
        Layer { about: "the core alone; the core with its journal", modules: &["work", "shop"] },
        Layer { about: "ids, offers, machines with a sale on them", modules: &["sale"] },
    ],
};

const XTASK: Crate = Crate {
    package: "xtask",
    folder: "xtask",
    uses: &[],
    layers: &[
        Layer { about: "the test command", modules: &["suite"] },
        Layer { about: "every real client", modules: &["clients"] },
        Layer { about: "one chore each", modules: &["docs", "feed", "crash", "fuzz"] },
        Layer { about: "what chores share", modules: &["setup", "server", "programs", "layers"] },
        Layer { about: "runs programs, reads sources", modules: &["process", "imports"] },
        Layer { about: "counts", modules: &["tally"] },
        Layer { about: "paths", modules: &["tree"] },
    ],
};
