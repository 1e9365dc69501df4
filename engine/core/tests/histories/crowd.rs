//! One group of hundreds, at its deadline: its end is told in slices, and requests come in between.
//!
//! The dice say how many members there are, how many have paid, and whether that is enough; then which
//! members are asked about while the settlement runs. The twin has settled everything at once, so every
//! answer must look settled.

use crate::history::{Dice, History, Verb, one_in};
use crate::names::{Name, name};
use crate::play::{Compare, Played, START, guarded};
use stampede_core::{Buy, GroupChoice, GroupRule, Late, Millis, Money, Offer, Request, Reserve, Settle};

/// How long the group stays open.
const OPEN_MS: u64 = 1_000;
const OFFER: Name = "crowd";
/// Requests and sweeps while the end is told.
pub(crate) const STEPS: usize = 60;

/// `copy_at`: before which step a loaded copy joins the machine.
pub(crate) fn play(history: &History, copy_at: Option<usize>) -> Result<Played, String> {
    let dice = history.moves.first().map_or(Dice::default(), |(_, dice)| *dice);
    guarded(|played| {
        let members = 270 + 2 * u32::from(dice[0]);
        fill(played, members, dice);
        played.advance_to(START + OPEN_MS + u64::from(dice[4] % 2));
        for (step, &(verb, dice)) in history.moves.iter().skip(1).take(STEPS).enumerate() {
            if copy_at == Some(step) {
                played.make_copy();
            }
            let asks = matches!(verb, Verb::Show | Verb::Pay | Verb::Cancel | Verb::Return | Verb::Revoke);
            if asks && !one_in(3, dice[0]) {
                played.one_move(verb, dice, Compare::EveryAnswer);
            } else {
                played.sweep(usize::from(dice[1] % 8) + 1);
            }
        }
        played.compare_everything();
    })
}

fn fill(played: &mut Played, members: u32, dice: Dice) {
    let mut definition = Offer::with_stock(Money { cash: 100, points: 3 }, u64::from(members) * 2);
    definition.hold = Millis::new(OPEN_MS * 2);
    definition.late = if one_in(2, dice[1]) { Late::Retake } else { Late::Refund };
    definition.limit.order = Some(1);
    definition.settle = Settle::Group(GroupRule {
        size: members + u32::from(!one_in(4, dice[5])),
        open: Millis::new(OPEN_MS),
        min: one_in(2, dice[2]).then_some(members / 3),
        join: None,
        merge: one_in(2, dice[6]),
        leave: true,
        reserve: if one_in(2, dice[7]) { Reserve::Seat } else { Reserve::Group },
        any_min_left: None,
    });
    definition.check().expect("the crowd's offer is a valid one");
    let put = Request::OfferPut { offer: OFFER, definition: Box::new(definition) };
    played.ask(&put, Compare::EveryAnswer);
    for member in 0..members {
        let id = name(&format!("m{member}"));
        let group = if member == 0 { GroupChoice::New } else { GroupChoice::Join("m0") };
        let buy = Buy { offer: OFFER, buyer: id, id, qty: 1, group, tags: None, referrer: None, code: None };
        played.ask(&Request::Buy(buy), Compare::EveryAnswer);
    }
    for member in 0..members {
        if member % 10 < u32::from(dice[3] % 11) {
            let id = name(&format!("m{member}"));
            let pay = Request::Pay { offer: OFFER, id, amount: None, reference: None };
            played.ask(&pay, Compare::EveryAnswer);
        }
    }
}
