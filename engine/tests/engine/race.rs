//! Many threads, one unit.

use crate::support::{audit, is_held, put, start, text, within_a_minute};
use stampede_engine::core::{Answer, Refusal, Request};
use std::sync::{Arc, Barrier};
use std::thread;

#[test]
fn the_last_unit_goes_to_one_of_64_threads_and_the_others_are_told_sold_out() {
    within_a_minute(|| {
        let engine = start(1);
        for round in 0..20 {
            let offer = format!("sku-{round}");
            put(&mut engine.client(), &offer, 1);
            let barrier = Arc::new(Barrier::new(64));
            let racers: Vec<_> = (0..64)
                .map(|racer| {
                    let (barrier, offer, mut client) = (Arc::clone(&barrier), offer.clone(), engine.client());
                    thread::spawn(move || {
                        let (buyer, id) = (format!("b{racer}"), format!("r{racer}"));
                        barrier.wait();
                        let reply = client.call(&Request::buy(text(&offer), text(&buyer), text(&id)));
                        let reply = reply.expect("64 requests fit the inbox");
                        let answer = reply.answer();
                        assert!(
                            is_held(&answer) || matches!(answer, Answer::Refused(Refusal::SoldOut)),
                            "{answer:?}"
                        );
                        is_held(&answer)
                    })
                })
                .collect();
            let won = racers.into_iter().map(|racer| racer.join().expect("a racer has an answer"));
            let winners = won.filter(|&won| won).count();
            assert_eq!(winners, 1, "round {round}");
        }
        let shard = engine.shards().next().expect("there is one shard");
        assert_eq!(audit(&mut engine.client(), shard).held, 20);
    });
}
