//! The real server against the loss of everything that a machine can lose: kill -9, power, a disk that fails or is full.
//!
//! Each test starts processes of its own on directories and ports of its own. `loss` kills under load and compares answers,
//! feed and server; `order` proves from system calls that no reply leaves before its sync; `failures` lets the disk fail.

#[path = "crash/check.rs"]
mod check;
#[path = "crash/failures.rs"]
mod failures;
#[path = "crash/feed.rs"]
mod feed;
#[path = "crash/layout.rs"]
mod layout;
#[path = "crash/loss.rs"]
mod loss;
#[path = "crash/order.rs"]
mod order;
#[path = "crash/sale.rs"]
mod sale;
#[path = "crash/server.rs"]
mod server;
#[path = "crash/shim.rs"]
mod shim;
#[path = "crash/wire.rs"]
mod wire;
