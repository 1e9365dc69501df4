//! Crowds: a group of hundreds, or hundreds of holds that end at one instant.
//!
//! Their settlements are larger than what the engine settles in one slice, so that a crash can fall in between.

use super::{Campaign, View};
use crate::dice::Dice;
use crate::names::{Name, name};
use stampede_engine::core::{Buy, GroupChoice, GroupRule, Millis, Money, Offer, Request, Reserve, Settle};

/// The most requests sent together.
const CHUNK: usize = 180;

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
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// All sit in one group of so many seats, which forms with `min` at its deadline if it is given.
    Group { size: u32, min: Option<u32>, price: u64, open: u64 },
    /// Each buys alone.
    Holds { hold: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Put,
    Coming(usize),
    Paying(usize),
    Over,
}

/// The crowds of a run: mostly none.
pub(super) fn draw(dice: &mut Dice, campaigns: &[Campaign]) -> Vec<Scene> {
    let count = dice.weighted(&[(4, 0), (4, 1), (2, 2)]);
    (0..count).map(|at| scene(dice, campaigns, at)).collect()
}

fn scene(dice: &mut Dice, campaigns: &[Campaign], at: usize) -> Scene {
    let campaign = &campaigns[dice.index(campaigns.len())];
    let offer = name(&format!("{{{}}}crowd{at}", campaign.tag));
    let size = dice.between(280, 700) as usize;
    let (kind, comers, payers) = match dice.below(5) {
        0 => (Kind::Holds { hold: dice.pick(&[40, 120]) }, size + 300, dice.index(10)),
        // Full and free: the last who comes forms it.
        1 => (Kind::Group { size: size as u32, min: None, price: 0, open: 2_000 }, size, 0),
        // Full and paid: the last payment forms it.
        2 => (Kind::Group { size: size as u32, min: None, price: 50, open: 2_000 }, size, size),
        // Not full: it fails, or forms with the minimum, at its deadline.
        3 => (Kind::Group { size: size as u32, min: None, price: 50, open: 300 }, size - 7, size - 40),
        _ => (Kind::Group { size: size as u32, min: Some(2), price: 50, open: 300 }, size - 7, size - 40),
    };
    Scene { shard: campaign.shard, offer, kind, comers, payers, stage: Stage::Put }
}

impl Scene {
    pub(super) fn shard(&self) -> usize {
        self.shard
    }

    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// The next requests of the crowd.
    pub(super) fn next(&mut self, dice: &mut Dice, _view: &View<'_>) -> Vec<Request<Name>> {
        let chunk = if dice.one_in(4) { dice.index(CHUNK) + 1 } else { CHUNK };
        match self.stage {
            Stage::Put => {
                self.stage = Stage::Coming(0);
                vec![Request::OfferPut { offer: self.offer, definition: Box::new(self.definition()) }]
            }
            Stage::Coming(from) => {
                let to = (from + chunk).min(self.comers);
                self.stage = if to == self.comers { Stage::Paying(0) } else { Stage::Coming(to) };
                (from..to).map(|at| Request::Buy(self.buy(at))).collect()
            }
            Stage::Paying(from) => {
                let to = (from + chunk).min(self.payers);
                self.stage = if to == self.payers { Stage::Over } else { Stage::Paying(to) };
                let pay = |at: usize| Request::Pay {
                    offer: self.offer,
                    id: member(at),
                    amount: None,
                    reference: None,
                };
                (from..to).map(pay).collect()
            }
            Stage::Over => Vec::new(),
        }
    }

    fn definition(&self) -> Offer {
        let (price, hold) = match self.kind {
            Kind::Group { price, open, .. } => (price, open),
            Kind::Holds { hold } => (100, hold),
        };
        let mut offer = Offer::with_stock(Money::cash(price), 5_000);
        offer.hold = Millis::new(hold);
        if let Kind::Group { size, min, open, .. } = self.kind {
            offer.settle = Settle::Group(GroupRule {
                size,
                open: Millis::new(open),
                min,
                join: None,
                merge: false,
                leave: false,
                reserve: Reserve::Seat,
                any_min_left: None,
            });
        }
        offer
    }

    fn buy(&self, at: usize) -> Buy<Name> {
        let group = match (self.kind, at) {
            (Kind::Holds { .. }, _) => GroupChoice::Alone,
            (Kind::Group { .. }, 0) => GroupChoice::New,
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
