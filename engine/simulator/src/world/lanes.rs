//! Connections: runs go out on them and come back, in order per shard, answered or as down.
//!
//! For each run it is kept which events its answers are known to have seen, so that the auditor can say whether they
//! might leave.

use super::World;
use crate::auditor::{Checked, Saw};
use crate::names::{Name, name};
use crate::tally::Kind;
use stampede_engine::core::{Answer, Request, Seq, Text};
use stampede_engine::{Outbox, Outcome, Reject, Run};
use std::collections::VecDeque;
use std::sync::Arc;

/// Runs that one connection may have under way.
const UNDER_WAY_MAX: usize = 24;

/// One connection.
#[derive(Debug)]
pub(super) struct Lane {
    outbox: Arc<Outbox>,
    flights: VecDeque<Flight>,
}

/// A run under way.
#[derive(Debug)]
struct Flight {
    number: u64,
    shard: usize,
    requests: Vec<Request<Name>>,
    /// The answers see this event at least.
    at_least: Seq,
    /// They were decided after this event.
    decided_after: Seq,
    /// It stood in the inbox when the shard turned.
    was_turned: bool,
}

/// A request with its answer.
pub(super) type Answered = (Request<Name>, Answer<Name>);

impl Lane {
    pub(super) fn new() -> Lane {
        Lane { outbox: Outbox::new(UNDER_WAY_MAX), flights: VecDeque::new() }
    }

    /// The process at the other end is gone, and with it everything under way.
    pub(super) fn reset(&mut self) {
        *self = Lane::new();
    }
}

impl World {
    /// Sends requests as one run; what does not fit is not sent.
    pub(super) fn submit(&mut self, lane: usize, shard: usize, requests: Vec<Request<Name>>) -> Checked {
        let mut run = Run::new();
        let mut sent = Vec::with_capacity(requests.len());
        for request in requests {
            let as_texts = request.clone().map(|name| Text::stored(name.as_bytes()));
            if run.push(&as_texts).is_err() {
                break;
            }
            self.auditor.note(&request);
            sent.push(request);
        }
        if sent.is_empty() {
            return Ok(());
        }
        let index = self.shards[shard].index;
        let at_least = self.machine(shard).last_event().seq;
        self.runs += 1;
        let number = self.runs;
        let outbox = Arc::clone(&self.lanes[lane].outbox);
        match self.engine_mut().submit(index, run, &outbox) {
            Ok(()) => {
                self.story.tell(|| format!("run {number} to shard {shard}: {}", told(&sent)));
                let flight = Flight {
                    number,
                    shard,
                    requests: sent,
                    at_least,
                    decided_after: at_least,
                    was_turned: false,
                };
                self.lanes[lane].flights.push_back(flight);
                Ok(())
            }
            Err(rejected) if matches!(rejected.reason, Reject::Busy | Reject::NoRoom) => Ok(()),
            Err(rejected) => Err(format!("a run to shard {shard} was not taken: {rejected}")),
        }
    }

    /// A shard turned: what stood in its inbox saw everything before, and the last of it everything after.
    pub(super) fn note_decided(&mut self, shard: usize, before: Seq, after: Seq) {
        let flights = self.lanes.iter_mut().flat_map(|lane| lane.flights.iter_mut());
        let waiting = flights.filter(|flight| flight.shard == shard && !flight.was_turned);
        let mut newest: Option<&mut Flight> = None;
        for flight in waiting {
            flight.was_turned = true;
            flight.at_least = flight.at_least.max(before);
            if newest.as_ref().is_none_or(|newest| newest.number < flight.number) {
                newest = Some(flight);
            }
        }
        if let Some(newest) = newest {
            newest.at_least = newest.at_least.max(after);
        }
    }

    pub(super) fn take_all(&mut self) -> Checked {
        (0..self.lanes.len()).try_for_each(|lane| self.take(lane).map(|_| ()))
    }

    /// Takes what came back on a connection.
    pub(super) fn take(&mut self, lane: usize) -> Checked<Vec<Answered>> {
        let mut answered = Vec::new();
        while let Some(run) = self.lanes[lane].outbox.try_take() {
            let shard = usize::from(run.shard().get());
            let flights = &mut self.lanes[lane].flights;
            let at = flights.iter().position(|flight| flight.shard == shard);
            let flight = at.and_then(|at| flights.remove(at));
            let flight = flight.ok_or_else(|| format!("shard {shard} gave back a run that nobody sent"))?;
            match run.outcome() {
                Outcome::Answered => answered.extend(self.hear(shard, flight, &run)?),
                Outcome::ShardDown => {
                    self.tally.count(Kind::Deed, "run came back as down");
                    self.story.tell(|| format!("run {} comes back: the shard is down", flight.number));
                    if !self.life.was_struck && self.disk.is_on() {
                        return Err(format!("shard {shard} answers that it is down, and nothing had failed"));
                    }
                }
                Outcome::Open => return Err(format!("run {} comes back undecided", flight.number)),
            }
        }
        Ok(answered)
    }

    fn hear(&mut self, shard: usize, flight: Flight, run: &Run) -> Checked<Vec<Answered>> {
        self.follow(shard)?;
        let at_most = self.machine(shard).last_event().seq;
        let synced = self.feed(shard).bounds().last.seq;
        let saw = Saw { at_least: flight.at_least, decided_after: flight.decided_after, synced, at_most };
        let answers: Vec<Answer<Name>> =
            run.answers().map(|answer| answer.map(|text: Text<'_>| name(text.as_str()))).collect();
        self.story.tell(|| format!("run {} comes back: {}", flight.number, told_answers(&answers)));
        if answers.len() != flight.requests.len() {
            return Err(format!(
                "run {}: {} requests, {} answers",
                flight.number,
                flight.requests.len(),
                answers.len()
            ));
        }
        for (request, answer) in flight.requests.iter().zip(&answers) {
            self.check_full(answer)?;
            self.auditor.hear_answer(shard, request, answer, saw, &mut self.tally)?;
        }
        Ok(flight.requests.into_iter().zip(answers).collect())
    }

    /// Asks something and waits for the answers; none where the shard went down meanwhile.
    pub(super) fn ask(&mut self, shard: usize, requests: Vec<Request<Name>>) -> Checked<Vec<Answered>> {
        let wanted = requests.len();
        let mut answered = Vec::with_capacity(wanted);
        self.take(0)?;
        self.submit(0, shard, requests)?;
        for _ in 0..10_000 {
            if answered.len() >= wanted {
                return Ok(answered);
            }
            if self.lanes[0].flights.is_empty() {
                let may_fail = self.shards[shard].is_down || !self.disk.is_on();
                return if may_fail {
                    Ok(answered)
                } else {
                    Err(format!(
                        "shard {shard} is up and gave {} answers to {wanted} requests",
                        answered.len()
                    ))
                };
            }
            self.turn(shard)?;
            self.sync(shard)?;
            self.turn(shard)?;
            answered.extend(self.take(0)?);
        }
        Err(format!("shard {shard} does not answer: {} of {wanted} came", answered.len()))
    }
}

fn told(requests: &[Request<Name>]) -> String {
    let few: Vec<String> = requests.iter().take(8).map(|request| format!("{request:?}")).collect();
    let more = requests.len().saturating_sub(few.len());
    if more == 0 { few.join("; ") } else { format!("{}; and {more} more", few.join("; ")) }
}

fn told_answers(answers: &[Answer<Name>]) -> String {
    let few: Vec<String> = answers.iter().take(8).map(told_answer).collect();
    let more = answers.len().saturating_sub(few.len());
    if more == 0 { few.join("; ") } else { format!("{}; and {more} more", few.join("; ")) }
}

fn told_answer(answer: &Answer<Name>) -> String {
    match answer {
        Answer::Reservation(one) => format!("{} {} ({})", one.status.name(), one.id, one.event),
        Answer::Refused(refusal) => refusal.name().to_owned(),
        Answer::Misuse(misuse) => format!("{misuse:?}"),
        Answer::Done => "done".to_owned(),
        Answer::DoneBefore => "done before".to_owned(),
        Answer::Audit(audit) => format!("audit at {} {:?}", audit.event, audit.broken),
        _ => "a list".to_owned(),
    }
}
