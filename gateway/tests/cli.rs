//! The command line of `stampede`: what it prints, what it refuses and in which words.

#[path = "cli/process.rs"]
mod process;

use process::{Process, TestDir, check_refused, printed, stampede};
use std::net::TcpListener;
use std::path::PathBuf;

/// A file of this test alone, removed at its end.
struct TestFile(PathBuf);

impl TestFile {
    fn new(name: &str, text: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("the file is written");
        TestFile(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn help_says_each_flag_with_its_default_and_what_each_durability_costs() {
    let help = printed(&["serve", "--help"]);
    for word in ["--config", "--listen", "--ops", "--data", "--durability", "--shards", "--offers"] {
        assert!(help.contains(word), "{word} is missing:\n{help}");
    }
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for sentence in [
        "default: 127.0.0.1:7878",
        "default: sync",
        "default: ./stampede-data",
        "nothing that was answered is lost",
        "losing power costs what came since the last sync",
        "With durability memory nothing is read or written there; a directory that a server has used is left alone, and the start says so.",
        "default: the directory's; for a new one half the cores, at least 1",
    ] {
        assert!(help.contains(sentence), "{sentence:?} is missing:\n{help}");
    }
}

#[test]
fn a_bad_flag_is_refused_with_its_name_and_what_was_expected() {
    check_refused(&["serve", "--lisen", "x"], "unexpected argument '--lisen' found");
    check_refused(&["serve", "--shards", "many"], "invalid value 'many' for '--shards <N>'");
    check_refused(&["serve", "--shards", "0"], "shards: expected 1 to 256, found 0");
    check_refused(&["serve", "--shards", "257"], "shards: expected 1 to 256, found 257");
    check_refused(
        &["serve", "--listen", "nowhere"],
        "listen: expected host:port, such as 127.0.0.1:7878, found \"nowhere\"",
    );
    check_refused(
        &["serve", "--durability", "raid"],
        "durability: expected sync, async or memory, found \"raid\"",
    );
    check_refused(&["serve", "--config", "/no/such/file"], "cannot open /no/such/file");
    check_refused(&["serve", "--offers", "/no/such/file"], "cannot open /no/such/file");
    check_refused(&["docs", "poems"], "invalid value 'poems' for '<SECTION>'");
}

#[test]
fn a_configuration_file_is_checked_like_the_flags() {
    let cases = [
        ("lisen = \"127.0.0.1:0\"", "lisen: unknown field; did you mean listen?"),
        ("[limits]\nconections = 5", "limits.conections: unknown field; did you mean connections?"),
        ("[limits]\nconnections = 0", "limits.connections: expected 1 to 1000000 connections, found 0"),
        ("[limits]\nframe_bytes = 100", "limits.frame_bytes: expected 70000 to 16777216 bytes, found 100"),
        ("shards = -1", "shards: expected a whole number from 0, found -1"),
        ("shards = \"2\"", "shards: expected a whole number from 0, found the text \"2\""),
        ("limits = [1]", "limits: expected a table of fields, found a list"),
        ("listen = ", "not TOML in line 1"),
        (
            "[journal]\nsegment_bytes = 5",
            "journal.segment_bytes: expected 65536 to 4294967296 bytes, found 5",
        ),
        ("[journal]\nkeep_byte = 5", "journal.keep_byte: unknown field; did you mean keep_bytes?"),
    ];
    for (index, (text, error)) in cases.into_iter().enumerate() {
        let file = TestFile::new(&format!("bad-{index}.toml"), text);
        check_refused(&["serve", "--config", file.path()], error);
        check_refused(&["check", file.path()], error);
    }
}

#[test]
fn check_says_what_a_file_holds_or_what_is_wrong_with_it() {
    let good = TestFile::new("good.toml", "[[offer]]\nid = \"a\"\nprice = 1\nstock = 1\n");
    assert_eq!(printed(&["check", good.path()]), format!("{}: 1 offers, each well defined\n", good.path()));
    let bad = TestFile::new("bad.toml", "[[offer]]\nid = \"a\"\nprice = 1\nstok = 1\n");
    check_refused(&["check", bad.path()], "a.stok: unknown field; did you mean stock?");
    let config =
        TestFile::new("config.toml", "shards = 2\n[limits]\nconnections = 50\n[journal]\nkeep_hours = 5\n");
    assert_eq!(printed(&["check", config.path()]), format!("{}: a valid configuration\n", config.path()));
}

#[test]
fn check_reads_the_offers_that_a_configuration_names() {
    let named = |offers: &str| TestFile::new("names-offers.toml", &format!("offers = \"{offers}\"\n"));
    let good = TestFile::new("named.toml", "[[offer]]\nid = \"a\"\nprice = 1\nstock = 1\n");
    let config = named(good.path());
    let told =
        format!("{}: a valid configuration\n{}: 1 offers, each well defined\n", config.path(), good.path());
    assert_eq!(printed(&["check", config.path()]), told);
    let bad = TestFile::new("named-bad.toml", "[[offer]]\nid = \"a\"\nprice = 1\nstok = 1\n");
    let error = format!("offers: {}: a.stok: unknown field; did you mean stock?", bad.path());
    check_refused(&["check", named(bad.path()).path()], &error);
    let missing = "/no/such/offers.toml";
    check_refused(&["check", named(missing).path()], &format!("offers: cannot open {missing}: "));
}

#[test]
fn check_tells_what_the_server_would_answer_to_a_pool_of_another_campaign() {
    let offer = |id: &str, pool: &str| {
        format!("[[offer]]\nid = \"{id}\"\nprice = 1\ntakes = [{{ pool = \"{pool}\", units = 1 }}]\n")
    };
    let file = |text: &str| TestFile::new("campaigns.toml", text);
    // The word in the braces and the bare id are one campaign; the pools may be there.
    let good =
        file(&(offer("{night}phone", "{night}shelf") + &offer("night", "{night}shelf") + &offer("a", "a")));
    assert!(printed(&["check", good.path()]).contains("3 offers"));
    drop(good);
    let answer = "CROSSSLOT takes.pool: every pool of an offer must be of the offer's campaign";
    let server = Process::start(&["--durability", "memory"]);
    for (id, pool) in [("{night}phone", "{day}shelf"), ("phone", "shelf")] {
        let json = format!("{{\"price\":1,\"takes\":[{{\"pool\":\"{pool}\",\"units\":1}}]}}");
        let answered = server.ask(&format!("OFFER PUT {id} '{json}'\r\n"));
        assert!(answered.starts_with(&format!("-{answer}\r\n")), "{answered}");
        let bad = file(&offer(id, pool));
        check_refused(&["check", bad.path()], &format!("{}: {id}: {answer}", bad.path()));
    }
}

#[test]
fn schema_and_docs_print_what_tools_can_read() {
    let schema: serde_json::Value = serde_json::from_str(&printed(&["schema"])).expect("JSON");
    assert_eq!(schema["required"], serde_json::json!(["price"]));
    for (section, line) in [
        ("commands", "| `BUY offer buyer id "),
        ("statuses", "| 115 | `SOLD_OUT` | refusal | yes |"),
        (
            "config",
            "| `shards` | shards | the directory's; for a new one half the cores, at least 1 | 1 to 256 |",
        ),
        ("offer-fields", "| `settle.group.size` | 2 to 1,000,000 | required |"),
    ] {
        let text = printed(&["docs", section]);
        assert!(text.lines().any(|other| other.starts_with(line)), "{line} is missing:\n{text}");
        let bars = |line: &str| line.replace("\\|", "").matches('|').count();
        let first = bars(text.lines().next().unwrap_or_default());
        assert!(
            text.lines().all(|line| bars(line) == first),
            "a row of {section} has a cell too many or too few"
        );
    }
}

#[test]
fn a_server_says_when_it_is_ready_and_ends_in_order_on_a_signal() {
    for signal in ["TERM", "INT"] {
        let data = TestDir::new(&format!("signal-{signal}"));
        let mut server = Process::start(&["--shards", "2", "--data", data.path()]);
        assert!(server.ready.contains(", shards 2, durability sync)"), "{}", server.ready);
        assert_eq!(server.ask("PING\r\n"), "+PONG\r\n+OK\r\n");
        server.signal(signal);
        let status = server.child.wait().expect("it ends");
        assert!(status.success(), "{signal}: {status}");
    }
}

#[test]
fn the_ops_page_answers_health_and_what_runs() {
    let server = Process::start(&["--shards", "1", "--durability", "memory"]);
    let health = server.get("/healthz");
    assert!(health.starts_with("HTTP/1.1 200 OK") && health.ends_with("\r\n\r\nok\n"), "{health}");
    let page = server.get("/");
    assert!(page.contains(&format!("RESP on {}", server.listen)), "{page}");
    assert!(server.get("/metrics").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = taken.local_addr().expect("an address").to_string();
    check_refused(
        &["serve", "--durability", "memory", "--listen", "127.0.0.1:0", "--ops", &taken],
        &format!("ops: cannot listen on {taken}"),
    );
    check_refused(
        &["serve", "--durability", "memory", "--listen", &taken, "--ops", "127.0.0.1:0"],
        &format!("listen: {taken} cannot be listened on"),
    );
}

#[test]
fn an_error_says_its_cause_and_its_place_once() {
    let file = TestFile::new("no-directory", "");
    let listing = format!("stampede: listing {} failed: Not a directory (os error 20)\n", file.path());
    check_refused(&["inspect", "--data", file.path()], &listing);
    check_refused(
        &["serve", "--listen", "127.0.0.1:0", "--data", file.path()],
        &format!("{} failed: ", file.path()),
    );
    let offers = TestFile::new(
        "unknown-pool.toml",
        "[[offer]]\nid = \"sku\"\nprice = 1\ntakes = [{ pool = \"sku\", units = 1 }]\n",
    );
    check_refused(
        &["serve", "--listen", "127.0.0.1:0", "--durability", "memory", "--offers", offers.path()],
        "stampede: cannot put the offer sku: takes.pool: unknown pool; POOL ADD creates it\n",
    );
}

#[test]
fn offers_of_a_file_are_put_at_start() {
    let file = TestFile::new("offers.toml", "[[offer]]\nid = \"sku\"\nprice = 1990\nstock = 1\n");
    let server = Process::start(&["--durability", "memory", "--offers", file.path()]);
    let answers = server.ask("BUY sku alice r1\r\nBUY sku bob r2\r\n");
    assert!(answers.contains("HELD") && answers.contains("SOLD_OUT"), "{answers}");
}

/// Pages that the system had to find while 50,000 units were sold.
#[cfg(target_os = "linux")]
fn pages_found_during_a_sale(reserve_bytes: &str) -> u64 {
    let file = TestFile::new("reserve.toml", "[[offer]]\nid = \"sku\"\nprice = 1990\nstock = 1000000\n");
    let args = ["--durability", "memory", "--offers", file.path(), "--reserve-bytes", reserve_bytes];
    let server = Process::start(&args);
    let sell = |part: usize| {
        let buy = |i| format!("BUY sku buyer-{part}-{i} reservation-{part}-{i}\r\n");
        let answers = server.ask(&(0..500).map(buy).collect::<String>());
        assert_eq!(answers.matches("HELD").count(), 500, "{answers}");
    };
    // The first sales start what a server starts once.
    (0..4).for_each(sell);
    let before = server.minor_faults();
    (4..104).for_each(sell);
    server.minor_faults() - before
}

#[test]
#[cfg(target_os = "linux")]
fn no_purchase_waits_for_memory_that_was_taken_at_start() {
    let (without, with) = (pages_found_during_a_sale("0"), pages_found_during_a_sale("268435456"));
    assert!(with * 5 < without, "{with} pages with the memory taken, {without} without");
}

#[test]
fn memory_that_is_not_there_ends_the_start_with_what_is() {
    let args = ["serve", "--durability", "memory", "--reserve-bytes", "1125899906842624"];
    check_refused(&args, "reserve_bytes: expected at most the ");
    check_refused(
        &["serve", "--reserve-bytes", "1125899906842625"],
        "reserve_bytes: expected 0 to 1125899906842624 bytes, found 1125899906842625",
    );
}

#[test]
fn what_was_sold_is_there_after_a_restart_and_offers_are_left_alone() {
    let data = TestDir::new("restart");
    let file = TestFile::new("restart.toml", "[[offer]]\nid = \"sku\"\nprice = 1990\nstock = 1\n");
    let args = ["--data", data.path(), "--offers", file.path()];
    let mut first = Process::start(&args);
    let sold = first.ask("BUY sku alice r1\r\nPAY sku r1 REF p1\r\n");
    assert!(sold.contains("WON"), "{sold}");
    first.signal("TERM");
    assert!(first.child.wait().expect("it ends").success());
    let second = Process::start(&args);
    let answers = second.ask("SHOW sku r1\r\nBUY sku bob r2\r\nXRANGE feed:0 - +\r\n");
    assert!(answers.contains("WON") && answers.contains("SOLD_OUT"), "{answers}");
    assert!(
        answers.contains("held") && answers.contains("p1"),
        "the feed reaches back before the restart: {answers}"
    );
}

#[test]
fn a_used_directory_is_left_alone_in_memory_and_the_start_says_so_once() {
    let data = TestDir::new("memory");
    let log = TestFile::new("memory.log", "");
    let start = |durability: &str| {
        let file = std::fs::File::create(log.path()).expect("the log");
        let args = ["--data", data.path(), "--durability", durability];
        let server = Process::start_with_log(&args, file.into());
        (server, std::fs::read_to_string(log.path()).expect("the log"))
    };
    let unread = "the data directory was used by a server, and with durability memory it is not read and not \
                  written; start with durability sync or async to go on with what it holds";
    let (server, told) = start("memory");
    assert!(!told.contains("was used"), "nobody used it yet: {told}");
    drop(server);

    let (mut server, told) = start("sync");
    assert!(!told.contains("was used"), "it is read: {told}");
    server.ask("OFFER PUT sku '{\"price\":1,\"stock\":9}'\r\nBUY sku alice r1\r\n");
    server.signal("TERM");
    assert!(server.child.wait().expect("it ends").success());

    let (server, told) = start("memory");
    assert_eq!(told.matches(unread).count(), 1, "{told}");
    assert!(told.contains("WARN") && told.contains(data.path()), "{told}");
    let answers = server.ask("SHOW sku r1\r\nOFFER PUT other '{\"price\":1,\"stock\":9}'\r\n");
    assert!(answers.contains("UNKNOWN") && answers.contains("OK"), "{answers}");
    drop(server);

    let (server, _) = start("sync");
    let answers = server.ask("SHOW sku r1\r\nOFFER GET other\r\n");
    assert!(answers.contains("HELD") && answers.contains("OFFER_UNKNOWN"), "{answers}");
}

#[test]
fn a_directory_that_cannot_be_used_ends_the_start_with_the_reason() {
    let data = TestDir::new("refused");
    let server = Process::start(&["--data", data.path(), "--shards", "2"]);
    let serve = |args: &[&str]| {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--data", data.path()];
        all.extend_from_slice(args);
        let output = stampede(&all);
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty(), "no ready line");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let told = serve(&[]);
    assert!(told.contains("is in use by another server"), "{told}");
    drop(server);
    let told = serve(&["--shards", "3"]);
    assert!(told.contains("was made with 2 shards and keeps that number, not 3"), "{told}");
    let again = Process::start(&["--data", data.path()]);
    assert!(again.ready.contains(", shards 2, "), "the directory's number is taken: {}", again.ready);
}

#[test]
fn snapshots_are_made_on_demand_and_info_says_how_the_journal_stands() {
    let data = TestDir::new("bgsave");
    let server = Process::start(&["--data", data.path(), "--shards", "1"]);
    server.ask("OFFER PUT sku '{\"price\":1,\"stock\":9}'\r\nBUY sku alice r1\r\n");
    let answer = server.ask("BGSAVE\r\nBGSAVE\r\n");
    assert!(
        answer.starts_with("+Background saving started\r\n-ERR Background save already in progress"),
        "{answer}"
    );
    let saved = |info: &str| info.contains("rdb_bgsave_in_progress:0") && !info.contains("last_snapshot=0-0");
    let info = (0..20_000).map(|_| server.ask("INFO persistence\r\n")).find(|info| saved(info));
    let info = info.expect("a snapshot is made");
    for part in
        ["durability:sync", "aof_enabled:1", "rdb_last_bgsave_status:ok", "disk_full:0", "journal0:synced="]
    {
        assert!(info.contains(part), "{part} is missing in {info}");
    }
    let last: u64 =
        server.ask("LASTSAVE\r\n")[1..].lines().next().and_then(|line| line.parse().ok()).expect("a number");
    assert!(last > 1_600_000_000, "{last}");
    let settings = server.ask("CONFIG GET append*\r\n");
    assert!(settings.contains("always") && settings.contains("yes"), "{settings}");
}

#[test]
fn a_full_disk_refuses_writes_answers_reads_and_shows_in_health() {
    let data = TestDir::new("full");
    let config = TestFile::new(
        "full.toml",
        "shards = 1\n[journal]\nsegment_bytes = 1048576\nfree_bytes_min = 1125899906842624\n",
    );
    let server = Process::start(&["--data", data.path(), "--config", config.path()]);
    let answers = server.ask("OFFER PUT sku '{\"price\":1,\"stock\":9}'\r\nSHOW sku r1\r\nXLEN feed:0\r\n");
    assert!(answers.starts_with("-DISKFULL "), "{answers}");
    assert!(answers.contains("UNKNOWN") && answers.contains(":0\r\n"), "reads are answered: {answers}");
    let health = server.get("/healthz");
    assert!(
        health.starts_with("HTTP/1.1 503") && health.contains("shard 0 takes no writes: the disk is full"),
        "{health}"
    );
    assert!(server.ask("INFO persistence\r\n").contains("disk_full:1\r\n"));
}
