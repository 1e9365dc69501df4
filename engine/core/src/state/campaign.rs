//! Offers that share a `{tag}`: what a buyer has over all of them, and what falls due in any of them.
//!
//! Pools, limits and waiting lists never cross a campaign, so what is due elsewhere can change no answer here.

use super::agenda::{Agenda, Due};
use super::reservations::Reservations;
use crate::event::OfferIndex;
use crate::store::{Arena, Column, Hashes, Index, TextHash, TextRef};
use crate::text::Text;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// The position of a campaign in its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CampaignIndex(pub(crate) u32);

#[derive(Debug)]
pub(crate) struct Campaign {
    id: Box<[u8]>,
    /// Those that are not removed, in the order in which they were put.
    pub(crate) offers: Vec<OfferIndex>,
    /// Units by buyer; kept from the second offer on, since with one offer the offer's own counts say the same.
    pub(crate) buyers: Option<CampaignBuyers>,
    /// Deadlines.
    pub(crate) agenda: Agenda,
    /// Groups that are over and have members whose end is still to be told, oldest first.
    pub(crate) settling: VecDeque<Due>,
    /// The entry that stands for this campaign on the shard's agenda.
    pub(crate) announced: Option<Due>,
}

/// Live units by buyer.
#[derive(Debug, Default)]
pub(crate) struct CampaignBuyers {
    ids: Index,
    texts: Arena,
    rows: Column<(TextRef, u64)>,
}

impl Campaign {
    pub(crate) fn new(id: Text<'_>) -> Self {
        Campaign {
            id: id.as_bytes().into(),
            offers: Vec::new(),
            buyers: None,
            agenda: Agenda::default(),
            settling: VecDeque::new(),
            announced: None,
        }
    }

    pub(crate) fn id(&self) -> Text<'_> {
        Text::stored(&self.id)
    }
}

impl Campaign {
    /// Whether buyers are counted apart from offers: unless the campaign is one offer's own.
    pub(crate) fn counts_buyers(&self, first: Text<'_>) -> bool {
        self.offers.len() > 1 || first != self.id()
    }

    /// What is settled next: first what is over already, then what falls due.
    pub(crate) fn first_due(&self) -> Option<Due> {
        self.settling.front().copied().or_else(|| self.agenda.first())
    }
}

impl CampaignBuyers {
    /// Buyers remembered, those without units included.
    pub(crate) fn len(&self) -> u64 {
        u64::from(self.rows.len())
    }

    /// Whether one more buyer fits.
    pub(crate) fn has_room(&self) -> bool {
        self.rows.has_room() && self.texts.has_room(1_024)
    }

    /// Makes room for so many more buyers at once.
    pub(crate) fn reserve(&mut self, buyers: usize) {
        self.ids.reserve(buyers);
    }

    /// Counts what the buyers of one offer have.
    pub(crate) fn add_all(&mut self, hashes: &Hashes, offer: &Reservations) {
        for (buyer, sums) in offer.buyers() {
            self.add(hashes.of(buyer), buyer, sums.units);
        }
    }

    /// Units that the buyer has now.
    pub(crate) fn units(&self, hash: TextHash, buyer: Text<'_>) -> u64 {
        self.find(hash, buyer).map_or(0, |row| self.rows[row].1)
    }

    pub(crate) fn add(&mut self, hash: TextHash, buyer: Text<'_>, units: u64) {
        let row = self.find(hash, buyer).unwrap_or_else(|| {
            let row = self.rows.push((self.texts.push(buyer), 0));
            self.ids.insert(hash, row);
            row
        });
        self.rows[row].1 += units;
    }

    pub(crate) fn remove(&mut self, hash: TextHash, buyer: Text<'_>, units: u64) {
        let row = self.find(hash, buyer).expect("I3: a buyer who has units stands in the campaign");
        let count = &mut self.rows[row].1;
        *count = count.checked_sub(units).expect("I3: a buyer gives back more than was counted");
    }

    fn find(&self, hash: TextHash, buyer: Text<'_>) -> Option<u32> {
        self.ids.find(hash, |row| self.texts.get(self.rows[row].0) == buyer)
    }
}
