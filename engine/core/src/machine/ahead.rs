//! Looking ahead: what a batch of requests will look up is read together, before the first of them is decided.
//!
//! The ids of a flash sale are all different, so that every look-up waits for memory. Read one after the other in a
//! short loop, those of many requests wait at the same time. Nothing here changes anything, and no decision hangs on
//! it: what is not known yet is looked up in its turn.

use super::Machine;
use crate::request::Request;
use crate::state::Keys;
use crate::text::Text;

impl Machine {
    /// Takes the hashes of what a request names. `before` are those of the request before it, which mostly names the
    /// same offer.
    #[inline]
    pub fn keys(&self, request: &Request<Text<'_>>, before: Option<&Keys>) -> Keys {
        let near = before.and_then(|keys| keys.offer);
        match request {
            Request::Buy(buy) => self.state.keys_of_buy(buy, near),
            Request::Pay { offer, id, .. }
            | Request::Cancel { offer, id }
            | Request::Return { offer, id, .. }
            | Request::Revoke { offer, id, .. }
            | Request::Show { offer, id } => self.state.keys(*offer, *id, near),
            _ => Keys::default(),
        }
    }

    /// Asks memory for the places where the requests of these keys will look.
    pub fn fetch(&self, keys: &[Keys]) {
        for keys in keys {
            if let Some(offer) = keys.offer {
                self.state.offer(offer).reservations.fetch(keys.id, keys.buyer);
            }
        }
    }
}
