//! Definitions of offers: few and small, with very different rules, so that everything collides.

use crate::dice::Dice;
use crate::names::Name;
use stampede_engine::core::{
    Admission, Cohort, GroupRule, Late, Limits, Millis, Money, Offer, Reserve, Settle, Take, UnixMs,
};

/// An offer; `pools` are those that it may take from.
pub(super) fn draw(dice: &mut Dice, now: u64, pools: [Name; 2]) -> Offer {
    let cash = dice.pick(&[100, 199, 1_990, 7, 0]);
    let points = dice.pick(&[0, 0, 0, 13]);
    let mut offer = Offer::with_stock(Money { cash, points }, dice.pick(&[4, 6, 9, 14, 2, 30]));
    if dice.one_in(3) {
        offer.stock = None;
        offer.takes = vec![Take { pool: pools[0].into(), units: dice.pick(&[1, 1, 2]) }];
        if dice.coin() {
            offer.takes.push(Take { pool: pools[1].into(), units: dice.pick(&[1, 2, 3]) });
        }
    }
    offer.hold = Millis::new(dice.pick(&[40, 100, 300, 600]));
    offer.late = dice.pick(&[Late::Refund, Late::Retake, Late::Retake]);
    offer.opens = dice.pick(&[None, None, None, None, Some(now), Some(now + 60)]).map(UnixMs::new);
    offer.closes = dice.pick(&[None, None, None, None, Some(now + 400), Some(now + 1_500)]).map(UnixMs::new);
    offer.limit = Limits {
        order: dice.pick(&[None, None, Some(2), Some(1)]),
        buyer: dice.pick(&[None, None, None, Some(3), Some(4), Some(1)]),
        campaign: dice.pick(&[None, None, None, None, Some(3), Some(6)]),
    };
    offer.admit = admission(dice);
    if !dice.one_in(3) {
        let rule = group_rule(dice);
        if rule.reserve == Reserve::Group {
            offer.limit.order = Some(1);
        }
        offer.alone = dice.pick(&[None, None, Some(Money { cash: cash + 50, points })]);
        offer.settle = Settle::Group(rule);
    }
    offer
}

fn group_rule(dice: &mut Dice) -> GroupRule {
    let size = dice.pick(&[2, 3, 2, 4, 3]);
    let open = dice.pick(&[100, 200, 400, 800]);
    let min = dice.one_in(4).then(|| dice.pick(&[2, 1, size]));
    GroupRule {
        size,
        open: Millis::new(open),
        min,
        join: dice.one_in(4).then(|| admission(dice)),
        merge: dice.coin(),
        leave: dice.coin(),
        reserve: dice.pick(&[Reserve::Seat, Reserve::Seat, Reserve::Group]),
        any_min_left: dice.pick(&[None, Some(0), Some(30), Some(open)]).map(Millis::new),
    }
}

fn admission(dice: &mut Dice) -> Admission {
    let tags = |text: &str| vec![Box::from(text)];
    let mut rule = Admission::default();
    match dice.below(20) {
        0 => rule.all = tags("new"),
        1 => rule.any = vec!["new".into(), "vip".into()],
        2 => rule.none = tags("vip"),
        3 => rule.code = Some("sesame".into()),
        4 => rule.cohort = Some(Cohort { from: dice.below(60) as u8, to: 60 + dice.below(41) as u8 }),
        _ => {}
    }
    rule
}

/// The same definition with one thing changed, most of the time to something that may not change.
pub(super) fn changed(dice: &mut Dice, known: &Offer, now: u64) -> Offer {
    let mut offer = known.clone();
    let at = |step: u64| Some(UnixMs::new(now + step));
    match dice.below(14) {
        0..=3 => offer.title = dice.pick(&["one", "two", "three"]).into(),
        4 => offer.limit.buyer = offer.limit.buyer.map(|limit| limit + 1),
        5 => offer.limit.campaign = offer.limit.campaign.map(|limit| limit + 1),
        6 => offer.limit.buyer = Some(1),
        7 => offer.limit.campaign = None,
        8 => offer.closes = dice.pick(&[at(50), at(400), None, at(0)]),
        9 => offer.price.cash += 1,
        10 => offer.hold = Millis::new(77),
        11 => offer.stock = offer.stock.map(|stock| stock + 1),
        12 => offer.opens = dice.pick(&[at(30), None, at(0)]),
        _ => {}
    }
    if offer.check().is_ok() { offer } else { known.clone() }
}
