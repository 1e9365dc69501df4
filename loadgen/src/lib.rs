//! Rehearses a sale against a running server, measures it, and checks every answer.
//!
//! The generator speaks the wire and nothing else: it does not know the engine's types, and it does not take
//! the server's word. From the answers that it got it rebuilds stock, limits, seats and money, and compares.
//!
//! From the bottom up: `wire` (bytes), `class` (what an answer is), `closed` (maximum throughput).

#![allow(
    clippy::cast_sign_loss,
    reason = "rates, times and lengths are checked to be 0 or more before they are cut to whole numbers"
)]

pub mod class;
pub mod cli;
pub mod closed;
pub mod command;
pub mod compare;
pub mod cpu;
#[cfg(feature = "demo")]
pub mod demo;
pub mod disk;
pub mod feed;
pub mod latency;
pub mod ledger;
pub mod open;
pub mod plan;
pub mod population;
pub mod record;
pub mod replay;
pub mod report;
pub mod sale;
pub mod schedule;
pub mod setup;
pub mod verdict;
pub mod wire;
