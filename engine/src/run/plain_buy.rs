//! `BUY offer buyer id` and nothing else: what nearly every request of a flash sale is.
//!
//! Its three ids are checked where they lie, and a run takes the bytes in which they lie at once. Made by whoever reads
//! them from a socket.

use stampede_core::{ID_BYTES_MAX, Text};
use std::ops::Range;

/// The most bytes in which three ids may lie: the longest ones, and what a protocol writes between them.
const PLAIN_BYTES_MAX: usize = 4 * ID_BYTES_MAX;

/// One unit for a buyer who buys alone.
#[derive(Clone, Copy, Debug)]
pub struct PlainBuy<'a> {
    /// From the offer's first byte to the last of the reservation id.
    pub(super) bytes: &'a [u8],
    pub(super) offer_len: usize,
    pub(super) buyer_at: usize,
    pub(super) buyer_len: usize,
    pub(super) id_at: usize,
}

impl<'a> PlainBuy<'a> {
    /// A BUY whose ids lie in `bytes` at these places, in this order and close together; `None` where they do not, or where
    /// one is no id.
    ///
    /// ```
    /// use stampede_engine::PlainBuy;
    ///
    /// let buy = PlainBuy::new(b"BUY sku alice r1", 4..7, 8..13, 14..16).unwrap();
    /// assert_eq!(buy.offer().as_str(), "sku");
    /// assert!(PlainBuy::new(b"BUY sku alice r1", 4..8, 8..13, 14..16).is_none(), "an id has no space");
    /// ```
    #[inline]
    pub fn new(
        bytes: &'a [u8],
        offer: Range<usize>,
        buyer: Range<usize>,
        id: Range<usize>,
    ) -> Option<PlainBuy<'a>> {
        let are_ids = [&offer, &buyer, &id].into_iter().all(|place| {
            let text = bytes.get(place.clone());
            text.is_some_and(|text| Text::id(text).is_ok())
        });
        let are_close =
            offer.end <= buyer.start && buyer.end <= id.start && id.end - offer.start <= PLAIN_BYTES_MAX;
        (are_ids && are_close).then(|| PlainBuy {
            bytes: &bytes[offer.start..id.end],
            offer_len: offer.len(),
            buyer_at: buyer.start - offer.start,
            buyer_len: buyer.len(),
            id_at: id.start - offer.start,
        })
    }

    /// The offer's id.
    pub fn offer(&self) -> Text<'a> {
        Text::stored(&self.bytes[..self.offer_len])
    }
}
