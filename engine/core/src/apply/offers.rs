//! Events of offers, pools and groups.

use crate::event::{GroupIndex, OfferIndex, ReservationIndex, Seq};
use crate::offer::Offer;
use crate::state::{CampaignBuyers, Due, DueKind, GroupOrigin, HoldRun, OfferState, Pool, PoolTake, State};
use crate::status::GroupState;
use crate::text::Text;
use crate::time::{Millis, UnixMs};

impl State {
    pub(super) fn apply_offer_put(&mut self, id: Text<'_>, definition: &Offer, opens: UnixMs) {
        let campaign = self.campaign_of(id);
        let takes = match definition.stock {
            Some(stock) => {
                let pool = self.insert_pool(Pool::new(id, stock));
                [PoolTake { pool, units: 1 }].into()
            }
            None => definition.takes.iter().map(|take| self.resolve_take(&take.pool, take.units)).collect(),
        };
        let offer = self.insert_offer(OfferState::new(id, campaign, definition.clone(), opens, takes));
        self.join_campaign(offer);
        self.schedule_close(offer);
    }

    fn resolve_take(&self, pool: &str, units: u32) -> PoolTake {
        let pool = self
            .find_pool(Text::stored(pool.as_bytes()))
            .expect("an offer's pools are checked before it is put");
        PoolTake { pool, units }
    }

    /// From its second offer on, a campaign counts its buyers apart from its offers.
    fn join_campaign(&mut self, offer: OfferIndex) {
        let State { campaigns, offers, hashes, .. } = self;
        let state = &offers[offer.0];
        let campaign = &mut campaigns[state.campaign.0];
        let earlier = campaign.offers.first().copied();
        campaign.offers.push(offer);
        if campaign.buyers.is_some() || (earlier.is_none() && campaign.id() == state.id()) {
            return;
        }
        let buyers = campaign.buyers.insert(CampaignBuyers::default());
        if let Some(earlier) = earlier {
            buyers.add_all(hashes, &offers[earlier.0].reservations);
        }
    }

    /// Puts the close of an offer that has one on the agenda.
    pub(crate) fn schedule_close(&mut self, offer: OfferIndex) {
        let state = self.offer(offer);
        if let Some(closes) = state.definition.closes
            && !state.is_closed
        {
            self.schedule(Due { at: closes, kind: DueKind::Close, seq: u64::from(offer.0), offer, which: 0 });
        }
    }

    pub(super) fn apply_offer_changed(&mut self, offer: OfferIndex, definition: &Offer, opens: UnixMs) {
        let state = self.offer_mut(offer);
        state.redefine(definition.clone(), opens);
        self.schedule_close(offer);
    }

    pub(super) fn apply_offer_extended(&mut self, offer: OfferIndex, by: Millis, op: Text<'_>) {
        let state = self.offer_mut(offer);
        let ended = state.extended.get().checked_add(by.get()).expect("decide bounds the sum of extensions");
        state.extended = Millis::new(ended);
        state.ops.insert(op.as_bytes().into(), by);
        let len = state.reservations.len();
        let newest = state.hold_runs.back_mut().expect("an offer always has a growing hold queue");
        newest.end = Some(len);
        state.hold_runs.push_back(HoldRun { next: len, end: None, is_scheduled: false });
    }

    pub(super) fn apply_pool_added(&mut self, id: Text<'_>, units: i64, op: Text<'_>) {
        let pool = self.find_pool(id).unwrap_or_else(|| self.insert_pool(Pool::new(id, 0)));
        let pool = &mut self.pools[pool.0];
        pool.add(units);
        pool.ops.insert(op.as_bytes().into(), units);
    }

    pub(super) fn apply_group_opened(&mut self, offer: OfferIndex, expires: UnixMs) {
        let seq = self.seq;
        let state = self.offer_mut(offer);
        let deadline = state.stored_deadline(expires);
        // Its opener's acceptance, which follows, puts it into the orders.
        state.groups.open(GroupOrigin { deadline, event: seq });
        if state.reserves_groups() {
            let seats = u64::from(state.group_size());
            self.each_take(offer, |pool, units| pool.hold(units * seats));
        }
    }

    /// Keeps one agenda entry for the first of the offer's open groups; call it after a change of their order. After an
    /// EXTEND the entry is the old one until then, or until it falls due.
    ///
    /// The entry names the very group that is first, not only its deadline: at one instant the groups of several offers are
    /// judged in the order in which they were opened, whatever was first before and however the machine came to be.
    pub(crate) fn schedule_groups(&mut self, offer: OfferIndex) {
        let state = self.offer_mut(offer);
        let first = state.groups.deadlines.first().map(|&(deadline, _, group)| {
            let (at, Seq(seq)) = (state.real_deadline(deadline), state.groups.get(GroupIndex(group)).event);
            Due { at, kind: DueKind::Group, seq, offer, which: 0 }
        });
        let before = core::mem::replace(&mut state.groups_due, first);
        if before == first {
            return;
        }
        let campaign = state.campaign;
        if let Some(before) = before {
            self.campaigns[campaign.0].agenda.remove(before);
        }
        match first {
            Some(first) => self.schedule(first),
            None => self.announce(campaign),
        }
    }

    pub(super) fn apply_group_formed(&mut self, offer: OfferIndex, group: GroupIndex) {
        let state = self.offer_mut(offer);
        let row = state.groups.get(group);
        assert!(row.seats == row.paid && row.paid > 0, "I5: a group forms with unpaid seats");
        state.groups.formed += 1;
        self.end_group(offer, group, GroupState::Formed);
    }

    pub(super) fn apply_group_failed(&mut self, offer: OfferIndex, group: GroupIndex) {
        self.offer_mut(offer).groups.failed += 1;
        self.end_group(offer, group, GroupState::Failed);
    }

    /// Freezes a group: what happens to its members is settled, and is told one by one. Units that it kept for
    /// empty seats are free.
    pub(super) fn end_group(&mut self, offer: OfferIndex, group: GroupIndex, end: GroupState) {
        let (at, Seq(seq)) = (self.at, self.seq);
        let state = self.offer_mut(offer);
        let rule = state.listing();
        let reserves = state.reserves_groups();
        let deadline = state.group_deadline(state.groups.get(group));
        state.groups.change(group, rule, |groups| {
            let row = groups.get_mut(group);
            assert!(row.state == GroupState::Open, "I5: a group ends twice");
            row.state = end;
            row.deadline = deadline.get().cast_signed();
            row.cursor = row.head;
            row.unsettled = row.seats;
        });
        let unsettled = state.groups.get(group).unsettled;
        state.groups.unsettled += unsettled;
        let empty = u64::from(rule.size - unsettled);
        if reserves {
            self.each_take(offer, |pool, units| pool.release(units * empty));
        }
        self.schedule_groups(offer);
        if unsettled > 0 {
            self.schedule(Due { at, kind: DueKind::Settlement, seq, offer, which: group.0 });
        }
    }

    /// A paid member of one open group sits down in another. The group left empty is absorbed.
    pub(super) fn apply_moved(&mut self, offer: OfferIndex, reservation: ReservationIndex, to: GroupIndex) {
        let state = self.offer_mut(offer);
        let rule = state.listing();
        let seat = state.reservations.get(reservation.0).seat.expect("I5: who moves has a seat").get() - 1;
        let from = state.groups.seats[seat].group;
        for group in [from, to] {
            assert!(
                state.groups.get(group).state == GroupState::Open,
                "I5: a member moves between groups that are over"
            );
        }
        state.groups.change(from, rule, |groups| {
            groups.rise(seat);
            groups.get_mut(from).paid -= 1;
        });
        state.groups.change(to, rule, |groups| {
            groups.sit(seat, to);
            groups.get_mut(to).paid += 1;
        });
        if state.groups.get(from).seats == 0 {
            self.end_group(offer, from, GroupState::Absorbed);
        } else {
            self.schedule_groups(offer);
        }
    }

    /// Runs over the pools that one unit of the offer takes from, each with its units.
    pub(super) fn each_take(&mut self, offer: OfferIndex, mut change: impl FnMut(&mut Pool, u64)) {
        let State { offers, pools, .. } = self;
        for take in &offers[offer.0].takes {
            change(&mut pools[take.pool.0], u64::from(take.units));
        }
    }
}
