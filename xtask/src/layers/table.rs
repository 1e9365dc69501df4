//! The ranks of every module of the workspace, from the top down.
//!
//! Kept by hand: a new module is put where its imports let it stand. The rules are in `layers`.

use super::{Crate, Layer, Use};

pub(super) const CRATES: &[Crate] = &[LOADGEN, GATEWAY, ENGINE, CORE, COMPARE, MICRO, XTASK];

const LOADGEN: Crate = Crate {
    package: "stampede-loadgen",
    folder: "loadgen",
    uses: &[Use { package: "stampede-gateway", only_from: &["demo"] }],
    layers: &[
        Layer { about: "what a run did, for its report", modules: &["record"] },
        Layer {
            about: "checks answers; drives a closed loop",
            modules: &["verdict", "closed", "population"],
        },
        Layer { about: "what is sent, and when", modules: &["plan", "schedule", "class", "setup", "cpu"] },
        Layer { about: "the Redis protocol, client side", modules: &["wire"] },
    ],
};

const GATEWAY: Crate = Crate {
    package: "stampede-gateway",
    folder: "gateway",
    uses: &[Use { package: "stampede-engine", only_from: &[] }],
    layers: &[
        Layer { about: "the server's settings", modules: &["config"] },
        Layer { about: "sentences about bad input", modules: &["field_error"] },
        Layer { about: "bytes to frames, replies to bytes", modules: &["resp"] },
        Layer { about: "keys of answers; text files", modules: &["key", "text_file"] },
    ],
};

const ENGINE: Crate = Crate {
    package: "stampede-engine",
    folder: "engine",
    uses: &[Use { package: "stampede-core", only_from: &[] }],
    layers: &[],
};

const CORE: Crate = Crate {
    package: "stampede-core",
    folder: "engine/core",
    uses: &[],
    layers: &[
        Layer { about: "the state machine", modules: &["machine"] },
        Layer { about: "what a decision says", modules: &["event"] },
        Layer { about: "what is asked and answered", modules: &["answer", "request"] },
        Layer { about: "why not", modules: &["refusal"] },
        Layer { about: "the terms of a sale", modules: &["offer"] },
        Layer { about: "money, time, text", modules: &["money", "time", "text"] },
    ],
};

const COMPARE: Crate = Crate {
    package: "stampede-compare",
    folder: "benches/compare",
    uses: &[Use { package: "stampede-loadgen", only_from: &[] }],
    layers: &[
        Layer { about: "the alternating runs", modules: &["drive"] },
        Layer { about: "who is compared; the table", modules: &["peers", "report"] },
        Layer {
            about: "one run of a client",
            modules: &["benchmark", "stub", "options", "machine", "figures"],
        },
        Layer { about: "what is measured; processes", modules: &["rows", "process"] },
    ],
};

const MICRO: Crate = Crate {
    package: "stampede-micro",
    folder: "benches/micro",
    uses: &[
        Use { package: "stampede-engine", only_from: &[] },
        Use { package: "stampede-core", only_from: &[] },
    ],
    layers: &[],
};

const XTASK: Crate = Crate {
    package: "xtask",
    folder: "xtask",
    uses: &[],
    layers: &[
        Layer { about: "the test command", modules: &["suite"] },
        Layer { about: "one chore each", modules: &["clients", "docs", "fuzz"] },
        Layer { about: "what chores share", modules: &["setup", "server", "layers"] },
        Layer { about: "runs programs, reads sources", modules: &["process", "imports"] },
        Layer { about: "counts", modules: &["tally"] },
        Layer { about: "paths", modules: &["tree"] },
    ],
};
