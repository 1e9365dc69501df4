//! No reply leaves before the sync that covers what it speaks of has returned: proven from the order of system calls.
//!
//! The shim writes down each write, sync and send. From the writes come the batches and when each was durable; from the
//! sends come the replies as they left; from the feed comes which event made true what a reply says. So not only the answer
//! to a purchase is held to the rule, but payments, refusals, reads of a pool and entries of the feed too.

use std::collections::HashMap;

use crate::feed::{Entry, Feed, epoch_and_seq};
use crate::layout::batches;
use crate::sale::{Crowd, OFFERS};
use crate::server::{SHARDS, Server, Setting};
use crate::shim::{Fault, Kind, Record, Shim, Syncs, ends};
use crate::wire::{Connection, Reply, put_frame};

const REPLIES_MIN: usize = 3_000;
/// An offer whose units are only ever taken, by one connection, one by one: how many are gone says which event was last.
const RARE: &str = "rare";
const RARE_UNITS: usize = 150;

#[test]
fn no_reply_leaves_before_the_sync_that_covers_it() {
    let run = Run::record("sync");
    let found = run.judge();
    println!("{found:?}");
    assert_eq!(found.early, Vec::<String>::new(), "of {} replies these left too early", found.replies());
    assert!(found.replies() >= REPLIES_MIN, "too few replies to say anything: {found:?}");
    for kind in ["HELD", "WON", "PAID", "RELEASED", "SOLD_OUT", "POOL", "FEED"] {
        assert!(found.judged.contains_key(kind), "no {kind} among the replies: {found:?}");
    }
}

/// The judge has to be able to find something: in this mode replies leave before the sync, and the feed still waits.
#[test]
fn the_same_judge_finds_early_replies_where_durability_is_async() {
    let found = Run::record("async").judge();
    assert!(!found.early.is_empty(), "not one of {} replies left before its sync", found.replies());
    let of_the_feed: Vec<&String> = found.early.iter().filter(|text| text.starts_with("FEED")).collect();
    assert_eq!(of_the_feed, Vec::<&String>::new(), "the feed shows synced events only, in any mode");
}

#[test]
fn a_reply_waits_as_long_as_the_sync_does() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let data = folder.path().canonicalize().expect("a path").join("data");
    let shim = Shim::new(&data);
    let setting = Setting { shim: Some(shim.clone()), shards: 1, ..Setting::small_segments(&data) };
    let server = Server::start(&setting);
    let (mut buyer, mut other, mut reader) = (server.connect(), server.connect(), server.connect());
    buyer.call(&["OFFER", "PUT", "sku", r#"{"price":1,"stock":1}"#]).expect("an answer");
    shim.set(Fault::HoldSync, 1);
    let before = shim.records().len();
    send(&mut buyer, &["BUY", "sku", "alice", "r1"]);
    let held = |records: &[Record]| {
        records.iter().skip(before).any(|record| record.kind == Kind::Sync && record.is_of_a_journal())
    };
    shim.wait_for("the sync that is held", held);
    // The sale has happened and nobody may hear of it: not the buyer, not who asks for the same unit, not a reader.
    send(&mut other, &["BUY", "sku", "bob", "r2"]);
    assert_eq!(server.connect().call(&["PING"]).expect("the server answers"), Reply::Text("PONG".to_owned()));
    let mut feed = Feed::default();
    feed.read_on(&mut reader, 1);
    let is_held = |entry: &&Entry| entry.get("type") == "held";
    assert_eq!(feed.shards[0].iter().find(is_held), None, "the feed shows what is not synced");
    assert!(!buyer.has_reply().expect("the connection stands"), "BUY was answered before its sync");
    assert!(!other.has_reply().expect("the connection stands"), "SOLD_OUT left before the sale was durable");
    shim.set(Fault::HoldSync, 0);
    assert_eq!(buyer.receive().expect("an answer").text("status"), "HELD");
    assert_eq!(other.receive().expect("an answer").text("status"), "SOLD_OUT");
    server.stop();
}

fn send(connection: &mut Connection, words: &[&str]) {
    let mut frame = Vec::new();
    put_frame(&mut frame, words);
    connection.send(&frame).expect("the server reads");
}

/// A life under load, as the shim and the feed saw it.
struct Run {
    records: Vec<Record>,
    feed: Feed,
}

impl Run {
    fn record(durability: &'static str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let data = folder.path().canonicalize().expect("a path").join("data");
        let shim = Shim::new(&data);
        let setting = Setting { durability, shim: Some(shim.clone()), ..Setting::small_segments(&data) };
        let server = Server::start(&setting);
        let mut connection = server.connect();
        for (offer, terms) in OFFERS {
            connection.call(&["OFFER", "PUT", offer, terms]).expect("an answer");
        }
        let terms = format!(r#"{{"price":5,"stock":{RARE_UNITS}}}"#);
        connection.call(&["OFFER", "PUT", RARE, &terms]).expect("an answer");
        let crowd = Crowd::start(&server.address, "w", 7);
        let mut last = vec!["0".to_owned(); SHARDS];
        // Takes one unit after the other, looks at the pool, and reads the ends of the feeds while the crowd is at it.
        for unit in 0..RARE_UNITS + 20 {
            let id = format!("rare-{unit}");
            send(&mut connection, &["BUY", RARE, "collector", &id]);
            send(&mut connection, &["POOL", "GET", RARE]);
            connection.receive().and_then(|_| connection.receive()).expect("two answers");
            for (shard, last) in last.iter_mut().enumerate() {
                let key = format!("feed:{shard}");
                let found =
                    connection.call(&["XREAD", "BLOCK", "5", "STREAMS", &key, last]).expect("an answer");
                if let Some(entry) = found.get(&key).and_then(|entries| entries.items().last()) {
                    entry.items()[0].as_text().clone_into(last);
                }
            }
        }
        crowd.end();
        let records = shim.records();
        let mut feed = Feed::default();
        feed.read_on(&mut connection, SHARDS);
        server.stop();
        Self { records, feed }
    }

    fn judge(&self) -> Found {
        let durable = Durable::of(&self.records);
        let known = Known::of(&self.feed);
        let mut found = Found::default();
        for stream in replies(&self.records) {
            let is_rare = stream.iter().any(|(_, reply)| is_of_the_rare(reply));
            for (at, reply) in stream {
                for (kind, shard, seq) in known.speaks_of(&reply, is_rare) {
                    *found.judged.entry(kind.clone()).or_default() += 1;
                    let since = durable.since(shard, seq);
                    if since.is_none_or(|since| since > at) {
                        let told = format!(
                            "{kind}: event {seq} of shard {shard}, sent at {at}, durable at {since:?}"
                        );
                        found.early.push(told);
                    }
                }
            }
        }
        found
    }
}

#[derive(Debug, Default)]
struct Found {
    judged: HashMap<String, usize>,
    early: Vec<String>,
}

impl Found {
    fn replies(&self) -> usize {
        self.judged.values().sum()
    }
}

/// When each batch was durable: for each shard, by first event.
struct Durable(Vec<Vec<(u64, u64, Option<usize>)>>);

impl Durable {
    fn of(records: &[Record]) -> Self {
        let (syncs, ends) = (Syncs::of(records), ends(records));
        let mut shards = vec![Vec::new(); SHARDS];
        let writes = records.iter().filter(|record| record.kind == Kind::Write && record.is_of_a_journal());
        for write in writes {
            let ended = ends.get(&write.at).map(|(end, _)| *end);
            let since = ended.and_then(|ended| syncs.covered(write.file, ended));
            for batch in batches(&write.bytes, 0).into_iter().filter(|batch| batch.count > 0) {
                shards[batch.shard].push((batch.first, batch.first + batch.count, since));
            }
        }
        assert!(
            shards.iter().all(|batches: &Vec<_>| batches.len() > 50),
            "the batches were not found in the writes"
        );
        Self(shards)
    }

    /// When an event was durable; `None` if it never was.
    fn since(&self, shard: usize, seq: u64) -> Option<usize> {
        let batch = self.0[shard].iter().find(|(first, end, _)| (*first..*end).contains(&seq));
        batch.unwrap_or_else(|| panic!("event {seq} of shard {shard} was never written")).2
    }
}

/// The replies of each connection as they left, each with the position of the send that carried its first byte.
fn replies(records: &[Record]) -> Vec<Vec<(usize, Reply)>> {
    let ends = ends(records);
    let mut streams: HashMap<u64, Stream> = HashMap::new();
    for record in records.iter().filter(|record| record.kind == Kind::Send) {
        let stream = streams.entry(record.file).or_default();
        let result = ends.get(&record.at).map(|(_, result)| usize::try_from(*result).unwrap_or(0));
        stream.sends.push((stream.bytes.len(), record.at));
        stream.bytes.extend_from_slice(&record.bytes[..result.unwrap_or(record.bytes.len())]);
    }
    streams.values().map(Stream::replies).collect()
}

/// What left by one socket.
#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    /// Where each send begins in the bytes, and its position in the log.
    sends: Vec<(usize, usize)>,
}

impl Stream {
    fn replies(&self) -> Vec<(usize, Reply)> {
        let (mut replies, mut from) = (Vec::new(), 0);
        let rest = |from: usize| self.bytes.get(from..).filter(|rest| !rest.is_empty());
        while let Some((reply, len)) = rest(from).and_then(Reply::parse) {
            let send = self.sends.partition_point(|(start, _)| *start <= from) - 1;
            replies.push((self.sends[send].1, reply));
            from += len;
        }
        replies
    }
}

fn is_of_the_rare(reply: &Reply) -> bool {
    reply.get("pool").is_some_and(|pool| pool.as_text() == RARE)
}

/// Which event made true what a reply can say.
struct Known<'f> {
    /// By reservation and status: shard and event.
    states: HashMap<(&'f str, &'f str), (usize, u64)>,
    /// Units that each reservation still has.
    units: HashMap<&'f str, i64>,
    /// The acceptances of the rare offer, in order.
    rare: Vec<(usize, u64)>,
}

impl<'f> Known<'f> {
    fn of(feed: &'f Feed) -> Self {
        let mut known = Self { states: HashMap::new(), units: HashMap::new(), rare: Vec::new() };
        for (shard, entries) in feed.shards.iter().enumerate() {
            for entry in entries {
                known.take(shard, entry);
            }
        }
        known
    }

    fn take(&mut self, shard: usize, entry: &'f Entry) {
        let units = self.units.entry(entry.get("id")).or_insert_with(|| entry.number("qty"));
        let status = match entry.get("type") {
            "held" => "HELD",
            "paid" => "PAID",
            "won" => "WON",
            "released" => "RELEASED",
            "refunded" => "REFUNDED",
            "returned" => {
                *units -= entry.number("qty");
                if *units == 0 { "REFUNDED" } else { "WON" }
            }
            _ => return,
        };
        let (_, seq) = entry.epoch_and_seq();
        self.states.entry((entry.get("id"), status)).or_insert((shard, seq));
        if entry.get("by") == "buy" && entry.get("offer") == RARE {
            self.rare.push((shard, seq));
        }
    }

    /// What must be durable before a reply may leave: its kind, the shard and the event.
    fn speaks_of(&self, reply: &Reply, is_rare: bool) -> Vec<(String, usize, u64)> {
        let Reply::Map(pairs) = reply else { return Vec::new() };
        if pairs.first().is_none_or(|(key, _)| key.as_text() != "status") {
            return pairs.iter().flat_map(|(key, entries)| of_a_feed(key, entries)).collect();
        }
        let status = reply.text("status");
        if is_of_the_rare(reply) {
            let taken = usize::try_from(reply.number("held")).expect("a count");
            return taken.checked_sub(1).map(|last| of(&"POOL", self.rare[last])).into_iter().collect();
        }
        if status == "SOLD_OUT" && is_rare {
            return vec![of(&status, self.rare[RARE_UNITS - 1])];
        }
        let Some(event) = reply.get("event").filter(|_| reply.get("id").is_some()) else { return Vec::new() };
        let (_, accepted) = epoch_and_seq(event.as_text());
        let (shard, seq) = self.states.get(&(reply.text("id"), status)).copied().unwrap_or_else(|| {
            panic!("the feed has no {status} for {reply:?}");
        });
        vec![of(&status, (shard, accepted)), of(&status, (shard, seq))]
    }
}

fn of(kind: &impl ToString, (shard, seq): (usize, u64)) -> (String, usize, u64) {
    (kind.to_string(), shard, seq)
}

/// The entries in an answer of XREAD.
fn of_a_feed(key: &Reply, entries: &Reply) -> Vec<(String, usize, u64)> {
    let Reply::Text(key) = key else { return Vec::new() };
    let Some(shard) = key.strip_prefix("feed:").and_then(|shard| shard.parse().ok()) else {
        return Vec::new();
    };
    let id = |entry: &Reply| epoch_and_seq(entry.items()[0].as_text()).1;
    entries.items().iter().map(|entry| of(&"FEED", (shard, id(entry)))).collect()
}
