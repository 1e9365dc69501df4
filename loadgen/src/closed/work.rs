//! The works of the closed loop: which commands, and which answers belong to them.
//!
//! Each work is a short program of templates, played again and again with the next serial number. Because
//! answers come in the order of the commands, the place in the program tells what an answer belongs to.
//! Buyers and reservations are distinct unless the work says otherwise. Called by `closed`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::{ClosedLoop, Tally};
use crate::class::{Asked, Class, classify};
use crate::wire::drive::Source;
use crate::wire::encode::{Part, Template};
use crate::wire::frame::{Frame, Head};

/// The commands of a closed loop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// `BUY offer b… r…`: every command another buyer and another reservation. Against an offer without
    /// stock this is the sold-out work.
    Buy {
        /// The offer, which exists already.
        offer: String,
    },
    /// Groups of `size`: one opens, the others join by its id, all pay `amount`.
    Groups {
        /// The group offer, which exists already.
        offer: String,
        /// Seats per group.
        size: usize,
    },
    /// `EVALSHA sha 2 stock buyers b… r…` on a Redis peer (see `setup::REDIS_SALE`).
    RedisSale {
        /// The loaded script.
        sha: String,
        /// The key that counts the stock.
        stock: String,
        /// The key of the set of buyers.
        buyers: String,
    },
    /// `PING`, the wire alone.
    Ping,
    /// One command of any peer; its answers count as accepted unless they are errors.
    Custom(Vec<Vec<Part>>),
}

/// Serials that one round of any work uses: seats of the largest group.
pub(super) const ROUND_SERIALS_MAX: u64 = 1_000;
/// Digits of a serial: room for 10^12 commands.
pub(super) const SERIAL_DIGITS: usize = 12;

fn text(word: &str) -> Vec<Part> {
    vec![Part::Text(word.as_bytes().to_vec())]
}

fn counted(prefix: &str, index: usize) -> Vec<Part> {
    vec![Part::Text(prefix.as_bytes().to_vec()), Part::Serial { digits: SERIAL_DIGITS, index }]
}

/// One command of a work's program: its bytes, what its answer is, and which serial its own id carries.
struct Step {
    template: Template,
    asked: Asked,
    /// Serials the step needs: this many above the round's first serial.
    own: u64,
}

fn program(work: &Work) -> Vec<Step> {
    let step = |words: Vec<Vec<Part>>, asked, own| Step { template: Template::new(&words), asked, own };
    match work {
        Work::Buy { offer } => {
            vec![step(vec![text("BUY"), text(offer), counted("b", 0), counted("r", 0)], Asked::Buy, 0)]
        }
        Work::Groups { offer, size } => group_program(offer, *size as u64),
        Work::RedisSale { sha, stock, buyers } => {
            let words = vec![
                text("EVALSHA"),
                text(sha),
                text("2"),
                text(stock),
                text(buyers),
                counted("b", 0),
                counted("r", 0),
            ];
            vec![step(words, Asked::RedisSale, 0)]
        }
        Work::Ping => vec![step(vec![text("PING")], Asked::Read, 0)],
        Work::Custom(words) => vec![step(words.clone(), Asked::Write, 0)],
    }
}

/// Serial 0 is the command's own, serial 1 the leader's.
fn group_program(offer: &str, size: u64) -> Vec<Step> {
    let buys = (0..size).map(|own| {
        let seat = if own == 0 { text("NEW") } else { counted("r", 1) };
        let words = vec![text("BUY"), text(offer), counted("b", 0), counted("r", 0), text("GROUP"), seat];
        Step { template: Template::new(&words), asked: Asked::Buy, own }
    });
    let pays = (0..size).map(|own| {
        let words = vec![text("PAY"), text(offer), counted("r", 0)];
        Step { template: Template::new(&words), asked: Asked::Settle, own }
    });
    buys.chain(pays).collect()
}

/// Feeds one connection with its share of a work.
pub(super) struct WorkSource {
    steps: Vec<Step>,
    /// Serials that one round of the program uses.
    serials_per_round: u64,
    next_step: usize,
    answered_step: usize,
    serial: u64,
    /// How far the serial moves from round to round: the other connections' rounds lie between.
    stride: u64,
    commands_left: u64,
    tally: Rc<RefCell<Tally>>,
}

impl WorkSource {
    pub(super) fn new(plan: &ClosedLoop, connection: usize, tally: Rc<RefCell<Tally>>) -> Self {
        let steps = program(&plan.work);
        let serials_per_round = steps.iter().map(|step| step.own + 1).max().unwrap_or(1);
        let connections = plan.connections as u64;
        let index = connection as u64;
        let rounds = plan.requests / steps.len() as u64;
        let rounds_here = rounds / connections + u64::from(index < rounds % connections);
        Self {
            serials_per_round,
            next_step: 0,
            answered_step: 0,
            serial: plan.serial_start + index * serials_per_round,
            stride: serials_per_round * connections,
            commands_left: rounds_here * steps.len() as u64,
            steps,
            tally,
        }
    }
}

impl Source for WorkSource {
    #[inline]
    fn fill(&mut self, room: usize, out: &mut Vec<u8>) -> usize {
        let count = (room as u64).min(self.commands_left);
        for _ in 0..count {
            let step = &self.steps[self.next_step];
            debug_assert!(step.own < self.serials_per_round);
            step.template.write(out, &[self.serial + step.own, self.serial]);
            self.next_step += 1;
            if self.next_step == self.steps.len() {
                self.next_step = 0;
                self.serial += self.stride;
            }
        }
        self.commands_left -= count;
        count as usize
    }

    #[inline]
    fn answer(&mut self, frame: Frame<'_>, latency: Duration) {
        let class = classify(self.steps[self.answered_step].asked, frame);
        self.answered_step += 1;
        if self.answered_step == self.steps.len() {
            self.answered_step = 0;
        }
        let mut tally = self.tally.borrow_mut();
        tally.counts[class.index()] += 1;
        tally.latency_ns.saturating_record(latency.as_nanos() as u64);
        if class == Class::Error && tally.first_error.is_none() {
            let error = match frame.head() {
                Head::Error(text) => String::from_utf8_lossy(text).into_owned(),
                _ => frame.sentence(),
            };
            tally.first_error = Some(error);
        }
    }
}
