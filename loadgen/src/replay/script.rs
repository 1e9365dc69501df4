//! Turns records into a plan and its steps.
//!
//! Decides offers, rounds and phases; sends nothing. Formed and failed lines never share an offer. In a
//! round each person comes at most once on an offer, because a buyer has at most one open group there.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::records::Line;
use super::{Match, Replay};
use crate::plan::{
    Action, GroupPlan, Intent, IntentIndex, OfferIndex, OfferPlan, Plan, ReservationIndex, ReservationPlan,
    Seat,
};

/// One step of the play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Send these commands and hear all answers.
    Send(Range<IntentIndex>),
    /// Let windows run out.
    Wait(Duration),
}

/// A plan and the order in which it is played.
#[derive(Debug)]
pub struct Script {
    /// Offers, reservations and commands.
    pub plan: Plan,
    /// The steps.
    pub steps: Vec<Step>,
    /// Lines whose group formed.
    pub lines_formed: u64,
    /// Lines whose group failed.
    pub lines_failed: u64,
    /// Failed lines that could be saved at most if strangers meet.
    pub failed_lines_matchable: u64,
}

/// How much longer than the window itself to wait for it: the server stamps time once per batch.
const WINDOW_MARGIN: Duration = Duration::from_millis(500);

impl Script {
    /// Plans the play of these lines.
    ///
    /// # Errors
    /// More lines than indexes, or arguments out of range, named.
    pub fn new(lines: &[Line], replay: &Replay) -> Result<Self> {
        ensure!(lines.len() < 100_000_000, "too many lines for one replay: {}", lines.len());
        replay.check()?;
        let mut writer = Writer::new(replay);
        let placed: Vec<_> = lines.iter().map(|line| writer.place(line)).collect();
        let rounds = placed.iter().map(|place| place.round + 1).max().unwrap_or(0);
        for is_formed in [true, false] {
            for round in 0..rounds {
                let chosen: Vec<_> = lines
                    .iter()
                    .zip(&placed)
                    .filter(|(line, place)| line.is_formed() == is_formed && place.round == round)
                    .collect();
                if is_formed {
                    writer.play(&chosen);
                } else if !chosen.is_empty() {
                    chosen.chunks(replay.chunk).for_each(|chunk| writer.play(chunk));
                    writer.steps.push(Step::Wait(replay.open_failed + WINDOW_MARGIN));
                }
            }
        }
        let lines_formed = lines.iter().filter(|line| line.is_formed()).count() as u64;
        let lines_failed = lines.len() as u64 - lines_formed;
        let mut leaders = HashMap::<(OfferIndex, u32), u64>::new();
        for (_, place) in lines.iter().zip(&placed).filter(|(line, _)| !line.is_formed()) {
            *leaders.entry((place.offer, place.round)).or_default() += 1;
        }
        let failed_lines_matchable = leaders.values().map(|count| count / 2 * 2).sum();
        let Writer { plan, steps, .. } = writer;
        Ok(Self { plan, steps, lines_formed, lines_failed, failed_lines_matchable })
    }
}

/// Where a line is played.
#[derive(Debug, Clone, Copy)]
struct Place {
    offer: OfferIndex,
    round: u32,
}

struct Writer<'a> {
    replay: &'a Replay,
    plan: Plan,
    steps: Vec<Step>,
    /// By whether the lines formed, item, and size.
    offers: HashMap<(bool, u32, u32), OfferIndex>,
    /// The first round that is free for a person on an offer.
    next_round: HashMap<(OfferIndex, u32), u32>,
}

impl<'a> Writer<'a> {
    fn new(replay: &'a Replay) -> Self {
        Self {
            replay,
            plan: Plan::default(),
            steps: Vec::new(),
            offers: HashMap::new(),
            next_round: HashMap::new(),
        }
    }

    fn place(&mut self, line: &Line) -> Place {
        let offer = self.offer_for(line);
        self.plan.offers[offer as usize].stock += line.people().count() as u64;
        let rounds = line.people().filter_map(|person| self.next_round.get(&(offer, person)));
        let round = rounds.max().copied().unwrap_or(0);
        for person in line.people() {
            self.next_round.insert((offer, person), round + 1);
        }
        Place { offer, round }
    }

    fn offer_for(&mut self, line: &Line) -> OfferIndex {
        let (is_formed, item, size) = (line.is_formed(), line.item, line.size());
        *self.offers.entry((is_formed, item, size)).or_insert_with(|| {
            let word = if is_formed { "formed" } else { "failed" };
            let open = if is_formed { self.replay.open_formed } else { self.replay.open_failed };
            let open = format!("{}ms", open.as_millis());
            self.plan.offers.push(OfferPlan {
                id: format!("{}-{word}-{item}-{size}", self.replay.prefix),
                stock: 0,
                price: self.replay.price,
                limit_buyer: None,
                opens_ms: None,
                hold: open.clone(),
                group: Some(GroupPlan { size, open, runs_out: !is_formed }),
            });
            self.plan.offers.len() as OfferIndex - 1
        })
    }

    /// Opens, joins and pays these lines, each as one step.
    fn play(&mut self, lines: &[(&Line, &Place)]) {
        let first = self.plan.reservations.len() as ReservationIndex;
        for (line, place) in lines {
            let leader = self.plan.reservations.len() as ReservationIndex;
            for (index, buyer) in line.people().enumerate() {
                let seat = match (self.replay.matching, index) {
                    (Match::Any, _) => Seat::Any,
                    (Match::Friends, 0) => Seat::New,
                    (Match::Friends, _) => Seat::With(leader),
                };
                self.plan.reservations.push(ReservationPlan { offer: place.offer, buyer, seat });
            }
        }
        let all = first..self.plan.reservations.len() as ReservationIndex;
        let joins = |plan: &Plan, index| matches!(plan.reservation(index).seat, Seat::With(_));
        self.push_step(Action::Buy, all.clone(), |plan, index| !joins(plan, index));
        self.push_step(Action::Buy, all.clone(), joins);
        self.push_step(Action::Pay, all, |_, _| true);
    }

    fn push_step(
        &mut self,
        action: Action,
        reservations: Range<ReservationIndex>,
        is_wanted: impl Fn(&Plan, ReservationIndex) -> bool,
    ) {
        let first = self.plan.intents.len() as IntentIndex;
        for reservation in reservations {
            if is_wanted(&self.plan, reservation) {
                let buyer = self.plan.reservation(reservation).buyer;
                let connection = (buyer % u32::from(self.replay.connections)) as u16;
                self.plan.intents.push(Intent { due_ns: 0, reservation, connection, action });
            }
        }
        let end = self.plan.intents.len() as IntentIndex;
        if end > first {
            self.steps.push(Step::Send(first..end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::records;

    fn script(text: &str, matching: Match) -> Script {
        let lines = records::parse(&mut text.as_bytes()).unwrap().lines;
        let replay = Replay {
            addr: String::new(),
            connections: 3,
            pipeline: 8,
            matching,
            prefix: "p".into(),
            open_formed: Duration::from_mins(1),
            open_failed: Duration::from_secs(1),
            chunk: 2,
            price: 5,
        };
        Script::new(&lines, &replay).unwrap()
    }

    #[test]
    fn a_person_plays_one_line_of_an_offer_per_round() {
        let script = script("1\t9\t2\n1\t9\t3\n2\t9\t3\n4\t9\t5\n", Match::Friends);
        let sends = script.steps.iter().map(|step| match step {
            Step::Send(range) => range.len(),
            Step::Wait(_) => 0,
        });
        // Lines 1 and 4 open, join and pay; then line 2; then line 3, whose people stood on both.
        assert_eq!(sends.collect::<Vec<_>>(), [2, 2, 4, 1, 1, 2, 1, 1, 2]);
        assert_eq!((script.plan.offers.len(), script.plan.offers[0].stock), (1, 8));
    }

    #[test]
    fn failed_lines_go_in_chunks_and_end_with_a_wait() {
        let script = script("1\t9\n2\t9\n3\t8\n1\t9\t2\n", Match::Friends);
        let waits = script.steps.iter().filter(|step| matches!(step, Step::Wait(_))).count();
        assert_eq!((waits, script.steps.len()), (1, 3 + 4 + 1));
        assert!(matches!(script.steps.last(), Some(Step::Wait(_))));
        assert_eq!(script.failed_lines_matchable, 2);
        // Formed and failed lines of one item are different offers.
        assert_eq!(script.plan.offers.len(), 3);
    }

    #[test]
    fn friends_join_their_leader_and_strangers_any() {
        let friends = script("1\t9\t2\n", Match::Friends);
        let seats: Vec<_> = friends.plan.reservations.iter().map(|reservation| reservation.seat).collect();
        assert_eq!(seats, [Seat::New, Seat::With(0)]);
        let strangers = script("1\t9\t2\n", Match::Any);
        assert!(strangers.plan.reservations.iter().all(|reservation| reservation.seat == Seat::Any));
    }
}
