//! What is done to a machine, a batch at a time: the timed parts of every bench of the core.
//!
//! Each checks each answer, so that a bench that measures refusals by mistake fails. Owns no clock; what is timed
//! is what is given to [`Watch::time`]. Called by the criterion bench `core` and by the harness.

use crate::sale::{BATCH, HOLD, Intents, NOW, Requests, expect, holding, in_groups, plain, selling};
use stampede_core::{
    Answer, Entry, GroupChoice, Keys, Machine, Record, Refusal, Request, Status, Swept, UnixMs, Unrecorded,
    encode,
};

/// Seats of a group.
pub const GROUP_SIZE: u32 = 4;
/// Events of one sweep, as the shard takes them between two batches.
const SWEEP_SLICE: usize = 1_024;

/// Runs the timed parts of a work; what is between them costs nothing.
pub trait Watch {
    /// Runs one timed part.
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T;
}

/// Times nothing: the instructions of everything are counted.
#[derive(Debug, Default)]
pub struct Untimed;

impl Watch for Untimed {
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        work()
    }
}

/// What a whole run does, from an empty machine on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// Writes the ids, makes requests of them and does nothing with them: what every other work does besides.
    Ids,
    /// Distinct buyers take a unit each.
    Buy,
    /// The same, and every event is encoded as for the journal.
    BuyEncoded,
    /// Distinct buyers are refused: nothing is left.
    Refused,
    /// Holds are paid; taking them is not timed.
    Pay,
    /// Groups are opened, joined and paid, each seat once.
    Groups,
    /// Holds run out; taking them is not timed.
    Expiry,
}

impl Work {
    /// Every work, with its name.
    pub const ALL: [(&'static str, Self); 7] = [
        ("ids", Self::Ids),
        ("buy", Self::Buy),
        ("buy-encoded", Self::BuyEncoded),
        ("refused", Self::Refused),
        ("pay", Self::Pay),
        ("groups", Self::Groups),
        ("expiry", Self::Expiry),
    ];

    /// The work of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, work)| *work)
    }

    /// Does it to `count` buyers, whole batches.
    ///
    /// # Panics
    /// When an answer is another than the work is about.
    pub fn run(self, count: u64, watch: &mut impl Watch) {
        assert!(count.is_multiple_of(BATCH as u64), "whole batches of {BATCH}, not {count}");
        match self {
            Self::Ids => each_batch(0..count, |intents| {
                let buys = intents.buys();
                watch.time(|| std::hint::black_box(&buys));
            }),
            Self::Buy => {
                let mut machine = selling(plain(count));
                each_batch(0..count, |intents| {
                    let buys = intents.buys();
                    watch.time(|| buy_all(&mut machine, &buys, &mut Unrecorded));
                });
            }
            Self::BuyEncoded => {
                let (mut machine, mut journal) = (selling(plain(count)), Encoded::default());
                each_batch(0..count, |intents| {
                    let buys = intents.buys();
                    watch.time(|| buy_all(&mut machine, &buys, &mut journal));
                    assert!(!journal.body.is_empty(), "a batch of acceptances left no events");
                    journal.body.clear();
                });
            }
            Self::Refused => {
                let mut machine = sold_out();
                let first = BATCH as u64;
                each_batch(first..first + count, |intents| {
                    let buys = intents.buys();
                    watch.time(|| refuse_all(&mut machine, &buys));
                });
            }
            Self::Pay => {
                let mut machine = holding(count);
                each_batch(0..count, |intents| {
                    let pays = intents.pays();
                    watch.time(|| pay_all(&mut machine, &pays));
                });
            }
            Self::Groups => {
                let mut machine = selling(in_groups(count, GROUP_SIZE));
                each_batch(0..count, |intents| {
                    let (seats, pays) = (seats(intents), intents.pays());
                    watch.time(|| fill_groups(&mut machine, &seats, &pays));
                });
            }
            Self::Expiry => {
                let mut machine = holding(count);
                watch.time(|| expire_all(&mut machine));
            }
        }
    }
}

/// A journal in memory, of one batch.
#[derive(Debug, Default)]
struct Encoded {
    body: Vec<u8>,
}

impl Record for Encoded {
    fn record(&mut self, entry: &Entry<'_>) {
        encode(entry, NOW, &mut self.body);
    }
}

/// Writes the ids of each batch of `serials` and hands them to `work`.
pub fn each_batch(serials: std::ops::Range<u64>, mut work: impl FnMut(&Intents)) {
    let mut intents = Intents::default();
    for first in serials.step_by(BATCH) {
        intents.write(first);
        work(&intents);
    }
}

/// A machine with nothing left: its only units went to the first batch.
pub fn sold_out() -> Machine {
    let mut machine = selling(plain(BATCH as u64));
    each_batch(0..BATCH as u64, |intents| buy_all(&mut machine, &intents.buys(), &mut Unrecorded));
    machine
}

/// Takes the hashes of a batch and reads ahead what it will look up, as a shard does before it decides.
fn look_ahead(machine: &Machine, requests: &Requests<'_>) -> [Keys; BATCH] {
    let mut keys = [Keys::default(); BATCH];
    let mut before = None;
    for (place, request) in keys.iter_mut().zip(requests) {
        *place = machine.keys(request, |text| text, before.as_ref());
        before = Some(*place);
    }
    machine.fetch(&mut keys);
    keys
}

/// One batch of BUYs, all accepted.
pub fn buy_all(machine: &mut Machine, buys: &Requests<'_>, record: &mut impl Record) {
    let keys = look_ahead(machine, buys);
    for (buy, keys) in buys.iter().zip(&keys) {
        expect(&machine.handle_at(keys, buy, NOW, record), Status::Held);
    }
}

/// One batch of BUYs, all refused.
///
/// # Panics
/// When one is not.
pub fn refuse_all(machine: &mut Machine, buys: &Requests<'_>) {
    let keys = look_ahead(machine, buys);
    for (buy, keys) in buys.iter().zip(&keys) {
        let answer = machine.handle_at(keys, buy, NOW, &mut Unrecorded);
        assert!(matches!(answer, Answer::Refused(Refusal::SoldOut)), "was answered {answer:?}");
    }
}

/// Pays one batch of holds.
pub fn pay_all(machine: &mut Machine, pays: &Requests<'_>) {
    let keys = look_ahead(machine, pays);
    for (pay, keys) in pays.iter().zip(&keys) {
        expect(&machine.handle_at(keys, pay, NOW, &mut Unrecorded), Status::Won);
    }
}

/// Lets every hold run out.
///
/// # Panics
/// When one is left.
pub fn expire_all(machine: &mut Machine) {
    let due = UnixMs::new(NOW.get() + HOLD.get());
    while machine.sweep(due, SWEEP_SLICE, &mut Unrecorded) == Swept::More {}
    assert_eq!(machine.next_due(), None, "a hold outlived its deadline");
}

/// The BUYs of one batch of seats: who is first in a group opens it, the others join.
fn seats(intents: &Intents) -> Requests<'_> {
    let mut seats = intents.buys();
    for (seat, request) in seats.iter_mut().enumerate() {
        let leader = seat / GROUP_SIZE as usize * GROUP_SIZE as usize;
        if let Request::Buy(buy) = request {
            let leads = seat == leader;
            buy.group =
                if leads { GroupChoice::New } else { GroupChoice::Join(intents.reservations.at(leader)) };
        }
    }
    seats
}

/// Opens, joins and pays the groups of one batch of seats.
pub fn fill_groups(machine: &mut Machine, seats: &Requests<'_>, pays: &Requests<'_>) {
    let keys_of_seats = look_ahead(machine, seats);
    let keys_of_pays = look_ahead(machine, pays);
    for leader in (0..BATCH).step_by(GROUP_SIZE as usize) {
        let group = leader..leader + GROUP_SIZE as usize;
        for seat in group.clone() {
            let answer = machine.handle_at(&keys_of_seats[seat], &seats[seat], NOW, &mut Unrecorded);
            expect(&answer, Status::Held);
        }
        for seat in group.clone() {
            let status = if seat + 1 == group.end { Status::Won } else { Status::Paid };
            let answer = machine.handle_at(&keys_of_pays[seat], &pays[seat], NOW, &mut Unrecorded);
            expect(&answer, status);
        }
    }
}
