//! Containers of the state: they grow without moving what they hold, and they name things by position.
//!
//! Positions are given in order, so that a replay gives the same ones. Nothing here knows offers or rules.

mod arena;
mod column;
mod directory;
mod fetch;
mod hashes;
mod index;
mod shelf;

pub(crate) use arena::{Arena, TextRef};
pub(crate) use column::Column;
pub(crate) use directory::Directory;
pub(crate) use fetch::fetch;
pub(crate) use hashes::{Hashes, TextHash};
pub(crate) use index::Index;
pub(crate) use shelf::Shelf;
