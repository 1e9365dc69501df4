//! The removal of an offer: its reservations, groups, buyers and texts leave the memory, its sums stay.

use crate::event::OfferIndex;
use crate::state::{
    Campaign, CampaignBuyers, CampaignIndex, Groups, HoldRun, NoteKind, OfferState, Removed, Reservations,
    State,
};
use crate::status::Status;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};

impl State {
    /// Pools stay as they are: what the offer sold is sold. Its units count towards no limit any more.
    pub(super) fn apply_offer_removed(&mut self, offer: OfferIndex) {
        let state = self.offer_mut(offer);
        assert!(state.removed.is_none() && state.is_closed, "I4: an offer that is open or gone is removed");
        assert!(
            state.units_held == 0 && state.groups.deadlines.is_empty(),
            "I4: an offer is removed that has holds or open groups"
        );
        state.removed = Some(Box::new(sums(state)));
        let gone = core::mem::take(&mut state.reservations);
        state.groups =
            Groups { formed: state.groups.formed, failed: state.groups.failed, ..Groups::default() };
        state.groups_due = None;
        state.ops = BTreeMap::new();
        // What still stands on the agenda finds no queue of its number.
        state.hold_runs_first += state.hold_runs.len() as u32;
        state.hold_runs = VecDeque::from([HoldRun { next: 0, end: None, is_scheduled: false }]);
        let campaign = state.campaign;
        // In a replay nobody has swept yet what was settled.
        self.campaigns[campaign.0].settling.retain(|due| due.offer != offer);
        self.announce(campaign);
        self.leave_campaign(campaign, offer, &gone);
    }

    /// A campaign of one offer counts nothing apart. Of several, those that remain are counted anew where that is less
    /// than what the campaign remembers; otherwise what is gone is taken out.
    fn leave_campaign(&mut self, campaign: CampaignIndex, offer: OfferIndex, gone: &Reservations) {
        let State { campaigns, offers, hashes, .. } = self;
        let Campaign { offers: live, buyers, .. } = &mut campaigns[campaign.0];
        live.retain(|&other| other != offer);
        if live.len() <= 1 {
            *buyers = None;
        }
        let Some(known) = buyers else { return };
        let remaining = live.iter().map(|&other| &offers[other.0].reservations);
        let count: u64 = remaining.clone().map(|other| u64::from(other.buyer_count())).sum();
        if count < known.len() / 2 {
            *known = CampaignBuyers::default();
            for other in remaining {
                known.add_all(hashes, other);
            }
        } else {
            for (buyer, sums) in gone.buyers().filter(|(_, sums)| sums.units > 0) {
                known.remove(hashes.of(buyer), buyer, sums.units);
            }
        }
    }
}

/// Counts what is removed, from the reservations themselves.
fn sums(offer: &OfferState) -> Removed {
    let mut removed = Removed::default();
    for (at, row) in offer.reservations.iter().enumerate() {
        removed.reservations[row.status.number() as usize] += 1;
        if row.status == Status::Won {
            removed.kept += offer.reservations.kept(at as u32);
        }
        for note in offer.reservations.notes(at as u32) {
            if let NoteKind::Owed { owe, .. } = note.kind {
                removed.owed_back += owe;
            }
        }
    }
    removed
}
