//! Whether a batch belongs: the links from one batch to the next.
//!
//! Keeps I7 on the disk: the events of a chain have no gap and no duplicate, epochs never fall, and each batch names the
//! hash of the one before. Called by whoever walks a journal.

use super::batch::{BatchHeader, ChainHash, SegmentHeader};
use stampede_core::Seq;

/// The end of a chain: what the next batch must say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) shard: u16,
    /// The event that comes next.
    pub(crate) next: Seq,
    /// The epoch of the last batch.
    pub(crate) epoch: u64,
    pub(crate) previous: ChainHash,
}

/// Why a whole batch or segment does not belong where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Of another shard.
    #[error("it belongs to shard {0}")]
    Shard(u16),
    /// Written by a writer that had been replaced.
    #[error("it is of the old epoch {epoch}; the chain is at {expected} already")]
    Epoch {
        /// Its epoch.
        epoch: u64,
        /// The chain's.
        expected: u64,
    },
    /// Events are missing, or come twice.
    #[error("it begins with event {first}; {expected} was expected")]
    Seq {
        /// Its first event.
        first: u64,
        /// The chain's next.
        expected: u64,
    },
    /// It follows another batch than the one before it.
    #[error("it follows another batch than the one before it")]
    Hash,
}

impl Chain {
    /// The chain as it stands at the beginning of a segment.
    pub(crate) fn at(segment: &SegmentHeader) -> Chain {
        Chain { shard: segment.shard, next: segment.first, epoch: segment.epoch, previous: segment.previous }
    }

    /// Links a whole batch, or says why it does not belong.
    pub(crate) fn link(&mut self, header: &BatchHeader, hash: ChainHash) -> Result<(), Misfit> {
        self.fits(header.shard, header.epoch, header.first, header.previous)?;
        self.epoch = header.epoch;
        self.next = header.next();
        self.previous = hash;
        Ok(())
    }

    /// Whether a segment goes on where this chain ends.
    pub(crate) fn goes_on(&self, segment: &SegmentHeader) -> Result<(), Misfit> {
        self.fits(segment.shard, segment.epoch, segment.first, segment.previous)
    }

    fn fits(&self, shard: u16, epoch: u64, first: Seq, previous: ChainHash) -> Result<(), Misfit> {
        if shard != self.shard {
            return Err(Misfit::Shard(shard));
        }
        if epoch < self.epoch {
            return Err(Misfit::Epoch { epoch, expected: self.epoch });
        }
        if first != self.next {
            return Err(Misfit::Seq { first: first.0, expected: self.next.0 });
        }
        if previous != self.previous {
            return Err(Misfit::Hash);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Chain, Misfit};
    use crate::journal::batch::{BatchHeader, ChainHash};
    use stampede_core::{Seq, UnixMs};

    const CHAIN: Chain = Chain { shard: 1, next: Seq(10), epoch: 5, previous: ChainHash(77) };

    fn batch(shard: u16, epoch: u64, first: u64, previous: u64) -> BatchHeader {
        BatchHeader {
            shard,
            body_bytes: 0,
            count: 4,
            epoch,
            first: Seq(first),
            base: UnixMs::new(0),
            previous: ChainHash(previous),
            is_after_sync: true,
        }
    }

    #[test]
    fn only_the_next_batch_of_the_shard_and_of_no_older_epoch_links() {
        let rows = [
            (batch(1, 5, 10, 77), Ok(())),
            (batch(1, 6, 10, 77), Ok(())),
            (batch(2, 5, 10, 77), Err(Misfit::Shard(2))),
            (batch(1, 4, 10, 77), Err(Misfit::Epoch { epoch: 4, expected: 5 })),
            (batch(1, 5, 11, 77), Err(Misfit::Seq { first: 11, expected: 10 })),
            (batch(1, 5, 9, 77), Err(Misfit::Seq { first: 9, expected: 10 })),
            (batch(1, 5, 10, 78), Err(Misfit::Hash)),
        ];
        for (header, expected) in rows {
            let mut chain = CHAIN;
            assert_eq!(chain.link(&header, ChainHash(99)), expected);
            if expected.is_ok() {
                let after = Chain { next: Seq(14), epoch: header.epoch, previous: ChainHash(99), ..CHAIN };
                assert_eq!(chain, after);
            } else {
                assert_eq!(chain, CHAIN, "what does not belong changes nothing");
            }
        }
    }
}
