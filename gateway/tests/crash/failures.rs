//! What a server does when its disk fails, is full, is damaged, or is somebody else's.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rand::SeedableRng as _;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::check::Memory;
use crate::layout::{HEADER_BYTES, batches};
use crate::sale::{Answer, Ask, Deed, OFFERS, perform};
use crate::server::{Server, Setting, wait};
use crate::shim::{EIO, Fault, Kind, Record, Shim, ends};
use crate::wire::{Connection, Reply};

/// A directory that goes away with the test.
struct Place {
    _folder: tempfile::TempDir,
    data: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let data = folder.path().canonicalize().expect("a path").join("data");
        Self { _folder: folder, data }
    }
}

fn put_offers(connection: &mut Connection) {
    for (offer, terms) in OFFERS {
        let put = connection.call(&["OFFER", "PUT", offer, terms]).expect("an answer");
        assert_eq!(put.text("status"), "OK", "{put:?}");
    }
}

/// Purchases of two offers in turn, in short pipelines.
fn buy(connection: &mut Connection, memory: &mut Memory, ids: std::ops::Range<u32>) {
    let ask = |id: &u32| {
        let offer = OFFERS[*id as usize % 2].0.to_owned();
        Ask::Buy { offer, id: format!("r{id}"), buyer: format!("b{id}"), qty: 1, group: None }
    };
    for some in ids.collect::<Vec<u32>>().chunks(10) {
        perform(connection, some.iter().map(ask).collect(), &mut memory.deeds).expect("the server answers");
    }
}

/// A disk that fails once: the shard is down from then on, nothing more is synced, and nothing answered is lost.
#[track_caller]
fn check_shard_goes_down(fault: Fault, value: u32) {
    let place = Place::new();
    let shim = Shim::new(&place.data);
    let setting = Setting { shim: Some(shim.clone()), ..Setting::small_segments(&place.data) };
    let server = Server::start(&setting);
    let (mut connection, mut memory) = (server.connect(), Memory::default());
    put_offers(&mut connection);
    buy(&mut connection, &mut memory, 0..20);
    let told = memory.deeds.len();
    shim.set(fault, value);
    buy(&mut connection, &mut memory, 20..60);
    let is_down = |deed: &Deed| deed.answer.as_ref().is_some_and(|answer| answer.status == "SHARDDOWN");
    let (mut down, up): (Vec<Deed>, Vec<Deed>) = memory.deeds.split_off(told).into_iter().partition(is_down);
    assert_eq!(
        (down.len(), up.len()),
        (20, 20),
        "one shard of two is down, for every request from the first on"
    );
    assert!(
        up.iter().all(|deed| deed.answer.as_ref().is_some_and(|answer| answer.status == "HELD")),
        "{up:?}"
    );
    let offer = down[0].ask.order().expect("a purchase").0.to_owned();
    let read = connection.call(&["POOL", "GET", &offer]).expect("an answer");
    assert!(
        read.error().starts_with("SHARDDOWN"),
        "a read of a shard that knows less than its disk: {read:?}"
    );
    let info = connection.call(&["INFO", "stampede"]).expect("an answer");
    assert!(info.as_text().contains("shards_down:1\r\n"), "{info:?}");
    assert_never_synced_again(&shim.records());
    drop(connection);
    server.kill();
    assert!(setting.told().contains("down"), "the log says it: {}", setting.told());
    // SHARDDOWN says that nobody knows: it may have happened, and the same request finds out.
    for deed in &mut down {
        deed.answer = None;
    }
    memory.deeds.extend(up);
    memory.deeds.extend(down);
    let server = Server::start(&setting);
    let seen = memory.check(&server);
    assert_eq!((seen.answers, seen.unanswered), (60, 20));
    server.kill();
    // What the failed sync left in the page cache was read and told by the server that came after. It is not on the disk
    // unless somebody wrote it again.
    shim.lose_power(&mut Xoshiro256PlusPlus::seed_from_u64(1));
    let server = Server::start(&Setting { shim: None, ..setting });
    memory.check(&server);
    server.stop();
}

/// After the failure there is no sync of that file, and no write to it either.
#[track_caller]
fn assert_never_synced_again(records: &[Record]) {
    let ends = ends(records);
    let is_journal =
        |record: &&Record| matches!(record.kind, Kind::Write | Kind::Sync) && record.is_of_a_journal();
    let failed = |record: &&Record| {
        let wanted =
            if record.kind == Kind::Write { i64::try_from(record.bytes.len()).expect("a length") } else { 0 };
        ends.get(&record.at).is_some_and(|(_, result)| *result != wanted)
    };
    let calls: Vec<&Record> = records.iter().filter(is_journal).collect();
    let first = calls.iter().copied().find(failed).expect("the fault was met");
    let folder = Path::new(&first.path).parent();
    let later =
        calls.iter().find(|record| record.at > first.at && Path::new(&record.path).parent() == folder);
    assert!(
        later.is_none(),
        "after a failed {:?} came a {:?} of {}",
        first.kind,
        later.map(|call| call.kind),
        first.path
    );
}

#[test]
fn a_sync_that_fails_stops_the_shard_for_good() {
    check_shard_goes_down(Fault::FailSync, EIO);
}

#[test]
fn a_write_that_fails_stops_the_shard_for_good() {
    check_shard_goes_down(Fault::FailWrite, EIO);
}

#[test]
fn a_write_that_takes_less_stops_the_shard_for_good() {
    check_shard_goes_down(Fault::ShortWrite, 40);
}

/// The free space of a real disk is moved below the limit by a file that holds much of it, and back by removing it.
#[test]
fn a_full_disk_refuses_writes_with_the_free_space_named_and_reads_stay_true() {
    let place = Place::new();
    let folder = place.data.parent().expect("a folder").to_owned();
    let free = free_bytes(&folder);
    // So much that what others write to the disk meanwhile does not matter.
    let room = (free / 4).min(8 << 30);
    assert!(room > 64 << 20, "this test needs 256 MiB of disk space, there are {free} bytes");
    let config = format!("[journal]\nsegment_bytes = 65536\nfree_bytes_min = {}\n", free - room);
    let server = Server::start(&Setting { config, shards: 1, ..Setting::small_segments(&place.data) });
    let (mut connection, mut memory) = (server.connect(), Memory::default());
    put_offers(&mut connection);
    buy(&mut connection, &mut memory, 0..10);
    let ballast = folder.join("ballast");
    let allocated = Command::new("fallocate").args(["-l", &(2 * room).to_string()]).arg(&ballast).status();
    assert!(allocated.expect("fallocate runs").success());
    // What was made ahead still takes some; then nothing is decided any more.
    let bought = buy_until(&mut connection, &mut memory, 10, |answer| answer.status == "DISKFULL");
    let refused = connection.call(&["PAY", OFFERS[0].0, "r0"]).expect("an answer");
    let error = refused.error();
    assert!(error.starts_with("DISKFULL"), "{error}");
    let names_space = error.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() >= 4);
    assert!(names_space, "it names the free space: {error}");
    let show = connection.call(&["SHOW", OFFERS[0].0, "r0"]).expect("an answer");
    assert_eq!(show.text("status"), "HELD", "reads stay true: {show:?}");
    let again = connection.call(&["BUY", OFFERS[0].0, "b0", "r0", "QTY", "1"]).expect("an answer");
    assert_eq!(
        (again.text("status"), again.number("replayed")),
        ("HELD", 1),
        "a replay changes nothing: {again:?}"
    );
    let held =
        memory.deeds.iter().filter(|deed| deed.answer.as_ref().is_some_and(|answer| answer.status == "HELD"));
    let of_both: i64 = OFFERS[..2].iter().map(|(offer, _)| pool(&mut connection, offer, "held")).sum();
    assert_eq!(usize::try_from(of_both), Ok(held.count()), "the pools hold what was sold");
    assert_eq!(connection.call(&["AUDIT"]).expect("an answer").text("status"), "OK");
    fs::remove_file(&ballast).expect("it is removed");
    buy_until(&mut connection, &mut memory, bought, |answer| answer.status == "HELD");
    drop(connection);
    memory.check(&server);
    server.stop();
}

fn pool(connection: &mut Connection, offer: &str, name: &str) -> i64 {
    connection.call(&["POOL", "GET", offer]).expect("an answer").number(name)
}

/// Buys until an answer is as wanted, and gives the next free number. The server looks at the disk now and then.
fn buy_until(
    connection: &mut Connection,
    memory: &mut Memory,
    from: u32,
    is_wanted: impl Fn(&Answer) -> bool,
) -> u32 {
    for id in from..from + 20_000 {
        buy(connection, memory, id..id + 1);
        let answer = memory.deeds.last().and_then(|deed| deed.answer.as_ref()).expect("it was answered");
        if is_wanted(answer) {
            return id + 1;
        }
        if answer.status == "DISKFULL" {
            wait(Duration::from_millis(5));
        }
    }
    panic!("no answer was as wanted");
}

fn free_bytes(dir: &Path) -> u64 {
    let output = Command::new("stat").args(["-f", "-c", "%a %S"]).arg(dir).output().expect("stat runs");
    let text = String::from_utf8(output.stdout).expect("numbers");
    let numbers: Vec<u64> = text.split_whitespace().map(|number| number.parse().expect("a number")).collect();
    numbers.iter().product()
}

#[test]
fn a_directory_belongs_to_one_server() {
    let place = Place::new();
    let setting = Setting::small_segments(&place.data);
    let server = Server::start(&setting);
    let told = setting.refusal();
    assert!(told.contains("another"), "says who has it: {told}");
    assert_eq!(server.connect().call(&["PING"]).expect("the first goes on"), Reply::Text("PONG".to_owned()));
    server.kill();
    Server::start(&setting).stop();
}

#[test]
fn the_number_of_shards_is_the_directorys() {
    let place = Place::new();
    let setting = Setting::small_segments(&place.data);
    Server::start(&setting).stop();
    let told = Setting { shards: 3, ..setting.clone() }.refusal();
    assert!(told.contains("2 shards") && told.contains('3'), "names both: {told}");
    Server::start(&setting).stop();
}

/// One bit in the middle of the journal: the start names segment and offset and changes nothing.
#[test]
fn a_bit_flipped_in_a_middle_segment_stops_the_start_with_its_place() {
    let place = Place::new();
    let setting = Setting {
        config: "[journal]\nsegment_bytes = 65536\nsnapshot_bytes = 0\n".to_owned(),
        ..Setting::small_segments(&place.data)
    };
    let server = Server::start(&setting);
    let (mut connection, mut memory) = (server.connect(), Memory::default());
    put_offers(&mut connection);
    buy(&mut connection, &mut memory, 0..6_000);
    drop(connection);
    server.kill();
    let segments = segments(&place.data.join("shard-0000"));
    assert!(segments.len() >= 3, "{segments:?}");
    let segment = &segments[segments.len() / 2];
    let name = segment.file_name().and_then(|name| name.to_str()).expect("text");
    let before = fs::read(segment).expect("it is read");
    let batches = batches(&before, HEADER_BYTES);
    let (first, middle, last) = (batches[0], batches[batches.len() / 2], batches[batches.len() - 1]);
    // In the segment's own header; in a batch's header; in the first, a middle and the last body.
    let places = [
        (0, 33),
        (middle.at, middle.at + 30),
        (first.at, first.at + HEADER_BYTES),
        (middle.at, middle.at + HEADER_BYTES + middle.body_bytes / 2),
        (last.at, last.at + HEADER_BYTES + last.body_bytes - 1),
    ];
    for (begins, at) in places {
        flip(segment, at);
        let after = fs::read(segment).expect("it is read");
        let told = setting.refusal();
        assert!(told.contains(name), "names the segment {name}: {told}");
        assert!(
            told.contains(&format!("at byte {begins}:")),
            "byte {at} is of the batch at {begins}: {told}"
        );
        assert!(told.contains("stampede repair"), "says what to do: {told}");
        assert_eq!(fs::read(segment).expect("it is read"), after, "a refused start changes nothing");
        flip(segment, at);
    }
    let server = Server::start(&setting);
    memory.check(&server);
    server.stop();
}

/// A batch that was half written when the machine stopped: cut, reported with its place, and gone for good.
#[test]
fn a_torn_end_is_cut_and_reported_once() {
    let place = Place::new();
    let setting = Setting::small_segments(&place.data);
    let server = Server::start(&setting);
    let (mut connection, mut memory) = (server.connect(), Memory::default());
    put_offers(&mut connection);
    buy(&mut connection, &mut memory, 0..200);
    drop(connection);
    server.kill();
    let segments = segments(&place.data.join("shard-0000"));
    let segment = segments.last().expect("a segment");
    let bytes = fs::read(segment).expect("it is read");
    let batches = batches(&bytes, HEADER_BYTES);
    let long = batches.iter().max_by_key(|batch| batch.body_bytes).expect("a batch");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("it is not empty").next_multiple_of(8);
    // More than the next batches cover: what would be left of it would be in the way at the start after that.
    let torn = bytes[long.at..long.at + HEADER_BYTES + long.body_bytes - 9].repeat(8);
    let file = OpenOptions::new().write(true).open(segment).expect("it opens");
    file.write_all_at(&torn, end as u64).expect("it is written");
    let server = Server::start(&setting);
    let told = setting.told();
    let place = format!("offset={end} ");
    assert!(
        told.contains("half written") && told.contains(&place),
        "it says what was cut, at {place}: {told}"
    );
    memory.check(&server);
    server.kill();
    let server = Server::start(&setting);
    assert!(!setting.told().contains("half written"), "cut once and for all: {}", setting.told());
    memory.check(&server);
    server.stop();
}

fn segments(shard: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(shard).expect("a shard").map(|entry| entry.expect("an entry").path());
    let mut segments: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "journal")).collect();
    segments.sort();
    segments
}

fn flip(path: &Path, at: usize) {
    let file = OpenOptions::new().read(true).write(true).open(path).expect("it opens");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at as u64).expect("a byte");
    file.write_all_at(&[byte[0] ^ 0x10], at as u64).expect("a byte");
}
