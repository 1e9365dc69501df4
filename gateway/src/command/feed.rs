//! The commands that read feeds: XREAD, XRANGE, XREVRANGE, XLEN, XINFO.
//!
//! A feed's key is `feed:<shard>`; whether there is such a shard only the server knows. Ids are `<epoch>-<seq>` and compare
//! epoch first. What a read finds is the connection's matter.

use crate::command::Command;
use crate::command::args::{Args, whole_number, wrong};
use crate::command::error::CommandError;
use stampede_engine::core::{EventId, MAX_NUMBER, Seq};
use std::time::Duration;

type Parsed<'a> = Result<Command<'a>, CommandError>;

/// Entries per feed when COUNT does not say.
pub const FEED_COUNT_DEFAULT: usize = 1_000;
/// The longest that a reader is kept waiting: many clients give a call up after five seconds and send it again.
pub const BLOCK_MAX: Duration = Duration::from_secs(4);

const KEY_EXPECTED: &str = "feed:<shard>, such as feed:0";

/// A question about one or several feeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedAsk {
    /// XREAD
    Read(ReadAsk),
    /// XRANGE and XREVRANGE
    Range(RangeAsk),
    /// XLEN
    Len(FeedKey),
    /// XINFO STREAM
    Info(FeedKey),
    /// XINFO GROUPS
    Groups(FeedKey),
}

/// The feed of one shard, which may not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedKey(pub u16);

/// XREAD: what comes after one place in each feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadAsk {
    /// The feeds, each with where to begin.
    pub places: Vec<(FeedKey, After)>,
    /// At most so many entries of each feed.
    pub count: usize,
    /// How long to wait when there is nothing; `None`: not at all.
    pub block: Option<Duration>,
}

/// Where an XREAD begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// At the first entry that is kept.
    Nothing,
    /// Behind this entry.
    Entry(EventId),
    /// Behind the last entry there is when the command is taken.
    Last,
}

/// XRANGE and XREVRANGE: entries between two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeAsk {
    /// The feed.
    pub feed: FeedKey,
    /// The earlier end; `None`: the first entry that is kept.
    pub from: Option<End>,
    /// The later end; `None`: the last entry.
    pub to: Option<End>,
    /// At most so many entries.
    pub count: usize,
    /// Which come first.
    pub order: Order,
}

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// This entry is inside.
    Inside(EventId),
    /// This entry is just outside.
    Outside(EventId),
}

/// Which entries of a range come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The oldest.
    Forward,
    /// The newest.
    Backward,
}

impl FeedAsk {
    /// The feeds that it asks for, in order.
    pub fn keys(&self) -> impl Iterator<Item = FeedKey> {
        let (one, many) = match self {
            FeedAsk::Read(read) => (None, read.places.as_slice()),
            FeedAsk::Range(range) => (Some(range.feed), &[][..]),
            FeedAsk::Len(key) | FeedAsk::Info(key) | FeedAsk::Groups(key) => (Some(*key), &[][..]),
        };
        one.into_iter().chain(many.iter().map(|(key, _)| *key))
    }
}

/// `XREAD [COUNT n] [BLOCK ms] STREAMS key … id …`
pub fn read(mut args: Args<'_>) -> Parsed<'_> {
    let (mut count, mut block) = (FEED_COUNT_DEFAULT, None);
    while let Some(option) = args.option(&["COUNT", "BLOCK", "STREAMS"])? {
        match option {
            "COUNT" => count = entries(&mut args)?,
            "BLOCK" => block = Some(wait(&mut args)?),
            _ => {
                let places = places(&mut args)?;
                return Ok(Command::Feed(FeedAsk::Read(ReadAsk { places, count, block })));
            }
        }
    }
    Err(args.missing("STREAMS"))
}

/// `XRANGE key start end [COUNT n]`
pub fn range(mut args: Args<'_>) -> Parsed<'_> {
    let feed = key(&mut args)?;
    let (from, to) = (start(&mut args)?, end(&mut args)?);
    range_of(args, RangeAsk { feed, from, to, count: FEED_COUNT_DEFAULT, order: Order::Forward })
}

/// `XREVRANGE key end start [COUNT n]`
pub fn range_backward(mut args: Args<'_>) -> Parsed<'_> {
    let feed = key(&mut args)?;
    let (to, from) = (end(&mut args)?, start(&mut args)?);
    range_of(args, RangeAsk { feed, from, to, count: FEED_COUNT_DEFAULT, order: Order::Backward })
}

/// `XLEN key`
pub fn len(mut args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Feed(FeedAsk::Len(key(&mut args)?)))
}

/// `XINFO STREAM key [FULL]`
pub fn info_stream(mut args: Args<'_>) -> Parsed<'_> {
    let key = key(&mut args)?;
    if args.option(&["FULL"])?.is_some() {
        let why = "is not offered: a feed has neither groups nor a tree inside; XRANGE shows its entries";
        return Err(CommandError::Foreign { command: "XINFO STREAM with FULL", why });
    }
    Ok(Command::Feed(FeedAsk::Info(key)))
}

/// `XINFO GROUPS key`
pub fn info_groups(mut args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Feed(FeedAsk::Groups(key(&mut args)?)))
}

fn range_of(mut args: Args<'_>, mut range: RangeAsk) -> Parsed<'_> {
    while args.option(&["COUNT"])?.is_some() {
        range.count = entries(&mut args)?;
    }
    Ok(Command::Feed(FeedAsk::Range(range)))
}

/// What stands behind STREAMS: first all keys, then as many ids.
fn places(args: &mut Args<'_>) -> Result<Vec<(FeedKey, After)>, CommandError> {
    let (feeds, odd) = (args.left() / 2, args.left() % 2);
    if feeds == 0 || odd != 0 {
        return Err(CommandError::Streams);
    }
    let keys: Vec<FeedKey> = (0..feeds).map(|_| key(args)).collect::<Result<_, _>>()?;
    keys.into_iter().map(|key| Ok((key, after(args)?))).collect()
}

fn key(args: &mut Args<'_>) -> Result<FeedKey, CommandError> {
    let bytes = args.bytes("key")?;
    let shard = bytes.strip_prefix(b"feed:").and_then(whole_number);
    let shard = shard.and_then(|shard| u16::try_from(shard).ok());
    shard.map(FeedKey).ok_or_else(|| wrong("key", KEY_EXPECTED, bytes))
}

fn after(args: &mut Args<'_>) -> Result<After, CommandError> {
    let bytes = args.bytes("id")?;
    if bytes == b"$" {
        return Ok(After::Last);
    }
    let id = id(bytes, 0).ok_or_else(|| wrong("id", "$, <epoch> or <epoch>-<seq>", bytes))?;
    Ok(if id == EventId::default() { After::Nothing } else { After::Entry(id) })
}

/// Where a range begins; an epoch alone is its beginning, and nothing is before `0-0`.
fn start(args: &mut Args<'_>) -> Result<Option<End>, CommandError> {
    let end = bound(args, "start", 0)?;
    Ok(end.filter(|end| !matches!(end, End::Inside(id) | End::Outside(id) if *id == EventId::default())))
}

/// Where a range ends; an epoch alone is all of it.
fn end(args: &mut Args<'_>) -> Result<Option<End>, CommandError> {
    bound(args, "end", u64::MAX)
}

/// `-`, `+`, an id, or `(` and an id. `-` as the later end and `+` as the earlier one are as good as an empty range, which no
/// reader wants.
fn bound(args: &mut Args<'_>, argument: &'static str, seq: u64) -> Result<Option<End>, CommandError> {
    let bytes = args.bytes(argument)?;
    let (open, expected): (&[u8], _) = if seq == 0 {
        (b"-", "-, <epoch>, <epoch>-<seq> or ( before one of these ids")
    } else {
        (b"+", "+, <epoch>, <epoch>-<seq> or ( before one of these ids")
    };
    if bytes == open {
        return Ok(None);
    }
    let end = match bytes.strip_prefix(b"(") {
        Some(rest) => id(rest, seq).map(End::Outside),
        None => id(bytes, seq).map(End::Inside),
    };
    end.map(Some).ok_or_else(|| wrong(argument, expected, bytes))
}

/// `<epoch>-<seq>`, or an epoch alone, which stands for the place `seq` in it.
fn id(bytes: &[u8], seq: u64) -> Option<EventId> {
    let mut parts = bytes.splitn(2, |byte| *byte == b'-');
    let epoch = whole_number(parts.next()?)?;
    let seq = parts.next().map_or(Some(seq), whole_number)?;
    Some(EventId { epoch, seq: Seq(seq) })
}

/// How many entries at most. The bytes of a reply have a bound of their own.
fn entries(args: &mut Args<'_>) -> Result<usize, CommandError> {
    let bytes = args.bytes("COUNT")?;
    let count = whole_number(bytes).filter(|count| (1..=MAX_NUMBER).contains(count));
    let count = count.and_then(|count| usize::try_from(count).ok());
    count.ok_or_else(|| wrong("COUNT", "a whole number from 1", bytes))
}

/// How long to wait: 0 and more than the longest are the longest.
fn wait(args: &mut Args<'_>) -> Result<Duration, CommandError> {
    let bytes = args.bytes("BLOCK")?;
    let ms =
        whole_number(bytes).ok_or_else(|| wrong("BLOCK", "milliseconds, a whole number from 0", bytes))?;
    Ok(if ms == 0 { BLOCK_MAX } else { Duration::from_millis(ms).min(BLOCK_MAX) })
}
