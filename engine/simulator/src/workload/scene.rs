//! Crowds: a group of hundreds, hundreds of holds that end at one instant, groups that merge.
//!
//! Their settlements are larger than what the engine settles in one slice, so that a crash can fall in between.

use super::{Campaign, View};
use crate::dice::Dice;
use crate::names::{Name, name};
use stampede_engine::core::{
    Buy, GroupChoice, GroupRule, Millis, Money, Offer, Request, Reserve, Settle, Status,
};

/// The most requests sent together.
const CHUNK: usize = 230;
/// After so many sendings a crowd gives up: its group may be over.
const SENDINGS_MAX: u32 = 14;

/// One crowd.
#[derive(Debug)]
pub(super) struct Scene {
    shard: usize,
    offer: Name,
    kind: Kind,
    /// Members who come.
    comers: usize,
    /// Members who pay, the first ones.
    payers: usize,
    sendings: u32,
    is_over: bool,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// All sit in one group of so many seats, which forms with `min` at its deadline if it is given.
    Group { size: u32, min: Option<u32>, price: u64, open: u64 },
    /// Each opens a group of so many seats, free of charge; at their deadlines they merge.
    Groups { size: u32 },
    /// Each buys alone.
    Holds { hold: u64 },
}

/// The crowds of a run: mostly one.
pub(super) fn draw(dice: &mut Dice, campaigns: &[Campaign]) -> Vec<Scene> {
    let count = dice.weighted(&[(3, 0), (4, 1), (3, 2)]);
    (0..count).map(|at| scene(dice, campaigns, at)).collect()
}

fn scene(dice: &mut Dice, campaigns: &[Campaign], at: usize) -> Scene {
    let campaign = &campaigns[dice.index(campaigns.len())];
    let offer = name(&format!("{{{}}}crowd{at}", campaign.tag));
    let size = dice.between(280, 700) as usize;
    let group = |min, price, open| Kind::Group { size: size as u32, min, price, open };
    let (kind, comers, payers) = match dice.below(7) {
        0 => (Kind::Holds { hold: dice.pick(&[40, 120]) }, size + 300, 0),
        // Full and free: the last who comes forms it.
        1 => (group(None, 0, 20_000), size, 0),
        // Full and paid: the last payment forms it.
        2 => (group(None, 50, 20_000), size, size),
        3..=4 => (Kind::Groups { size: 3 }, 12, 0),
        // Not full: it fails, or forms with the minimum, at its deadline.
        5 => (group(None, 50, 1_500), size - 7, size - 40),
        _ => (group(Some(2), 50, 1_500), size - 7, size - 40),
    };
    Scene { shard: campaign.shard, offer, kind, comers, payers, sendings: 0, is_over: false }
}

impl Scene {
    pub(super) fn shard(&self) -> usize {
        self.shard
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// The next requests of the crowd: who has not come comes, then who has not paid pays.
    pub(super) fn next(&mut self, dice: &mut Dice, view: &View<'_>) -> Vec<Request<Name>> {
        self.sendings += 1;
        self.is_over = self.sendings == SENDINGS_MAX;
        let Some(page) = view.ledger.offer(self.offer) else {
            return vec![Request::OfferPut { offer: self.offer, definition: Box::new(self.definition()) }];
        };
        let chunk = if dice.one_in(4) { dice.index(CHUNK) + 1 } else { CHUNK };
        let missing = (0..self.comers).filter(|at| !page.rows.contains_key(member(*at)));
        let coming: Vec<_> = missing.take(chunk).map(|at| Request::Buy(self.buy(at))).collect();
        if !coming.is_empty() {
            return coming;
        }
        let is_due = |at: &usize| page.rows.get(member(*at)).is_some_and(|row| row.status == Status::Held);
        let pay = |at: usize| {
            let (amount, reference) = (None, None);
            Request::Pay { offer: self.offer, id: member(at), amount, reference }
        };
        let paying: Vec<_> = (0..self.payers).filter(is_due).take(chunk).map(pay).collect();
        self.is_over |= paying.is_empty();
        paying
    }

    fn definition(&self) -> Offer {
        let (price, hold) = match self.kind {
            Kind::Group { price, open, .. } => (price, open),
            Kind::Groups { .. } => (0, 100),
            Kind::Holds { hold } => (100, hold),
        };
        let mut offer = Offer::with_stock(Money::cash(price), 5_000);
        offer.hold = Millis::new(hold);
        let (size, min, open, merge) = match self.kind {
            Kind::Group { size, min, open, .. } => (size, min, open, false),
            Kind::Groups { size } => (size, None, 150, true),
            Kind::Holds { .. } => return offer,
        };
        offer.settle = Settle::Group(GroupRule {
            size,
            open: Millis::new(open),
            min,
            join: None,
            merge,
            leave: false,
            reserve: Reserve::Seat,
            any_min_left: None,
        });
        offer
    }

    fn buy(&self, at: usize) -> Buy<Name> {
        let group = match (self.kind, at) {
            (Kind::Holds { .. }, _) => GroupChoice::Alone,
            (Kind::Groups { .. }, _) | (Kind::Group { .. }, 0) => GroupChoice::New,
            (Kind::Group { .. }, _) => GroupChoice::Join(member(0)),
        };
        Buy {
            offer: self.offer,
            buyer: name(&format!("b{at}")),
            id: member(at),
            qty: 1,
            group,
            tags: None,
            referrer: None,
            code: None,
        }
    }
}

fn member(at: usize) -> Name {
    name(&format!("m{at}"))
}
