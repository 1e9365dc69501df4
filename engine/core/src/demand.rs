//! How many wanted an offer, what they were answered, and when.
//!
//! Demand lives beside the state: no rule reads it and no digest covers it. It costs a few counters per intent, whatever
//! the answer. What moved is told in a checkpoint a second later (see `checkpoint`), so that a crash costs that second
//! and no more.

mod checkpoint;
mod sketch;

use crate::answer::{DemandAnswer, DemandLine, LIST_MAX};
use crate::event::{DemandSecond, OfferIndex, TallyMoved};
use crate::money::Units;
use crate::refusal::Refusal;
use crate::status::Status;
use crate::store::{TextHash, fetch};
use crate::time::{Millis, UnixMs};
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use sketch::Sketch;

/// Seconds that the timeline keeps: ten minutes around the spike.
const TIMELINE_SECONDS_MAX: usize = 600;
/// The step of the timeline.
const SECOND: Millis = Millis::new(1_000);
/// How long after the first intent since the last checkpoint the next one comes.
const CHECKPOINT_AFTER: Millis = Millis::new(1_000);

/// What an intent was answered, as demand sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A new reservation of this status.
    Accepted(Status),
    /// The same intent again.
    Replayed,
    /// A business no.
    Refused(Refusal),
}

/// One intent, for counting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) outcome: Outcome,
    pub(crate) buyer_hash: u64,
    pub(crate) qty: Units,
    pub(crate) now: UnixMs,
}

/// The demand for every offer of a shard.
#[derive(Debug, Default)]
pub(crate) struct DemandBoard {
    offers: Vec<Option<Box<Demand>>>,
    /// Offers whose demand moved since their last checkpoint, each once, with the time of the next one, earliest first.
    moved: VecDeque<(UnixMs, OfferIndex)>,
}

#[derive(Debug, Default)]
struct Demand {
    tallies: Vec<Tally>,
    /// The place of the tally that counted last: most answers are as the one before.
    nearest: usize,
    units_wanted: u64,
    sold_out_at: Option<UnixMs>,
    timeline: VecDeque<DemandSecond>,
    /// When the last second of the timeline is over; zero before the first.
    next_second: UnixMs,
    /// The last second that a checkpoint told.
    told: Option<UnixMs>,
    /// Whether it stands in the board's list of what moved.
    has_moved: bool,
}

/// Intents with one answer.
#[derive(Debug)]
struct Tally {
    /// The number of the answer.
    answer: u16,
    name: &'static str,
    intents: u64,
    buyers: Sketch,
    has_moved: bool,
}

impl DemandBoard {
    /// Counts one intent.
    pub(crate) fn note(&mut self, offer: OfferIndex, seen: Seen) {
        let demand = match self.offers.get_mut(offer.0 as usize) {
            Some(Some(demand)) => demand,
            _ => self.demand_mut(offer),
        };
        demand.note(seen);
        if !demand.has_moved {
            demand.has_moved = true;
            self.moved.push_back((seen.now.after(CHECKPOINT_AFTER), offer));
        }
    }

    /// Asks memory for an offer's demand.
    #[inline]
    pub(crate) fn fetch(&self, offer: OfferIndex) {
        if let Some(demand) = self.demand_of(offer) {
            fetch(&demand.tallies);
            fetch(&demand.timeline);
            fetch(&demand.has_moved);
        }
    }

    /// Asks memory for what leads to the counts of an offer, once its demand is at hand.
    #[inline]
    pub(crate) fn fetch_ways(&self, offer: OfferIndex) {
        if let Some(demand) = self.demand_of(offer) {
            if let Some(tally) = demand.tallies.get(demand.nearest) {
                fetch(&tally.answer);
                fetch(&tally.intents);
                tally.buyers.fetch_way();
            }
            demand.timeline.back().into_iter().for_each(fetch);
        }
    }

    /// Asks memory for where a buyer is counted, once what leads there is at hand.
    #[inline]
    pub(crate) fn fetch_buyer(&self, offer: OfferIndex, buyer: TextHash) {
        if let Some(tally) = self.demand_of(offer).and_then(|demand| demand.tallies.get(demand.nearest)) {
            tally.buyers.fetch_place(buyer.get());
        }
    }

    #[inline]
    fn demand_of(&self, offer: OfferIndex) -> Option<&Demand> {
        self.offers.get(offer.0 as usize)?.as_deref()
    }

    /// The demand for an offer, which begins with this if there was none.
    #[cold]
    fn demand_mut(&mut self, offer: OfferIndex) -> &mut Demand {
        let at = offer.0 as usize;
        if at >= self.offers.len() {
            self.offers.resize_with(at + 1, || None);
        }
        self.offers[at].get_or_insert_default()
    }

    /// The demand for an offer that opened at `opens`.
    pub(crate) fn view(&self, offer: OfferIndex, opens: UnixMs) -> DemandAnswer {
        let nothing = Demand::default();
        let demand = self.demand_of(offer).unwrap_or(&nothing);
        let line = |tally: &Tally| DemandLine {
            answer: tally.name,
            intents: tally.intents,
            buyers: tally.buyers.estimate().min(tally.intents),
        };
        let mut answers: Vec<DemandLine> = demand.tallies.iter().map(line).collect();
        answers.sort_unstable_by_key(|line| line.answer);
        DemandAnswer {
            answers,
            units_wanted: demand.units_wanted,
            sold_out_after_ms: demand.sold_out_at.map(|at| at.from_now(opens).get()),
            waiting: 0,
            timeline: demand.timeline.iter().copied().take(LIST_MAX).collect(),
        }
    }
}

impl Demand {
    fn note(&mut self, seen: Seen) {
        let tally = self.tally(seen.outcome.number(), || seen.outcome.name());
        tally.intents += 1;
        tally.buyers.add(seen.buyer_hash);
        tally.has_moved = true;
        match seen.outcome {
            Outcome::Accepted(_) => self.second(seen.now).accepted += 1,
            Outcome::Refused(refusal) => {
                if refusal == Refusal::SoldOut && self.sold_out_at.is_none() {
                    self.sold_out_at = Some(seen.now);
                }
                self.second(seen.now).refused += 1;
            }
            // It wants nothing more than it wanted before.
            Outcome::Replayed => return,
        }
        self.units_wanted += u64::from(seen.qty);
    }

    /// Mostly the one that counted last; else there are a handful of answers per offer, and the list is searched.
    fn tally(&mut self, answer: u16, name: impl FnOnce() -> &'static str) -> &mut Tally {
        if self.tallies.get(self.nearest).is_none_or(|tally| tally.answer != answer) {
            let known = self.tallies.iter().position(|tally| tally.answer == answer);
            self.nearest = known.unwrap_or_else(|| {
                let (name, buyers) = (name(), Sketch::default());
                self.tallies.push(Tally { answer, name, intents: 0, buyers, has_moved: false });
                self.tallies.len() - 1
            });
        }
        &mut self.tallies[self.nearest]
    }

    #[inline]
    fn second(&mut self, now: UnixMs) -> &mut DemandSecond {
        if now >= self.next_second {
            let at = UnixMs::new(now.get() / SECOND.get() * SECOND.get());
            self.push_second(DemandSecond { at, accepted: 0, refused: 0 });
        }
        self.timeline.back_mut().expect("a second was just made sure of")
    }

    #[cold]
    fn push_second(&mut self, second: DemandSecond) {
        if self.timeline.len() == TIMELINE_SECONDS_MAX {
            self.timeline.pop_front();
        }
        self.next_second = second.at.after(SECOND);
        self.timeline.push_back(second);
    }
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Outcome::Accepted(status) => status.name(),
            Outcome::Replayed => "REPLAYED",
            Outcome::Refused(refusal) => refusal.name(),
        }
    }

    fn number(self) -> u16 {
        match self {
            Outcome::Accepted(status) => status.number(),
            Outcome::Replayed => TallyMoved::REPLAYED,
            Outcome::Refused(refusal) => refusal.number(),
        }
    }
}
