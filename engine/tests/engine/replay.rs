//! The events of a shard, replayed, give its state.

use crate::support::{FakeTime, Follower, audit, offer_on, text, within_a_minute};
use stampede_engine::core::{
    Buy, Entry, GroupChoice, GroupRule, Millis, Money, Offer, Record, Request, Reserve, Settle, Swept, Text,
    UnixMs,
};
use stampede_engine::{Client, Engine, EngineConfig};
use std::time::Duration;

const BUYERS: u32 = 500;

fn definition(stock: u64, group_size: Option<u32>) -> Box<Offer> {
    let mut offer = Offer::with_stock(Money::cash(1_990), stock);
    offer.hold = Millis::new(60_000);
    if let Some(size) = group_size {
        offer.settle = Settle::Group(GroupRule {
            size,
            open: Millis::new(90_000),
            min: None,
            join: None,
            merge: false,
            leave: true,
            reserve: Reserve::Seat,
            any_min_left: None,
        });
    }
    Box::new(offer)
}

/// Counts events.
struct Count(u32);

impl Record for Count {
    fn record(&mut self, _: &Entry<'_>) {
        self.0 += 1;
    }
}

fn call(client: &mut Client, request: &Request<Text<'_>>) {
    client.call(request).expect("the shard is up");
}

/// Buys, pays, cancels and lets expire, in pairs of buyers who share a group where the offer has groups.
fn sell(client: &mut Client, offer: &str, group: GroupChoice<Text<'_>>, time: &FakeTime) {
    for n in 0..BUYERS {
        let id = format!("r{n}");
        let Request::Buy(buy) = Request::buy(text(offer), text(&id), text(&id)) else { unreachable!() };
        call(client, &Request::Buy(Buy { group, ..buy }));
        let (offer, id) = (text(offer), text(&id));
        match n % 5 {
            0 | 1 => call(client, &Request::Pay { offer, id, amount: None, reference: None }),
            2 => call(client, &Request::Cancel { offer, id }),
            _ => time.pass(Duration::from_millis(300)),
        }
    }
}

#[test]
fn replaying_the_events_of_each_shard_gives_the_digest_of_the_live_one() {
    within_a_minute(|| {
        let time = FakeTime::new();
        let followers = [Follower::new(), Follower::new()];
        let config = EngineConfig { shards: Some(2), ..EngineConfig::in_memory() };
        let engine =
            Engine::start_with(config, &time, |shard| Box::new(followers[usize::from(shard.get())].clone()));
        let engine = engine.expect("the configuration is valid");
        let mut client = engine.client();
        let (sale, groups) = (offer_on(&engine, 0), offer_on(&engine, 1));
        call(&mut client, &Request::OfferPut { offer: text(&sale), definition: definition(300, None) });
        call(
            &mut client,
            &Request::OfferPut { offer: text(&groups), definition: definition(1_000, Some(3)) },
        );
        sell(&mut client, &sale, GroupChoice::Alone, &time);
        sell(&mut client, &groups, GroupChoice::Any, &time);
        time.pass(Duration::from_hours(1));

        for shard in engine.shards() {
            // The first request settles a slice; ask until nothing moves any more.
            let mut live = audit(&mut client, shard);
            loop {
                let again = audit(&mut client, shard);
                if again.digest == live.digest {
                    break;
                }
                live = again;
            }
            let mut replayed = followers[usize::from(shard.get())].0.lock();
            assert!(live.reservations.iter().sum::<u64>() >= 300, "{live:?}");
            assert_eq!(replayed.last_event(), live.event);
            assert_eq!(replayed.digest(), live.digest);
            let now = UnixMs::new(engine.epoch() + 3 * 3_600_000);
            let mut late = Count(0);
            while replayed.sweep(now, 100, &mut late) == Swept::More {}
            assert_eq!(late.0, 0, "the live machine left nothing unsettled");
        }
    });
}
