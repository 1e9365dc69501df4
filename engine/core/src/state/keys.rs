//! What a request's ids are looked up by.

use super::State;
use crate::event::{Accepted, OfferIndex};
use crate::request::Buy;
use crate::store::TextHash;
use crate::text::Text;

/// The hashes of what one request names, and its offer if it is known already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keys {
    pub(crate) offer: Option<OfferIndex>,
    pub(crate) id: TextHash,
    pub(crate) buyer: TextHash,
}

/// What the ids of an acceptance are looked up by, and the buyer that was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lookup {
    pub(crate) id: TextHash,
    pub(crate) buyer: TextHash,
    /// The buyer's position, if the offer knows the buyer.
    pub(crate) known: Option<u32>,
}

impl State {
    /// Looks the ids of an acceptance up, for who has not done so before.
    pub(crate) fn look_up(&self, accepted: &Accepted<'_>) -> Lookup {
        let (id, buyer) = (self.hashes.of(accepted.id), self.hashes.of(accepted.buyer));
        let known = self.offer(accepted.offer).reservations.find_buyer(buyer, accepted.buyer);
        Lookup { id, buyer, known }
    }

    /// The offer that a request names. One that was put after its keys were taken is looked up now.
    pub(crate) fn offer_of(&self, keys: Keys, offer: Text<'_>) -> Option<OfferIndex> {
        keys.offer.or_else(|| self.find_offer(offer))
    }

    #[inline]
    pub(crate) fn keys_of_buy(&self, buy: &Buy<Text<'_>>, near: Option<OfferIndex>) -> Keys {
        Keys { buyer: self.hashes.of(buy.buyer), ..self.keys(buy.offer, buy.id, near) }
    }

    /// The keys of a request that names no buyer. It may be about the offer `near`.
    #[expect(clippy::inline_always, reason = "made where they are used, instead of copied there")]
    #[inline(always)]
    pub(crate) fn keys(&self, offer: Text<'_>, id: Text<'_>, near: Option<OfferIndex>) -> Keys {
        let near = near.filter(|&near| self.offer_name(near) == offer);
        let offer = near.or_else(|| self.find_offer(offer));
        Keys { offer, id: self.hashes.of(id), buyer: TextHash::default() }
    }
}
