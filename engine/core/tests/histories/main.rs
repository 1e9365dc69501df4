//! Sales at random: histories of requests, played on the machine and on its naive twin, and what must hold of each.
//!
//! `twin` compares every answer, `properties` looks for broken promises in the journal, `snapshot` saves and loads in
//! the middle, `codec` reads what was written. `TWIN_SEED` repeats a run, `TWIN_CASES` makes it longer or shorter.

mod auditor;
mod buy;
mod codec;
mod crowd;
mod demand;
#[path = "../support/driver.rs"]
mod driver;
mod due;
mod history;
#[path = "../support/journal.rs"]
#[expect(dead_code, reason = "an entry keeps what no rule asks for too: a failure shows it in full")]
mod journal;
mod moves;
#[path = "../support/names.rs"]
mod names;
mod operate;
mod pay;
mod play;
mod properties;
mod reach;
mod read;
mod rules;
mod runner;
#[path = "../support/seen.rs"]
mod seen;
mod snapshot;
mod state;
mod twin;
