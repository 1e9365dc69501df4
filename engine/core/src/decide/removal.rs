//! OFFER REMOVE: an offer that is closed and settled goes out of memory.

use super::{No, Operator};
use crate::event::{Event, OfferIndex};
use crate::refusal::Misuse;
use crate::state::State;

impl State {
    /// What is due in the campaign has been settled. A settlement that runs shows as units that are still held.
    pub(crate) fn decide_remove(&self, at: OfferIndex) -> Result<Operator<'static>, No> {
        let offer = self.offer(at);
        if offer.removed.is_some() {
            return Ok(Operator::DoneBefore);
        }
        if !offer.is_closed {
            return Err(Misuse::OfferNotClosed.into());
        }
        let (units, groups) = (offer.units_held, offer.groups.deadlines.len() as u64);
        if units > 0 || groups > 0 {
            return Err(Misuse::OfferUnsettled { units, groups }.into());
        }
        Ok(Operator::Happens(Event::OfferRemoved { offer: at }))
    }
}
