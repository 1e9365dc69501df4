//! One entry of a feed, read without copying, and its id.
//!
//! Only the fields that the generator compares; others may come and are passed over.

use std::fmt;

use crate::wire::frame::Frame;

/// The name of an entry: `<epoch>-<seq>`. Zero is before the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    /// The writer's life.
    pub epoch: u64,
    /// The place in the feed, without a gap, counted from 1.
    pub seq: u64,
}

impl EntryId {
    /// Reads `<epoch>-<seq>`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (epoch, seq) = std::str::from_utf8(text).ok()?.split_once('-')?;
        Some(Self { epoch: epoch.parse().ok()?, seq: seq.parse().ok()? })
    }

    /// Whether this is the one right after `before`: the next place, in the same life or a later one.
    pub fn follows(self, before: Self) -> bool {
        before.seq.checked_add(1) == Some(self.seq) && self.epoch >= before.epoch
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
}

/// One entry.
#[derive(Debug, Clone, Copy, Default)]
pub struct Entry<'a> {
    /// Its name.
    pub id: EntryId,
    /// What happened: `held`, `paid`, `group_formed` and the like.
    pub kind: &'a [u8],
    /// The offer.
    pub offer: &'a [u8],
    /// The reservation; empty where the entry is about none.
    pub reservation: &'a [u8],
    /// The buyer; empty where the entry names none.
    pub buyer: &'a [u8],
    /// The group, where there is one.
    pub group: Option<&'a [u8]>,
    /// Units.
    pub qty: Option<i64>,
    /// The price per unit.
    pub price: Option<i64>,
    /// The amount: due at an acceptance, taken at a payment.
    pub amount: Option<i64>,
    /// What is owed back from this entry on.
    pub owe: Option<i64>,
}

impl<'a> Entry<'a> {
    /// Reads `[id, [name, value, …]]`; nothing where it is not that, or has no type.
    pub fn read(frame: Frame<'a>) -> Option<Self> {
        let mut items = frame.items();
        let id = EntryId::parse(items.next()?.text()?)?;
        let mut entry = Self { id, ..Self::default() };
        let mut fields = items.next()?.items();
        while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
            let text = value.text().unwrap_or_default();
            match name.text()? {
                b"type" => entry.kind = text,
                b"offer" => entry.offer = text,
                b"id" => entry.reservation = text,
                b"buyer" => entry.buyer = text,
                b"group" => entry.group = Some(text),
                b"qty" => entry.qty = value.number(),
                b"price" => entry.price = value.number(),
                b"amount" => entry.amount = value.number(),
                b"owe" => entry.owe = value.number(),
                _ => {}
            }
        }
        (!entry.kind.is_empty()).then_some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::EntryId;

    #[test]
    fn an_id_is_two_numbers_and_the_next_one_has_the_next_place() {
        let id = EntryId::parse(b"1795349229769-41").expect("an id");
        assert_eq!((id.to_string().as_str(), id.seq), ("1795349229769-41", 41));
        for text in ["", "1", "1-", "-1", "a-1", "1-2-3"] {
            assert_eq!(EntryId::parse(text.as_bytes()), None, "{text:?}");
        }
        let next = |epoch, seq| EntryId { epoch, seq }.follows(EntryId { epoch: 5, seq: 7 });
        assert!(next(5, 8) && next(6, 8));
        assert!(!next(5, 7) && !next(5, 9) && !next(4, 8) && !next(6, 1));
    }
}
