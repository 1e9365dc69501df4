//! Requests on their way and replies in order: what one connection has under way.
//!
//! A connection's requests split into lanes, one per shard. Runs of a lane come back in their order, lanes among each
//! other in none, so a queue of slots remembers the order in which replies are due; consecutive requests for one shard
//! share a slot. Replies that are ready before those in front of them wait as bytes. Nothing here reads a socket or a
//! frame; the connection calls it.
//!
//! Invariant: every request gets exactly one reply, in its place. Memory is bounded: the connection asks
//! [`Pipeline::has_room`] before each request, and a lane may say no. Allocates only while buffers grow to their working
//! size.

use crate::command::EveryShard;
use crate::connection::byte_queue::ByteQueue;
use crate::connection::feed_read::FeedRead;
use crate::connection::lane::{Lane, Next, NoRoom, write_down, write_reject};
use crate::reply::{Detail, every_shard};
use crate::resp::encode::{Encoder, Protocol};
use stampede_engine::core::{Request, Text};
use stampede_engine::{Engine, PlainBuy, Round, ShardIndex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Replies that are due next, from one place.
#[derive(Debug)]
struct Slot {
    protocol: Protocol,
    source: Source,
}

/// Where replies come from.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// The next bytes of `Pipeline::local`; so many replies.
    Local { bytes: usize, replies: usize },
    /// The next answers of a lane.
    Lane { lane: usize, detail: Detail, replies: usize },
    /// One answer of every lane from `first` on, as one reply.
    EveryLane { asked: EveryShard, first: usize },
    /// The next of `Pipeline::reads`; one reply.
    Feed,
}

/// Questions about feeds that wait for their turn. Each is small, and none runs before the replies in front of it are
/// written.
const READS_MAX: usize = 64;

/// What one connection has under way.
#[derive(Debug)]
pub(super) struct Pipeline {
    engine: Engine,
    /// Wakes this connection and the others.
    round: Arc<Round>,
    lanes: Vec<Option<Lane>>,
    slots: VecDeque<Slot>,
    /// Replies due, over all slots.
    replies: usize,
    /// Replies that are ready before those in front of them.
    local: ByteQueue,
    /// Questions about feeds, the first of them perhaps under way.
    reads: VecDeque<FeedRead>,
    replies_max: usize,
    bytes_max: usize,
}

impl Pipeline {
    pub(super) fn new(engine: Engine, round: Arc<Round>, replies_max: usize, bytes_max: usize) -> Self {
        let lanes = engine.shards().map(|_| None).collect();
        Pipeline {
            engine,
            round,
            lanes,
            slots: VecDeque::new(),
            replies: 0,
            local: ByteQueue::default(),
            reads: VecDeque::new(),
            replies_max,
            bytes_max,
        }
    }

    /// Whether another request may come.
    pub(super) fn has_room(&self) -> bool {
        self.replies < self.replies_max && self.local.len() < self.bytes_max
    }

    /// Whether no reply is due.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Adds a request for the shard of its key.
    pub(super) fn push(
        &mut self,
        key: Text<'_>,
        request: &Request<Text<'_>>,
        detail: Detail,
        protocol: Protocol,
    ) -> Result<(), NoRoom> {
        let shard = self.engine.shard_of(key);
        lane_of(&mut self.lanes, shard, &self.round).add(&self.engine, |run| run.push(request))?;
        self.expect_answer(shard, detail, protocol);
        Ok(())
    }

    /// Adds a plain BUY for the shard of its offer.
    #[inline]
    pub(super) fn push_plain_buy(&mut self, buy: &PlainBuy<'_>, protocol: Protocol) -> Result<(), NoRoom> {
        let shard = self.engine.shard_of(buy.offer());
        lane_of(&mut self.lanes, shard, &self.round).add(&self.engine, |run| run.push_plain_buy(buy))?;
        self.expect_answer(shard, Detail::Brief, protocol);
        Ok(())
    }

    /// Remembers that the next reply is the next answer of a shard.
    #[inline]
    fn expect_answer(&mut self, shard: ShardIndex, detail: Detail, protocol: Protocol) {
        let lane = usize::from(shard.get());
        self.replies += 1;
        if let Some(Slot {
            protocol: last_protocol,
            source: Source::Lane { lane: last, detail: last_detail, replies },
        }) = self.slots.back_mut()
            && (*last, *last_detail, *last_protocol) == (lane, detail, protocol)
        {
            *replies += 1;
            return;
        }
        self.slots.push_back(Slot { protocol, source: Source::Lane { lane, detail, replies: 1 } });
    }

    /// Adds a question to every shard from the one that it begins at.
    pub(super) fn push_every_shard(&mut self, asked: EveryShard, protocol: Protocol) -> Result<(), NoRoom> {
        let first = match asked {
            EveryShard::Audit => 0,
            // A cursor behind the last shard asks the last one, which has nothing there.
            EveryShard::OfferList { cursor, .. } => usize::from(cursor.shard).min(self.lanes.len() - 1),
        };
        let shards = || self.engine.shards().skip(first);
        for shard in shards() {
            if !lane_of(&mut self.lanes, shard, &self.round).has_room() {
                return Err(NoRoom);
            }
        }
        for shard in shards() {
            let request = match asked {
                EveryShard::Audit => Request::Audit { offer: None },
                EveryShard::OfferList { cursor, count } => {
                    let here = shard.get() == cursor.shard;
                    let behind = usize::from(cursor.shard) >= self.lanes.len();
                    let skip = if behind {
                        u64::from(u32::MAX)
                    } else if here {
                        u64::from(cursor.skip)
                    } else {
                        0
                    };
                    Request::OfferList { cursor: skip, count }
                }
            };
            lane_of(&mut self.lanes, shard, &self.round).add(&self.engine, |run| run.push(&request))?;
        }
        self.replies += 1;
        self.slots.push_back(Slot { protocol, source: Source::EveryLane { asked, first } });
        Ok(())
    }

    /// Adds a question about feeds; `read` makes it. It begins when its reply is the next one due.
    pub(super) fn push_feed(
        &mut self,
        protocol: Protocol,
        read: impl FnOnce() -> FeedRead,
    ) -> Result<(), NoRoom> {
        if self.reads.len() >= READS_MAX {
            return Err(NoRoom);
        }
        self.reads.push_back(read());
        self.replies += 1;
        self.slots.push_back(Slot { protocol, source: Source::Feed });
        Ok(())
    }

    /// Adds a reply that needs no shard: `write` writes it, straight to `out` if nothing is due before it.
    pub(super) fn push_local(
        &mut self,
        protocol: Protocol,
        out: &mut ByteQueue,
        write: impl FnOnce(&mut Encoder<'_>),
    ) {
        if self.slots.is_empty() {
            return write(&mut Encoder::new(out.end(), protocol));
        }
        let before = self.local.len();
        write(&mut Encoder::new(self.local.end(), protocol));
        let more = self.local.len() - before;
        self.replies += 1;
        if let Some(Slot { source: Source::Local { bytes, replies }, .. }) = self.slots.back_mut() {
            *bytes += more;
            *replies += 1;
        } else {
            self.slots.push_back(Slot { protocol, source: Source::Local { bytes: more, replies: 1 } });
        }
    }

    /// Submits every run that has been filled.
    pub(super) fn submit(&mut self) {
        for lane in self.lanes.iter_mut().flatten() {
            lane.submit(&self.engine);
        }
    }

    /// Takes back the runs that have come, and asks to be woken for the next.
    pub(super) fn poll_back(&mut self, context: &mut Context<'_>) {
        for lane in self.lanes.iter_mut().flatten() {
            lane.poll_back(context);
        }
    }

    /// Writes the replies that are ready, in order, until one is not or `out` holds `bytes_max`. A question about feeds
    /// whose turn it is wakes `context` when it is ready.
    pub(super) fn poll_write(&mut self, context: &mut Context<'_>, out: &mut ByteQueue) {
        while out.len() < self.bytes_max
            && let Some(slot) = self.slots.front_mut()
        {
            let mut encoder = Encoder::new(out.end(), slot.protocol);
            match &mut slot.source {
                Source::Local { bytes, replies } => {
                    encoder.raw(&self.local.waiting()[..*bytes]);
                    self.local.take(*bytes);
                    self.replies -= *replies;
                }
                Source::Lane { lane, detail, replies } => {
                    let Some(lane) = self.lanes[*lane].as_mut() else { break };
                    let done = lane.write(&self.engine, *replies, *detail, &mut encoder, self.bytes_max);
                    *replies -= done;
                    self.replies -= done;
                    if *replies > 0 {
                        break;
                    }
                }
                Source::EveryLane { asked, first } => {
                    let lanes = &mut self.lanes[*first..];
                    if !lanes.iter().flatten().all(Lane::is_ready) {
                        break;
                    }
                    write_every_lane(&mut encoder, *asked, *first, lanes);
                    lanes.iter_mut().flatten().for_each(|lane| lane.skip(&self.engine));
                    self.replies -= 1;
                }
                Source::Feed => {
                    let Some(read) = self.reads.front_mut() else { break };
                    let Poll::Ready(reply) = read.poll(context) else { break };
                    encoder.raw(&reply);
                    self.reads.pop_front();
                    self.replies -= 1;
                }
            }
            self.slots.pop_front();
        }
    }
}

#[inline]
fn lane_of<'a>(lanes: &'a mut [Option<Lane>], shard: ShardIndex, round: &Arc<Round>) -> &'a mut Lane {
    lanes[usize::from(shard.get())].get_or_insert_with(|| Lane::new(shard, round))
}

/// One reply for the next answer of each lane; a part that is missing is the answer of the whole.
fn write_every_lane(out: &mut Encoder<'_>, asked: EveryShard, first: usize, lanes: &[Option<Lane>]) {
    let mut answers = Vec::with_capacity(lanes.len());
    for lane in lanes.iter().flatten() {
        match lane.next_answer() {
            Next::Answer(answer) => answers.push(answer),
            Next::Rejected(reject) => return write_reject(out, reject),
            Next::Down => return write_down(out),
        }
    }
    every_shard::every_shard(out, asked, first as u16, &answers);
}
