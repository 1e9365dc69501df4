//! Builds what is derived, once the truth is there: what buyers have in their campaign, the orders of groups, agendas.
//!
//! A replay of the same events leaves agendas that stand for the same items; entries that a replay would find outdated
//! are not made here. Who serves from the state sweeps it first either way.

use crate::event::{GroupIndex, OfferIndex};
use crate::state::{CampaignBuyers, Due, DueKind, HoldHead, OfferState, State};
use crate::status::GroupState;
use crate::time::UnixMs;

impl State {
    /// `settling` holds the running settlements, each campaign's in the order in which they are taken up.
    pub(super) fn derive(&mut self, settling: &[Due]) {
        self.build_indexes();
        self.count_campaigns();
        for at in 0..self.offers.len() {
            let offer = OfferIndex(at);
            list_groups(self.offer_mut(offer));
            self.schedule_holds(offer);
            self.schedule_groups(offer);
            self.schedule_close(offer);
        }
        for due in settling {
            self.schedule(*due);
        }
    }

    fn build_indexes(&mut self) {
        let State { offers, hashes, .. } = self;
        for at in 0..offers.len() {
            offers[at].reservations.build_indexes(hashes);
        }
    }

    fn count_campaigns(&mut self) {
        let State { campaigns, offers, hashes, .. } = self;
        for at in 0..campaigns.len() {
            let campaign = &mut campaigns[at];
            let first = campaign.offers.first().map(|offer| offers[offer.0].id());
            if !first.is_some_and(|first| campaign.counts_buyers(first)) {
                continue;
            }
            let counts = campaign.offers.iter().map(|offer| offers[offer.0].reservations.buyer_count());
            let mut buyers = CampaignBuyers::default();
            buyers.reserve(counts.max().unwrap_or(0) as usize);
            for offer in &campaign.offers {
                buyers.add_all(hashes, &offers[offer.0].reservations);
            }
            campaign.buyers = Some(buyers);
        }
    }

    /// Puts the head of each hold queue on the agenda, passing over what no longer waits.
    fn schedule_holds(&mut self, offer: OfferIndex) {
        let state = self.offer(offer);
        let first = state.hold_runs_first;
        for which in first..first + state.hold_runs.len() as u32 {
            let queue = Due { at: UnixMs::new(0), kind: DueKind::Hold, seq: 0, offer, which };
            loop {
                match self.hold_head(queue) {
                    HoldHead::First(_, due) => {
                        self.schedule(due);
                        break;
                    }
                    HoldHead::Farther => {}
                    HoldHead::None => break,
                }
            }
        }
    }
}

/// Puts every open group into the orders that GROUP ANY, deadlines and merges go by, and counts whose end is still to be
/// told.
fn list_groups(offer: &mut OfferState) {
    let rule = offer.listing();
    offer.groups.unsettled = offer.groups.rows.iter().map(|row| row.unsettled).sum();
    for at in 0..offer.groups.rows.len() {
        if offer.groups.rows[at].state == GroupState::Open {
            offer.groups.list(GroupIndex(at), rule);
        }
    }
}
