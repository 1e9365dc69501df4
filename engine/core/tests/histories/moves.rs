//! Turns dice into requests that fit the sale as it stands: mostly things that exist, sometimes things that
//! do not.
//!
//! Reads the twin to see what exists; decides nothing about answers.

use crate::history::{Dice, OfferDice, Verb, definition, one_in, pick};
use crate::names::{Name, name};
use crate::state::{Twin, TwinOffer, times};
use stampede_core::{Buy, GroupChoice, Millis, Request, Restock, StateFilter, Status, UnixMs};

/// Shared pools of the campaign `c`.
pub(crate) const POOLS: [Name; 2] = ["{c}p", "{c}q"];
/// Offers put at the beginning; three share a campaign.
pub(crate) const OFFERS: [Name; 4] = ["{c}a", "solo", "{c}b", "{c}c"];

/// Few enough to meet each other, many enough to fill groups.
pub(crate) const BUYERS: [Name; 10] = ["ann", "bob", "cy", "dee", "eve", "fay", "0007", "gus", "hal", "ivy"];

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Move {
    Ask(Request<Name>),
    AdvanceTo(u64),
    Sweep(usize),
    Restart,
}

/// The intents sent so far, for repeats.
pub(crate) type Sent = Vec<Buy<Name>>;

pub(crate) fn resolve(twin: &Twin, sent: &Sent, verb: Verb, dice: Dice) -> Move {
    let offer = some_offer(twin, dice[0]);
    Move::Ask(match verb {
        Verb::Buy => Request::Buy(buy(twin, offer, dice)),
        Verb::BuyAgain => Request::Buy(buy_again(twin, sent, offer, dice)),
        Verb::Advance => return Move::AdvanceTo(later(twin, dice)),
        Verb::Restart => return Move::Restart,
        Verb::Sweep => return Move::Sweep(pick(dice[0], &[1, 2, 3, 5, 100])),
        Verb::Pay | Verb::Cancel | Verb::Return | Verb::Revoke | Verb::Show => {
            on_reservation(twin, verb, offer, dice)
        }
        Verb::Extend => Request::OfferExtend {
            offer,
            by: Millis::new(pick(dice[1], &[10, 25, 25])),
            op: pick(dice[2], &["x1", "x2"]),
        },
        Verb::Pause => Request::OfferPause { offer },
        Verb::Resume => Request::OfferResume { offer: paused_or(twin, offer) },
        Verb::Close => Request::OfferClose { offer },
        Verb::Remove => Request::OfferRemove { offer: closed_or(twin, offer, dice[1]) },
        Verb::AddUnits => Request::PoolAdd {
            pool: some_pool(twin, dice[1]),
            units: pick(dice[2], &[2, 5, 3, -1, -2, 0, -9]),
            op: pick(dice[3], &["o1", "o2", "o3"]),
        },
        Verb::ChangeOffer => change_offer(twin, offer, dice),
        Verb::NewOffer => new_offer(twin, dice),
        Verb::LookAtBuyer => Request::Buyer { offer, buyer: some_buyer(dice[1]) },
        Verb::LookAtGroup => Request::Group { offer, group: some_group(twin, offer, dice[1]) },
        Verb::ListGroups => Request::Groups { offer, count: u32::from(dice[1] % 8) + 1 },
        Verb::LookAtPool => Request::PoolGet { pool: some_pool(twin, dice[1]) },
        Verb::LookAtOffer => Request::OfferGet { offer },
        Verb::ListOffers => {
            Request::OfferList { cursor: u64::from(dice[1] % 4), count: u32::from(dice[2] % 4) + 1 }
        }
        Verb::ListReservations => {
            let filters =
                [StateFilter::Any, StateFilter::Is(Status::Held), StateFilter::Is(Status::Released)];
            Request::Reservations { offer, state: pick(dice[1], &filters), cursor: 0, count: 3 }
        }
    })
}

fn some_offer(twin: &Twin, die: u8) -> Name {
    if die == 255 || twin.offers.is_empty() {
        return "ghost";
    }
    twin.offers[usize::from(die) % twin.offers.len()].id
}

fn some_buyer(die: u8) -> Name {
    pick(die, &BUYERS)
}

fn some_pool(twin: &Twin, die: u8) -> Name {
    let pools: Vec<Name> = twin.pools.keys().copied().collect();
    if die > 225 || pools.is_empty() { "{c}nowhere" } else { pick(die, &pools) }
}

fn some_group(twin: &Twin, offer: Name, die: u8) -> Name {
    let Some(number) = twin.offer(offer) else { return "g" };
    let groups = &twin.offers[number].groups;
    // The newest are the ones still open.
    let newest: Vec<Name> = groups.iter().rev().take(4).map(|group| group.id).collect();
    if die > 250 || newest.is_empty() { "nobody" } else { pick(die, &newest) }
}

fn some_reservation(twin: &Twin, offer: Name, die: u8) -> Name {
    let Some(number) = twin.offer(offer) else { return "r" };
    let entries = &twin.offers[number].reservations;
    let ids: Vec<Name> = entries.iter().rev().map(|entry| entry.id).collect();
    if die > 250 || ids.is_empty() {
        return "nothing";
    }
    // Half of the throws hit the four newest.
    let window = if one_in(2, die) { ids.len().min(4) } else { ids.len() };
    pick(die / 2, &ids[..window])
}

fn buy(twin: &Twin, offer: Name, dice: Dice) -> Buy<Name> {
    let rule = twin.offer(offer).map(|number| &twin.offers[number]);
    let is_group = rule.is_some_and(|rule| rule.size() > 0);
    let group = match (is_group, dice[3] % 16) {
        (false, 15) | (true, 0..=4) => GroupChoice::New,
        (false, _) | (true, 15) => GroupChoice::Alone,
        (true, 5..=8) => GroupChoice::Any,
        (true, _) => GroupChoice::Join(some_group(twin, offer, dice[4])),
    };
    Buy {
        offer,
        buyer: some_buyer(dice[1]),
        id: name(&format!("r{}", dice[2] % 64)),
        qty: pick(dice[5], &[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 0]),
        group,
        tags: pick(dice[6], &[Some("new"), None, Some("vip,x"), Some("new,vip")]),
        referrer: pick(dice[7], &[None, None, Some("bob")]),
        code: pick(dice[7] / 4, &[Some("sesame"), Some("sesame"), None, Some("Sesame")]),
    }
}

/// The same intent again, or the same id with one argument changed.
fn buy_again(twin: &Twin, sent: &Sent, offer: Name, dice: Dice) -> Buy<Name> {
    let Some(known) = sent.len().checked_sub(1) else { return buy(twin, offer, dice) };
    let mut buy = sent[known - usize::from(dice[1]) % sent.len().min(12)];
    match dice[2] % 10 {
        0 => buy.buyer = some_buyer(dice[3]),
        1 => buy.qty += 1,
        2 => buy.group = GroupChoice::Any,
        3 => buy.group = GroupChoice::Join(some_group(twin, buy.offer, dice[3])),
        4 => buy.referrer = Some("eve"),
        5 => buy.tags = None,
        6 => buy.code = None,
        _ => {}
    }
    buy
}

/// To an instant at which something happens, or one millisecond beside it, or a small step.
fn later(twin: &Twin, dice: Dice) -> u64 {
    // Past the time of every hold, and of a checkpoint of the demand.
    if one_in(32, dice[3]) {
        return twin.now + 1_000;
    }
    let ahead: Vec<u64> = twin.instants().into_iter().filter(|at| *at > twin.now).take(5).collect();
    if ahead.is_empty() || one_in(2, dice[0]) {
        return twin.now + u64::from(dice[1] % 12);
    }
    let at = ahead[(usize::from(dice[1]) % 8) % ahead.len()];
    (at + u64::from(dice[2] % 3)).saturating_sub(1).max(twin.now)
}

/// A reservation in the state that the verb needs, or any.
fn fitting_reservation(twin: &Twin, verb: Verb, offer: Name, dice: Dice) -> Name {
    let fitting = match verb {
        Verb::Pay => Status::Held,
        Verb::Return => Status::Won,
        _ => Status::Paid,
    };
    let ids: Vec<Name> = twin.offer(offer).map_or_else(Vec::new, |number| {
        let entries = twin.offers[number].reservations.iter().filter(|entry| entry.status == fitting);
        entries.map(|entry| entry.id).collect()
    });
    if one_in(3, dice[5]) || ids.is_empty() {
        some_reservation(twin, offer, dice[1])
    } else {
        pick(dice[1], &ids)
    }
}

fn on_reservation(twin: &Twin, verb: Verb, offer: Name, dice: Dice) -> Request<Name> {
    let id = fitting_reservation(twin, verb, offer, dice);
    match verb {
        Verb::Pay => {
            let entry = twin
                .offer(offer)
                .map(|number| &twin.offers[number])
                .and_then(|offer| offer.find(id).map(|index| &offer.reservations[index]));
            let due = entry.map_or(0, |entry| times(entry.price, entry.asked).cash);
            let amount =
                pick(dice[2], &[None, None, None, None, Some(due), Some(due), Some(due), Some(due + 1)]);
            let reference = pick(dice[3], &[None, Some("p1"), Some("p2")]);
            Request::Pay { offer, id, amount, reference }
        }
        Verb::Cancel => Request::Cancel { offer, id },
        Verb::Return => {
            let restock = pick(dice[2], &[Restock::Yes, Restock::Yes, Restock::No]);
            let op = pick(dice[3], &["op1", "op2"]);
            let (qty, op) = match dice[4] % 16 {
                0..=4 => (None, None),
                5 => (None, Some(op)),
                6 => (Some(1), None),
                7 => (Some(0), Some(op)),
                n => (Some(u32::from(n % 2) + 1), Some(op)),
            };
            Request::Return { offer, id, qty, restock, op }
        }
        Verb::Revoke => Request::Revoke { offer, id, reason: "fraud" },
        _ => Request::Show { offer, id },
    }
}

fn offer_dice(dice: Dice) -> OfferDice {
    let mut mixed = OfferDice::default();
    for (index, die) in mixed.iter_mut().enumerate() {
        *die = dice[1 + index % 7].wrapping_mul(index as u8 * 2 + 1).rotate_left(index as u32 % 8);
    }
    mixed
}

fn change_offer(twin: &Twin, id: Name, dice: Dice) -> Request<Name> {
    let Some(number) = twin.offer(id) else { return new_offer(twin, dice) };
    let TwinOffer { rule, .. } = &twin.offers[number];
    let mut definition = rule.clone();
    let at = |step: u64| Some(UnixMs::new(twin.now + step));
    match dice[1] % 16 {
        0..=2 => definition.title = pick(dice[2], &["one", "two"]).into(),
        3 => definition.limit.buyer = definition.limit.buyer.map(|limit| limit + 1),
        4 => definition.limit.campaign = definition.limit.campaign.map(|limit| limit + 1),
        5 => definition.limit.buyer = Some(1),
        6 => definition.limit.campaign = None,
        7 => definition.closes = pick(dice[2], &[at(50), at(120), None, at(0), at(1)]),
        8 => definition.price.cash += 1,
        9 => definition.hold = Millis::new(77),
        10 => definition.stock = definition.stock.map(|stock| stock + 1),
        11 => definition.opens = pick(dice[2], &[at(30), None, at(0)]),
        12 => definition.late = stampede_core::Late::Refund,
        13 => definition.admit.code = Some("other".into()),
        _ => {}
    }
    if definition.check().is_err() {
        definition = rule.clone();
    }
    Request::OfferPut { offer: id, definition: Box::new(definition) }
}

fn new_offer(twin: &Twin, dice: Dice) -> Request<Name> {
    let mut offer = definition(&offer_dice(dice), twin.now, &POOLS);
    let id = match dice[0] % 8 {
        0 => "{c}p",
        1 => {
            (offer.stock, offer.takes) = (None, vec![stampede_core::Take { pool: "solo".into(), units: 1 }]);
            "{c}x"
        }
        2 => {
            (offer.stock, offer.takes) = (None, vec![stampede_core::Take { pool: "{c}z".into(), units: 1 }]);
            "{c}x"
        }
        3 => {
            (offer.opens, offer.closes) = (None, Some(UnixMs::new(twin.now)));
            "{c}y"
        }
        _ => pick(dice[7], &["{c}d", "{c}e"]),
    };
    Request::OfferPut { offer: id, definition: Box::new(offer) }
}

/// A closed offer that is not removed, if there is one and the die is for it.
fn closed_or(twin: &Twin, offer: Name, die: u8) -> Name {
    let mut closed: Vec<&TwinOffer> = twin.offers.iter().filter(|offer| offer.is_closed(twin.now)).collect();
    closed.retain(|offer| offer.removed.is_none());
    // Those with something left first: few last long enough to be hit by chance.
    closed.sort_by_key(|offer| {
        !offer.reservations.iter().any(|entry| matches!(entry.status, Status::Held | Status::Paid))
    });
    closed.first().filter(|_| !one_in(4, die)).map_or(offer, |closed| closed.id)
}

/// A paused offer, if there is one: few would be resumed by chance.
fn paused_or(twin: &Twin, offer: Name) -> Name {
    twin.offers.iter().find(|offer| offer.paused).map_or(offer, |paused| paused.id)
}
