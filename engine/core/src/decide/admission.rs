//! Who may buy, and who may join: tags, pass-phrase, cohort.

use crate::offer::{Admission, Cohort};
use crate::request::Buy;
use crate::text::Text;
use xxhash_rust::xxh3::Xxh3;

impl Admission {
    /// Whether the rule admits this intent.
    #[inline]
    pub(super) fn admits(&self, buy: &Buy<Text<'_>>) -> bool {
        self.asks_nothing() || self.admits_by_what_it_asks(buy)
    }

    #[inline(never)]
    fn admits_by_what_it_asks(&self, buy: &Buy<Text<'_>>) -> bool {
        let has = |tag: &str| buy.tags.is_some_and(|tags| tags.split_tags().any(|own| own == tag.as_bytes()));
        self.all.iter().all(|tag| has(tag))
            && (self.any.is_empty() || self.any.iter().any(|tag| has(tag)))
            && !self.none.iter().any(|tag| has(tag))
            && self
                .code
                .as_ref()
                .is_none_or(|code| buy.code.is_some_and(|sent| sent.as_bytes() == code.as_bytes()))
            && self.cohort.is_none_or(|cohort| cohort.holds(buy.offer, buy.buyer))
    }
}

impl Cohort {
    /// Whether the buyer falls into the cohort of the offer.
    ///
    /// The percent is `xxh3_64(offer ‖ 0x00 ‖ buyer) mod 100` with seed 0: the same for ever, and computable by anyone.
    fn holds(self, offer: Text<'_>, buyer: Text<'_>) -> bool {
        let mut hash = Xxh3::new();
        hash.update(offer.as_bytes());
        hash.update(&[0]);
        hash.update(buyer.as_bytes());
        let percent = (hash.digest() % 100) as u8;
        self.from <= percent && percent < self.to
    }
}
