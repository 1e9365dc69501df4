//! A simulator above the real engine: seeded, on one thread, with a disk and a clock that fail.
//!
//! One run is one seed: a few shards on one thread ([`stampede_engine::stepped`]), with their real loop, journal writer,
//! recovery, snapshots and feed, on a disk in memory that keeps only what was synced. A workload sends random
//! requests; faults strike; the machine crashes and comes back, a dozen times per run. An auditor that stands apart from
//! both compares what was submitted, what was answered, what the feed showed and what came back.
//!
//! ```
//! use stampede_simulator::{Trace, run};
//!
//! let outcome = run(7, Trace::Off);
//! assert_eq!(outcome.finding, None);
//! assert_eq!(outcome.tally, run(7, Trace::Off).tally);
//! ```
//!
//! Not here: the rules of a sale (the machine's twin checks those), threads, and the real file system.

mod asked;
mod auditor;
mod clock;
mod dice;
mod disk;
mod fault;
mod ledger;
mod names;
mod seeds;
mod segment;
mod story;
mod tally;
mod workload;
mod world;

pub use fault::Fault;
pub use seeds::{Campaign, command, run_many};
pub use story::Trace;
pub use tally::{Kind, REACHED_MIN, Tally};
pub use world::{Finding, Outcome, run};
