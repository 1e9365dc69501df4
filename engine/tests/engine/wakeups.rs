//! A shard that sleeps between runs loses no wake-up.

use crate::support::{start, text, within_a_minute};
use stampede_engine::core::Request;
use stampede_engine::{Engine, Outbox, Outcome};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

/// One run at a time, so that the shard falls asleep in between as often as possible.
fn ping(engine: &Engine, rounds: u32) {
    let outbox = Outbox::new(1);
    for round in 0..rounds {
        let mut run = engine.run();
        run.push(&Request::PoolGet { pool: text("sku") }).expect("it fits");
        engine.submit(engine.shard_of(text("sku")), run, &outbox).expect("there is room");
        // Gives the shard a head start of a different length each time, so that it is met at every step of its way
        // to sleep.
        for _ in 0..round % 50 {
            std::hint::spin_loop();
        }
        let run = outbox.take_blocking().expect("a run is under way");
        assert_eq!(run.outcome(), Outcome::Answered);
        engine.recycle(run);
    }
}

#[test]
fn every_run_comes_back_however_often_the_shard_falls_asleep() {
    within_a_minute(|| {
        let engine = start(2);
        ping(&engine, 20_000);
        let pingers: Vec<_> = (0..4)
            .map(|_| {
                let engine = engine.clone();
                thread::spawn(move || ping(&engine, 5_000))
            })
            .collect();
        for pinger in pingers {
            pinger.join().expect("every run came back");
        }
    });
}

/// Counts how often it is woken.
#[derive(Default)]
struct Counting(AtomicU32);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_task_that_waits_is_woken_and_its_future_can_be_dropped() {
    within_a_minute(|| {
        let engine = start(1);
        let outbox = Outbox::new(4);
        let counting = Arc::new(Counting::default());
        let waker = Waker::from(Arc::clone(&counting));
        let mut context = Context::from_waker(&waker);

        let mut waiting = Box::pin(outbox.take());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        drop(waiting);
        let mut run = engine.run();
        run.push(&Request::PoolGet { pool: text("sku") }).expect("it fits");
        engine.submit(engine.shard_of(text("sku")), run, &outbox).expect("there is room");
        while counting.0.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        let waiting = pin!(outbox.take());
        let Poll::Ready(run) = waiting.poll(&mut context) else { panic!("it was woken for a run") };
        assert_eq!(run.answers().len(), 1);
    });
}
