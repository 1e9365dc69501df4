//! The order in which answers come back.

use crate::support::{is_held, offer_on, put, start, text, within_a_minute};
use stampede_engine::core::{Answer, Request};
use stampede_engine::{Engine, Outbox, Run};
use std::thread;

const RUNS: usize = 2_000;
/// Runs alternate between two shards.
const SHARDS: usize = 2;

/// How many requests the run of this number has.
fn length(run: usize) -> usize {
    run / SHARDS % 5 + 1
}

fn id(connection: u32, run: usize, part: usize) -> String {
    format!("{connection}-{run}-{part}")
}

#[test]
fn runs_of_one_shard_come_back_in_the_order_of_submission_with_one_answer_per_request() {
    within_a_minute(|| {
        let engine = start(SHARDS as u16);
        let offers = [offer_on(&engine, 0), offer_on(&engine, 1)];
        for offer in &offers {
            put(&mut engine.client(), offer, 1_000_000);
        }
        let connections: Vec<_> = (0..8)
            .map(|connection| {
                let (engine, offers) = (engine.clone(), offers.clone());
                thread::spawn(move || buy_in_runs(&engine, &offers, connection))
            })
            .collect();
        for connection in connections {
            connection.join().expect("every answer was right");
        }
    });
}

/// Keeps as many runs under way as the outbox allows and checks each that comes back.
fn buy_in_runs(engine: &Engine, offers: &[String; SHARDS], connection: u32) {
    let outbox = Outbox::new(32);
    let (mut sent, mut back) = (0, [0; SHARDS]);
    while back.iter().sum::<usize>() < RUNS {
        while outbox.has_room() && sent < RUNS {
            let offer = text(&offers[sent % SHARDS]);
            let mut run = engine.run();
            for part in 0..length(sent) {
                let id = id(connection, sent, part);
                run.push(&Request::buy(offer, text(&id), text(&id))).expect("five requests fit a run");
            }
            engine.submit(engine.shard_of(offer), run, &outbox).expect("there is room");
            sent += 1;
        }
        let run = outbox.take_blocking().expect("runs are under way");
        let shard = usize::from(run.shard().get());
        check(&run, connection, back[shard] * SHARDS + shard);
        back[shard] += 1;
        engine.recycle(run);
    }
    assert_eq!(outbox.under_way(), 0);
}

fn check(run: &Run, connection: u32, expected: usize) {
    assert_eq!(run.answers().len(), length(expected));
    for (part, (request, answer)) in run.requests().zip(run.answers()).enumerate() {
        let id = id(connection, expected, part);
        let Request::Buy(buy) = request else { panic!("only BUY was sent") };
        assert_eq!(buy.id.as_str(), id);
        let Answer::Reservation(reservation) = &answer else { panic!("{answer:?}") };
        assert_eq!((reservation.id.as_str(), reservation.buyer.as_str()), (id.as_str(), id.as_str()));
        assert!(is_held(&answer));
    }
}
