//! Who turns a shard: its own thread, or whoever brings a little work while that sleeps.

use crate::support::{put, text, within_a_minute};
use parking_lot::Mutex;
use stampede_engine::core::{Entry, Request, Seq};
use stampede_engine::{
    Engine, EngineConfig, Journal, JournalError, Outbox, Outcome, Round, SystemTimeSource, Wake,
};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};
use std::thread::{self, ThreadId};

/// Notes on which thread each turn was committed.
#[derive(Clone, Default)]
struct Noting {
    threads: Arc<Mutex<Vec<ThreadId>>>,
    last: Seq,
}

impl Journal for Noting {
    fn record(&mut self, entry: &Entry<'_>) {
        self.last = entry.stamp.id.seq;
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        self.threads.lock().push(thread::current().id());
        Ok(())
    }

    fn durable(&self) -> Result<Seq, JournalError> {
        Ok(self.last)
    }
}

/// Buys so often in one run, and says on which thread that was decided.
fn decided_on(engine: &Engine, journal: &Noting, first: u32, count: u32) -> ThreadId {
    let outbox = Outbox::new(1);
    let mut run = engine.run();
    for n in first..first + count {
        let id = format!("r{n}");
        run.push(&Request::buy(text("sku"), text(&id), text(&id))).expect("it fits");
    }
    engine.submit(engine.shard_of(text("sku")), run, &outbox).expect("there is room");
    let run = outbox.take_blocking().expect("a run is under way");
    assert_eq!((run.outcome(), run.answers().len()), (Outcome::Answered, count as usize));
    *journal.threads.lock().last().expect("purchases are events")
}

#[test]
fn a_short_run_is_decided_by_who_brings_it_and_a_long_one_by_the_shards_thread() {
    within_a_minute(|| {
        let journal = Noting::default();
        let config = EngineConfig { shards: Some(1), ..EngineConfig::in_memory() };
        let engine = Engine::start_with(config, &SystemTimeSource, |_| Box::new(journal.clone()))
            .expect("the configuration is valid");
        put(&mut engine.client(), "sku", u64::from(u32::MAX));
        let mine = thread::current().id();
        // Until the shard's thread has fallen asleep it decides the short ones too.
        let mut bought = 0;
        while decided_on(&engine, &journal, bought, 1) != mine {
            bought += 1;
        }
        for n in 0..100 {
            assert_ne!(decided_on(&engine, &journal, 1_000_000 + n * 64, 64), mine);
        }
    });
}

/// A journal that the test steers.
#[derive(Clone, Default)]
struct Steered(Arc<Steering>);

/// What the test turns, and what it learns.
#[derive(Default)]
struct Steering {
    last: AtomicU64,
    /// While events are held up, the watermark stands here.
    stands_at: Mutex<Option<Seq>>,
    is_without_room: AtomicBool,
    /// While the test holds this, a commit waits.
    gate: Mutex<()>,
    is_held: AtomicBool,
    /// On which threads the shard committed, asked for the watermark, and let the writer begin; newest last.
    committed: Mutex<Vec<String>>,
    asked: Mutex<Vec<String>>,
    begun: Mutex<Vec<String>>,
    wake: OnceLock<Arc<Wake>>,
}

impl Journal for Steered {
    fn attach(&mut self, wake: Arc<Wake>) {
        assert!(self.0.wake.set(wake).is_ok(), "a journal has one shard");
    }

    fn record(&mut self, entry: &Entry<'_>) {
        self.0.last.store(entry.stamp.id.seq.0, Ordering::SeqCst);
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        note(&self.0.committed);
        self.0.is_held.store(true, Ordering::SeqCst);
        let _open = self.0.gate.lock();
        Ok(())
    }

    fn has_begun(&self) -> bool {
        !self.0.is_held.load(Ordering::SeqCst)
    }

    fn begin(&mut self) {
        if self.0.is_held.swap(false, Ordering::SeqCst) {
            note(&self.0.begun);
        }
    }

    fn durable(&self) -> Result<Seq, JournalError> {
        note(&self.0.asked);
        Ok(self.0.stands_at.lock().unwrap_or(self.0.last()))
    }

    fn has_room(&self) -> bool {
        !self.0.is_without_room.load(Ordering::SeqCst)
    }
}

fn note(calls: &Mutex<Vec<String>>) {
    calls.lock().push(thread::current().name().unwrap_or_default().to_owned());
}

const SHARDS_THREAD: &str = "shard-0";

impl Steering {
    fn last(&self) -> Seq {
        Seq(self.last.load(Ordering::SeqCst))
    }

    fn wake(&self) -> &Arc<Wake> {
        self.wake.get().expect("the engine runs")
    }

    /// Waits until the shard's thread has fallen asleep.
    fn await_sleep(&self) {
        while !self.wake().is_asleep() {
            thread::yield_now();
        }
    }

    /// Rings as a journal's own thread does.
    fn ring(self: &Arc<Steering>) {
        let steering = Arc::clone(self);
        let ringing = thread::Builder::new().name("journal".to_owned()).spawn(move || steering.wake().ring());
        ringing.expect("a thread").join().expect("it rings");
    }
}

/// An engine with one offer, whose journal is steered and whose shard's thread sleeps.
fn steered() -> (Engine, Arc<Steering>) {
    let journal = Steered::default();
    let config = EngineConfig { shards: Some(1), ..EngineConfig::in_memory() };
    let engine = Engine::start_with(config, &SystemTimeSource, |_| Box::new(journal.clone()))
        .expect("the configuration is valid");
    let mut client = engine.client();
    put(&mut client, "sku", u64::from(u32::MAX));
    // From now on there is demand to tell: the thread knows when it has to wake for that, and need not be told.
    client.call(&Request::buy(text("sku"), text("first"), text("first"))).expect("it is answered");
    let steering = journal.0;
    steering.await_sleep();
    steering.asked.lock().clear();
    steering.committed.lock().clear();
    steering.begun.lock().clear();
    (engine, steering)
}

/// Plays a scene until the shard's thread did not wake in the midst of it, as it does once a second for the demand.
fn undisturbed(scene: impl Fn(&Engine, &Arc<Steering>) -> Vec<(&'static str, bool)> + Send + 'static) {
    within_a_minute(move || {
        loop {
            let (engine, steering) = steered();
            let found = scene(&engine, &steering);
            if steering.asked.lock().iter().any(|thread| thread == SHARDS_THREAD) {
                continue;
            }
            for (what, holds) in found {
                assert!(holds, "{what}");
            }
            return;
        }
    });
}

fn submit_one(engine: &Engine, id: &str, outbox: &Arc<Outbox>) {
    let mut run = engine.run();
    run.push(&Request::buy(text("sku"), text(id), text(id))).expect("it fits");
    engine.submit(engine.shard_of(text("sku")), run, outbox).expect("there is room");
}

#[test]
fn answers_leave_on_the_thread_that_made_them_durable_while_the_shards_own_sleeps() {
    undisturbed(|engine, steering| {
        let outbox = Outbox::new(1);
        *steering.stands_at.lock() = Some(steering.last());
        submit_one(engine, "r", &outbox);
        let early = outbox.try_take();
        *steering.stands_at.lock() = None;
        steering.ring();
        vec![
            ("nothing leaves before it is durable", early.is_none()),
            ("the answer has left when the ringing ends", outbox.try_take().is_some()),
        ]
    });
}

#[test]
fn runs_that_waited_for_room_are_decided_on_the_thread_that_made_it() {
    undisturbed(|engine, steering| {
        let outbox = Outbox::new(1);
        steering.is_without_room.store(true, Ordering::SeqCst);
        submit_one(engine, "r", &outbox);
        let early = steering.committed.lock().clone();
        steering.is_without_room.store(false, Ordering::SeqCst);
        steering.ring();
        vec![
            ("nothing is decided without room", early.is_empty()),
            ("it is decided by who made room", *steering.committed.lock() == ["journal"]),
            ("and answered", outbox.try_take().is_some()),
        ]
    });
}

#[test]
fn what_is_brought_while_somebody_sits_is_decided_by_the_shards_thread() {
    within_a_minute(|| {
        let (engine, steering) = steered();
        steering.committed.lock().clear();
        let gate = steering.gate.lock();
        let (mine, theirs) = (Outbox::new(1), Outbox::new(1));
        thread::scope(|scope| {
            let sitting = thread::Builder::new().name("sitting".to_owned());
            let sit = || submit_one(&engine, "r1", &theirs);
            sitting.spawn_scoped(scope, sit).expect("a thread");
            while steering.committed.lock().is_empty() {
                thread::yield_now();
            }
            submit_one(&engine, "r2", &mine);
            drop(gate);
        });
        let (first, second) = (theirs.take_blocking(), mine.take_blocking());
        assert!(first.is_some() && second.is_some());
        let mut committed = steering.committed.lock().clone();
        committed.sort();
        // The shard's thread may have told the demand meanwhile.
        committed.dedup();
        assert_eq!(committed, [SHARDS_THREAD, "sitting"]);
    });
}

#[test]
fn connections_of_a_round_share_a_beginning_and_one_wake_up() {
    undisturbed(|engine, steering| {
        let round = Round::new();
        let called = Arc::new(Woken::default());
        let task = Waker::from(Arc::clone(&called));
        let mut context = Context::from_waker(&task);
        let at_first = round.poll(&mut context);
        *steering.stands_at.lock() = Some(steering.last());
        let connections = [(); 3].map(|()| (Outbox::in_round(1, &round), Arc::new(Woken::default())));
        for (n, (outbox, woken)) in connections.iter().enumerate() {
            submit_one(engine, &format!("r{n}"), outbox);
            let waker = Waker::from(Arc::clone(woken));
            assert!(outbox.poll_take(&mut Context::from_waker(&waker)).is_pending());
        }
        let (begun_early, calls_to_begin) = (steering.begun.lock().len(), called.times());
        let at_work = round.poll(&mut context);
        round.end();
        let begun = steering.begun.lock().len();
        *steering.stands_at.lock() = None;
        steering.ring();
        let (calls_to_wake, woken_early) =
            (called.times() - calls_to_begin, connections.iter().any(is_woken));
        let at_answers = round.poll(&mut context);
        vec![
            ("there is nothing to do at first", at_first.is_pending()),
            ("nothing begins while more may join", begun_early == 0),
            ("the task is called once for all", calls_to_begin == 1 && calls_to_wake == 1),
            ("the task hears that something is to begin", at_work.is_ready()),
            ("all begins at once", begun == 1),
            ("connections are woken by the round", !woken_early && connections.iter().all(is_woken)),
            ("nothing is left to begin", at_answers.is_pending()),
            ("all are answered", connections.iter().all(|(outbox, _)| outbox.try_take().is_some())),
        ]
    });
}

fn is_woken((_, woken): &(Arc<Outbox>, Arc<Woken>)) -> bool {
    woken.times() == 1
}

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicU64);

impl Woken {
    fn times(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
