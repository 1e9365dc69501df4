//! The whole state as pieces of bytes, and back.
//!
//! A snapshot holds the truth (what the digest covers), the names of past epochs, the order of running settlements and
//! the counters of demand; it holds texts and positions in the order of events, never where a table keeps a row. So a later layout of
//! the tables reads the same bytes. What is derived (indexes, agendas, hold queues' heads, the orders of groups, what a
//! buyer has in the campaign) is built anew when a snapshot is loaded, each table once and at its final size.
//!
//! A snapshot is a row of pieces of at most 64 KiB, each `tag:u8 varint(offer) rows…` with whole rows to its end; see
//! [`tag`] for the kinds of rows. Which file they lie in, their checksums and the digest are the caller's business. Called
//! by the machine alone.

mod derive;
mod load;
mod pieces;
mod save;
mod tag;

pub(crate) use load::load;
pub(crate) use save::save;

/// What is written, and the newest that is read.
const VERSION: u64 = 1;
