//! One question about feeds → its reply, as a future of the connection's.
//!
//! The connection starts a read when its reply is the next one due, so that it holds one reply at most and a reader sees
//! what the commands before it did. Waiting costs a listener per feed and a timer: no thread and no polling. Files are
//! read elsewhere (`readers`); here is what is asked for, in which order, and how much of it fits one reply.

mod entries;

use crate::command::feed::{After, End, FeedAsk, FeedKey, Order, RangeAsk, ReadAsk};
use crate::error_code::ErrorCode;
use crate::readers::Lane;
use crate::reply::feed as shape;
use crate::resp::encode::{Encoder, Protocol};
use crate::shared::Shared;
use entries::{Entries, Room, Source};
use stampede_engine::{Feed, FeedError, FeedFrom};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// A reader this close behind the last entry is near: what it asks for is a page or two, and likely still in memory.
const NEAR_ENTRIES: u64 = 16_384;

/// A reply on its way.
pub(super) struct FeedRead {
    reply: Pin<Box<dyn Future<Output = Vec<u8>> + Send>>,
}

/// Whether a reader may be kept waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MayBlock {
    Yes,
    /// Inside EXEC nothing waits.
    No,
}

impl FeedRead {
    /// The reply to a question whose feeds all exist. `$` means the last entry there is now.
    pub(super) fn new(shared: &Arc<Shared>, ask: FeedAsk, protocol: Protocol, may_block: MayBlock) -> Self {
        let reader = Reader { shared: Arc::clone(shared), protocol };
        FeedRead {
            reply: match ask {
                FeedAsk::Read(ask) => {
                    let block = ask.block.filter(|_| may_block == MayBlock::Yes);
                    let read = reader.resolve(ask);
                    Box::pin(async move {
                        match read {
                            Ok(read) => reader.stream(read, block).await,
                            Err(failure) => reader.fail(&failure),
                        }
                    })
                }
                FeedAsk::Range(ask) => Box::pin(async move { reader.range(ask).await }),
                FeedAsk::Info(key) => Box::pin(async move { reader.info(key).await }),
                FeedAsk::Len(key) => Box::pin(async move { reader.len(key) }),
                FeedAsk::Groups(_) => Box::pin(async move { reader.write(|out| out.array(0)) }),
            },
        }
    }

    /// The whole reply, once it is there.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Vec<u8>> {
        self.reply.as_mut().poll(context)
    }
}

impl fmt::Debug for FeedRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FeedRead")
    }
}

/// Why there is no reply of the usual shape.
#[derive(Debug)]
pub(super) enum Failure {
    /// The feed could not be read.
    Feed(FeedKey, FeedError),
    /// The engine's journal is one that keeps no feed.
    NoFeed(FeedKey),
    /// The server is gone.
    Ended,
}

/// An XREAD whose places are known.
struct Read {
    places: Vec<Place>,
    count: usize,
}

/// Where one feed is read from.
#[derive(Clone)]
struct Place {
    key: FeedKey,
    feed: Feed,
    from: FeedFrom,
}

impl Place {
    /// Whether there may be something to read, or to complain of.
    fn has_more(&self) -> bool {
        let bounds = self.feed.bounds();
        match self.from {
            FeedFrom::After(id) => id < bounds.last,
            _ => bounds.entries > 0,
        }
    }

    fn lane(&self) -> Lane {
        let bounds = self.feed.bounds();
        let seq = match self.from {
            FeedFrom::After(id) | FeedFrom::At(id) => id.seq.0.max(bounds.first.seq.0),
            _ => bounds.first.seq.0,
        };
        if bounds.last.seq.0.saturating_sub(seq) <= NEAR_ENTRIES { Lane::Near } else { Lane::Far }
    }
}

struct Reader {
    shared: Arc<Shared>,
    protocol: Protocol,
}

impl Reader {
    fn feed(&self, key: FeedKey) -> Result<Feed, Failure> {
        let engine = &self.shared.engine;
        let feed = engine.shards().nth(usize::from(key.0)).and_then(|shard| engine.feed(shard));
        feed.ok_or(Failure::NoFeed(key))
    }

    fn write(&self, write: impl FnOnce(&mut Encoder<'_>)) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut Encoder::new(&mut bytes, self.protocol));
        bytes
    }

    fn room(&self, count: usize) -> Room {
        Room { entries: count, bytes: self.shared.limits.reply_bytes }
    }

    /// Fixes where each feed is read from.
    fn resolve(&self, ask: ReadAsk) -> Result<Read, Failure> {
        let place = |(key, after)| {
            let feed = self.feed(key)?;
            let from = match after {
                After::Nothing => FeedFrom::First,
                After::Entry(id) => FeedFrom::After(id),
                After::Last => FeedFrom::After(feed.bounds().last),
            };
            Ok(Place { key, feed, from })
        };
        let places = ask.places.into_iter().map(place).collect::<Result<_, _>>()?;
        Ok(Read { places, count: ask.count })
    }

    /// XREAD
    async fn stream(self, read: Read, block: Option<Duration>) -> Vec<u8> {
        let end = block.map(|block| Instant::now() + block);
        loop {
            // Listening begins before the look, so that nothing falls between the two.
            let mut listeners: Vec<_> = match end {
                Some(_) => read.places.iter().map(|place| place.feed.listen()).collect(),
                None => Vec::new(),
            };
            if read.places.iter().any(Place::has_more) {
                match self.read_streams(&read).await {
                    Ok(None) => {}
                    Ok(Some(reply)) => return reply,
                    Err(failure) => return self.fail(&failure),
                }
            }
            let any = poll_fn(|context| {
                let fired = listeners.iter_mut().any(|listener| Pin::new(listener).poll(context).is_ready());
                if fired { Poll::Ready(()) } else { Poll::Pending }
            });
            match end {
                Some(end) if self.waits(any, end).await => {}
                _ => return self.write(write_nothing),
            }
        }
    }

    /// Whether what is waited for came before the end of the wait, and before the end of the server.
    async fn waits(&self, came: impl Future<Output = ()>, end: Instant) -> bool {
        let _blocked = self.shared.readers.block();
        let mut stopping = self.shared.stopping.clone();
        tokio::select! {
            biased;
            () = came => true,
            () = sleep_until(end) => false,
            _ = stopping.wait_for(|stop| *stop) => false,
        }
    }

    /// One read of every feed; `None` when there was nothing.
    async fn read_streams(&self, read: &Read) -> Result<Option<Vec<u8>>, Failure> {
        let lane =
            if read.places.iter().any(|place| place.lane() == Lane::Far) { Lane::Far } else { Lane::Near };
        let (places, protocol) = (read.places.clone(), self.protocol);
        let (count, mut room) = (read.count, self.room(0));
        let found = self.shared.readers.read(lane, move |page| {
            let (mut found, mut left) = (Vec::new(), room.bytes);
            let places_count = places.len();
            for (index, Place { key, feed, from }) in places.into_iter().enumerate() {
                // A feed with much to tell must not keep those behind it from being told at all.
                let share = (left / (places_count - index)).max(1);
                (room.entries, room.bytes) = (count, share);
                let entries = Source { feed: &feed, protocol, page: &mut *page }
                    .read_on(from, None, &mut room)
                    .map_err(|error| Failure::Feed(key, error))?;
                left = left.saturating_sub(share - room.bytes);
                if entries.count > 0 {
                    found.push((key, entries));
                }
            }
            Ok(found)
        });
        let found: Vec<(FeedKey, Entries)> = found.await.map_err(|_| Failure::Ended)??;
        Ok((!found.is_empty()).then(|| self.write(|out| write_streams(out, &found))))
    }

    /// XRANGE and XREVRANGE
    async fn range(self, ask: RangeAsk) -> Vec<u8> {
        let feed = match self.feed(ask.feed) {
            Ok(feed) => feed,
            Err(failure) => return self.fail(&failure),
        };
        let (protocol, mut room) = (self.protocol, self.room(ask.count));
        let from = match ask.from {
            None => FeedFrom::First,
            Some(End::Inside(id)) => FeedFrom::At(id),
            Some(End::Outside(id)) => FeedFrom::After(id),
        };
        let lane = match ask.order {
            Order::Forward => Place { key: ask.feed, feed: feed.clone(), from }.lane(),
            Order::Backward if ask.to.is_none() => Lane::Near,
            Order::Backward => Lane::Far,
        };
        let found = self.shared.readers.read(lane, move |page| {
            let mut source = Source { feed: &feed, protocol, page };
            match ask.order {
                Order::Forward => source.read_on(from, ask.to, &mut room),
                Order::Backward => source.read_back(&ask, &mut room),
            }
        });
        match found.await {
            Ok(Ok(entries)) => self.write(|out| write_entries(out, &entries)),
            Ok(Err(error)) => self.fail(&Failure::Feed(ask.feed, error)),
            Err(_) => self.fail(&Failure::Ended),
        }
    }

    /// XLEN
    fn len(&self, key: FeedKey) -> Vec<u8> {
        match self.feed(key) {
            Ok(feed) => self.write(|out| out.integer(feed.bounds().entries)),
            Err(failure) => self.fail(&failure),
        }
    }

    /// XINFO STREAM
    async fn info(self, key: FeedKey) -> Vec<u8> {
        let feed = match self.feed(key) {
            Ok(feed) => feed,
            Err(failure) => return self.fail(&failure),
        };
        let bounds = feed.bounds();
        let protocol = self.protocol;
        let ends = self.shared.readers.read(Lane::Far, move |page| {
            let mut source = Source { feed: &feed, protocol, page };
            let mut one = |from| {
                let mut room = Room { entries: 1, bytes: usize::MAX };
                source.read_on(from, None, &mut room).map(|entries| entries.bytes)
            };
            if bounds.entries == 0 {
                return Ok([Vec::new(), Vec::new()]);
            }
            Ok([one(FeedFrom::First)?, one(FeedFrom::At(bounds.last))?])
        });
        match ends.await {
            Ok(Ok([first, last])) => self.write(|out| {
                let facts = shape::StreamFacts {
                    entries: bounds.entries,
                    last: bounds.last,
                    first: bounds.first,
                    ends: [&first, &last],
                };
                shape::stream_facts(out, &facts);
            }),
            Ok(Err(error)) => self.fail(&Failure::Feed(key, error)),
            Err(_) => self.fail(&Failure::Ended),
        }
    }

    fn fail(&self, failure: &Failure) -> Vec<u8> {
        self.shared.counts.add_error();
        self.write(|out| write_failure(out, failure))
    }
}

/// XREAD's reply when nothing came.
fn write_nothing(out: &mut Encoder<'_>) {
    out.null_array();
}

/// The entries of one feed.
fn write_entries(out: &mut Encoder<'_>, entries: &Entries) {
    out.array(entries.count);
    out.raw(&entries.bytes);
}

/// XREAD's shape: a map by feed, for which RESP2 has an array of pairs.
fn write_streams(out: &mut Encoder<'_>, found: &[(FeedKey, Entries)]) {
    match out.protocol() {
        Protocol::Resp2 => out.array(found.len()),
        Protocol::Resp3 => out.map(found.len()),
    }
    for (key, entries) in found {
        if out.protocol() == Protocol::Resp2 {
            out.array(2);
        }
        out.bulk(format!("feed:{}", key.0).as_bytes());
        write_entries(out, entries);
    }
}

fn write_failure(out: &mut Encoder<'_>, failure: &Failure) {
    match failure {
        Failure::Feed(FeedKey(shard), FeedError::Gone { first }) => {
            let message = format!(
                "feed:{shard} does not reach back that far; the first entry that is kept is {first}: take stock by AUDIT and RESERVATIONS, then read on from there"
            );
            out.error(ErrorCode::Gone.name(), &message);
        }
        Failure::Feed(FeedKey(shard), error) => {
            tracing::error!(shard, %error, "a feed could not be read");
            let message = format!("feed:{shard} could not be read from disk; the server's log says why");
            out.error(ErrorCode::Err.name(), &message);
        }
        Failure::NoFeed(FeedKey(shard)) => {
            out.error(ErrorCode::Err.name(), &format!("feed:{shard}: the server's journal keeps no feed"));
        }
        Failure::Ended => out.error(ErrorCode::Busy.name(), "the server is stopping; nothing was read"),
    }
}
