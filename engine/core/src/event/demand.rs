//! What moved of the demand for an offer: the payload of a checkpoint, which spares the counters of a crash.
//!
//! Each checkpoint says how the counters stand that moved since the one before, so that hearing all of them, or only
//! the last of each, gives the same board. Bounded: what does not fit goes with the next one.

use super::OfferIndex;
use crate::refusal::Refusal;
use crate::status::Status;
use crate::time::UnixMs;

/// What moved of the demand for one offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DemandMoved<'a> {
    /// The offer.
    pub offer: OfferIndex,
    /// Units wanted so far.
    pub units_wanted: u64,
    /// When the first intent was answered `SOLD_OUT`.
    pub sold_out_at: Option<UnixMs>,
    /// The answers that were given since.
    pub tallies: &'a [TallyMoved<'a>],
    /// The seconds in which intents came since, oldest first, each with its count so far.
    pub seconds: &'a [DemandSecond],
}

/// Intents with one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TallyMoved<'a> {
    /// The number of the answer: a status, a refusal, or zero for a repeat; see [`TallyMoved::name`].
    pub answer: u16,
    /// Intents so far.
    pub intents: u64,
    /// What moved of the estimate of distinct buyers; the machine's own form.
    pub buyers: &'a [u8],
}

/// One second of demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DemandSecond {
    /// The second's first millisecond.
    pub at: UnixMs,
    /// Intents accepted.
    pub accepted: u32,
    /// Intents refused.
    pub refused: u32,
}

impl TallyMoved<'_> {
    /// The number of a repeat.
    pub(crate) const REPLAYED: u16 = 0;

    /// The answer's word; `None` for a number that no answer has.
    pub fn name(&self) -> Option<&'static str> {
        if self.answer == Self::REPLAYED {
            return Some("REPLAYED");
        }
        let status = Status::ALL.into_iter().find(|status| status.number() == self.answer);
        let refusal = Refusal::ALL.into_iter().find(|refusal| refusal.number() == self.answer);
        status.map(Status::name).or(refusal.map(Refusal::name))
    }
}
