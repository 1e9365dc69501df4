//! What everything due in an offer comes to: units, groups and money, for OFFER GET and POOL GET.

use super::Foresight;
use crate::answer::{Answer, PoolAnswer};
use crate::event::{GroupIndex, OfferIndex};
use crate::money::MoneySum;
use crate::state::{CampaignIndex, OfferState, PoolIndex, Reservation};
use crate::status::{GroupState, Status};
use crate::text::Text;
use alloc::collections::BTreeMap;

/// What would change.
#[derive(Debug, Default)]
struct Sums {
    /// Units of reservations that are neither held nor paid any more.
    settled: u64,
    /// Of these, units that are won.
    won: u64,
    /// Units that go back to the pools.
    back: u64,
    owed: MoneySum,
    formed: u64,
    failed: u64,
}

impl<'s> Foresight<'s> {
    pub(crate) fn offer(&self, at: OfferIndex) -> Option<Answer<Text<'s>>> {
        let sums = self.sums(at)?;
        let mut answer = self.state.view_offer(at, self.now);
        if let Answer::Offer(offer) = &mut answer {
            let mut owed = self.state.offer(at).owed;
            owed += sums.owed;
            offer.owed = owed.shown();
            offer.summary.held -= sums.settled;
            offer.summary.sold += sums.won;
            offer.groups_open -= sums.formed + sums.failed;
            offer.groups_formed += sums.formed;
            offer.groups_failed += sums.failed;
        }
        Some(answer)
    }

    pub(crate) fn pool(&self, pool: PoolIndex, campaign: CampaignIndex) -> Option<PoolAnswer<Text<'s>>> {
        let mut answer = self.state.view_pool(pool);
        for &offer in &self.state.campaigns[campaign.0].offers {
            self.spend(1)?;
            let takes = &self.state.offer(offer).takes;
            let Some(take) = takes.iter().find(|take| take.pool == pool) else { continue };
            let sums = self.sums(offer)?;
            let per_unit = u64::from(take.units);
            answer.held -= per_unit * (sums.back + sums.won);
            answer.available += per_unit * sums.back;
            answer.sold += per_unit * sums.won;
        }
        Some(answer)
    }

    fn sums(&self, at: OfferIndex) -> Option<Sums> {
        let offer = self.state.offer(at);
        self.rule_out_merges(offer)?;
        let mut sums = Sums::default();
        let over = self.count_holds(offer, &mut sums)?;
        for (&group, &over) in &over {
            let row = &offer.groups.rows[group];
            let has_time = offer.group_deadline(row) > self.now;
            if has_time && row.state == GroupState::Open && row.seats == over {
                sums.count_end(offer, GroupIndex(group), GroupState::Failed);
            }
        }
        for &(_, _, group) in &offer.groups.deadlines {
            let group = GroupIndex(group);
            let Some(end) = self.end_of(offer, at, group) else { break };
            self.count_members(offer, group, end, &mut sums)?;
            sums.count_end(offer, group, end);
        }
        for due in &self.state.campaigns[offer.campaign.0].settling {
            self.spend(1)?;
            if due.offer == at {
                let group = GroupIndex(due.which);
                self.count_members(offer, group, offer.groups.get(group).state, &mut sums)?;
            }
        }
        Some(sums)
    }

    /// Holds of the hold queues that are over; gives how many of them sit in each group.
    fn count_holds(&self, offer: &OfferState, sums: &mut Sums) -> Option<BTreeMap<u32, u32>> {
        let mut over = BTreeMap::new();
        for run in &offer.hold_runs {
            for at in run.next..run.end.unwrap_or(offer.reservations.len()) {
                self.spend(1)?;
                let row = offer.reservations.get(at);
                if !row.waits_in_hold_queue() {
                    continue;
                }
                if !offer.is_overdue(row, self.now) {
                    break;
                }
                sums.count_released(offer, row);
                if let Some(GroupIndex(group)) = offer.group_of(row) {
                    *over.entry(group).or_default() += 1;
                }
            }
        }
        Some(over)
    }

    /// Members of a group that is over or ends so, but for those whose holds stand in a hold queue.
    fn count_members(
        &self,
        offer: &OfferState,
        group: GroupIndex,
        end: GroupState,
        sums: &mut Sums,
    ) -> Option<()> {
        for seat in offer.groups.members(group) {
            self.spend(1)?;
            let at = offer.groups.seats[seat].reservation;
            let row = offer.reservations.get(at);
            match row.status {
                Status::Held if !row.waits_in_hold_queue() => sums.count_released(offer, row),
                Status::Paid if end == GroupState::Formed => {
                    sums.settled += u64::from(row.qty);
                    sums.won += u64::from(row.qty);
                }
                Status::Paid => {
                    sums.settled += u64::from(row.qty);
                    sums.back += u64::from(row.qty);
                    sums.owed += offer.reservations.kept(at);
                }
                _ => {}
            }
        }
        Some(())
    }
}

impl Sums {
    /// A hold ends. A reserved unit stays with its group as long as that is open.
    fn count_released(&mut self, offer: &OfferState, row: &Reservation) {
        self.settled += u64::from(row.qty);
        if !offer.is_reserved_by(offer.group_of(row)) {
            self.back += u64::from(row.qty);
        }
    }

    /// An open group ends. Units that it kept for seats without a paid member go back.
    fn count_end(&mut self, offer: &OfferState, group: GroupIndex, end: GroupState) {
        match end {
            GroupState::Formed => self.formed += 1,
            _ => self.failed += 1,
        }
        if offer.reserves_groups() {
            self.back += u64::from(offer.group_size() - offer.groups.get(group).paid);
        }
    }
}
