//! The blocking way in, for embedders: one request, one answer.
//!
//! A client waits for each answer, so a thread's speed is the round trip's. Whoever wants more in flight fills runs and
//! submits them ([`Engine::submit`](crate::Engine::submit)). Decides nothing. Called by embedders.

use crate::engine::Engine;
use crate::outbox::Outbox;
use crate::run::{Outcome, Run, RunFull};
use crate::slot::ShardIndex;
use crate::submit::{Reject, Rejected};
use stampede_core::{Answer, Request, Text};
use std::sync::Arc;

/// A blocking client of an engine.
///
/// ```
/// use stampede_engine::core::{Answer, Money, Offer, Refusal, Request, Status, Text};
/// use stampede_engine::{Engine, EngineConfig};
///
/// let engine = Engine::start(EngineConfig::in_memory())?;
/// let mut client = engine.client();
/// let text = |id: &'static str| Text::id(id.as_bytes()).unwrap();
///
/// let definition = Box::new(Offer::with_stock(Money::cash(1990), 1));
/// client.call(&Request::OfferPut { offer: text("sku"), definition })?;
///
/// let first = client.call(&Request::buy(text("sku"), text("alice"), text("r1")))?;
/// let Answer::Reservation(held) = first.answer() else { panic!("{:?}", first.answer()) };
/// assert_eq!(held.status, Status::Held);
///
/// let second = client.call(&Request::buy(text("sku"), text("bob"), text("r2")))?;
/// assert!(matches!(second.answer(), Answer::Refused(Refusal::SoldOut)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    engine: Engine,
    outbox: Arc<Outbox>,
}

/// An answer, and the run whose texts it points into.
#[derive(Debug)]
pub struct Reply {
    /// Taken only by the drop.
    run: Option<Box<Run>>,
    engine: Engine,
}

/// Why a call has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// It was not taken; nothing was decided.
    #[error(transparent)]
    Rejected(#[from] Reject),
    /// The shard has stopped for good; whether the request was decided is not known.
    #[error("the shard is down; the same id will tell what became of the request once it is back")]
    ShardDown,
    /// The request names no offer and no pool, so it is meant for every shard: use [`Client::call_on`].
    #[error("the request names no offer or pool; send it to each shard")]
    NoKey,
    /// The request's texts are longer than checked ones can be.
    #[error("the request's texts are too long")]
    TooLong,
}

impl From<RunFull> for CallError {
    fn from(_: RunFull) -> Self {
        CallError::TooLong
    }
}

impl Client {
    pub(crate) fn new(engine: Engine) -> Self {
        Client { engine, outbox: Outbox::new(1) }
    }

    /// Sends a request to the shard of its offer or pool and waits for the answer.
    pub fn call(&mut self, request: &Request<Text<'_>>) -> Result<Reply, CallError> {
        let key = request.key().ok_or(CallError::NoKey)?;
        self.call_on(self.engine.shard_of(*key), request)
    }

    /// Sends a request to one shard and waits for the answer.
    pub fn call_on(&mut self, shard: ShardIndex, request: &Request<Text<'_>>) -> Result<Reply, CallError> {
        let mut run = self.engine.run();
        if let Err(full) = run.push(request) {
            self.engine.recycle(run);
            return Err(full.into());
        }
        if let Err(Rejected { run, reason }) = self.engine.submit(shard, run, &self.outbox) {
            self.engine.recycle(run);
            return Err(reason.into());
        }
        let run = self.outbox.take_blocking().ok_or(CallError::ShardDown)?;
        match run.outcome() {
            Outcome::Answered => Ok(Reply { run: Some(run), engine: self.engine.clone() }),
            Outcome::Open | Outcome::ShardDown => {
                self.engine.recycle(run);
                Err(CallError::ShardDown)
            }
        }
    }
}

impl Reply {
    /// The answer. Costs a copy; lists are cloned.
    ///
    /// # Panics
    /// Never: a reply is made only of a run with one answer.
    pub fn answer(&self) -> Answer<Text<'_>> {
        let answer = self.run.as_ref().and_then(|run| run.answers().next());
        answer.expect("an answered run of one request has one answer")
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(run) = self.run.take() {
            self.engine.recycle(run);
        }
    }
}
