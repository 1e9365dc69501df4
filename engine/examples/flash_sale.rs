//! A flash sale and a group buy inside one program, without a server.
//!
//! `cargo run -p stampede-engine --example flash_sale`

use stampede_engine::core::{
    Answer, Buy, GroupChoice, GroupRule, Millis, Money, Offer, Request, Settle, Text, TextError,
};
use stampede_engine::{CallError, Client, Engine, EngineConfig};
use std::error::Error;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::start(EngineConfig::in_memory())?;
    let mut storefront = engine.client();
    sell_two_phones_to_three_buyers(&mut storefront)?;
    form_a_group_of_two(&mut storefront)?;
    engine.stop(Duration::from_secs(5))?;
    Ok(())
}

/// Two units, one per buyer: two get a hold and pay, the third is told that it is sold out.
fn sell_two_phones_to_three_buyers(storefront: &mut Client) -> Result<(), Box<dyn Error>> {
    let mut definition = Offer::with_stock(Money::cash(199_900), 2);
    definition.limit.buyer = Some(1);
    definition.check()?;
    let offer = Text::id(b"phone")?;
    tell(storefront, "the operator puts 2 phones", &put(offer, definition))?;

    for (buyer, id) in [("alice", "order-1"), ("bob", "order-2"), ("carol", "order-3")] {
        tell(storefront, &format!("{buyer} buys"), &Request::buy(offer, text(buyer)?, text(id)?))?;
    }
    tell(storefront, "alice clicks twice", &Request::buy(offer, text("alice")?, text("order-1")?))?;
    tell(storefront, "alice wants another", &Request::buy(offer, text("alice")?, text("order-4")?))?;
    tell(storefront, "alice's payment came in", &pay(offer, text("order-1")?))?;
    tell(storefront, "bob gives up", &Request::Cancel { offer, id: text("order-2")? })?;
    tell(storefront, "carol tries again", &Request::buy(offer, text("carol")?, text("order-3")?))?;
    tell(storefront, "the phones", &Request::PoolGet { pool: offer })?;
    Ok(())
}

/// Two seats, both paid: the group forms and both have won.
fn form_a_group_of_two(storefront: &mut Client) -> Result<(), Box<dyn Error>> {
    let mut definition = Offer::with_stock(Money::cash(4_900), 100);
    definition.settle = Settle::Group(GroupRule::new(2, Millis::new(24 * 60 * 60 * 1_000)));
    definition.check()?;
    let offer = Text::id(b"tea")?;
    let (leader, friend) = (text("tea-1")?, text("tea-2")?);
    tell(storefront, "the operator puts a group buy", &put(offer, definition))?;
    tell(storefront, "dora opens a group", &buy_in_group(offer, text("dora")?, leader, GroupChoice::New))?;
    let join = GroupChoice::Join(leader);
    tell(storefront, "her friend joins", &buy_in_group(offer, text("emil")?, friend, join))?;
    tell(storefront, "dora's payment came in", &pay(offer, leader))?;
    tell(storefront, "her friend's payment came in", &pay(offer, friend))?;
    tell(storefront, "the group", &Request::Group { offer, group: leader })?;
    Ok(())
}

fn text(id: &str) -> Result<Text<'_>, TextError> {
    Text::id(id.as_bytes())
}

fn put(offer: Text<'_>, definition: Offer) -> Request<Text<'_>> {
    Request::OfferPut { offer, definition: Box::new(definition) }
}

fn pay<'a>(offer: Text<'a>, id: Text<'a>) -> Request<Text<'a>> {
    Request::Pay { offer, id, amount: None, reference: None }
}

fn buy_in_group<'a>(
    offer: Text<'a>,
    buyer: Text<'a>,
    id: Text<'a>,
    group: GroupChoice<Text<'a>>,
) -> Request<Text<'a>> {
    Request::Buy(Buy { offer, buyer, id, qty: 1, group, tags: None, referrer: None, code: None })
}

/// Calls the engine and prints what it answers.
fn tell(storefront: &mut Client, what: &str, request: &Request<Text<'_>>) -> Result<(), CallError> {
    let reply = storefront.call(request)?;
    let answer = match reply.answer() {
        Answer::Reservation(reservation) => {
            let again = if reservation.replayed { ", as decided before" } else { "" };
            let group = reservation.group.map_or_else(String::new, |part| {
                format!(", group {} is {} with {} seats left", part.group, part.state.name(), part.seats_left)
            });
            let status = reservation.status.name();
            format!("{} is {status} for {}{again}{group}", reservation.id, reservation.amount.cash)
        }
        Answer::Refused(refusal) => format!("{}: {}", refusal.name(), refusal.message()),
        Answer::Misuse(misuse) => format!("ERR {misuse}"),
        Answer::Pool(pool) => {
            format!(
                "{} in all: {} available, {} held, {} sold",
                pool.total, pool.available, pool.held, pool.sold
            )
        }
        Answer::Group(group) => {
            let members: Vec<_> = group
                .members
                .iter()
                .map(|member| format!("{} {}", member.buyer, member.status.name()))
                .collect();
            format!("{} is {}: {}", group.group, group.state.name(), members.join(", "))
        }
        Answer::Done => "done".to_owned(),
        other => format!("{other:?}"),
    };
    println!("{what:<32} → {answer}");
    Ok(())
}
