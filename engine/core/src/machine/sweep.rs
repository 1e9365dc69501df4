//! Time's own work: what falls due is settled in slices, in the order of the agenda.
//!
//! A request that hangs on what is due has it settled first, but never more than a bounded part of it.

use super::{Machine, SWEEP_PER_REQUEST};
use crate::decide::{No, expired};
use crate::event::{CloseCause, Entry, Event, GroupIndex, OfferIndex, Record, Seq};
use crate::refusal::Misuse;
use crate::state::{CampaignIndex, Due, DueKind, HoldHead};
use crate::status::{GroupState, Status};
use crate::time::UnixMs;

/// Members whose end is told in the batch that formed their group; the rest follow in slices.
const SETTLED_AT_ONCE: usize = 256;

/// What a request has settled before it is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Deadlines: who sits in which group, who leads.
    Deadlines,
    /// Also the members of groups that are over: their units and limits.
    Everything,
}

/// Whether a sweep got through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swept {
    /// Nothing is due any more.
    Done,
    /// The slice is used up and more is due.
    More,
}

impl Machine {
    /// Settles what is due at `now`: at most `slice` events, and those that belong to the last item. Call it before the
    /// requests of a batch, and again while it answers [`Swept::More`]; requests may come in between.
    pub fn sweep(&mut self, now: UnixMs, slice: usize, record: &mut impl Record) -> Swept {
        let mut left = slice;
        while let Some(first) = self.state.agenda.first().filter(|due| due.at <= now) {
            if left == 0 {
                return Swept::More;
            }
            let campaign = self.campaign_of(first.offer);
            let events = self.sweep_one(campaign, first, now, record);
            left = left.saturating_sub(events.max(1));
        }
        Swept::Done
    }

    /// When something falls due next, at the earliest; in the past, if a settlement is running.
    pub fn next_due(&self) -> Option<UnixMs> {
        self.state.agenda.first().map(|due| due.at)
    }

    /// The first due item of a campaign that could matter to a request.
    fn first_due(&self, campaign: CampaignIndex, depth: Depth, now: UnixMs) -> Option<Due> {
        let campaign = &self.state.campaigns[campaign.0];
        let first = match depth {
            Depth::Deadlines => campaign.agenda.first(),
            Depth::Everything => campaign.first_due(),
        };
        first.filter(|due| due.at <= now)
    }

    pub(super) fn is_anything_due(&self, campaign: CampaignIndex, now: UnixMs) -> bool {
        self.first_due(campaign, Depth::Everything, now).is_some()
    }

    /// Settles what is due in a campaign; busy when that is too much for one request.
    pub(super) fn settle_what_is_due(
        &mut self,
        campaign: CampaignIndex,
        depth: Depth,
        now: UnixMs,
        record: &mut impl Record,
    ) -> Result<(), No> {
        let mut left = SWEEP_PER_REQUEST;
        while let Some(due) = self.first_due(campaign, depth, now) {
            if left == 0 {
                return Err(Misuse::Busy.into());
            }
            left = left.saturating_sub(self.sweep_one(campaign, due, now, record));
        }
        Ok(())
    }

    /// Makes sure that a reservation shows what time has done to it.
    #[inline]
    pub(super) fn bring_up_to_date(
        &mut self,
        offer: OfferIndex,
        at: u32,
        now: UnixMs,
        record: &mut impl Record,
    ) -> Result<(), No> {
        if !self.state.offer(offer).sells_to_groups() {
            if let Some(event) = self.state.decide_overdue(offer, at, now) {
                self.emit(&event, now, record);
            }
            return Ok(());
        }
        if self.are_groups_settled(offer, now) { Ok(()) } else { self.settle_for(offer, at, now, record) }
    }

    /// Whether time changes nothing about any seat of the offer: no deadline is due in its campaign, and every member of a
    /// group that is over knows its end.
    pub(super) fn are_groups_settled(&self, offer: OfferIndex, now: UnixMs) -> bool {
        let state = self.state.offer(offer);
        state.groups.unsettled == 0 && self.first_due(state.campaign, Depth::Deadlines, now).is_none()
    }

    /// Settles what a reservation of a group offer may hang on.
    #[cold]
    fn settle_for(
        &mut self,
        offer: OfferIndex,
        at: u32,
        now: UnixMs,
        record: &mut impl Record,
    ) -> Result<(), No> {
        // A member of a group that is over is settled at once; the running settlement then passes it.
        if self.settle_member(offer, at, now, record) {
            return Ok(());
        }
        let campaign = self.campaign_of(offer);
        if self.first_due(campaign, Depth::Deadlines, now).is_none() {
            // Nothing changes, and so nothing more for the member.
            return Ok(());
        }
        let swept = self.settle_what_is_due(campaign, Depth::Deadlines, now, record);
        // A mass expiry elsewhere must not cost a payment that is in time.
        if swept.is_err() && self.state.hangs_on_what_is_due(offer, at, now) {
            return swept;
        }
        self.settle_member(offer, at, now, record);
        Ok(())
    }

    fn settle_member(&mut self, offer: OfferIndex, at: u32, now: UnixMs, record: &mut impl Record) -> bool {
        self.state.untold_end(offer, at).is_some_and(|end| self.tell_end(offer, at, end, now, record))
    }

    /// What follows for a group to one of whose reservations something happened.
    pub(super) fn follow_up(
        &mut self,
        offer: OfferIndex,
        group: GroupIndex,
        now: UnixMs,
        record: &mut impl Record,
    ) {
        if let Some(event) = self.state.decide_group_change(offer, group) {
            self.emit(&event, now, record);
            self.settle_some(offer, group, now, record);
        }
    }

    /// Tells the end of the first members of a group that has just ended.
    fn settle_some(&mut self, offer: OfferIndex, group: GroupIndex, now: UnixMs, record: &mut impl Record) {
        if self.state.offer(offer).groups.get(group).state == GroupState::Open {
            return;
        }
        for _ in 0..SETTLED_AT_ONCE {
            if !self.settle_next(offer, group, now, record) {
                return;
            }
        }
    }

    /// Tells the end of the next member of a group that is over; false when everybody's is told.
    fn settle_next(
        &mut self,
        offer: OfferIndex,
        group: GroupIndex,
        now: UnixMs,
        record: &mut impl Record,
    ) -> bool {
        let is_unsettled = |status| matches!(status, Status::Held | Status::Paid);
        let state = self.state.offer_mut(offer);
        let end = state.groups.get(group).state;
        let next = state.next_member(group, is_unsettled);
        next.is_some_and(|at| self.tell_end(offer, at, end, now, record))
    }

    /// Tells the end of a member of a group that ended so; false if there is none to tell. As `emit` does, but whose the
    /// event is, is read where it was just decided.
    fn tell_end(
        &mut self,
        offer: OfferIndex,
        at: u32,
        end: GroupState,
        now: UnixMs,
        record: &mut impl Record,
    ) -> bool {
        let Some(event) = &self.state.decide_end(offer, at, end) else { return false };
        let stamp = self.stamp(now);
        self.state.apply(stamp, event);
        let names = self.state.names_standing(offer, &self.state.standing(offer, at));
        record.record(&Entry { stamp, event: *event, names });
        true
    }

    /// Takes one step with a due item of a campaign; tells how many events that made.
    fn sweep_one(
        &mut self,
        campaign: CampaignIndex,
        due: Due,
        now: UnixMs,
        record: &mut impl Record,
    ) -> usize {
        let Seq(before) = self.state.seq;
        // A settlement stays first in its own queue until everybody's end is told.
        self.state.campaigns[campaign.0].agenda.remove(due);
        match due.kind {
            DueKind::Settlement => self.sweep_settlement(campaign, due, now, record),
            DueKind::Hold => self.sweep_hold(due, now, record),
            DueKind::Group => self.sweep_group(due, now, record),
            DueKind::Close => self.sweep_close(due, now, record),
        }
        self.state.announce(campaign);
        (self.state.seq.0 - before) as usize
    }

    fn sweep_settlement(&mut self, campaign: CampaignIndex, due: Due, now: UnixMs, record: &mut impl Record) {
        if !self.settle_next(due.offer, GroupIndex(due.which), now, record) {
            self.state.campaigns[campaign.0].settling.pop_front();
        }
    }

    /// Ends the first hold of a queue, if the entry stood for it, and puts the next one on the agenda.
    fn sweep_hold(&mut self, due: Due, now: UnixMs, record: &mut impl Record) {
        if let HoldHead::First(at, first) = self.state.hold_head(due)
            && first == due
        {
            self.emit(&expired(due.offer, at), now, record);
            if let Some(group) = self.state.offer(due.offer).turning_group(at) {
                self.follow_up(due.offer, group, now, record);
            }
        }
        match self.state.hold_head(due) {
            HoldHead::First(_, next) => self.state.schedule(next),
            HoldHead::Farther => self.state.schedule(due),
            HoldHead::None => {}
        }
    }

    /// The earliest group deadline of an offer: unpaid members of all groups of that instant end, then group after
    /// group takes in later ones, forms or fails.
    ///
    /// The agenda's entry may be older than the last EXTEND: then it is only put in its new place, behind the holds that
    /// end by then.
    fn sweep_group(&mut self, due: Due, now: UnixMs, record: &mut impl Record) {
        let offer = due.offer;
        let state = self.state.offer_mut(offer);
        if state.groups_due != Some(due) {
            return;
        }
        state.groups_due = None;
        let Some(&(deadline, _, group)) = state.groups.deadlines.first() else { return };
        let group = GroupIndex(group);
        if state.real_deadline(deadline) <= due.at {
            if state.groups.get(group).is_all_paid() {
                self.judge(offer, group, now, record);
            } else {
                self.end_holds_of(offer, group, now, record);
            }
        }
        self.state.schedule_groups(offer);
    }

    /// Ends unpaid members of a group whose time is up, a bounded number at once. Who leads is settled after the last.
    fn end_holds_of(&mut self, offer: OfferIndex, group: GroupIndex, now: UnixMs, record: &mut impl Record) {
        self.state.offer_mut(offer).place_finger(group);
        for _ in 0..SETTLED_AT_ONCE {
            let is_held = |status| status == Status::Held;
            let Some(at) = self.state.offer_mut(offer).next_member(group, is_held) else { break };
            self.emit(&expired(offer, at), now, record);
        }
    }

    fn judge(&mut self, offer: OfferIndex, group: GroupIndex, now: UnixMs, record: &mut impl Record) {
        if let Some(leader) = self.state.decide_leader(offer, group) {
            self.emit(&leader, now, record);
        }
        if self.state.offer(offer).merges() && self.state.offer(offer).groups.get(group).paid > 0 {
            for event in self.state.decide_merge(offer, group) {
                self.emit(&event, now, record);
            }
        }
        let end = self.state.decide_group_end(offer, group);
        self.emit(&end, now, record);
        self.settle_some(offer, group, now, record);
    }

    /// An entry from before the close was moved is passed over: what falls due between the two comes first.
    fn sweep_close(&mut self, due: Due, now: UnixMs, record: &mut impl Record) {
        let state = self.state.offer(due.offer);
        if !state.is_closed && state.definition.closes == Some(due.at) {
            let event = Event::OfferClosed { offer: due.offer, by: CloseCause::Deadline };
            self.emit(&event, now, record);
        }
    }
}
