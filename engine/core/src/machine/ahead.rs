//! Looking ahead: what a batch of requests will touch is asked of memory before the first of them is decided.
//!
//! The ids of a flash sale are all different, and a shop may have thousands of offers, so that nearly everything which
//! a request touches is far away. Asked for together, the waits pass at the same time. Nothing here changes anything,
//! and no decision hangs on it: what is not known yet is looked up in its turn.

use super::Machine;
use crate::event::OfferIndex;
use crate::request::Request;
use crate::state::{Keys, Named};
use crate::store::TextHash;
use crate::text::Text;

impl Machine {
    /// Takes the hashes of what a request names; `text` reads what it holds for a text. `before` are those of the request
    /// before it, which mostly names the same offer; without them the offer is looked up at once.
    #[inline]
    pub fn keys<'a, T: Copy>(
        &self,
        request: &Request<T>,
        text: impl Fn(T) -> Text<'a>,
        before: Option<&Keys>,
    ) -> Keys {
        match *request {
            Request::Buy(ref buy) => self.state.keys_of_buy(buy, text, before),
            Request::Pay { offer, id, .. }
            | Request::Cancel { offer, id }
            | Request::Return { offer, id, .. }
            | Request::Revoke { offer, id, .. }
            | Request::Show { offer, id } => self.state.keys(text(offer), text(id), before),
            _ => Keys::default(),
        }
    }

    /// Asks memory for what the requests of these keys will touch, and notes in them which offer each most likely names.
    ///
    /// What lies behind a pointer is asked for once the pointer has come: hence a pass that finds the offers, and three
    /// over them, each over all before the next. Requests for one offer in a row ask for it once.
    pub fn fetch(&self, keys: &mut [Keys]) {
        for one in keys.iter_mut() {
            if let Named::Hashed(hash) = one.offer
                && let Some(offer) = self.state.likely_offer(hash)
            {
                one.offer = Named::Likely(offer);
            }
        }
        let mut count = 0;
        for (offer, _) in offers(keys) {
            self.state.offer(offer).fetch();
            self.demand.fetch(offer);
            count += 1;
        }
        // Told how many there are, a pass ends with the last instead of looking through all the keys behind it.
        for (offer, _) in offers(keys).take(count) {
            self.state.fetch_ways(offer);
            self.demand.fetch_ways(offer);
        }
        for (offer, buyer) in offers(keys).take(count) {
            self.state.fetch_ends(offer);
            self.demand.fetch_buyer(offer, buyer);
        }
        for one in keys {
            if let Some(offer) = one.likely_offer() {
                self.state.offer(offer).reservations.fetch_places(one.id, one.buyer, one.group);
            }
        }
    }
}

/// The offers of these keys in their order, those in a row once, with the first one's buyer.
fn offers(keys: &[Keys]) -> impl Iterator<Item = (OfferIndex, TextHash)> {
    let mut before = None;
    keys.iter().filter_map(move |keys| {
        let offer = keys.likely_offer();
        let is_new = offer != before;
        before = offer;
        offer.filter(|_| is_new).map(|offer| (offer, keys.buyer))
    })
}
