//! The command line of `stampede`: what it prints, what it refuses and in which words.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

fn stampede(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stampede")).args(args).output().expect("the binary runs")
}

#[track_caller]
fn check_refused(args: &[&str], error: &str) {
    let output = stampede(args);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{args:?} succeeded");
    assert!(told.contains(error), "{args:?}: {told}");
    assert!(output.stdout.is_empty(), "{args:?} printed to standard output");
}

#[track_caller]
fn printed(args: &[&str]) -> String {
    let output = stampede(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

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

/// A server process on free ports, ended with the test.
struct Process {
    child: Child,
    listen: String,
    ops: String,
    ready: String,
}

impl Process {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stampede"))
            .args(["serve", "--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let stdout = child.stdout.take().expect("it is piped");
        let mut ready = String::new();
        BufReader::new(stdout).read_line(&mut ready).expect("a line");
        let word = |before: &str| {
            let rest = ready.split(before).nth(1).unwrap_or_else(|| panic!("not ready: {ready:?}"));
            rest.split([' ', ',', '\n']).next().unwrap_or_default().to_owned()
        };
        let (listen, ops) = (word("ready on "), word("(ops "));
        Process { child, listen, ops, ready }
    }

    /// Sends inline commands and reads every answer.
    fn ask(&self, commands: &str) -> String {
        talk(&self.listen, &format!("{commands}QUIT\r\n"))
    }

    fn get(&self, path: &str) -> String {
        talk(&self.ops, &format!("GET {path} HTTP/1.1\r\nHost: ops\r\nConnection: close\r\n\r\n"))
    }

    fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a text whose answer ends with the connection.
fn talk(address: &str, text: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream.write_all(text.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn help_says_each_flag_with_its_default_and_that_nothing_survives() {
    let help = printed(&["serve", "--help"]);
    for word in ["--config", "--listen", "--ops", "--data", "--durability", "--shards", "--offers"] {
        assert!(help.contains(word), "{word} is missing:\n{help}");
    }
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for sentence in [
        "default: 127.0.0.1:7878",
        "default: memory",
        "nothing that it sold survives the end of the process",
        "With durability memory nothing is written there.",
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
    check_refused(&["serve", "--durability", "raid"], "durability: expected memory, found \"raid\"");
    check_refused(&["serve", "--config", "/no/such/file"], "cannot open /no/such/file");
    check_refused(&["serve", "--offers", "/no/such/file"], "cannot open /no/such/file");
    check_refused(&["docs", "poems"], "invalid value 'poems' for '<SECTION>'");
}

#[test]
fn durability_on_disk_is_refused_with_the_reason() {
    for mode in ["sync", "async"] {
        check_refused(
            &["serve", "--durability", mode],
            &format!("durability: {mode} is not yet supported: this version has no journal on disk"),
        );
    }
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
        ("durability = \"sync\"", "durability: sync is not yet supported"),
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
    let config = TestFile::new("config.toml", "shards = 2\n[limits]\nconnections = 50\n");
    assert_eq!(printed(&["check", config.path()]), format!("{}: a valid configuration\n", config.path()));
}

#[test]
fn schema_and_docs_print_what_tools_can_read() {
    let schema: serde_json::Value = serde_json::from_str(&printed(&["schema"])).expect("JSON");
    assert_eq!(schema["required"], serde_json::json!(["price"]));
    for (section, line) in [
        ("commands", "| `BUY offer buyer id "),
        ("statuses", "| 115 | `SOLD_OUT` | refusal | yes |"),
        ("config", "| `shards` | shards | half the cores, at least 1 | 1 to 256 |"),
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
        let mut server = Process::start(&["--shards", "2"]);
        assert!(server.ready.contains(", shards 2, durability memory)"), "{}", server.ready);
        assert_eq!(server.ask("PING\r\n"), "+PONG\r\n+OK\r\n");
        server.signal(signal);
        let status = server.child.wait().expect("it ends");
        assert!(status.success(), "{signal}: {status}");
    }
}

#[test]
fn the_ops_page_answers_health_and_what_runs() {
    let server = Process::start(&["--shards", "1"]);
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
        &["serve", "--listen", "127.0.0.1:0", "--ops", &taken],
        &format!("ops: cannot listen on {taken}"),
    );
    check_refused(&["serve", "--listen", &taken, "--ops", "127.0.0.1:0"], &taken);
}

#[test]
fn offers_of_a_file_are_put_at_start() {
    let file = TestFile::new("offers.toml", "[[offer]]\nid = \"sku\"\nprice = 1990\nstock = 1\n");
    let server = Process::start(&["--offers", file.path()]);
    let answers = server.ask("BUY sku alice r1\r\nBUY sku bob r2\r\n");
    assert!(answers.contains("HELD") && answers.contains("SOLD_OUT"), "{answers}");
}
