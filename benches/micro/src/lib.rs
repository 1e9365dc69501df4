//! The workloads of the core and of the engine, and what they have in common.
//!
//! The criterion benches in `benches/` time them, and so does the comparison harness, which also counts their
//! instructions: one definition of "a BUY" for all. Ids are written outside the timed part.
//!
//! `sale` has ids, offers and machines; `work` is the core alone, `shop` the core with the journal behind it.

pub mod sale;
pub mod shop;
pub mod work;

pub use sale::{BATCH, HOLD, Ids, Intents, NOW, OFFER, PRICE, expect, holding, in_groups, plain, selling};
