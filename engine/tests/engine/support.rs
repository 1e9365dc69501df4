//! What the tests of this crate share: time that the test moves, journals that do what a test needs, short ways to
//! write requests, and a bound on how long a test may hang.

use parking_lot::Mutex;
use stampede_engine::core::{
    Answer, AuditAnswer, Entry, Machine, Money, Offer, Request, Seq, Settings, Status, Text,
};
use stampede_engine::{
    Client, Engine, EngineConfig, Journal, JournalError, MemoryJournal, ShardIndex, SystemTimeSource,
    TimeSource, Wake,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// 2023-11-14, in milliseconds.
pub(crate) const START_MS: u64 = 1_700_000_000_000;

/// Clocks that stand still until the test moves them.
#[derive(Clone, Debug)]
pub(crate) struct FakeTime {
    boot_ns: Arc<AtomicU64>,
    /// What the wall shows beyond the boot-time clock.
    wall_ahead_ns: Arc<AtomicI64>,
}

impl FakeTime {
    pub(crate) fn new() -> Self {
        FakeTime {
            boot_ns: Arc::default(),
            wall_ahead_ns: Arc::new(AtomicI64::new(START_MS.cast_signed() * 1_000_000)),
        }
    }

    /// Lets time pass on both clocks.
    pub(crate) fn pass(&self, length: Duration) {
        self.boot_ns.fetch_add(length.as_nanos() as u64, Ordering::SeqCst);
    }

    /// Sets the wall clock forward or back.
    pub(crate) fn set_wall(&self, by_ms: i64) {
        self.wall_ahead_ns.fetch_add(by_ms * 1_000_000, Ordering::SeqCst);
    }
}

impl TimeSource for FakeTime {
    fn boot(&self) -> Duration {
        Duration::from_nanos(self.boot_ns.load(Ordering::SeqCst))
    }

    fn wall(&self) -> Duration {
        let ahead = self.wall_ahead_ns.load(Ordering::SeqCst);
        let now = self.boot_ns.load(Ordering::SeqCst).saturating_add_signed(ahead);
        Duration::from_nanos(now)
    }
}

/// Replays every event into a second machine as it comes.
#[derive(Clone)]
pub(crate) struct Follower(pub(crate) Arc<Mutex<Machine>>);

impl Follower {
    pub(crate) fn new() -> Self {
        Follower(Arc::new(Mutex::new(Machine::new(Settings::default()))))
    }
}

impl Journal for Follower {
    fn record(&mut self, entry: &Entry<'_>) {
        self.0.lock().replay(entry.stamp, &entry.event);
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        Ok(())
    }

    fn durable(&self) -> Result<Seq, JournalError> {
        Ok(self.0.lock().last_event().seq)
    }
}

/// What a [`TestJournal`] has heard and what it is to do.
#[expect(clippy::struct_excessive_bools, reason = "switches that a test sets one by one")]
#[derive(Debug, Default)]
struct Steered {
    last: Seq,
    /// Where the watermark is kept; `None`: it follows every event.
    held_at: Option<Seq>,
    is_full: bool,
    is_behind: bool,
    is_failing: bool,
    is_panicking: bool,
    wake: Option<Arc<Wake>>,
}

/// A journal that the test steers while the shard uses it.
#[derive(Clone, Default)]
pub(crate) struct TestJournal(Arc<Mutex<Steered>>);

impl TestJournal {
    /// The watermark stays where it is.
    pub(crate) fn hold(&self) {
        self.steer(|steered| steered.held_at = Some(steered.held_at.unwrap_or(steered.last)));
    }

    /// The watermark reaches `seq`.
    pub(crate) fn sync_to(&self, seq: Seq) {
        self.steer(|steered| steered.held_at = Some(seq));
    }

    /// The watermark follows every event again.
    pub(crate) fn let_go(&self) {
        self.steer(|steered| steered.held_at = None);
    }

    /// No batch is taken.
    pub(crate) fn fill_up(&self) {
        self.steer(|steered| steered.is_full = true);
    }

    /// Batches are taken again.
    pub(crate) fn make_room(&self) {
        self.steer(|steered| steered.is_full = false);
    }

    /// Much waits to be written, or nothing any more.
    pub(crate) fn fall_behind(&self, is_behind: bool) {
        self.steer(|steered| steered.is_behind = is_behind);
    }

    /// The next commit fails.
    pub(crate) fn fail(&self) {
        self.steer(|steered| steered.is_failing = true);
    }

    /// The next event panics.
    pub(crate) fn panic(&self) {
        self.steer(|steered| steered.is_panicking = true);
    }

    fn steer(&self, change: impl FnOnce(&mut Steered)) {
        let mut steered = self.0.lock();
        change(&mut steered);
        if let Some(wake) = &steered.wake {
            wake.wake();
        }
    }
}

impl Journal for TestJournal {
    fn attach(&mut self, wake: Arc<Wake>) {
        self.0.lock().wake = Some(wake);
    }

    fn record(&mut self, entry: &Entry<'_>) {
        let mut steered = self.0.lock();
        assert!(!steered.is_panicking, "the test's journal was told to panic");
        steered.last = entry.stamp.id.seq;
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        if self.0.lock().is_failing {
            return Err(JournalError::Failed { reason: "the test's disk is gone".into() });
        }
        Ok(())
    }

    fn durable(&self) -> Result<Seq, JournalError> {
        let steered = self.0.lock();
        Ok(steered.held_at.unwrap_or(steered.last))
    }

    fn has_room(&self) -> bool {
        !self.0.lock().is_full
    }

    fn is_behind(&self) -> bool {
        self.0.lock().is_behind
    }
}

/// An engine in memory with so many shards.
pub(crate) fn start(shards: u16) -> Engine {
    Engine::start(EngineConfig { shards: Some(shards), ..EngineConfig::in_memory() })
        .expect("the configuration is valid")
}

/// An engine whose shard 0 has the test's journal and the others a plain one.
pub(crate) fn start_with_journal(config: EngineConfig, journal: &TestJournal) -> Engine {
    Engine::start_with(config, &SystemTimeSource, |shard: ShardIndex| {
        if shard.get() == 0 { Box::new(journal.clone()) } else { Box::new(MemoryJournal::default()) }
    })
    .expect("the configuration is valid")
}

pub(crate) fn text(id: &str) -> Text<'_> {
    Text::id(id.as_bytes()).expect("a test's ids are valid")
}

/// An engine with one shard, its journal and its time in the test's hands.
pub(crate) fn start_steered(time: &FakeTime, journal: &TestJournal) -> Engine {
    let config = EngineConfig { shards: Some(1), ..EngineConfig::in_memory() };
    Engine::start_with(config, time, |_| Box::new(journal.clone())).expect("the configuration is valid")
}

/// An offer id that lies on a shard of the engine.
pub(crate) fn offer_on(engine: &Engine, shard: u16) -> String {
    let mut ids = (0..10_000).map(|n| format!("sku-{n}"));
    ids.find(|id| engine.shard_of(text(id)).get() == shard).expect("10,000 ids reach every shard")
}

pub(crate) fn put(client: &mut Client, offer: &str, stock: u64) {
    let definition = Box::new(Offer::with_stock(Money::cash(1_990), stock));
    let reply = client.call(&Request::OfferPut { offer: text(offer), definition }).expect("the shard is up");
    assert!(matches!(reply.answer(), Answer::Done), "{:?}", reply.answer());
}

pub(crate) fn is_held(answer: &Answer<Text<'_>>) -> bool {
    matches!(answer, Answer::Reservation(reservation) if reservation.status == Status::Held)
}

pub(crate) fn audit(client: &mut Client, shard: ShardIndex) -> AuditAnswer {
    let reply = client.call_on(shard, &Request::Audit { offer: None }).expect("the shard is up");
    let Answer::Audit(audit) = reply.answer() else { panic!("an audit is expected: {:?}", reply.answer()) };
    assert_eq!(audit.broken, Vec::<String>::new());
    *audit
}

/// Runs a test that must not hang.
pub(crate) fn within_a_minute(test: impl FnOnce() + Send + 'static) {
    let (done, is_done) = channel();
    let thread = thread::spawn(move || {
        test();
        // A test that panicked drops the sender instead, and the join below passes its panic on.
        let _sent = done.send(());
    });
    let waited = is_done.recv_timeout(Duration::from_mins(1));
    assert_ne!(waited, Err(std::sync::mpsc::RecvTimeoutError::Timeout), "something was never answered");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}
