//! A run: requests of one connection for one shard, and on the way back their answers.
//!
//! A run travels as one box: the connection fills it, the engine queues it, the shard answers it in place, and the
//! connection reads it and gives it back to be filled again. Texts lie in two byte buffers of the run (one for what
//! was asked, one for what was answered, so that the shard can read one while it writes the other); requests and
//! answers point into them. Once a run has been around, filling and answering it allocates nothing, except for lists,
//! definitions, mistakes and what operators are answered.
//!
//! Bounded three ways (see the constants), so that neither a run's memory nor the time that it takes of its shard is
//! unbounded. Called by connections, the client, and the shard.

mod answers;
mod plain_buy;
mod spans;

use crate::outbox::Outbox;
use crate::round::Round;
use crate::slot::ShardIndex;
use answers::Answers;
pub use plain_buy::PlainBuy;
use spans::{ASKED_BYTES_MAX, AskedSpan};
use stampede_core::{
    Answer, Buy, GroupChoice, Keys, LIST_MAX, Machine, Misuse, Record, Refusal, Request, ReservationAnswer,
    Text, UnixMs,
};
use std::sync::Arc;

/// The most requests of one run: well above a usual pipeline, and about 30 µs of a shard's time, so that runs of
/// several connections share a batch.
pub const RUN_REQUESTS_MAX: usize = 256;
/// The most bytes of text that the requests of one run carry: about what one read from a socket brings.
pub const RUN_BYTES_MAX: usize = ASKED_BYTES_MAX;
/// The most entries that the answers of one run may hold: two full lists, or any number of plain answers. A list of
/// [`LIST_MAX`] reservations takes about 300 KiB.
pub const RUN_ENTRIES_MAX: usize = 2 * LIST_MAX;
/// What an offer's definition counts for among the entries: at its largest it is about as big as so many reservations.
const DEFINITION_ENTRIES: usize = 64;

/// The run takes no further request; submit it and begin another. A request whose texts passed [`Text::id`],
/// [`Text::tags`] or [`Text::free`] always fits an empty run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the run is full: {RUN_REQUESTS_MAX} requests, {RUN_BYTES_MAX} bytes or {RUN_ENTRIES_MAX} list entries"
)]
pub struct RunFull;

/// How a run came back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// Not submitted yet, or on its way.
    #[default]
    Open,
    /// Every request was decided; the answers stand in the order of the requests.
    Answered,
    /// The shard has stopped for good. What became of the requests is not known: they may have been decided, and the
    /// same ids will tell once the shard is back.
    ShardDown,
}

/// Requests of one connection for one shard, and their answers.
#[derive(Debug, Default)]
pub struct Run {
    /// The texts of the requests.
    asked: Vec<u8>,
    requests: Vec<Request<AskedSpan>>,
    /// The most entries that the answers may hold.
    entries: usize,
    answers: Answers,
    outcome: Outcome,
    /// Where it was submitted to last.
    shard: ShardIndex,
    /// Where it goes when it is answered; `None` while its connection has it.
    outbox: Option<Arc<Outbox>>,
}

impl Run {
    /// An empty run. It grows as it is filled and keeps what it has grown.
    pub fn new() -> Box<Run> {
        Box::default()
    }

    /// Adds a request. The texts are copied.
    pub fn push(&mut self, request: &Request<Text<'_>>) -> Result<(), RunFull> {
        let entries = self.entries + entries_max(request);
        if self.requests.len() == RUN_REQUESTS_MAX || entries > RUN_ENTRIES_MAX {
            return Err(RunFull);
        }
        let before = self.asked.len();
        self.requests.push(request.map(|text| AskedSpan::store(text, &mut self.asked)));
        if self.asked.len() > RUN_BYTES_MAX {
            self.requests.pop();
            self.asked.truncate(before);
            return Err(RunFull);
        }
        self.entries = entries;
        Ok(())
    }

    /// Adds a plain BUY: [`Run::push`] at a fraction of the cost.
    #[inline]
    pub fn push_plain_buy(&mut self, buy: &PlainBuy<'_>) -> Result<(), RunFull> {
        let start = self.asked.len();
        let is_full = self.requests.len() == RUN_REQUESTS_MAX || self.entries == RUN_ENTRIES_MAX;
        if is_full || start + buy.bytes.len() > RUN_BYTES_MAX {
            return Err(RunFull);
        }
        self.asked.extend_from_slice(buy.bytes);
        self.entries += 1;
        self.requests.push(Request::Buy(Buy {
            offer: AskedSpan::at(start, buy.offer_len),
            buyer: AskedSpan::at(start + buy.buyer_at, buy.buyer_len),
            id: AskedSpan::at(start + buy.id_at, buy.bytes.len() - buy.id_at),
            qty: 1,
            group: GroupChoice::Alone,
            tags: None,
            referrer: None,
            code: None,
        }));
        Ok(())
    }

    /// How many requests it holds.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// How much of a batch it is: its requests, a list counting for its entries.
    pub(crate) fn weight(&self) -> usize {
        self.entries
    }

    /// Whether it holds no request.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// The requests, in the order in which they were pushed. Costs a copy of each; a definition is cloned.
    pub fn requests(&self) -> impl ExactSizeIterator<Item = Request<Text<'_>>> {
        self.requests.iter().map(|request| request.map(|span| span.text(&self.asked)))
    }

    /// The shard that it was submitted to last.
    pub fn shard(&self) -> ShardIndex {
        self.shard
    }

    /// How it came back.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The answers, one per request and in their order; none unless the outcome is [`Outcome::Answered`]. Costs a
    /// copy of each; lists are cloned.
    pub fn answers(&self) -> impl ExactSizeIterator<Item = Answer<Text<'_>>> {
        self.answers_from(0)
    }

    /// The answers from this place on; those before it cost nothing.
    pub fn answers_from(&self, first: usize) -> impl ExactSizeIterator<Item = Answer<Text<'_>>> {
        let first = if self.outcome == Outcome::Answered { first } else { usize::MAX };
        self.answers.from(first, &self.asked)
    }

    /// The answer at this place, if it is a refusal: next to nothing to read.
    #[inline]
    pub fn refusal_at(&self, at: usize) -> Option<Refusal> {
        let is_answered = self.outcome == Outcome::Answered;
        if is_answered { self.answers.refusal_at(at) } else { None }
    }

    /// The answer at this place, if it is a reservation.
    #[inline]
    pub fn reservation_at(&self, at: usize) -> Option<ReservationAnswer<Text<'_>>> {
        let is_answered = self.outcome == Outcome::Answered;
        if is_answered { self.answers.reservation_at(at, &self.asked) } else { None }
    }

    /// Empties it for the next requests and keeps its memory.
    pub fn clear(&mut self) {
        self.asked.clear();
        self.requests.clear();
        self.entries = 0;
        self.answers.clear();
        self.outcome = Outcome::Open;
        self.outbox = None;
    }

    /// Addresses it before it is queued. What an earlier round left of answers goes.
    pub(crate) fn address(&mut self, shard: ShardIndex, outbox: Arc<Outbox>) {
        self.shard = shard;
        self.outbox = Some(outbox);
        self.outcome = Outcome::Open;
        self.answers.clear();
    }

    /// Takes the address: the run is on its way back and must not keep its own outbox alive.
    pub(crate) fn take_address(&mut self) -> Option<Arc<Outbox>> {
        self.outbox.take()
    }

    /// The round that its connection belongs to.
    pub(crate) fn round(&self) -> Option<&Arc<Round>> {
        self.outbox.as_ref()?.round()
    }

    /// Adds the keys of every request to those of the requests before it.
    pub(crate) fn add_keys(&self, machine: &Machine, keys: &mut Vec<Keys>) {
        for request in &self.requests {
            keys.push(machine.keys(request, |span| span.text(&self.asked), keys.last()));
        }
    }

    /// Answers every request in order, and takes its keys.
    pub(crate) fn decide(
        &mut self,
        machine: &mut Machine,
        keys: &mut impl Iterator<Item = Keys>,
        now: UnixMs,
        record: &mut impl Record,
    ) {
        for (request, keys) in self.requests.iter().zip(keys) {
            let asked = request.map(|span| span.text(&self.asked));
            let answer = machine.handle_at(&keys, &asked, now, record);
            self.answers.add(&self.asked, request, answer);
        }
        assert!(self.answers.len() == self.requests.len(), "every request has its keys, and so its answer");
    }

    /// Answers what can be answered without changing anything, and refuses the rest for want of space.
    pub(crate) fn look(&mut self, machine: &Machine, now: UnixMs, free_bytes: u64) {
        for request in &self.requests {
            let asked = request.map(|span| span.text(&self.asked));
            let answer = machine.look(&asked, now);
            let answer = answer.unwrap_or(Answer::Misuse(Misuse::DiskFull { free_bytes }));
            self.answers.add(&self.asked, request, answer);
        }
    }

    pub(crate) fn close(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

/// The most entries that the answer to a request can hold.
fn entries_max(request: &Request<Text<'_>>) -> usize {
    match request {
        Request::Buyer { .. } | Request::Group { .. } => LIST_MAX,
        Request::Groups { count, .. }
        | Request::OfferList { count, .. }
        | Request::Reservations { count, .. } => (*count as usize).clamp(1, LIST_MAX),
        Request::OfferPut { .. } | Request::OfferGet { .. } | Request::Demand { .. } => DEFINITION_ENTRIES,
        // It looks at everything: alone in its run, and the last of its batch.
        Request::Audit { .. } => RUN_ENTRIES_MAX,
        Request::Buy(_)
        | Request::Pay { .. }
        | Request::Cancel { .. }
        | Request::Return { .. }
        | Request::Show { .. }
        | Request::OfferPause { .. }
        | Request::OfferResume { .. }
        | Request::OfferClose { .. }
        | Request::OfferRemove { .. }
        | Request::OfferExtend { .. }
        | Request::PoolAdd { .. }
        | Request::PoolGet { .. }
        | Request::Revoke { .. } => 1,
    }
}
