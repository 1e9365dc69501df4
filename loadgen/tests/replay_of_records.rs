//! The replay against a shop written from the protocol: what comes out is what stands in the records.

mod shop;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::GzEncoder;
use shop::Lie;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/formed-sample.tsv");

fn replay(lie: Lie, file: &Path, more: &[&str]) -> (Option<i32>, String) {
    let addr = shop::server::open(lie);
    let mut args = vec!["replay", file.to_str().expect("a plain path"), "--addr", &addr, "--prefix", "t"];
    args.extend(["--connections", "5", "--open-failed", "2s"]);
    args.extend(more);
    text_of(&load(&args))
}

fn load(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stampede-load")).args(args).output().expect("the binary starts")
}

fn text_of(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text.into_owned())
}

fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("it can be written");
    file
}

/// Two formed groups of different sizes, two failed ones, and people who stand on several lines of one offer:
/// person 1 leads two groups of item 9 and joins a third; person 5 fails twice.
const LINES: &str = "1\t9\t2\n1\t9\t3\n4\t9\t1\n6\t9\t7\t8\n5\t9\n5\t9\n2\t9\n";

#[test]
fn the_groups_of_the_records_come_out() {
    let (code, text) = replay(Lie::None, file_of(LINES.as_bytes()).path(), &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("4 groups formed · 3 failed, from 4 formed and 3 failed lines on 3 offers"),
        "{text}"
    );
    assert!(text.contains("9 units won · 3 refunded · 0 released"), "{text}");
    assert!(text.contains("ledger: 0 differences"), "{text}");
}

#[test]
fn strangers_who_want_the_same_item_find_each_other() {
    let (code, text) = replay(Lie::None, file_of(LINES.as_bytes()).path(), &["--match", "any"]);
    assert_eq!(code, Some(0), "{text}");
    // The first lines of persons 5 and 2 are one group; the second line of person 5 stays alone.
    assert!(text.contains("5 groups formed · 1 failed, from 4 formed and 3 failed lines"), "{text}");
    assert!(text.contains("2 of 3 failed leaders found a stranger (66.7 %); 2 could at most"), "{text}");
}

#[test]
fn a_gzip_file_reads_like_a_plain_one() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(LINES.as_bytes()).expect("memory takes everything");
    let packed = file_of(&gzip.finish().expect("memory takes everything"));
    let (code, text) = replay(Lie::None, packed.path(), &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("4 groups formed · 3 failed"), "{text}");
}

#[test]
fn the_sample_forms_its_two_thousand_groups() {
    let sample = std::fs::read_to_string(SAMPLE).expect("the sample ships with the crate");
    let few: String = sample.lines().take(300).flat_map(|line| [line, "\n"]).collect();
    let (code, text) = replay(Lie::None, file_of(few.as_bytes()).path(), &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("300 groups formed · 0 failed"), "{text}");
    assert_eq!(sample.lines().count(), 2_000);
}

#[test]
fn a_group_that_forms_alone_and_a_lost_reservation_are_caught() {
    let (code, text) = replay(Lie::FormsAlone, file_of(LINES.as_bytes()).path(), &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("won before the group: offer t-0-failed-9-2 group r"), "{text}");
    let (code, text) = replay(Lie::LosesReservation, file_of(LINES.as_bytes()).path(), &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("expected WON, found UNKNOWN"), "{text}");
}

#[test]
fn bad_lines_are_refused_by_number_before_anything_is_sent() {
    let bad = file_of(b"1\t2\t3\nx\t2\n7\n");
    let (code, text) =
        text_of(&load(&["replay", bad.path().to_str().expect("plain"), "--addr", "127.0.0.1:1"]));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("2 bad lines; line 2: column 1: expected a number"), "{text}");
    assert!(text.contains("line 3: expected at least a leader and an item"), "{text}");

    let (code, text) = replay(Lie::None, bad.path(), &["--skip-bad-lines"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("1 groups formed · 0 failed"), "{text}");
}

#[test]
fn a_file_that_is_not_there_or_empty_is_named() {
    let (code, text) = text_of(&load(&["replay", "/no/such/file"]));
    assert_eq!(code, Some(2));
    assert!(text.contains("cannot read /no/such/file"), "{text}");
    let (code, text) = text_of(&load(&["replay", file_of(b"").path().to_str().expect("plain")]));
    assert_eq!(code, Some(2));
    assert!(text.contains("holds no records: expected lines of `leader item [member …]`"), "{text}");
}
