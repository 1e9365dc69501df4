//! What a request's ids are looked up by.

use super::State;
use crate::event::{Accepted, OfferIndex};
use crate::request::{Buy, GroupChoice};
use crate::store::TextHash;
use crate::text::Text;

/// The hashes of what one request names, and how far its offer is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keys {
    pub(crate) offer: Named,
    pub(crate) id: TextHash,
    pub(crate) buyer: TextHash,
    /// Of the id of the group that is to be joined, if one is.
    pub(crate) group: TextHash,
}

/// How far the offer is known that a request names.
///
/// Among thousands of offers a name is found in three steps, each a wait for memory: its place in the directory, where
/// the name lies that stands there, the name. Looking ahead takes a step for all requests of a batch before the next.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Named {
    /// By its name alone.
    #[default]
    Unsought,
    /// By its name and the name's hash, whose place in the directory was asked for.
    Hashed(TextHash),
    /// Most likely this one: the name has its hash, and is still to be compared.
    Likely(OfferIndex),
    /// This one.
    Known(OfferIndex),
}

impl Keys {
    /// The offer, if there is one that is known or likely.
    #[inline]
    pub(crate) fn likely_offer(&self) -> Option<OfferIndex> {
        match self.offer {
            Named::Known(offer) | Named::Likely(offer) => Some(offer),
            Named::Unsought | Named::Hashed(_) => None,
        }
    }

    /// The offer, if it is known.
    #[inline]
    pub(crate) fn known_offer(&self) -> Option<OfferIndex> {
        if let Named::Known(offer) = self.offer { Some(offer) } else { None }
    }
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
    #[inline]
    pub(crate) fn offer_of(&self, keys: &Keys, name: Text<'_>) -> Option<OfferIndex> {
        match keys.offer {
            Named::Known(offer) => Some(offer),
            Named::Likely(offer) if self.offer_name(offer) == name => Some(offer),
            Named::Hashed(hash) => self.find_hashed_offer(hash, name),
            Named::Likely(_) | Named::Unsought => self.find_offer(name),
        }
    }

    #[inline]
    pub(crate) fn keys_of_buy<'a, T: Copy>(
        &self,
        buy: &Buy<T>,
        text: impl Fn(T) -> Text<'a>,
        before: Option<&Keys>,
    ) -> Keys {
        let group = match buy.group {
            GroupChoice::Join(group) => self.hashes.of(text(group)),
            GroupChoice::Alone | GroupChoice::New | GroupChoice::Any => TextHash::default(),
        };
        let buyer = self.hashes.of(text(buy.buyer));
        Keys { buyer, group, ..self.keys(text(buy.offer), text(buy.id), before) }
    }

    /// The keys of a request that names no buyer. It mostly names the same offer as the one before it; the first of all
    /// is looked up at once, so that those behind it have something to be near to.
    #[expect(clippy::inline_always, reason = "made where they are used, instead of copied there")]
    #[inline(always)]
    pub(crate) fn keys(&self, offer: Text<'_>, id: Text<'_>, before: Option<&Keys>) -> Keys {
        let near = before.and_then(Keys::known_offer).filter(|&near| self.offer_name(near) == offer);
        let offer = match (near, before) {
            (Some(near), _) => Named::Known(near),
            (None, None) => self.find_offer(offer).map_or(Named::Unsought, Named::Known),
            (None, Some(_)) => self.hash_offer(offer),
        };
        Keys { offer, id: self.hashes.of(id), ..Keys::default() }
    }

    /// Takes the hash of an offer's name and asks for its place in the directory.
    #[inline(never)]
    fn hash_offer(&self, offer: Text<'_>) -> Named {
        let hash = self.hashes.of(offer);
        self.fetch_offer_place(hash);
        Named::Hashed(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::{Keys, Named};
    use crate::event::OfferIndex;
    use crate::money::Money;
    use crate::offer::Offer;
    use crate::state::{OfferState, State};
    use crate::text::Text;
    use crate::time::UnixMs;
    use alloc::vec::Vec;

    /// Two names of one hash are too rare to wait for: here the likely offer is simply another one.
    #[test]
    fn a_likely_offer_of_another_name_is_not_taken() {
        let mut state = State::new(7);
        let [first, second] = [b"first".as_slice(), b"second"].map(Text::stored);
        for name in [first, second] {
            let campaign = state.campaign_of(name);
            let definition = Offer::with_stock(Money::cash(1), 1);
            state.insert_offer(OfferState::new(name, campaign, definition, UnixMs::new(0), Vec::new()));
        }
        let likely = Keys { offer: Named::Likely(OfferIndex(0)), ..Keys::default() };
        assert_eq!(state.offer_of(&likely, first), Some(OfferIndex(0)));
        assert_eq!(state.offer_of(&likely, second), Some(OfferIndex(1)));
        assert_eq!(state.offer_of(&likely, Text::stored(b"third")), None);
    }
}
