//! The state machine of one shard: the face of this crate.

use crate::answer::{Answer, AuditAnswer};
use crate::event::{Event, EventId, Record, Stamp};
use crate::request::Request;
use crate::text::Text;
use crate::time::UnixMs;

/// What a machine is made with.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The epoch of the events that this life of the writer makes.
    pub epoch: u64,
    /// The key of the hash tables; secret and random where buyers choose their ids. It never reaches the state.
    pub hash_key: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { epoch: 1, hash_key: 0x5eed }
    }
}

/// Everything that one shard knows.
#[derive(Debug)]
pub struct Machine {}

/// Whether a sweep got through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swept {
    /// Nothing is due any more.
    Done,
    /// The slice is used up and more is due.
    More,
}

impl Machine {
    /// An empty machine.
    pub fn new(settings: Settings) -> Self {
        let _ = settings;
        todo!()
    }

    /// Decides one request at `now` and lets it take effect: every event goes to `record`, in order.
    /// `now` must not go back from call to call.
    pub fn handle<'a>(
        &'a mut self,
        request: &'a Request<Text<'a>>,
        now: UnixMs,
        record: &mut impl Record,
    ) -> Answer<Text<'a>> {
        let _ = (request, now, record);
        todo!()
    }

    /// Settles what is due at `now`, at most `slice` events (a few more to end the last item). Call it before the
    /// requests of a batch, and again while it answers [`Swept::More`].
    pub fn sweep(&mut self, now: UnixMs, slice: usize, record: &mut impl Record) -> Swept {
        let _ = (now, slice, record);
        todo!()
    }

    /// When something falls due next; at once, if a settlement is running.
    pub fn next_due(&self) -> Option<UnixMs> {
        todo!()
    }

    /// Lets one recorded event take effect again. Events must come in the order in which they were recorded.
    pub fn replay(&mut self, stamp: Stamp, event: &Event<'_>) {
        let _ = (stamp, event);
        todo!()
    }

    /// The last event; seq 0 before the first.
    pub fn last_event(&self) -> EventId {
        todo!()
    }

    /// Checks every invariant over the whole state. Cost: proportional to the state.
    pub fn audit(&self, now: UnixMs) -> AuditAnswer {
        let _ = now;
        todo!()
    }

    /// A digest of the whole state: equal digests are equal states. Cost: proportional to the state.
    pub fn digest(&self) -> u128 {
        todo!()
    }
}
