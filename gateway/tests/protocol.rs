//! The server as a client sees it: bytes over TCP against a real server in this process.
//!
//! Each part is a module; all share one small client and server.

#[path = "protocol/bad_input.rs"]
mod bad_input;
#[path = "protocol/client.rs"]
mod client;
#[path = "protocol/feed.rs"]
mod feed;
#[path = "protocol/handshake.rs"]
mod handshake;
#[path = "protocol/overload.rs"]
mod overload;
#[path = "protocol/pipelining.rs"]
mod pipelining;
#[path = "protocol/racing.rs"]
mod racing;
#[path = "protocol/sale.rs"]
mod sale;
#[path = "protocol/shutdown.rs"]
mod shutdown;
#[path = "protocol/transactions.rs"]
mod transactions;
