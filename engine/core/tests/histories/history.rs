//! Random sales: a few offers of very different rules, few buyers and few ids, so that everything collides.
//!
//! A history is dice only. What they mean is decided while it is played (see `moves`), from what the sale
//! looks like then: so most moves hit something that exists, and a shrunk history still means something.

use proptest::prelude::*;
use stampede_core::{
    Admission, Cohort, GroupRule, Late, Limits, Millis, Money, Offer, Reserve, Settle, Take, UnixMs,
};

/// Dice for one decision.
pub(crate) type Dice = [u8; 8];
/// Dice for one offer's definition.
pub(crate) type OfferDice = [u8; 20];

/// One generated sale.
#[derive(Clone, Debug)]
pub(crate) struct History {
    pub(crate) offers: Vec<OfferDice>,
    pub(crate) moves: Vec<(Verb, Dice)>,
}

/// What kind of thing happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Buy,
    BuyAgain,
    Pay,
    Cancel,
    Return,
    Revoke,
    Extend,
    Pause,
    Resume,
    Close,
    Remove,
    AddUnits,
    ChangeOffer,
    NewOffer,
    Advance,
    Sweep,
    Restart,
    Show,
    LookAtBuyer,
    LookAtGroup,
    ListGroups,
    LookAtPool,
    LookAtOffer,
    ListOffers,
    ListReservations,
}

/// How often each verb comes, out of their sum.
const WEIGHTS: [(u32, Verb); 25] = [
    (130, Verb::Buy),
    (14, Verb::BuyAgain),
    (120, Verb::Pay),
    (11, Verb::Cancel),
    (14, Verb::Return),
    (5, Verb::Revoke),
    (4, Verb::Extend),
    (1, Verb::Pause),
    (6, Verb::Resume),
    (1, Verb::Close),
    (6, Verb::Remove),
    (8, Verb::AddUnits),
    (5, Verb::ChangeOffer),
    (4, Verb::NewOffer),
    (45, Verb::Advance),
    (14, Verb::Sweep),
    (3, Verb::Restart),
    (5, Verb::Show),
    (3, Verb::LookAtBuyer),
    (5, Verb::LookAtGroup),
    (3, Verb::ListGroups),
    (4, Verb::LookAtPool),
    (3, Verb::LookAtOffer),
    (1, Verb::ListOffers),
    (1, Verb::ListReservations),
];

/// Histories of 50 to 140 moves.
pub(crate) fn histories() -> impl Strategy<Value = History> {
    let verbs = proptest::strategy::Union::new_weighted(
        WEIGHTS.into_iter().map(|(weight, verb)| (weight, Just(verb))).collect(),
    );
    let moves = proptest::collection::vec((verbs, any::<Dice>()), 50..140);
    let offers = proptest::collection::vec(any::<OfferDice>(), 2..5);
    (offers, moves).prop_map(|(offers, moves)| History { offers, moves })
}

/// Picks by a die; low throws pick what stands first.
pub(crate) fn pick<T: Copy>(die: u8, from: &[T]) -> T {
    from[usize::from(die) % from.len()]
}

/// True for one of so many throws.
pub(crate) fn one_in(sides: u8, die: u8) -> bool {
    die.is_multiple_of(sides)
}

/// The definition that these dice give. `pools` are the shared pools that it may take from.
pub(crate) fn definition(dice: &OfferDice, now: u64, pools: &[&str]) -> Offer {
    let d = |index: usize| dice[index];
    let cash = pick(d(0), &[100, 199, 1_990, 7, 0]);
    let points = pick(d(1), &[0, 0, 0, 13]);
    let price = Money { cash, points };
    let mut offer = Offer::with_stock(price, pick(d(2), &[4, 6, 9, 14, 2, 30]));
    if one_in(3, d(3)) {
        offer.stock = None;
        offer.takes = vec![Take { pool: pools[0].into(), units: pick(d(3) / 3, &[1, 1, 2]) }];
        if one_in(2, d(3) / 16) {
            offer.takes.push(Take { pool: pools[1].into(), units: pick(d(2), &[1, 2, 3]) });
        }
    }
    offer.hold = Millis::new(pick(d(4), &[20, 50, 100, 300]));
    offer.late = pick(d(5), &[Late::Refund, Late::Retake, Late::Retake]);
    offer.opens = pick(d(6), &[None, None, None, None, None, Some(now), Some(now + 40)]).map(UnixMs::new);
    offer.closes =
        pick(d(7), &[None, None, None, None, None, Some(now + 150), Some(now + 400)]).map(UnixMs::new);
    offer.limit = Limits {
        order: pick(d(8), &[None, None, Some(2), Some(1)]),
        buyer: pick(d(9), &[None, None, None, Some(3), Some(4), Some(1)]),
        campaign: pick(d(10), &[None, None, None, None, Some(3), Some(6)]),
    };
    offer.admit = admission(d(11), d(12));
    if !one_in(3, d(13)) {
        let rule = group_rule(dice);
        if rule.reserve == Reserve::Group {
            offer.limit.order = Some(1);
        }
        offer.alone = pick(d(14), &[None, None, Some(Money { cash: cash + 50, points })]);
        offer.settle = Settle::Group(rule);
    }
    offer
}

fn group_rule(dice: &OfferDice) -> GroupRule {
    let size = pick(dice[15], &[2, 3, 2, 4, 3]);
    let open = pick(dice[16], &[100, 60, 200]);
    let with_min = one_in(4, dice[15] / 5);
    GroupRule {
        size,
        open: Millis::new(open),
        min: with_min.then_some(pick(dice[15] / 20, &[2, 1, size])),
        join: one_in(4, dice[17]).then(|| admission(dice[17], dice[18])),
        merge: one_in(2, dice[18]),
        leave: one_in(2, dice[18] / 2),
        reserve: pick(dice[19], &[Reserve::Seat, Reserve::Seat, Reserve::Group]),
        any_min_left: pick(dice[19] / 3, &[None, Some(0), Some(30), Some(open)]).map(Millis::new),
    }
}

fn admission(kind: u8, more: u8) -> Admission {
    let tags = |text: &str| vec![Box::from(text)];
    let mut rule = Admission::default();
    match kind / 4 % 20 {
        0 => rule.all = tags("new"),
        1 => rule.any = vec!["new".into(), "vip".into()],
        2 => rule.none = tags("vip"),
        3 => rule.code = Some("sesame".into()),
        4 => rule.cohort = Some(Cohort { from: more % 60, to: 60 + more % 41 }),
        _ => {}
    }
    rule
}
