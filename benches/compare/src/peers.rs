//! The servers that are measured: how each is started, what is put on sale, and what is checked after it.
//!
//! One file for each. None of them measures: `drive` does.

pub(crate) mod postgres;
pub(crate) mod redis;
pub(crate) mod stampede;
pub(crate) mod stub;
