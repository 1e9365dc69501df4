//! Everything that one shard knows, as plain tables.
//!
//! The truth in here changes by `apply` alone; `decide`, `view` and `audit` read. Beside the truth stand places that
//! are derived from it and spare a search: agendas, hold queues, the fingers of groups. Sweeping moves those too, a
//! replay builds them anew, and the digest leaves them out. Positions ([`OfferIndex`], …) are given in the order of
//! events.

mod agenda;
mod buyers;
mod campaign;
mod groups;
mod keys;
mod offers;
mod pools;
mod reservations;

pub(crate) use agenda::{Agenda, Due, DueKind, HoldHead};
pub(crate) use buyers::BuyerSums;
pub(crate) use campaign::{Campaign, CampaignBuyers, CampaignIndex};
pub(crate) use groups::{Group, GroupOrigin, Groups, Seating};
pub use keys::Keys;
pub(crate) use keys::{Lookup, Named};
pub(crate) use offers::{HoldRun, HoldStep, OfferState, Removed, asks_nothing};
pub(crate) use pools::{Pool, PoolIndex, PoolTake};
pub(crate) use reservations::{Ending, NoteKind, Reservation, Reservations, one_up};

use crate::event::{EventId, OfferIndex, Seq};
use crate::store::{Directory, Hashes, Shelf, TextHash, fetch};
use crate::text::Text;
use crate::time::UnixMs;
use alloc::vec::Vec;

/// The tables of one shard.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) hashes: Hashes,
    pub(crate) offers: Shelf<OfferState>,
    offer_names: Directory,
    pub(crate) campaigns: Shelf<Campaign>,
    campaign_names: Directory,
    pub(crate) pools: Shelf<Pool>,
    pool_names: Directory,
    /// The first due item of each campaign.
    pub(crate) agenda: Agenda,
    /// The last event.
    pub(crate) seq: Seq,
    /// The time of the last event.
    pub(crate) at: UnixMs,
    /// Where each epoch begins, oldest first.
    epochs: Vec<EventId>,
}

impl State {
    pub(crate) fn new(hash_key: u64) -> Self {
        State {
            hashes: Hashes::new(hash_key),
            offers: Shelf::default(),
            offer_names: Directory::default(),
            campaigns: Shelf::default(),
            campaign_names: Directory::default(),
            pools: Shelf::default(),
            pool_names: Directory::default(),
            agenda: Agenda::default(),
            seq: Seq(0),
            at: UnixMs::new(0),
            epochs: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn offer(&self, offer: OfferIndex) -> &OfferState {
        &self.offers[offer.0]
    }

    #[inline]
    pub(crate) fn offer_mut(&mut self, offer: OfferIndex) -> &mut OfferState {
        &mut self.offers[offer.0]
    }

    pub(crate) fn find_offer(&self, id: Text<'_>) -> Option<OfferIndex> {
        self.find_hashed_offer(self.hashes.of(id), id)
    }

    pub(crate) fn find_hashed_offer(&self, hash: TextHash, id: Text<'_>) -> Option<OfferIndex> {
        self.offer_names.find(hash, id).map(OfferIndex)
    }

    /// Asks memory for the place of an offer's name in the directory.
    #[inline]
    pub(crate) fn fetch_offer_place(&self, hash: TextHash) {
        self.offer_names.fetch_place(hash);
    }

    /// An offer whose name has this hash, which hardly another has, once the place is at hand; asks memory for what
    /// leads to its name.
    #[inline]
    pub(crate) fn likely_offer(&self, hash: TextHash) -> Option<OfferIndex> {
        let at = self.offer_names.find_likely(hash)?;
        self.offer_names.fetch_way(at);
        Some(OfferIndex(at))
    }

    /// Asks memory for what lies behind an offer that is at hand: its campaign, its queue of holds, which pools it
    /// takes from, and what leads to the ends of its tables.
    #[inline]
    pub(crate) fn fetch_ways(&self, offer: OfferIndex) {
        self.offer_names.fetch_name(offer.0);
        let offer = self.offer(offer);
        offer.fetch_what_is_asked();
        offer.reservations.fetch_ways();
        offer.hold_runs.back().into_iter().for_each(fetch);
        offer.takes.first().into_iter().for_each(fetch);
        fetch(&self.campaigns[offer.campaign.0].buyers);
    }

    /// Asks memory for an offer's stock and for where its next purchase goes, once what leads there is at hand.
    #[inline]
    pub(crate) fn fetch_ends(&self, offer: OfferIndex) {
        let offer = self.offer(offer);
        offer.reservations.fetch_ends();
        for take in &offer.takes {
            fetch(&self.pools[take.pool.0]);
        }
    }

    /// The id of an offer, without a look at the offer itself.
    #[inline]
    pub(crate) fn offer_name(&self, offer: OfferIndex) -> Text<'_> {
        self.offer_names.name(offer.0)
    }

    pub(crate) fn find_pool(&self, id: Text<'_>) -> Option<PoolIndex> {
        self.pool_names.find(self.hashes.of(id), id).map(PoolIndex)
    }

    /// The campaign of an offer's or pool's id, if it has an offer.
    pub(crate) fn find_campaign(&self, id: Text<'_>) -> Option<CampaignIndex> {
        let campaign = id.campaign();
        self.campaign_names.find(self.hashes.of(campaign), campaign).map(CampaignIndex)
    }

    /// The campaign's position; an unknown campaign begins.
    pub(crate) fn campaign_of(&mut self, id: Text<'_>) -> CampaignIndex {
        let campaign = id.campaign();
        self.find_campaign(id).unwrap_or_else(|| {
            let named = self.campaign_names.push(self.hashes.of(campaign), campaign);
            let at = self.campaigns.push(Campaign::new(campaign));
            assert!(named == at, "a campaign and its name have one position");
            CampaignIndex(at)
        })
    }

    pub(crate) fn insert_offer(&mut self, offer: OfferState) -> OfferIndex {
        let named = self.offer_names.push(self.hashes.of(offer.id()), offer.id());
        let at = self.offers.push(offer);
        assert!(named == at, "an offer and its name have one position");
        OfferIndex(at)
    }

    pub(crate) fn insert_pool(&mut self, pool: Pool) -> PoolIndex {
        let named = self.pool_names.push(self.hashes.of(pool.id()), pool.id());
        let at = self.pools.push(pool);
        assert!(named == at, "a pool and its name have one position");
        PoolIndex(at)
    }

    /// Notes that an event is happening.
    pub(crate) fn advance(&mut self, id: EventId, at: UnixMs) {
        assert!(id.seq.0 == self.seq.0 + 1, "I7: the feed has a gap or a duplicate at {id}");
        if self.epochs.last().is_none_or(|last| last.epoch != id.epoch) {
            self.epochs.push(id);
        }
        self.seq = id.seq;
        self.at = self.at.max(at);
    }

    /// Where each epoch begins, oldest first.
    pub(crate) fn epochs(&self) -> &[EventId] {
        &self.epochs
    }

    /// Adds an epoch that a snapshot tells of.
    pub(crate) fn restore_epoch(&mut self, first: EventId) {
        self.epochs.push(first);
    }

    /// The public name of an event.
    pub(crate) fn event_id(&self, seq: Seq) -> EventId {
        // Nearly all that is asked for belongs to the last one.
        if let Some(last) = self.epochs.last().filter(|last| last.seq <= seq) {
            return EventId { epoch: last.epoch, seq };
        }
        let after = self.epochs.partition_point(|first| first.seq <= seq);
        EventId { epoch: after.checked_sub(1).map_or(0, |at| self.epochs[at].epoch), seq }
    }

    /// What stands first in the hold queue that an agenda entry is for.
    pub(crate) fn hold_head(&mut self, due: Due) -> HoldHead {
        let offer = self.offer_mut(due.offer);
        match offer.hold_head(due.which) {
            Some(HoldStep::Found(at)) => {
                let row = offer.reservations.get(at);
                HoldHead::First(at, Due { at: offer.real_deadline(row.deadline), seq: row.event.0, ..due })
            }
            Some(HoldStep::Farther) => HoldHead::Farther,
            None => HoldHead::None,
        }
    }

    /// Puts a due item on its campaign's agenda, and the campaign on the shard's.
    pub(crate) fn schedule(&mut self, due: Due) {
        let at = self.offer(due.offer).campaign;
        let campaign = &mut self.campaigns[at.0];
        match due.kind {
            DueKind::Settlement => campaign.settling.push_back(due),
            DueKind::Hold | DueKind::Group | DueKind::Close => campaign.agenda.insert(due),
        }
        self.announce(at);
    }

    /// Keeps one entry for each campaign on the shard's agenda: what is first in the campaign.
    pub(crate) fn announce(&mut self, campaign: CampaignIndex) {
        let campaign = &mut self.campaigns[campaign.0];
        let first = campaign.first_due();
        if campaign.announced != first {
            if let Some(announced) = campaign.announced {
                self.agenda.remove(announced);
            }
            if let Some(first) = first {
                self.agenda.insert(first);
            }
            campaign.announced = first;
        }
    }
}
