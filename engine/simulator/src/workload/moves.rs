//! One request: mostly about something that the feed has shown, sometimes about something that is not there.

use super::{Campaign, View, offers};
use crate::dice::Dice;
use crate::ledger::OfferPage;
use crate::names::{Name, name};
use stampede_engine::core::{
    Buy, GroupChoice, Millis, Offer, Request, Restock, StateFilter, Status, Take, UnixMs,
};

/// Few enough to meet each other, many enough to fill groups.
const BUYERS: [Name; 10] = ["ann", "bob", "cy", "dee", "eve", "fay", "0007", "gus", "hal", "ivy"];
/// Reservation ids per offer: few enough to be used twice.
const IDS: u64 = 400;

/// What kind of request.
#[derive(Clone, Copy)]
enum Verb {
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
    Show,
    Look,
}

const VERBS: [(u32, Verb); 16] = [
    (130, Verb::Buy),
    (16, Verb::BuyAgain),
    (110, Verb::Pay),
    (14, Verb::Cancel),
    (16, Verb::Return),
    (6, Verb::Revoke),
    (5, Verb::Extend),
    (3, Verb::Pause),
    (9, Verb::Resume),
    (2, Verb::Close),
    (4, Verb::Remove),
    (10, Verb::AddUnits),
    (9, Verb::ChangeOffer),
    (7, Verb::NewOffer),
    (10, Verb::Show),
    (20, Verb::Look),
];

pub(super) fn draw(
    dice: &mut Dice,
    campaign: &Campaign,
    sent: &[Buy<Name>],
    view: &View<'_>,
) -> Request<Name> {
    let offer = some_offer(dice, campaign, view);
    let page = view.ledger.offer(offer);
    match dice.weighted(&VERBS) {
        Verb::Buy => Request::Buy(buy(dice, offer, page)),
        Verb::BuyAgain => buy_again(dice, campaign, sent, offer, page),
        Verb::Pay => pay(dice, offer, page),
        Verb::Cancel => Request::Cancel { offer, id: fitting(dice, page, Status::Paid) },
        Verb::Return => give_back(dice, offer, page),
        Verb::Revoke => Request::Revoke { offer, id: fitting(dice, page, Status::Paid), reason: "fraud" },
        Verb::Extend => Request::OfferExtend {
            offer,
            by: Millis::new(dice.pick(&[10, 25, 60])),
            op: dice.pick(&["x1", "x2", "x3", "x4"]),
        },
        Verb::Pause => Request::OfferPause { offer },
        Verb::Resume => Request::OfferResume { offer: paused_or(campaign, view, offer) },
        Verb::Close => Request::OfferClose { offer },
        Verb::Remove => Request::OfferRemove { offer: closed_or(campaign, view, offer) },
        Verb::AddUnits => Request::PoolAdd {
            pool: some_pool(dice, campaign),
            units: dice.pick(&[2, 5, 3, 9, -1, -2, 0, -40]),
            op: name(&format!("o{}", dice.below(40))),
        },
        Verb::ChangeOffer => change_offer(dice, campaign, offer, view),
        Verb::NewOffer => new_offer(dice, campaign, view),
        Verb::Show => Request::Show { offer, id: some_id(dice, page) },
        Verb::Look => look(dice, campaign, offer, page),
    }
}

fn some_offer(dice: &mut Dice, campaign: &Campaign, view: &View<'_>) -> Name {
    if dice.one_in(60) {
        return name(&format!("{{{}}}ghost", campaign.tag));
    }
    let is_there = |id: &Name| view.ledger.offer(id).is_some_and(|page| !page.is_removed);
    let there: Vec<Name> = campaign.offers.into_iter().filter(is_there).collect();
    if there.is_empty() { campaign.offers[0] } else { dice.pick(&there) }
}

fn some_pool(dice: &mut Dice, campaign: &Campaign) -> Name {
    match dice.below(10) {
        0 => name(&format!("{{{}}}nowhere", campaign.tag)),
        1..=4 => campaign.offers[dice.index(campaign.offers.len())],
        _ => dice.pick(&campaign.pools),
    }
}

/// One of the newest ids, or one of all.
fn some_id(dice: &mut Dice, page: Option<&OfferPage>) -> Name {
    let ids = page.map_or(&[][..], |page| &page.ids);
    if ids.is_empty() || dice.one_in(25) {
        return "nothing";
    }
    let window = if dice.coin() { ids.len().min(6) } else { ids.len() };
    ids[ids.len() - 1 - dice.index(window)]
}

/// An id in this state if one is found soon.
fn fitting(dice: &mut Dice, page: Option<&OfferPage>, status: Status) -> Name {
    for _ in 0..6 {
        let id = some_id(dice, page);
        if page.and_then(|page| page.rows.get(id)).is_some_and(|row| row.status == status) {
            return id;
        }
    }
    some_id(dice, page)
}

/// One of the newest groups, mostly one that is still open.
fn some_group(dice: &mut Dice, page: Option<&OfferPage>) -> Name {
    let Some(page) = page.filter(|page| !page.group_ids.is_empty()) else { return "nobody" };
    if dice.one_in(30) {
        return "nobody";
    }
    let newest = page.group_ids.iter().rev().take(12);
    let open: Vec<Name> =
        newest.copied().filter(|id| page.groups.get(id).is_some_and(|group| !group.is_over)).collect();
    if open.is_empty() || dice.one_in(4) {
        let window = page.group_ids.len().min(4);
        return page.group_ids[page.group_ids.len() - 1 - dice.index(window)];
    }
    dice.pick(&open)
}

fn buy(dice: &mut Dice, offer: Name, page: Option<&OfferPage>) -> Buy<Name> {
    let is_group = page.is_some_and(|page| page.definition.group().is_some());
    let group = match (is_group, dice.below(16)) {
        (false, 15) | (true, 0..=4) => GroupChoice::New,
        (false, _) | (true, 15) => GroupChoice::Alone,
        (true, 5..=7) => GroupChoice::Any,
        (true, _) => GroupChoice::Join(some_group(dice, page)),
    };
    Buy {
        offer,
        buyer: dice.pick(&BUYERS),
        id: name(&format!("r{}", dice.below(IDS))),
        qty: dice.pick(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 0]),
        group,
        tags: dice.pick(&[Some("new"), None, Some("vip,x"), Some("new,vip")]),
        referrer: dice.pick(&[None, None, Some("bob")]),
        code: dice.pick(&[Some("sesame"), Some("sesame"), None, Some("Sesame")]),
    }
}

/// The same intent again, or the same id with one argument changed.
fn buy_again(
    dice: &mut Dice,
    campaign: &Campaign,
    sent: &[Buy<Name>],
    offer: Name,
    page: Option<&OfferPage>,
) -> Request<Name> {
    let here: Vec<&Buy<Name>> = sent.iter().filter(|buy| campaign.offers.contains(&buy.offer)).collect();
    if here.is_empty() {
        return Request::Buy(buy(dice, offer, page));
    }
    let mut again = *here[dice.index(here.len())];
    match dice.below(10) {
        0 => again.buyer = dice.pick(&BUYERS),
        1 => again.qty += 1,
        2 => again.group = GroupChoice::Any,
        3 => again.referrer = Some("eve"),
        4 => again.tags = None,
        _ => {}
    }
    Request::Buy(again)
}

fn pay(dice: &mut Dice, offer: Name, page: Option<&OfferPage>) -> Request<Name> {
    let id = fitting(dice, page, Status::Held);
    let row = page.and_then(|page| page.rows.get(id));
    let due = row.map_or(0, |row| row.price.times(row.qty).cash);
    let amount = dice.pick(&[None, None, None, None, Some(due), Some(due), Some(due), Some(due + 1)]);
    Request::Pay { offer, id, amount, reference: dice.pick(&[None, Some("p1"), Some("p2")]) }
}

fn give_back(dice: &mut Dice, offer: Name, page: Option<&OfferPage>) -> Request<Name> {
    let id = fitting(dice, page, Status::Won);
    let restock = dice.pick(&[Restock::Yes, Restock::Yes, Restock::No]);
    let op = dice.pick(&["op1", "op2", "op3"]);
    let (qty, op) = match dice.below(16) {
        0..=4 => (None, None),
        5 => (None, Some(op)),
        6 => (Some(1), None),
        7 => (Some(0), Some(op)),
        n => (Some((n % 2) as u32 + 1), Some(op)),
    };
    Request::Return { offer, id, qty, restock, op }
}

fn change_offer(dice: &mut Dice, campaign: &Campaign, offer: Name, view: &View<'_>) -> Request<Name> {
    match view.ledger.offer(offer) {
        Some(page) => {
            let definition = Box::new(offers::changed(dice, &page.definition, view.now));
            Request::OfferPut { offer, definition }
        }
        None => new_offer(dice, campaign, view),
    }
}

fn new_offer(dice: &mut Dice, campaign: &Campaign, view: &View<'_>) -> Request<Name> {
    let mut definition = offers::draw(dice, view.now, campaign.pools);
    let alien = |pool: &str| (None, vec![Take { pool: pool.into(), units: 1 }]);
    let offer = match dice.below(10) {
        0 => {
            definition = Offer::with_stock(definition.price, 3);
            campaign.pools[0]
        }
        1 => {
            (definition.stock, definition.takes) = alien("{elsewhere}p");
            campaign.offers[4]
        }
        2 => {
            (definition.stock, definition.takes) = alien(&format!("{{{}}}nowhere", campaign.tag));
            campaign.offers[4]
        }
        3 => {
            (definition.opens, definition.closes) = (None, Some(UnixMs::new(view.now)));
            campaign.offers[4]
        }
        _ => dice.pick(&campaign.offers),
    };
    Request::OfferPut { offer, definition: Box::new(definition) }
}

fn look(dice: &mut Dice, campaign: &Campaign, offer: Name, page: Option<&OfferPage>) -> Request<Name> {
    match dice.below(9) {
        0 => Request::Buyer { offer, buyer: dice.pick(&BUYERS) },
        1 => Request::Group { offer, group: some_group(dice, page) },
        2 => Request::Groups { offer, count: 5 },
        3 => Request::PoolGet { pool: some_pool(dice, campaign) },
        4 => Request::OfferGet { offer },
        5 => {
            let filters =
                [StateFilter::Any, StateFilter::Is(Status::Held), StateFilter::Is(Status::Released)];
            Request::Reservations { offer, state: dice.pick(&filters), cursor: 0, count: 20 }
        }
        6 => Request::Demand { offer },
        7 => Request::Audit { offer: Some(offer) },
        _ => Request::OfferList { cursor: 0, count: 10 },
    }
}

/// A closed offer that is still there, if there is one.
fn closed_or(campaign: &Campaign, view: &View<'_>, offer: Name) -> Name {
    let is_closed = |id: &Name| view.ledger.offer(id).is_some_and(|page| page.is_closed && !page.is_removed);
    campaign.offers.into_iter().find(is_closed).unwrap_or(offer)
}

/// A paused offer, if there is one: few would be resumed by chance.
fn paused_or(campaign: &Campaign, view: &View<'_>, offer: Name) -> Name {
    let is_paused = |id: &Name| view.ledger.offer(id).is_some_and(|page| page.is_paused);
    campaign.offers.into_iter().find(is_paused).unwrap_or(offer)
}
