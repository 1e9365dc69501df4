//! The operator's tools on a real data directory: what they print, what they refuse, and that damage is found and cut.

#[path = "cli/process.rs"]
mod process;

use process::{Process, TestDir, check_refused, printed, stampede};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Sells a little and stops in order. The events: the offer, alice held and won, bob held and cancelled.
fn sold(data: &TestDir, args: &[&str]) -> Process {
    let mut all = vec!["--data", data.path()];
    all.extend_from_slice(args);
    let mut server = Process::start(&all);
    let answers = server.ask(concat!(
        "OFFER PUT sku '{\"price\":1990,\"stock\":9}'\r\n",
        "BUY sku alice r1\r\n",
        "PAY sku r1 REF p1\r\n",
        "BUY sku bob r2\r\n",
        "CANCEL sku r2\r\n"
    ));
    assert!(answers.contains("RELEASED"), "{answers}");
    server.signal("TERM");
    assert!(server.child.wait().expect("it ends").success());
    server
}

/// What a tool prints, line by line.
fn lines(args: &[&str]) -> Vec<Value> {
    printed(args).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn of_kind<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

fn segment(data: &TestDir) -> PathBuf {
    let dir = Path::new(data.path()).join("shard-0000");
    let names =
        fs::read_dir(dir).expect("the shard's directory").map(|entry| entry.expect("an entry").path());
    let mut found: Vec<PathBuf> =
        names.filter(|path| path.extension().is_some_and(|end| end == "journal")).collect();
    found.sort();
    found.first().expect("a segment").clone()
}

#[test]
fn inspect_lists_segments_batches_and_the_events_as_the_feed_has_them() {
    let data = TestDir::new("inspect");
    sold(&data, &["--shards", "1"]);
    let all = lines(&["inspect", "--data", data.path()]);
    assert_eq!(of_kind(&all, "segment").len(), 1);
    assert!(of_kind(&all, "batch").len() > 2);
    let events = of_kind(&all, "event");
    let kinds: Vec<&str> =
        events.iter().filter_map(|event| event["type"].as_str()).filter(|kind| *kind != "demand").collect();
    assert_eq!(kinds, ["offer", "held", "won", "held", "released"]);
    let held = events.iter().find(|event| event["type"] == "held").expect("a purchase");
    assert_eq!((&held["id"], &held["buyer"], &held["qty"]), (&"r1".into(), &"alice".into(), &1.into()));
    assert_eq!(of_kind(&all, "end")[0]["end"], "whole");
    let from = held["event"].as_str().expect("a name");
    let one = lines(&["inspect", "--data", data.path(), "--shard", "0", "--from", from, "--count", "1"]);
    assert_eq!(of_kind(&one, "event"), [*held]);
    check_refused(&["inspect", "--data", data.path(), "--shard", "1"], "--shard: expected 0 to 0");
    check_refused(&["inspect", "--data", data.path(), "--from", "x"], "expected the id of an event");
    check_refused(&["inspect", "--data", "/no/such/directory"], "/no/such/directory");
}

#[test]
fn verify_finds_a_good_directory_good_and_a_flipped_bit() {
    let data = TestDir::new("verify");
    sold(&data, &["--shards", "1"]);
    let made = lines(&["snapshot", "--data", data.path()]);
    let found = lines(&["inspect", "--data", data.path(), "--verify"]);
    assert_eq!((&found[0]["good"], &found[0]["end"]["end"]), (&true.into(), &"whole".into()));
    let snapshot = &found[0]["snapshots"][0];
    assert_eq!(snapshot["digest"], snapshot["replayed_digest"]);
    assert_eq!(snapshot["digest"], made[0]["digest"]);

    flip(&data, "alice");
    let output = stampede(&["inspect", "--data", data.path(), "--verify"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("\"good\":false") && told.contains("\"damaged\""), "{told}");
}

/// Flips a bit of the first place where a text stands in the journal.
fn flip(data: &TestDir, text: &str) {
    let path = segment(data);
    let mut bytes = fs::read(&path).expect("a segment");
    let at = bytes.windows(text.len()).position(|found| found == text.as_bytes()).expect("the text is there");
    bytes[at] ^= 1;
    fs::write(&path, bytes).expect("it is written");
}

#[test]
fn a_damaged_journal_stops_the_start_until_it_is_cut_and_nothing_is_deleted() {
    let data = TestDir::new("repair");
    sold(&data, &["--shards", "1"]);
    flip(&data, "bob");
    let refused =
        stampede(&["serve", "--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--data", data.path()]);
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    let place = told.split("--cut ").nth(1).and_then(|rest| rest.split('`').next()).expect("where to cut");

    let repair = ["repair", "--data", data.path(), "--shard", "0", "--cut", place];
    let output = stampede(&repair);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("The last event that stays is number "), "{told}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing was changed"));
    let before = fs::metadata(segment(&data)).expect("a segment").len();

    let mut yes = repair.to_vec();
    yes.push("--yes");
    let told = printed(&yes);
    assert!(told.contains("Done. What was cut lies in "), "{told}");
    let aside = Path::new(data.path()).join("shard-0000").join("cut");
    let kept: u64 = fs::read_dir(aside)
        .expect("set aside")
        .map(|entry| entry.expect("one").metadata().expect("its length").len())
        .sum();
    assert!(kept > 0 && kept <= before, "{kept} bytes set aside");

    let server = Process::start(&["--data", data.path()]);
    let answers = server.ask("SHOW sku r1\r\nSHOW sku r2\r\nAUDIT\r\n");
    assert!(answers.contains("WON") && answers.contains("UNKNOWN") && answers.contains("OK"), "{answers}");
    check_refused(&repair, "is in use by another server");
}

#[test]
fn repair_takes_only_a_place_where_a_batch_ends() {
    let data = TestDir::new("repair-place");
    sold(&data, &["--shards", "1"]);
    let name = segment(&data).file_name().expect("a name").to_string_lossy().into_owned();
    let cut = |place: &str, error: &str| {
        check_refused(&["repair", "--data", data.path(), "--shard", "0", "--cut", place], error);
    };
    cut(&format!("{name}:65"), "no batch ends at this offset");
    cut("nothing.journal:64", "no segment of this name");
    cut("5", "expected a segment and a byte in it");
    check_refused(
        &["repair", "--data", data.path(), "--shard", "4", "--cut", "a:5"],
        "--shard: expected 0 to 0",
    );
}

#[test]
fn replay_tells_what_a_buyer_held_at_an_event_and_at_an_instant() {
    let data = TestDir::new("replay");
    sold(&data, &["--shards", "2"]);
    let events = lines(&["inspect", "--data", data.path()]);
    let event = |kind: &str, id: &str| {
        let found = events.iter().find(|event| event["type"] == kind && event["id"] == id);
        found.unwrap_or_else(|| panic!("{kind} {id}")).clone()
    };
    let ask = |to: &str, question: &[&str]| -> Value {
        let mut args = vec!["replay", "--data", data.path(), "--to", to];
        args.extend_from_slice(question);
        serde_json::from_str(&printed(&args)).expect("JSON")
    };
    let name = |event: &Value| event["event"].as_str().expect("a name").to_owned();
    let (held, won, released) = (event("held", "r2"), event("won", "r1"), event("released", "r2"));
    let told = ask(&name(&held), &["--show", "sku", "r2"]);
    assert_eq!((&told["answer"]["status"], &told["event"]), (&"HELD".into(), &held["event"]));
    assert_eq!(ask(&name(&released), &["--show", "sku", "r2"])["answer"]["status"], "RELEASED");
    assert_eq!(ask(&name(&won), &["--show", "sku", "r2"])["answer"]["status"], "UNKNOWN");
    let told = ask(&name(&held), &["--buyer", "sku", "bob"]);
    assert_eq!(
        (&told["answer"]["units"], &told["answer"]["reservations"][0]["id"]),
        (&1.into(), &"r2".into())
    );
    assert_eq!(ask(&name(&released), &["--buyer", "sku", "bob"])["answer"]["units"], 0);
    let shard = held["shard"].to_string();
    let whole = ask(&name(&released), &["--shard", &shard]);
    assert_eq!((&whole["answer"]["status"], &whole["answer"]["sold"]), (&"OK".into(), &1.into()));

    let before = jiff_instant(held["at"].as_u64().expect("a time") - 3_600_000);
    let output = stampede(&["replay", "--data", data.path(), "--to", &before, "--show", "sku", "r1"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let later = jiff_instant(released["at"].as_u64().expect("a time") + 1_000);
    assert_eq!(ask(&later, &["--show", "sku", "r1"])["answer"]["status"], "WON");
}

/// RFC 3339 of a time in Unix milliseconds.
fn jiff_instant(ms: u64) -> String {
    jiff::Timestamp::from_millisecond(i64::try_from(ms).expect("a time")).expect("a time").to_string()
}

#[test]
fn replay_names_what_is_wrong_with_the_question() {
    let data = TestDir::new("replay-wrong");
    sold(&data, &["--shards", "2"]);
    let refused = |args: &[&str], error: &str| {
        let mut all = vec!["replay", "--data", data.path()];
        all.extend_from_slice(args);
        check_refused(&all, error);
    };
    refused(
        &["--to", "midnight"],
        "expected an event, such as 1795349229769-12, or an instant with its offset",
    );
    refused(&["--to", "1-1"], "--shard is needed: the directory has 2 shards");
    refused(&["--to", "1-999", "--show", "sku", "r1"], "ends with the event");
    refused(&["--to", "1-1", "--show", "sku", "r1"], "has in its place the event");
    refused(&["--to", "1-1", "--show", "s k u", "r1"], "the offer ");
    refused(&["--to", "1-1", "--show", "sku"], "2 values required");
}

#[test]
fn an_offline_snapshot_makes_the_next_start_begin_there_and_needs_the_directory_for_itself() {
    let data = TestDir::new("snapshot");
    sold(&data, &["--shards", "1"]);
    let made = lines(&["snapshot", "--data", data.path()]);
    assert!(made[0]["bytes"].as_u64().expect("a length") > 0);
    let server = Process::start(&["--data", data.path()]);
    let info = server.ask("INFO persistence\r\n");
    assert!(info.contains("recovered_events:0\r\n"), "{info}");
    assert!(
        info.contains(&format!("last_snapshot={}\r\n", made[0]["last"].as_str().expect("a name"))),
        "{info}"
    );
    check_refused(&["snapshot", "--data", data.path()], "is in use by another server");
}
