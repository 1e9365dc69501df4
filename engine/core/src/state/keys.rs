//! What a request's ids are looked up by.

use super::State;
use crate::event::OfferIndex;
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

impl State {
    /// The offer that a request names. One that was put after its keys were taken is looked up now.
    pub(crate) fn offer_of(&self, keys: Keys, offer: Text<'_>) -> Option<OfferIndex> {
        keys.offer.or_else(|| self.find_offer(offer))
    }

    pub(crate) fn keys_of_buy(&self, buy: &Buy<Text<'_>>, near: Option<OfferIndex>) -> Keys {
        Keys { buyer: self.hashes.of(buy.buyer), ..self.keys(buy.offer, buy.id, near) }
    }

    /// The keys of a request that names no buyer. It may be about the offer `near`.
    pub(crate) fn keys(&self, offer: Text<'_>, id: Text<'_>, near: Option<OfferIndex>) -> Keys {
        let near = near.filter(|&near| self.offer(near).id() == offer);
        let offer = near.or_else(|| self.find_offer(offer));
        Keys { offer, id: self.hashes.of(id), buyer: TextHash::default() }
    }
}
