//! What an engine with a data directory promises: a restart answers the same, the feed shows the same, and what does
//! not fit is refused. Crashes at every byte are the simulator's.

use crate::support::{is_held, put, text};
use stampede_engine::core::{Answer, EventId, Request, Seq};
use stampede_engine::offline::{DataDirectory, Upto, WalkEnd, Walked};
use stampede_engine::{
    Client, Engine, EngineConfig, Feed, FeedError, FeedFrom, FeedPage, JournalConfig, ShardIndex, StartError,
    StoreError,
};
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

const JOURNAL: JournalConfig = JournalConfig {
    segment_bytes: 64 * 1024,
    free_bytes_min: 0,
    snapshot_bytes: 0,
    keep_bytes: 0,
    ..JournalConfig::DEFAULT
};

fn config(dir: &Path) -> EngineConfig {
    EngineConfig { shards: Some(1), data: dir.to_owned(), journal: JOURNAL, ..EngineConfig::default() }
}

fn start(dir: &Path) -> Engine {
    Engine::start(config(dir)).expect("the directory is whole")
}

fn stop(engine: &Engine) {
    engine.stop(Duration::from_secs(20)).expect("an engine stops");
}

fn shard(engine: &Engine) -> ShardIndex {
    engine.shards().next().expect("there is a shard")
}

/// Buys as `buyer-<n>`, and gives the answer as text.
fn buy(client: &mut Client, n: u32) -> String {
    let (buyer, id) = (format!("buyer-{n}"), format!("r-{n}"));
    let reply = client.call(&Request::buy(text("sku"), text(&buyer), text(&id))).expect("the shard is up");
    assert!(is_held(&reply.answer()), "{:?}", reply.answer());
    format!("{:?}", reply.answer())
}

/// The names and contents of entries from a place on.
fn read(feed: &Feed, from: FeedFrom, count: usize) -> Vec<(EventId, String)> {
    let (mut page, mut entries) = (FeedPage::new(), Vec::new());
    feed.read(from, count, &mut page).expect("the place is kept");
    let heard = page.for_each(|entry| entries.push((entry.stamp.id, format!("{:?}", entry.event))));
    heard.expect("entries can be read");
    entries
}

fn all(feed: &Feed) -> Vec<(EventId, String)> {
    let mut entries = read(feed, FeedFrom::First, 700);
    while let Some((last, _)) = entries.last() {
        let more = read(feed, FeedFrom::After(*last), 700);
        if more.is_empty() {
            break;
        }
        entries.extend(more);
    }
    entries
}

/// All but the checkpoints of the demand: how many those are hangs on how fast the test runs.
fn sales(feed: &Feed) -> Vec<(EventId, String)> {
    let mut entries = all(feed);
    entries.retain(|(_, event)| !event.starts_with("Demand"));
    entries
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(dir.join("shard-0000")).expect("the shard has a directory");
    let mut paths: Vec<PathBuf> = listed.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "journal"));
    paths.sort();
    paths
}

#[test]
fn a_restart_answers_the_same_and_goes_on_in_a_new_epoch() {
    let dir = TempDir::new().expect("a directory");
    let engine = start(dir.path());
    let mut client = engine.client();
    put(&mut client, "sku", 2_000);
    let before: Vec<String> = (0..1_000).map(|n| buy(&mut client, n)).collect();
    let feed = engine.feed(shard(&engine)).expect("it has a feed");
    let (shown, epoch) = (sales(&feed), engine.epoch());
    assert_eq!(shown.len(), 1_001);
    assert!(segments(dir.path()).len() > 1, "small segments fill");
    drop(client);
    stop(&engine);
    drop((engine, feed));

    let engine = start(dir.path());
    assert!(engine.epoch() > epoch);
    let recovered = &engine.recovered()[0];
    let last = recovered.last.seq;
    assert_eq!((recovered.replayed, &recovered.cut), (last.0, &None));
    assert!(last > Seq(1_001), "an orderly end tells the demand");
    let mut client = engine.client();
    for n in [0, 1, 500, 999] {
        let replayed = before[n as usize].replace("replayed: false", "replayed: true");
        assert_eq!(buy(&mut client, n), replayed);
    }
    buy(&mut client, 1_000);
    let feed = engine.feed(shard(&engine)).expect("it has a feed");
    let after = sales(&feed);
    assert_eq!(after[..1_001], shown[..]);
    assert!(after[1_001].0.epoch == engine.epoch() && after[1_001].0.seq > last, "{:?}", after[1_001].0);
}

#[test]
fn a_snapshot_and_what_follows_it_make_the_same_state() {
    let dir = TempDir::new().expect("a directory");
    let engine = start(dir.path());
    let mut client = engine.client();
    put(&mut client, "sku", 5_000);
    let before: Vec<String> = (0..1_500).map(|n| buy(&mut client, n)).collect();
    let first = engine.snapshot(shard(&engine)).expect("a snapshot");
    assert!(first.last.seq >= Seq(1_501) && first.replayed == first.last.seq.0, "{first:?}");
    (1_500..2_000).for_each(|n| drop(buy(&mut client, n)));
    let second = engine.snapshot(shard(&engine)).expect("a snapshot");
    assert_eq!(second.replayed, second.last.seq.0 - first.last.seq.0);
    assert!(second.replayed >= 500, "{second:?}");
    (2_000..2_100).for_each(|n| drop(buy(&mut client, n)));
    let kept = engine.feed(shard(&engine)).expect("it has a feed").bounds();
    assert!(kept.first.seq > Seq(1), "what both snapshots cover is let go");
    drop(client);
    stop(&engine);
    drop(engine);

    let engine = start(dir.path());
    let recovered = &engine.recovered()[0];
    assert_eq!(recovered.snapshot, Some(second.last));
    assert_eq!(recovered.replayed, recovered.last.seq.0 - second.last.seq.0);
    assert!(recovered.replayed > 100, "{recovered:?}");
    let mut client = engine.client();
    assert_eq!(buy(&mut client, 7), before[7].replace("replayed: false", "replayed: true"));
    let feed = engine.feed(shard(&engine)).expect("it has a feed");
    let gone = feed.read(FeedFrom::AtSeq(Seq(1)), 1, &mut FeedPage::new());
    assert!(matches!(gone, Err(FeedError::Gone { first }) if first == kept.first), "{gone:?}");
    drop((client, feed));
    stop(&engine);
    drop(engine);

    // The newest snapshot rots: the one before it and the journal behind it still say everything.
    let path = &second.path;
    let mut bytes = fs::read(path).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(path, bytes).expect("it can be written");
    let engine = start(dir.path());
    let recovered = &engine.recovered()[0];
    assert_eq!(recovered.snapshot, Some(first.last));
    assert_eq!(recovered.replayed, recovered.last.seq.0 - first.last.seq.0);
    assert!(recovered.replayed > 600, "{recovered:?}");
    assert_eq!(recovered.flawed.len(), 1);
    assert_eq!(buy(&mut engine.client(), 7), before[7].replace("replayed: false", "replayed: true"));
}

#[test]
fn a_directory_serves_one_engine_and_keeps_its_number_of_shards() {
    let dir = TempDir::new().expect("a directory");
    let engine =
        Engine::start(EngineConfig { shards: Some(3), ..config(dir.path()) }).expect("a new directory");
    let in_use = Engine::start(config(dir.path())).expect_err("it is in use");
    assert!(matches!(in_use, StartError::Store(StoreError::InUse { .. })), "{in_use}");
    stop(&engine);
    drop(engine);
    let other = Engine::start(config(dir.path())).expect_err("it has three shards");
    assert!(matches!(other, StartError::Store(StoreError::OtherShards { has: 3, given: 1, .. })), "{other}");
    let engine = Engine::start(EngineConfig { shards: None, ..config(dir.path()) }).expect("its own number");
    assert_eq!(engine.shard_count(), 3);
}

#[test]
fn a_bit_that_flipped_in_the_middle_stops_the_start() {
    let dir = TempDir::new().expect("a directory");
    let engine = start(dir.path());
    let mut client = engine.client();
    put(&mut client, "sku", 5_000);
    (0..2_000).for_each(|n| drop(buy(&mut client, n)));
    drop(client);
    stop(&engine);
    drop(engine);
    let path = segments(dir.path()).remove(1);
    let whole = fs::read(&path).expect("it is there");
    let mut flipped = whole.clone();
    flipped[20_000] ^= 1;
    fs::write(&path, &flipped).expect("it can be written");
    let refused = Engine::start(config(dir.path())).expect_err("it is damaged");
    let StartError::Store(StoreError::Damaged { shard: 0, segment, offset, .. }) = &refused else {
        panic!("{refused}")
    };
    assert_eq!(*segment, path);
    assert!((19_000..=20_000).contains(offset), "{offset}");
    assert_eq!(fs::read(&path).expect("it is there"), flipped, "nothing was changed");
    fs::write(&path, &whole).expect("it can be written");
    start(dir.path());
}

#[test]
fn a_damaged_end_is_given_up_on_an_operators_word_and_set_aside() {
    let dir = TempDir::new().expect("a directory");
    let engine = start(dir.path());
    let mut client = engine.client();
    put(&mut client, "sku", 5_000);
    (0..2_000).for_each(|n| drop(buy(&mut client, n)));
    let (first, epoch) = (shard(&engine), engine.epoch());
    drop(client);
    stop(&engine);
    drop(engine);
    let path = segments(dir.path()).remove(1);
    let mut bytes = fs::read(&path).expect("it is there");
    bytes[20_000] ^= 1;
    fs::write(&path, &bytes).expect("it can be written");

    let directory = DataDirectory::open_locked(dir.path()).expect("it is a data directory");
    let found = directory.verify(first).expect("it can be read");
    let WalkEnd::Damaged { segment, offset, .. } = &found.end else { panic!("{found:?}") };
    assert!(!found.is_good());
    let name = segment.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    let wrong = directory.plan_cut(first, &name, offset + 8);
    assert!(matches!(wrong, Err(StoreError::Unreadable { .. })), "{wrong:?}");
    let plan = directory.plan_cut(first, &name, *offset).expect("this is where it ends");
    assert_eq!(plan.keeps, found.last.seq);
    assert!(!plan.segments.is_empty() && plan.readable > 0, "{plan:?}");
    let aside = directory.cut(&plan).expect("it can be cut");
    assert_eq!(fs::read_dir(aside).expect("it is there").count(), 1 + plan.segments.len());
    assert!(directory.verify(first).expect("it can be read").is_good());
    drop(directory);

    let engine = start(dir.path());
    assert!(engine.epoch() > epoch);
    assert_eq!(engine.recovered()[0].last.seq, plan.keeps);
    let feed = engine.feed(first).expect("it has a feed");
    let mut client = engine.client();
    buy(&mut client, 2_000);
    // Who had read beyond the cut goes on with what came in its place.
    let beyond = EventId { epoch, seq: Seq(1_900) };
    assert_eq!(read(&feed, FeedFrom::After(beyond), 10)[0].0.epoch, engine.epoch());
}

#[test]
fn a_walk_shows_what_was_written_and_a_state_is_rebuilt_at_any_event() {
    let dir = TempDir::new().expect("a directory");
    let engine = start(dir.path());
    let mut client = engine.client();
    put(&mut client, "sku", 500);
    (0..300).for_each(|n| drop(buy(&mut client, n)));
    let (first, shown) = (shard(&engine), all(&engine.feed(shard(&engine)).expect("it has a feed")));
    engine.snapshot(first).expect("a snapshot");
    drop(client);
    stop(&engine);
    drop(engine);
    let directory = DataDirectory::open(dir.path()).expect("it is a data directory");
    let (mut heard, mut events) = (Vec::new(), 0);
    let end = directory.walk(first, None, &mut |walked| {
        match walked {
            Walked::Entry(entry) => heard.push((entry.stamp.id, format!("{:?}", entry.event))),
            Walked::Batch(batch) => events += batch.count,
            Walked::Segment(_) => {}
        }
        ControlFlow::Continue(())
    });
    assert_eq!(end.expect("it can be read"), WalkEnd::Whole);
    assert!(heard.len() > 301 && events as usize == heard.len(), "{events} events, {} entries", heard.len());
    assert_eq!(heard[..shown.len()], shown[..]);
    let (machine, last) = directory.machine_at(first, Upto::Event(Seq(101))).expect("it can be rebuilt");
    assert_eq!((machine.last_event(), last.id), (shown[100].0, shown[100].0));
    let verified = directory.verify(first).expect("it can be read");
    assert!(verified.is_good(), "{verified:?}");
    assert_eq!(verified.snapshots[0].replayed, verified.snapshots[0].digest);
}

#[test]
fn the_feed_in_memory_keeps_the_newest_and_says_what_is_gone() {
    let engine = Engine::start(EngineConfig {
        shards: Some(1),
        journal: JournalConfig { feed_bytes: 2 << 20, ..JOURNAL },
        ..EngineConfig::in_memory()
    });
    let engine = engine.expect("the configuration is valid");
    let mut client = engine.client();
    put(&mut client, "sku", 100_000);
    (0..30_000).for_each(|n| drop(buy(&mut client, n)));
    let feed = engine.feed(shard(&engine)).expect("it has a feed");
    // Demand may be told while it is read: then once more.
    let (bounds, shown, after) = loop {
        let bounds = feed.bounds();
        let (shown, after) = (all(&feed), read(&feed, FeedFrom::After(bounds.last), 10));
        if feed.bounds().last == bounds.last {
            break (bounds, shown, after);
        }
    };
    assert!(bounds.last.seq >= Seq(30_001));
    assert!(bounds.first.seq > Seq(1));
    assert_eq!(bounds.entries, bounds.last.seq.0 + 1 - bounds.first.seq.0);
    assert_eq!(shown.len() as u64, bounds.entries);
    assert!(shown.windows(2).all(|pair| pair[1].0.seq.0 == pair[0].0.seq.0 + 1));
    assert_eq!(read(&feed, FeedFrom::AtSeq(Seq(29_000)), 1)[0].0.seq, Seq(29_000));
    assert_eq!(after, []);
    let reply = client.call(&Request::Audit { offer: None });
    assert!(reply.is_err(), "an audit is meant for every shard");
    assert!(matches!(
        client.call_on(shard(&engine), &Request::Audit { offer: None }).expect("it is up").answer(),
        Answer::Audit(audit) if audit.broken.is_empty()
    ));
}

/// Distinct buyers, intents and units wanted, as text.
fn demand(client: &mut Client) -> String {
    let reply = client.call(&Request::Demand { offer: text("sku") }).expect("the shard is up");
    format!("{:?}", reply.answer())
}

#[test]
fn demand_is_there_after_a_restart_from_the_journal_and_from_a_snapshot() {
    let dir = TempDir::new().expect("a directory");
    let engine = start(dir.path());
    let mut client = engine.client();
    put(&mut client, "sku", 300);
    (0..300).for_each(|n| drop(buy(&mut client, n)));
    for n in 0..500 {
        let (buyer, id) = (format!("late-{n}"), format!("late-{n}"));
        let late = client.call(&Request::buy(text("sku"), text(&buyer), text(&id))).expect("the shard is up");
        assert!(matches!(late.answer(), Answer::Refused(_)));
    }
    let before = demand(&mut client);
    assert!(before.contains("SOLD_OUT"), "{before}");
    drop(client);
    stop(&engine);
    drop(engine);

    let engine = start(dir.path());
    assert_eq!(demand(&mut engine.client()), before, "from the journal");
    engine.snapshot(shard(&engine)).expect("a snapshot is made");
    stop(&engine);
    drop(engine);

    let engine = start(dir.path());
    assert_eq!(demand(&mut engine.client()), before, "from the snapshot");
    stop(&engine);
}

#[test]
fn the_reservations_of_a_removed_offer_lie_in_an_archive_once_a_snapshot_is_made() {
    let dir = TempDir::new().expect("a directory");
    let engine = start(dir.path());
    let mut client = engine.client();
    let offer = text("sku");
    put(&mut client, "sku", 10);
    (0..3).for_each(|n| drop(buy(&mut client, n)));
    let requests = [
        Request::Pay { offer, id: text("r-0"), amount: None, reference: None },
        Request::Cancel { offer, id: text("r-1") },
        Request::Revoke { offer, id: text("r-2"), reason: text("fraud") },
        Request::OfferClose { offer },
        Request::OfferRemove { offer },
    ];
    for request in &requests {
        let reply = client.call(request).expect("the shard is up");
        assert!(!matches!(reply.answer(), Answer::Misuse(_) | Answer::Refused(_)), "{:?}", reply.answer());
    }
    drop(client);
    let report = engine.snapshot(shard(&engine)).expect("a snapshot is made");
    let [path] = &report.archived[..] else { panic!("one archive, not {:?}", report.archived) };
    let archive = fs::read_to_string(path).expect("it is there");
    let lines: Vec<&str> = archive.lines().collect();
    assert!(lines[0].starts_with(r#"{"offer":"sku","removed_by":""#), "{}", lines[0]);
    let of = |id: &str| *lines.iter().find(|line| line.contains(&format!(r#""id":"{id}""#))).expect("a line");
    for (id, status, paid) in [("r-0", "WON", 1_990), ("r-1", "RELEASED", 0), ("r-2", "RELEASED", 0)] {
        let line = of(id);
        assert!(line.contains(&format!(r#""status":"{status}""#)), "{line}");
        assert!(line.ends_with(&format!(r#""paid":{paid},"owed":0}}"#)), "{line}");
    }
    assert_eq!(lines.len(), 4);
    stop(&engine);
    drop(engine);

    let engine = start(dir.path());
    let again = engine.snapshot(shard(&engine)).expect("a snapshot is made");
    assert_eq!(again.archived, Vec::<PathBuf>::new(), "what is archived is not archived again");
    stop(&engine);
}
