//! Containers of the state: they grow without moving what they hold, and they name things by position.
//!
//! Positions are given in order, so that a replay gives the same ones. Nothing here knows offers or rules.

mod arena;
mod column;
mod hashes;
mod index;

pub(crate) use arena::{Arena, TextRef};
pub(crate) use column::Column;
pub(crate) use hashes::{Hashes, TextHash};
pub(crate) use index::Index;

/// Splits a position into a chunk and an offset, where chunk k holds `2^(first_log + k)` places.
///
/// Doubling chunks keep small tables small and large ones in few pieces, and no piece is ever copied.
fn place(position: u32, first_log: u32) -> (usize, usize) {
    let shifted = position + (1 << first_log);
    let log = u32::BITS - 1 - shifted.leading_zeros();
    ((log - first_log) as usize, (shifted - (1 << log)) as usize)
}
