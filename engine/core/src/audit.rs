//! Checks every invariant over the whole state, by counting again what the rules keep as running counts.
//!
//! Nothing here trusts a counter: units are summed from reservations, seats from lists, money from notes. A broken
//! invariant is reported with its number and its place; the audit itself changes nothing.

mod digest;
mod groups;

use crate::answer::AuditAnswer;
use crate::event::OfferIndex;
use crate::money::MoneySum;
use crate::state::{CampaignIndex, NoteKind, OfferState, State, asks_nothing};
use crate::status::{GroupState, Status};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// The most findings that an audit lists; a broken state has one cause and many effects.
const FINDINGS_MAX: usize = 100;

/// What an audit found.
#[derive(Debug, Default)]
struct Findings(Vec<String>);

impl Findings {
    fn expect(&mut self, holds: bool, finding: impl FnOnce() -> String) {
        if !holds && self.0.len() < FINDINGS_MAX {
            self.0.push(finding());
        }
    }
}

/// Units of a pool as its offers have them.
#[derive(Clone, Copy, Debug, Default)]
struct PoolUse {
    held: u64,
    sold: u64,
}

impl State {
    /// Audits the offers of one campaign, or of the shard.
    pub(crate) fn audit(&self, only: Option<OfferIndex>) -> AuditAnswer {
        let campaign = only.map(|offer| self.offer(offer).campaign);
        let mut findings = Findings::default();
        let mut answer = AuditAnswer {
            broken: Vec::new(),
            event: self.event_id(self.seq),
            offers: 0,
            pools: 0,
            reservations: [0; 8],
            total: 0,
            available: 0,
            held: 0,
            sold: 0,
            paid: crate::money::Money::ZERO,
            owed: crate::money::Money::ZERO,
            digest: self.digest(campaign),
        };
        let mut uses = vec![PoolUse::default(); self.pools.len() as usize];
        let (mut paid, mut owed) = (MoneySum::default(), MoneySum::default());
        for offer in
            self.offers.iter().filter(|offer| campaign.is_none_or(|campaign| offer.campaign == campaign))
        {
            answer.offers += 1;
            for row in offer.reservations.iter() {
                answer.reservations[row.status.number() as usize] += 1;
            }
            if let Some(removed) = &offer.removed {
                for (count, removed) in answer.reservations.iter_mut().zip(removed.reservations) {
                    *count += removed;
                }
            }
            State::audit_units(offer, &mut uses, &mut findings);
            findings.expect(self.audit_ids(offer), || {
                format!("I4: offer {} does not find an id where it lies", offer.id())
            });
            findings.expect(offer.asks_nothing == asks_nothing(&offer.definition), || {
                format!("I3: offer {} has forgotten what it asks of a buyer", offer.id())
            });
            audit_buyers(offer, &mut findings);
            groups::audit_groups(offer, self.at, &mut findings);
            audit_money(offer, &mut findings);
            paid += offer.paid;
            owed += offer.owed;
        }
        self.audit_campaigns(campaign, &mut findings);
        self.audit_pools(
            campaign.map(|campaign| self.campaigns[campaign.0].id()),
            &uses,
            &mut answer,
            &mut findings,
        );
        (answer.paid, answer.owed) = (paid.shown(), owed.shown());
        answer.broken = findings.0;
        answer
    }

    /// I2: what the reservations and the reserved empty seats of an offer have, by pool; and the offer's own sums.
    fn audit_units(offer: &OfferState, uses: &mut [PoolUse], findings: &mut Findings) {
        let (mut held, mut sold) = (0, 0);
        for row in offer.reservations.iter() {
            match row.status {
                Status::Held | Status::Paid => held += u64::from(row.qty),
                Status::Won => sold += u64::from(row.qty - row.returned),
                _ => {}
            }
        }
        // Of a removed offer the sum of what it sold is all that is left.
        if offer.removed.is_some() {
            sold += offer.units_sold;
        }
        findings.expect((held, sold) == (offer.units_held, offer.units_sold), || {
            format!(
                "I2: offer {} counts {} held and {} sold, its reservations have {held} and {sold}",
                offer.id(),
                offer.units_held,
                offer.units_sold
            )
        });
        let is_open = |group: &&crate::state::Group| group.state == GroupState::Open;
        let empty_seats: u64 = if offer.reserves_groups() {
            let open = offer.groups.rows.iter().filter(is_open);
            open.map(|group| u64::from(offer.group_size() - group.seats)).sum()
        } else {
            0
        };
        for take in &offer.takes {
            let using = &mut uses[take.pool.0 as usize];
            using.held += u64::from(take.units) * (held + empty_seats);
            using.sold += u64::from(take.units) * sold;
        }
    }

    /// I1 and I2 by pool. Pools are only used by offers of their own campaign.
    fn audit_pools(
        &self,
        campaign: Option<crate::text::Text<'_>>,
        uses: &[PoolUse],
        answer: &mut AuditAnswer,
        findings: &mut Findings,
    ) {
        let pools = self.pools.iter().zip(uses);
        for (pool, using) in
            pools.filter(|(pool, _)| campaign.is_none_or(|only| pool.id().campaign() == only))
        {
            answer.pools += 1;
            answer.total += pool.total();
            answer.available += pool.total().saturating_sub(pool.held() + pool.sold());
            answer.held += pool.held();
            answer.sold += pool.sold();
            findings.expect(pool.held() + pool.sold() <= pool.total(), || {
                format!("I1: pool {} has more units held and sold than in all", pool.id())
            });
            findings.expect((using.held, using.sold) == (pool.held(), pool.sold()), || {
                format!(
                    "I2: pool {} counts {} held and {} sold, reservations have {} and {}",
                    pool.id(),
                    pool.held(),
                    pool.sold(),
                    using.held,
                    using.sold
                )
            });
        }
    }

    /// I3 over campaigns that count their buyers apart.
    fn audit_campaigns(&self, only: Option<CampaignIndex>, findings: &mut Findings) {
        for (at, campaign) in self.campaigns.iter().enumerate() {
            let is_meant = only.is_none_or(|only| only.0 == at as u32);
            let Some(buyers) = campaign.buyers.as_ref().filter(|_| is_meant) else { continue };
            let mut sums: BTreeMap<&[u8], u64> = BTreeMap::new();
            for offer in &campaign.offers {
                let reservations = &self.offer(*offer).reservations;
                for (buyer, has) in reservations.buyers() {
                    *sums.entry(buyer.as_bytes()).or_default() += has.units;
                }
            }
            for (buyer, sum) in sums {
                let buyer = crate::text::Text::stored(buyer);
                let counted = buyers.units(self.hashes.of(buyer), buyer);
                findings.expect(counted == sum, || {
                    format!(
                        "I3: campaign {} counts {counted} units of buyer {buyer}, its offers {sum}",
                        campaign.id()
                    )
                });
            }
        }
    }

    /// I4: ids are found where they lie, so that none stands twice.
    fn audit_ids(&self, offer: &OfferState) -> bool {
        (0..offer.reservations.len()).all(|at| {
            let id = offer.reservations.id(at);
            offer.reservations.find(self.hashes.of(id), id) == Some(at)
        })
    }
}

/// I3: a buyer's count is the sum over the buyer's live reservations, and within the limit.
fn audit_buyers(offer: &OfferState, findings: &mut Findings) {
    let mut sums = vec![(0_u64, 0_u32); offer.reservations.buyer_count() as usize];
    for row in offer.reservations.iter() {
        let sum = &mut sums[row.buyer as usize];
        sum.0 += u64::from(row.live_units());
        sum.1 += 1;
    }
    for ((buyer, counted), (units, count)) in offer.reservations.buyers().zip(sums) {
        findings.expect(counted.units == units && counted.count == count, || {
            format!(
                "I3: offer {} counts {} units in {} reservations of buyer {buyer}, there are {units} in {count}",
                offer.id(),
                counted.units,
                counted.count,
            )
        });
        if let Some(max) = offer.definition.limit.buyer {
            findings.expect(units <= u64::from(max), || {
                format!("I3: buyer {buyer} has {units} units of offer {}, the limit is {max}", offer.id())
            });
        }
    }
}

/// I10: what was paid less what is owed is what the winners and the paid ones are worth.
fn audit_money(offer: &OfferState, findings: &mut Findings) {
    let removed = offer.removed.as_deref().copied().unwrap_or_default();
    let (mut kept, mut owed_back) = (removed.kept, removed.owed_back);
    for (at, row) in offer.reservations.iter().enumerate() {
        if matches!(row.status, Status::Paid | Status::Won) {
            kept += offer.reservations.kept(at as u32);
        }
        for note in offer.reservations.notes(at as u32) {
            if let NoteKind::Owed { owe, .. } = note.kind {
                owed_back += owe;
            }
        }
    }
    let (paid, owed) = (offer.paid, offer.owed);
    let holds = paid.cash.checked_sub(owed.cash) == Some(kept.cash)
        && paid.points.checked_sub(owed.points) == Some(kept.points)
        && owed.cash >= owed_back.cash
        && owed.points >= owed_back.points;
    findings.expect(holds, || {
        format!(
            "I10: offer {} took {} and owes {}, but its paid and won reservations are worth {} (cash)",
            offer.id(),
            paid.cash,
            owed.cash,
            kept.cash
        )
    });
}
