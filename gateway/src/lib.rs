//! The RESP server of Stampede: frames in, requests to the engine, answers out.
//!
//! The straight line of one command: `connection` reads bytes, `resp` finds frames in them, `command` makes a request of
//! a frame, the engine decides it, `reply` writes the answer as bytes. `server` takes connections and ends in order.

pub mod cli;
pub mod command;
pub mod config;
mod connection;
pub mod docs;
pub mod error_code;
mod field_error;
mod info;
pub mod memory;
pub mod offer_text;
pub mod ops;
mod readers;
pub mod reply;
pub mod resp;
pub mod server;
mod shared;
mod snapshots;
mod text_file;
