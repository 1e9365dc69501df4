//! Plays a history on the machine and on the twin side by side and compares every answer in full.
//!
//! The machine sweeps late and in small slices, the twin settles everything at once: no request may notice.
//! Called by the twin test and the property tests.

use crate::demand::Demand;
use crate::driver::Driver;
use crate::history::{Dice, History, Verb, definition};
use crate::journal::Entry;
use crate::moves::{BUYERS, Move, OFFERS, POOLS, Sent, resolve};
use crate::names::Name;
use crate::seen::{Seen, seen};
use crate::state::Twin;
use stampede_core::{Request, StateFilter, UnixMs};
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// When every sale begins.
pub(crate) const START: u64 = 1_000_000;

/// A failure shows so many lines of its history.
const LINES_SHOWN_MAX: usize = 200;

/// A played sale.
pub(crate) struct Played {
    pub(crate) driver: Driver,
    /// A machine loaded from a snapshot of the driver's, driven like it from there on.
    pub(crate) copy: Option<Driver>,
    pub(crate) twin: Twin,
    /// What the machine answered to every request.
    pub(crate) answers: Vec<(Request<Name>, Seen)>,
    sent: Sent,
    demand: Demand,
    transcript: String,
    /// The first difference, with both answers.
    difference: Option<String>,
}

/// Whether the twin's answers are compared or only its view of the sale is used to choose moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    EveryAnswer,
    /// The end is left unswept too.
    Nothing,
}

/// Plays a history to its end. `Err` holds the transcript up to the first difference or panic.
pub(crate) fn play(history: &History, compare: Compare) -> Result<Played, String> {
    guarded(|played| played.run(history, compare))
}

/// Runs `script` on a fresh sale. `Err` holds the transcript up to the first difference or panic.
pub(crate) fn guarded(script: impl FnOnce(&mut Played)) -> Result<Played, String> {
    let mut played = Played {
        driver: Driver::new(UnixMs::new(START)),
        copy: None,
        twin: Twin { now: START, ..Twin::default() },
        answers: Vec::new(),
        sent: Vec::new(),
        demand: Demand::default(),
        transcript: String::new(),
        difference: None,
    };
    let done = catch_unwind(AssertUnwindSafe(|| script(&mut played)));
    match done {
        Ok(()) => match played.difference.take() {
            None => Ok(played),
            Some(difference) => Err(format!("{}{difference}", last_lines(&played.transcript))),
        },
        Err(panic) => Err(format!("{}PANIC: {}", last_lines(&played.transcript), words(panic.as_ref()))),
    }
}

/// What a reader of a failure can take in.
fn last_lines(transcript: &str) -> String {
    let lines: Vec<&str> = transcript.lines().collect();
    let from = lines.len().saturating_sub(LINES_SHOWN_MAX);
    let cut = if from > 0 { format!("  ({from} lines before these)\n") } else { String::new() };
    lines[from..].iter().fold(cut, |text, line| text + line + "\n")
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words").to_owned()
}

/// xxh3 of offer, zero, buyer, in percent: the documented formula.
fn percent(offer: Name, buyer: Name) -> u8 {
    let mut bytes = offer.as_bytes().to_vec();
    bytes.push(0);
    bytes.extend_from_slice(buyer.as_bytes());
    (xxhash_rust::xxh3::xxh3_64(&bytes) % 100) as u8
}

impl Played {
    fn run(&mut self, history: &History, compare: Compare) {
        self.begin(history, compare);
        for &(verb, dice) in &history.moves {
            self.one_move(verb, dice, compare);
            if self.difference.is_some() {
                return;
            }
        }
        if compare == Compare::EveryAnswer {
            self.compare_everything();
        }
    }

    /// Pools and offers, before the first move.
    pub(crate) fn begin(&mut self, history: &History, compare: Compare) {
        for (pool, units) in POOLS.into_iter().zip([16, 30]) {
            self.ask(&Request::PoolAdd { pool, units, op: "o0" }, compare);
        }
        for (offer, dice) in OFFERS.into_iter().zip(&history.offers) {
            let mut definition = definition(dice, START, &POOLS);
            // A pool is taken from inside its own campaign only.
            if offer == "solo" && definition.stock.is_none() {
                (definition.stock, definition.takes) = (Some(4), Vec::new());
            }
            self.ask(&Request::OfferPut { offer, definition: Box::new(definition) }, compare);
        }
    }

    pub(crate) fn one_move(&mut self, verb: Verb, dice: Dice, compare: Compare) {
        match resolve(&self.twin, &self.sent, verb, dice) {
            Move::Ask(request) => {
                if let Request::Buy(buy) = &request {
                    self.sent.push(*buy);
                }
                self.ask(&request, compare);
            }
            Move::AdvanceTo(now) => self.advance_to(now),
            Move::Sweep(slice) => self.sweep(slice),
            Move::Restart => {
                self.note("restart");
                self.drivers().for_each(Driver::restart);
                self.demand.restart();
            }
        }
    }

    pub(crate) fn advance_to(&mut self, now: u64) {
        self.note(&format!("advance {}", now - START));
        self.twin.settle(now);
        self.drivers().for_each(|driver| driver.advance_to(UnixMs::new(now)));
        self.checkpoint();
    }

    /// What was loaded is told already, and the next checkpoint of a copy comes at another time: so none has any.
    fn checkpoint(&mut self) {
        if self.copy.is_some() {
            return;
        }
        let heard = self.driver.journal().entries().len();
        self.driver.checkpoint();
        for (_, entry) in &self.driver.journal().entries()[heard..] {
            if let Entry::Demand { offer } = entry {
                self.demand.keep(self.twin.offers[offer.0 as usize].id);
            }
        }
    }

    fn drivers(&mut self) -> impl Iterator<Item = &mut Driver> {
        core::iter::once(&mut self.driver).chain(&mut self.copy)
    }

    /// Saves the machine, and drives what is loaded beside it from here on. A loaded machine is swept before it serves:
    /// so both are.
    pub(crate) fn make_copy(&mut self) {
        self.note("save, load");
        match self.driver.loaded_copy() {
            Ok(copy) => self.copy = Some(copy),
            Err(error) => self.difference = Some(error),
        }
        self.drivers().for_each(|driver| driver.sweep_all(5));
        self.check_copy();
    }

    /// Compares the machine with its copy.
    fn check_copy(&mut self) {
        if let (Some(copy), None) = (&self.copy, &self.difference)
            && let Err(words) = self.driver.check_same(copy)
        {
            self.difference = Some(format!("THE LOADED COPY DIFFERS: {words}"));
        }
    }

    pub(crate) fn sweep(&mut self, slice: usize) {
        // Outdated agenda entries use up a slice, and a copy has none: only whole sweeps end alike.
        if self.copy.is_some() {
            return self.drivers().for_each(|driver| driver.sweep_all(slice));
        }
        let swept = self.driver.sweep(slice);
        self.note(&format!("sweep {slice} -> {swept:?}"));
    }

    fn note(&mut self, line: &str) {
        writeln!(self.transcript, "  {line}").expect("a String takes every line");
    }

    pub(crate) fn ask(&mut self, request: &Request<Name>, compare: Compare) {
        self.note(&format!("@{} {request:?}", self.driver.now().get() - START));
        let got = ask_machine(&mut self.driver, request);
        self.ask_copy(request, &got);
        let wanted = seen(&self.twin.handle(request, self.driver.now().get(), percent));
        self.note(&format!("    -> {got}"));
        let names_a_frozen_field = got.status == "!OFFER_FROZEN"
            && got.status == wanted.status
            && got.get("field").is_some_and(|field| self.twin.frozen.contains(&field));
        if got != wanted
            && !names_a_frozen_field
            && compare == Compare::EveryAnswer
            && self.difference.is_none()
        {
            self.difference = Some(format!("DIFFERENCE\n     twin: {wanted}\n  machine: {got}"));
        }
        if let Request::Buy(buy) = request {
            self.demand.note(buy.offer, buy.qty, self.driver.now().get(), &got);
        }
        self.answers.push((request.clone(), got));
    }

    fn ask_copy(&mut self, request: &Request<Name>, got: &Seen) {
        let Some(copy) = &mut self.copy else { return };
        let copied = ask_machine(copy, request);
        if copied != *got && self.difference.is_none() {
            self.difference = Some(format!("THE LOADED COPY DIFFERS\n  machine: {got}\n     copy: {copied}"));
        }
    }

    /// What can be asked about the sale, but for what shows only what was swept.
    fn reads(&self) -> Vec<Request<Name>> {
        let mut requests: Vec<_> = self.twin.pools.keys().map(|&pool| Request::PoolGet { pool }).collect();
        for offer in &self.twin.offers {
            let id = offer.id;
            requests.push(Request::OfferGet { offer: id });
            requests.push(Request::Groups { offer: id, count: 100 });
            requests.push(Request::Reservations { offer: id, state: StateFilter::Any, cursor: 0, count: 7 });
            let groups = offer.groups.iter();
            requests.extend(groups.map(|group| Request::Group { offer: id, group: group.id }));
            requests.extend(BUYERS.map(|buyer| Request::Buyer { offer: id, buyer }));
        }
        requests
    }

    /// Reads that write nothing, while much is due, against the same reads after a sweep: at the instant of the next
    /// deadline, and again when many have passed.
    fn compare_looks(&mut self) {
        for passing in [0, 120] {
            let next = self.driver.next_due().map_or(0, UnixMs::get);
            self.advance_to(next.max(self.driver.now().get()) + passing);
            let reads = self.reads();
            let looked: Vec<_> = reads.iter().map(|request| self.driver.look(request)).collect();
            self.drivers().for_each(|driver| driver.sweep_all(3));
            for (request, looked) in reads.iter().zip(looked) {
                let swept = self.driver.ask(request);
                if looked.as_ref().is_some_and(|looked| *looked != swept) && self.difference.is_none() {
                    self.difference =
                        Some(format!("LOOKED AT {request:?}\n  unswept: {looked:?}\n    swept: {swept:?}"));
                }
            }
        }
    }

    /// Everything that can be asked about the sale at its end.
    pub(crate) fn compare_everything(&mut self) {
        self.compare_looks();
        self.drivers().for_each(|driver| driver.sweep_all(2));
        self.check_copy();
        let mut requests = self.reads();
        requests.insert(0, Request::OfferList { cursor: 0, count: 100 });
        for request in requests {
            let told = self.transcript.len();
            self.ask(&request, Compare::EveryAnswer);
            if self.difference.is_some() {
                return;
            }
            self.transcript.truncate(told);
        }
        self.compare_demand();
        let (got, wanted) = (self.driver.audit(), seen(&self.twin.audit()));
        if got != wanted && self.difference.is_none() {
            self.difference = Some(format!("THE AUDITS DIFFER\n     twin: {wanted}\n  machine: {got}"));
        }
        if let (Err(error), None) = (self.driver.check_replay(), &self.difference) {
            self.difference = Some(error);
        }
    }

    /// Demand, as the machine shows it, as a loaded machine does, and as a loaded copy that was driven on.
    fn compare_demand(&mut self) {
        let mut loaded = match self.driver.loaded_copy() {
            Ok(loaded) => loaded,
            Err(error) => {
                self.difference = self.difference.take().or(Some(error));
                return;
            }
        };
        for offer in &self.twin.offers {
            let wanted = self.demand.seen(offer.id, offer.opens);
            let machines = [
                ("machine", Some(&mut self.driver)),
                ("loaded", Some(&mut loaded)),
                ("copy", self.copy.as_mut()),
            ];
            for (which, driver) in machines {
                let Some(got) = driver.map(|driver| driver.ask(&Request::Demand { offer: offer.id })) else {
                    continue;
                };
                if got != wanted && self.difference.is_none() {
                    self.difference =
                        Some(format!("DEMAND FOR {}\n     twin: {wanted}\n  {which}: {got}", offer.id));
                }
            }
        }
    }
}

fn ask_machine(driver: &mut Driver, request: &Request<Name>) -> Seen {
    if let Request::Reservations { offer, state, count, .. } = request {
        return whole_list(driver, offer, *state, *count);
    }
    // The list of all offers shows what has been swept: it hangs on everything that is due in the whole shard.
    if matches!(request, Request::OfferList { .. }) {
        driver.sweep_all(2);
    }
    driver.ask(request)
}

/// All pages of a list as one.
fn whole_list(driver: &mut Driver, offer: Name, state: StateFilter, count: u32) -> Seen {
    let (mut ids, mut details, mut cursor) = (Vec::new(), Vec::new(), 0);
    loop {
        let page = driver.ask(&Request::Reservations { offer, state, cursor, count });
        let (Some(id), Some(detail)) = (page.get("ids"), page.get("detail")) else { return page };
        if !id.is_empty() {
            assert!(id.split(',').count() <= count as usize, "a page holds more than was asked for");
            ids.push(id.to_owned());
            details.push(detail.to_owned());
        }
        match page.get("next") {
            Some(next) => cursor = next.parse().expect("a cursor is a number"),
            None => break,
        }
    }
    let pairs = vec![("ids", ids.join(",")), ("detail", details.join(" | "))];
    Seen { status: "RESERVATIONS".to_owned(), pairs }
}
