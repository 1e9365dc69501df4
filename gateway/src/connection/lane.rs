//! One shard's part of a connection: the run being filled, and the runs under way or waiting to be replied to.
//!
//! Runs of a lane come back in the order in which they were submitted. The order between lanes is the pipeline's matter.
//!
//! Invariant: at most [`PARTS_MAX`] runs, the one being filled included; so the outbox always has room.

use crate::error_code::ErrorCode;
use crate::reply::{self, Detail, Terms};
use crate::resp::encode::Encoder;
use stampede_engine::core::{Answer, Text};
use stampede_engine::{Engine, Outbox, Outcome, Reject, Round, Run, RunFull, ShardIndex};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Runs of one lane, from the one being filled to the last whose answers are not written yet. A few keep the shard busy;
/// more would only hold lists in memory. While there is no room, bytes wait, and the next run is the fuller.
pub(super) const PARTS_MAX: usize = 8;

/// One shard's part of a connection.
#[derive(Debug)]
pub(super) struct Lane {
    shard: ShardIndex,
    outbox: Arc<Outbox>,
    filling: Option<Box<Run>>,
    /// Runs submitted, oldest first, until all their answers are written.
    parts: VecDeque<Part>,
    /// How many of `parts` have not come back.
    under_way: usize,
    /// Of the last answer written.
    terms: Terms,
}

/// A run and how many of its requests have been replied to.
#[derive(Debug)]
struct Part {
    state: PartState,
    len: usize,
    written: usize,
}

#[derive(Debug)]
enum PartState {
    UnderWay,
    Back(Box<Run>),
    Rejected(Reject),
}

/// The lane has no room for another run now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

impl Lane {
    pub(super) fn new(shard: ShardIndex, round: &Arc<Round>) -> Self {
        let parts = VecDeque::with_capacity(PARTS_MAX);
        Lane {
            shard,
            outbox: Outbox::in_round(PARTS_MAX, round),
            filling: None,
            parts,
            under_way: 0,
            terms: Terms::default(),
        }
    }

    /// Whether a request fits for sure: the run being filled may be full, so a second one must have room too.
    pub(super) fn has_room(&self) -> bool {
        self.parts.len() + 2 <= PARTS_MAX
    }

    /// Adds a request, by `push`, to the run being filled; submits it first if it is full.
    #[inline]
    pub(super) fn add(
        &mut self,
        engine: &Engine,
        push: impl Fn(&mut Run) -> Result<(), RunFull>,
    ) -> Result<(), NoRoom> {
        if !self.has_room() {
            return Err(NoRoom);
        }
        let run = self.filling.get_or_insert_with(|| engine.run());
        if push(run).is_ok() {
            return Ok(());
        }
        self.submit(engine);
        let run = self.filling.get_or_insert_with(|| engine.run());
        let pushed = push(run);
        assert!(pushed.is_ok(), "a request with checked texts fits an empty run");
        Ok(())
    }

    /// Submits what has been filled. A run that is not taken keeps its place, as a refusal of the whole.
    pub(super) fn submit(&mut self, engine: &Engine) {
        let Some(run) = self.filling.take() else { return };
        let len = run.len();
        let state = match engine.submit(self.shard, run, &self.outbox) {
            Ok(()) => {
                self.under_way += 1;
                PartState::UnderWay
            }
            Err(rejected) => {
                engine.recycle(rejected.run);
                PartState::Rejected(rejected.reason)
            }
        };
        self.parts.push_back(Part { state, len, written: 0 });
    }

    /// Takes back every run that has come, and asks to be woken for the next.
    pub(super) fn poll_back(&mut self, context: &mut Context<'_>) {
        while self.under_way > 0
            && let Poll::Ready(run) = self.outbox.poll_take(context)
        {
            let part = self.parts.iter_mut().find(|part| matches!(part.state, PartState::UnderWay));
            let part = part.expect("a run that comes back was under way");
            assert!(part.len == run.len(), "runs of a lane come back in their order");
            part.state = PartState::Back(run);
            self.under_way -= 1;
        }
    }

    /// Whether the next reply can be written.
    pub(super) fn is_ready(&self) -> bool {
        self.parts.front().is_some_and(|part| !matches!(part.state, PartState::UnderWay))
    }

    /// Writes the next replies, at most `count`, until one is not there yet or `is_full` says so; tells how many.
    pub(super) fn write(
        &mut self,
        engine: &Engine,
        count: usize,
        detail: Detail,
        out: &mut Encoder<'_>,
        bytes_max: usize,
    ) -> usize {
        let mut done = 0;
        while done < count
            && let Some(part) = self.parts.front_mut()
        {
            let before = part.written;
            let upto = part.len.min(before + (count - done));
            match &part.state {
                PartState::UnderWay => break,
                PartState::Rejected(reject) => {
                    (before..upto).for_each(|_| write_reject(out, *reject));
                    part.written = upto;
                }
                PartState::Back(run) if run.outcome() == Outcome::Answered => {
                    part.written += write_answers(run, before..upto, detail, out, bytes_max, &mut self.terms);
                }
                PartState::Back(_) => {
                    (before..upto).for_each(|_| write_down(out));
                    part.written = upto;
                }
            }
            done += part.written - before;
            if part.written < part.len {
                break;
            }
            self.pop(engine);
        }
        done
    }

    /// Reads the next answer, which must be ready, without writing it.
    pub(super) fn next_answer(&self) -> Next<'_> {
        let Some(part) = self.parts.front() else { return Next::Down };
        match &part.state {
            PartState::UnderWay => Next::Down,
            PartState::Rejected(reject) => Next::Rejected(*reject),
            PartState::Back(run) => run.answers_from(part.written).next().map_or(Next::Down, Next::Answer),
        }
    }

    /// Passes over the next answer.
    pub(super) fn skip(&mut self, engine: &Engine) {
        if let Some(part) = self.parts.front_mut() {
            part.written += 1;
            if part.written == part.len {
                self.pop(engine);
            }
        }
    }

    fn pop(&mut self, engine: &Engine) {
        if let Some(Part { state: PartState::Back(run), .. }) = self.parts.pop_front() {
            engine.recycle(run);
        }
    }
}

/// Writes the answers at these places until `out` holds `bytes_max`; tells how many.
fn write_answers(
    run: &Run,
    places: Range<usize>,
    detail: Detail,
    out: &mut Encoder<'_>,
    bytes_max: usize,
    terms: &mut Terms,
) -> usize {
    let mut at = places.start;
    while at < places.end && out.written() < bytes_max {
        // What BUYs are answered with needs no answer of its own to be put together first.
        if let Some(refusal) = run.refusal_at(at) {
            reply::refusal(out, &refusal);
        } else if let Some(reservation) = run.reservation_at(at) {
            reply::reservation(out, &reservation, detail, terms);
        } else if let Some(answer) = run.answers_from(at).next() {
            reply::answer(out, &answer, detail, terms);
        }
        at += 1;
    }
    at - places.start
}

/// The next answer of a lane.
#[derive(Debug)]
pub(super) enum Next<'a> {
    Answer(Answer<Text<'a>>),
    Rejected(Reject),
    Down,
}

/// The reply for a request that was not taken.
pub(super) fn write_reject(out: &mut Encoder<'_>, reject: Reject) {
    match reject {
        Reject::Busy | Reject::NoRoom => {
            out.error(ErrorCode::Busy.name(), "the queue is full; nothing was taken, try again");
        }
        Reject::Stopping => {
            out.error(ErrorCode::Busy.name(), "the server is stopping; nothing was taken, try again");
        }
        Reject::NoShard => {
            out.error(ErrorCode::Err.name(), "the server has no such shard; nothing was taken");
        }
    }
}

/// The reply for a request whose shard has stopped.
pub(super) fn write_down(out: &mut Encoder<'_>) {
    out.error(
        ErrorCode::ShardDown.name(),
        "the shard of this offer has stopped; whether the request was decided is not known, and its id will tell once the shard is back",
    );
}
