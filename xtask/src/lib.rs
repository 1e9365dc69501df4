//! What the chores are made of, as a library so that `tests/` can use the same layer table.
//!
//! `suite` is the test command and calls the others; `process` is at the bottom and runs programs.
//! Nothing here is part of the product: no other crate depends on it.

pub mod clients;
pub mod crash;
pub mod docs;
pub mod feed;
pub mod fuzz;
pub mod imports;
pub mod layers;
pub mod process;
pub mod programs;
pub mod server;
pub mod setup;
pub mod suite;
pub mod tally;
pub mod tree;
