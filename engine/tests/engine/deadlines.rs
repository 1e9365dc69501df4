//! What falls due is settled by itself, and in slices.

use crate::support::{FakeTime, TestJournal, audit, put, start, start_steered, text, within_a_minute};
use stampede_engine::core::{Answer, Millis, Money, Offer, Request, Seq, Status};
use stampede_engine::{Client, Outbox};
use std::thread;
use std::time::Duration;

/// Holds that fall due at the same instant: many slices' worth.
const HOLDS: u64 = 20_000;

/// Puts an offer and takes all its units.
fn hold_all(client: &mut Client) {
    put(client, "sku", HOLDS);
    for n in 0..HOLDS {
        let id = format!("r{n}");
        drop(client.call(&Request::buy(text("sku"), text(&id), text(&id))).expect("the shard is up"));
    }
}

#[test]
fn a_deadline_is_settled_with_no_request_in_sight() {
    within_a_minute(|| {
        let engine = start(1);
        let shard = engine.shard_of(text("sku"));
        let mut definition = Box::new(Offer::with_stock(Money::cash(1_990), 1));
        definition.hold = Millis::new(20);
        let mut client = engine.client();
        client.call(&Request::OfferPut { offer: text("sku"), definition }).expect("the shard is up");
        let reply = client.call(&Request::buy(text("sku"), text("alice"), text("r1")));
        drop(reply.expect("the shard is up"));
        let accepted = 2;
        while engine.counters(shard).events == accepted {
            thread::yield_now();
        }
        let requests = engine.counters(shard).requests;
        assert_eq!(requests, 2, "nobody asked meanwhile");
        let reply =
            client.call(&Request::Show { offer: text("sku"), id: text("r1") }).expect("the shard is up");
        let Answer::Reservation(reservation) = reply.answer() else { panic!("{:?}", reply.answer()) };
        assert_eq!(reservation.status, Status::Released);
    });
}

#[test]
fn requests_get_through_while_thousands_of_holds_expire_at_once() {
    within_a_minute(|| {
        let (time, journal) = (FakeTime::new(), TestJournal::default());
        let engine = start_steered(&time, &journal);
        let shard = engine.shard_of(text("sku"));
        let mut client = engine.client();
        hold_all(&mut client);
        let before = audit(&mut client, shard);
        assert_eq!(before.held, HOLDS);

        // With a full journal the shard settles nothing, so that the request is there when it begins.
        journal.fill_up();
        time.pass(Duration::from_hours(1));
        let outbox = Outbox::new(1);
        let mut run = engine.run();
        run.push(&Request::Audit { offer: None }).expect("it fits");
        engine.submit(shard, run, &outbox).expect("there is room");
        journal.make_room();
        let run = outbox.take_blocking().expect("a run is under way");
        let Some(Answer::Audit(during)) = run.answers().next() else { panic!("an audit was asked for") };
        let settled = during.event.seq.0 - before.event.seq.0;
        assert!(settled < HOLDS / 10, "the request waited for {settled} of {HOLDS} expiries");
        assert_eq!(during.broken, Vec::<String>::new());

        while engine.counters(shard).events < before.event.seq.0 + HOLDS {
            thread::yield_now();
        }
        let after = audit(&mut client, shard);
        assert_eq!((after.available, after.held), (HOLDS, 0));
    });
}

/// Settling must neither stand in front of every purchase nor stand still while purchases keep the journal busy.
#[test]
fn while_the_journal_is_behind_a_slice_is_settled_with_each_sync() {
    within_a_minute(|| {
        let (time, journal) = (FakeTime::new(), TestJournal::default());
        let engine = start_steered(&time, &journal);
        let shard = engine.shard_of(text("sku"));
        let mut client = engine.client();
        hold_all(&mut client);
        put(&mut client, "other", 1_000);
        let outbox = Outbox::new(1_000);
        let mut bought = 0;
        // Purchases are decided, whether or not their answers may leave; tells how many events there are then.
        let mut buy = |count: u64| {
            let decided = engine.counters(shard).requests + count;
            for n in bought..bought + count {
                let id = format!("o{n}");
                let mut run = engine.run();
                run.push(&Request::buy(text("other"), text(&id), text(&id))).expect("it fits");
                engine.submit(shard, run, &outbox).expect("there is room");
            }
            bought += count;
            while engine.counters(shard).requests < decided {
                thread::yield_now();
            }
            engine.counters(shard).events
        };

        let mut events = engine.counters(shard).events;
        journal.fall_behind(true);
        journal.hold();
        time.pass(Duration::from_hours(1));
        for _ in 0..3 {
            let after = buy(100);
            let slice = after - events - 100;
            assert!(slice > 0 && slice < HOLDS / 10, "{slice} of {HOLDS} expiries with one sync");
            assert_eq!(buy(100), after + 100, "an expiry came before the watermark moved again");
            events = after + 100;
            journal.sync_to(Seq(events));
        }

        journal.let_go();
        while audit(&mut client, shard).held > bought {
            thread::yield_now();
        }
    });
}
