//! A machine saved as pieces of bytes, and loaded from them.

use super::{Machine, Settings};
use crate::codec::CodecError;
use crate::snapshot;
use alloc::vec::Vec;

impl Machine {
    /// Puts the whole machine, piece by piece of at most 64 KiB, each with whole rows. Pieces are to be loaded in this
    /// order. An error of `put` ends it.
    ///
    /// Cost: proportional to the state; allocates one piece.
    pub fn save<E>(&self, put: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        snapshot::save(&self.state, &self.demand, put)
    }

    /// Reads a machine from its pieces; `next_piece` fills an empty buffer with the next one, or answers that there is
    /// none. Compare its digest with the one that was saved: only that shows that it is the same. Before it serves
    /// requests, sweep it until it answers [`Swept::Done`](super::Swept::Done).
    ///
    /// Cost: proportional to the state; the tables are made at their final size.
    pub fn load<E: From<CodecError>>(
        settings: Settings,
        next_piece: impl FnMut(&mut Vec<u8>) -> Result<bool, E>,
    ) -> Result<Machine, E> {
        let (state, demand) = snapshot::load(settings.hash_key, next_piece)?;
        Ok(Machine { state, demand, epoch: settings.epoch })
    }
}
