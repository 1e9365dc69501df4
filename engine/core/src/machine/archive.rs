//! What the follower writes to an archive before an offer goes out of its memory.

use super::Machine;
use crate::event::OfferIndex;
use crate::view::ArchivedReservation;

impl Machine {
    /// Tells every reservation of an offer, in the order of acceptance, until `hear` fails. To be called right before
    /// its [`Event::OfferRemoved`](crate::event::Event::OfferRemoved) is replayed: afterwards there is nothing to tell.
    ///
    /// # Errors
    /// What `hear` fails with.
    pub fn archive<E>(
        &self,
        offer: OfferIndex,
        mut hear: impl FnMut(&ArchivedReservation<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if offer.0 >= self.state.offers.len() {
            return Ok(());
        }
        (0..self.state.offer(offer).reservations.len())
            .try_for_each(|at| hear(&self.state.archived(offer, at)))
    }
}
