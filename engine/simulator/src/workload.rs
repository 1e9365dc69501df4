//! What storefronts and operators send: random requests that mostly fit what exists, and now and then a crowd.
//!
//! It sees what the auditor's ledger shows of the feed, as a storefront would, and decides nothing about answers. The
//! crowds ([`scene`]) make settlements so large that the engine takes them in slices.

mod moves;
mod offers;
mod scene;

use crate::dice::Dice;
use crate::ledger::Ledger;
use crate::names::{Name, name};
use scene::Scene;
use stampede_engine::core::{Buy, Request};

/// The campaigns of every run; which shard each lives on follows from its name.
const CAMPAIGNS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
/// Intents remembered for repeats.
const SENT_MAX: usize = 64;

/// The senders.
#[derive(Debug)]
pub(crate) struct Workload {
    dice: Dice,
    campaigns: Vec<Campaign>,
    sent: Vec<Buy<Name>>,
    scenes: Vec<Scene>,
}

/// Offers and pools that share a shard.
#[derive(Debug)]
pub(crate) struct Campaign {
    shard: usize,
    pools: [Name; 2],
    /// Offers that are put again and again, under the same few names.
    offers: [Name; 9],
    /// An offer whose name another campaign's pools do not fit.
    tag: &'static str,
}

/// What a request is made from.
pub(crate) struct View<'a> {
    pub(crate) ledger: &'a Ledger,
    /// About the engine's time.
    pub(crate) now: u64,
}

impl Workload {
    pub(crate) fn new(mut dice: Dice, shard_of: impl Fn(&str) -> usize) -> Self {
        let campaign = |tag: &'static str| {
            let id = |rest: &str| name(&format!("{{{tag}}}{rest}"));
            let offers = ["1", "2", "3", "4", "5", "6", "7", "8", "9"].map(id);
            Campaign { shard: shard_of(offers[0]), pools: [id("p"), id("q")], offers, tag }
        };
        let campaigns: Vec<Campaign> = CAMPAIGNS.into_iter().map(campaign).collect();
        let scenes = scene::draw(&mut dice, &campaigns);
        Workload { dice, campaigns, sent: Vec::new(), scenes }
    }

    /// What the operators send first: pools, and some offers.
    pub(crate) fn opening(&mut self, shard: usize, now: u64) -> Vec<Request<Name>> {
        let mut requests = Vec::new();
        for campaign in self.campaigns.iter().filter(|campaign| campaign.shard == shard) {
            for pool in campaign.pools {
                requests.push(Request::PoolAdd { pool, units: 12, op: "stock" });
            }
            for offer in &campaign.offers[..3] {
                let definition = Box::new(offers::draw(&mut self.dice, now, campaign.pools));
                requests.push(Request::OfferPut { offer, definition });
            }
        }
        requests
    }

    /// Whether anything is sold on this shard.
    pub(crate) fn uses(&self, shard: usize) -> bool {
        self.campaigns.iter().any(|campaign| campaign.shard == shard)
    }

    /// Some requests for a shard, to be sent together.
    pub(crate) fn requests(&mut self, shard: usize, view: &View<'_>) -> Vec<Request<Name>> {
        let crowded = self.scenes.iter().position(|scene| scene.shard() == shard && !scene.is_over());
        if let Some(at) = crowded
            && self.dice.percent(60)
        {
            return self.scenes[at].next(&mut self.dice, view);
        }
        let count = self.dice.weighted(&[(6, 1), (4, 3), (2, 8), (1, 20)]);
        (0..count).map(|_| self.request(shard, view)).collect()
    }

    fn request(&mut self, shard: usize, view: &View<'_>) -> Request<Name> {
        let here: Vec<usize> =
            (0..self.campaigns.len()).filter(|&at| self.campaigns[at].shard == shard).collect();
        let at = if here.is_empty() { 0 } else { self.dice.pick(&here) };
        let Workload { dice, campaigns, sent, .. } = self;
        let request = moves::draw(dice, &campaigns[at], sent, view);
        if let Request::Buy(buy) = &request {
            if sent.len() == SENT_MAX {
                sent.remove(0);
            }
            sent.push(*buy);
        }
        request
    }
}
