//! A sale and a group buy through the unmodified `redis` crate, in RESP2 and RESP3, against the real server.
//!
//! The clients of other languages go through the same scenario in `tests/clients`; `cargo xtask test` runs those.
//! This one needs nothing but Rust, so it runs with `cargo test`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::{Client, Connection, ErrorKind, RedisError, ServerErrorKind, Value};

/// The server's process; killed when the test ends, however it ends.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_stampede"))
            .args(["serve", "--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--durability", "memory"])
            .current_dir(env!("CARGO_TARGET_TMPDIR"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server's binary starts");
        let stdout = child.stdout.take().expect("standard output is a pipe");
        let ready =
            BufReader::new(stdout).lines().map_while(Result::ok).find(|line| line.contains("127.0.0.1:"));
        let mut server = Self { child, address: String::new() };
        let ready = ready.expect("the server prints a ready line with its address before it ends");
        let from = ready.find("127.0.0.1:").expect("the line was chosen for it");
        server.address =
            ready[from..].chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect();
        server
    }

    fn connect(&self, protocol: Protocol) -> Connection {
        let url =
            format!("redis://{}/?protocol={}", self.address.trim_end_matches([':', '.']), protocol.name());
        let connection =
            Client::open(url).and_then(|client| client.get_connection()).expect("the server accepts");
        connection.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout above zero is valid");
        connection
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Resp2,
    Resp3,
}

impl Protocol {
    fn name(self) -> &'static str {
        match self {
            Self::Resp2 => "resp2",
            Self::Resp3 => "resp3",
        }
    }

    /// The pairs of an answer: a map in RESP3, a flat array in RESP2, and never the other.
    #[track_caller]
    fn pairs(self, answer: Value) -> Vec<(String, Value)> {
        let pairs = match (self, answer) {
            (Self::Resp3, Value::Map(pairs)) => pairs,
            (Self::Resp2, Value::Array(flat)) => {
                assert!(
                    flat.len().is_multiple_of(2),
                    "an answer in RESP2 is a flat array of pairs: {flat:?}"
                );
                let mut flat = flat.into_iter();
                std::iter::from_fn(|| Some((flat.next()?, flat.next()?))).collect()
            }
            (_, other) => panic!("expected a map in the shape of {}, got {other:?}", self.name()),
        };
        pairs.into_iter().map(|(key, value)| (text(&key), value)).collect()
    }
}

#[track_caller]
fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).expect("the server sends text"),
        Value::SimpleString(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::Okay => "OK".to_owned(),
        other => panic!("expected text or a number, got {other:?}"),
    }
}

/// One client in one protocol, on a server of its own.
struct Run {
    server: Server,
    protocol: Protocol,
    connection: Connection,
}

impl Run {
    fn start(protocol: Protocol) -> Self {
        let server = Server::start();
        let connection = server.connect(protocol);
        Self { server, protocol, connection }
    }

    fn send(&mut self, command: &str) -> Result<Value, RedisError> {
        packed(command).query(&mut self.connection)
    }

    /// Sends a command and checks that `expected` pairs (`status=HELD qty=1`) are in the answer, status first.
    #[track_caller]
    fn ask(&mut self, command: &str, expected: &str) -> Vec<(String, Value)> {
        let answer = self.send(command).unwrap_or_else(|error| panic!("{command}: {error}"));
        let pairs = self.protocol.pairs(answer);
        assert_eq!(pairs.first().map(|(key, _)| key.as_str()), Some("status"), "{command}: {pairs:?}");
        for (key, value) in expected.split(' ').filter_map(|pair| pair.split_once('=')) {
            assert_eq!(value_of(&pairs, key), value, "{key} in the answer to {command}: {pairs:?}");
        }
        pairs
    }

    #[track_caller]
    fn refuses_as_error(&mut self, command: &str, words: &str) {
        let error = self.send(command).expect_err(command);
        assert_eq!(error.kind(), ErrorKind::Server(ServerErrorKind::ResponseError), "{command}: {error}");
        assert!(error.to_string().contains(words), "expected `{words}` in: {error}");
    }
}

#[track_caller]
fn value_of(pairs: &[(String, Value)], key: &str) -> String {
    let found = pairs.iter().find(|(name, _)| name == key);
    text(&found.unwrap_or_else(|| panic!("no {key} in {pairs:?}")).1)
}

fn packed(command: &str) -> redis::Cmd {
    let mut words = command.split(' ');
    let mut packed = redis::cmd(words.next().unwrap_or_default());
    for word in words {
        packed.arg(word);
    }
    packed
}

fn sell_one_unit(run: &mut Run) {
    run.ask(r#"OFFER PUT sku {"price":1990,"stock":5,"limit":{"buyer":1}}"#, "status=OK");
    let held = run.ask("BUY sku alice r1", "status=HELD id=r1 qty=1 price=1990 amount=1990");
    let event = value_of(&held, "event");
    let is_entry_id = event
        .split_once('-')
        .is_some_and(|(epoch, sequence)| epoch.parse::<u64>().is_ok() && sequence.parse::<u64>().is_ok());
    assert!(is_entry_id, "event is not <epoch>-<seq>: {event}");
    run.ask("PAY sku r1", "status=WON");
    run.ask("BUY sku alice r1", &format!("status=WON replayed=1 event={event}"));
    run.ask("BUY sku bob r1", "status=ID_CONFLICT field=buyer");
    run.ask("BUY sku alice r2", "status=LIMIT");
}

fn misuse_is_an_error_and_the_connection_stays(run: &mut Run) {
    run.refuses_as_error("NOSUCH x", "unknown command");
    run.refuses_as_error("BUY sku", "");
    run.refuses_as_error("BUY sku bob r3 QTY 0", "");
    assert_eq!(text(&run.send("PING").expect("PING answers")), "PONG");
}

fn pipelines_answer_in_order(run: &mut Run) {
    let protocol = run.protocol;
    let statuses = |answers: Vec<Value>| -> Vec<String> {
        answers.into_iter().map(|answer| value_of(&protocol.pairs(answer), "status")).collect()
    };
    let mut pipeline = redis::pipe();
    for index in 1..=6 {
        pipeline.add_command(packed(&format!("BUY sku buyer{index} p{index}")));
    }
    let answers = pipeline.query(&mut run.connection).expect("a refusal is an answer, not an error");
    assert_eq!(statuses(answers), ["HELD", "HELD", "HELD", "HELD", "SOLD_OUT", "SOLD_OUT"]);

    let mut transaction = redis::pipe();
    transaction.atomic();
    for command in ["CANCEL sku p1", "BUY sku carol t1", "PAY sku t1"] {
        transaction.add_command(packed(command));
    }
    let answers = transaction.query(&mut run.connection).expect("MULTI/EXEC answers each command");
    assert_eq!(statuses(answers), ["RELEASED", "HELD", "WON"]);

    let mut broken = redis::pipe();
    broken.atomic().add_command(packed("CANCEL sku p2")).add_command(packed("NOSUCH"));
    broken.query::<Vec<Value>>(&mut run.connection).expect_err("a MULTI with a mistake in it is aborted");
    run.ask("SHOW sku p2", "status=HELD");
}

fn fill_a_group(run: &mut Run) {
    let terms = r#"{"price":900,"stock":10,"settle":{"group":{"size":2,"open":"10m"}}}"#;
    run.ask(&format!("OFFER PUT team {terms}"), "status=OK");
    run.ask("BUY team lena g1 GROUP NEW", "status=HELD group=g1 seats_left=1");
    run.ask("BUY team max g2 GROUP g1", "status=HELD group=g1 seats_left=0");
    run.ask("BUY team nora g3 GROUP g1", "status=GROUP_FULL");
    run.ask("PAY team g1", "status=PAID");
    run.ask("PAY team g2", "status=WON");
    run.ask("SHOW team g1", "status=WON buyer=lena");
    let group = run.ask("GROUP team g1", "");
    let Some((_, Value::Array(members))) = group.into_iter().find(|(key, _)| key == "members") else {
        panic!("GROUP lists its members as an array");
    };
    let buyers = members.into_iter().map(|member| value_of(&run.protocol.pairs(member), "buyer"));
    assert_eq!(buyers.collect::<Vec<_>>(), ["lena", "max"]);
}

fn repeat_after_a_reconnect(run: &mut Run) {
    let first = run.ask("BUY team olga g4 GROUP NEW", "status=HELD");
    let connection_id = text(&run.send("CLIENT ID").expect("CLIENT ID answers"));
    run.connection = run.server.connect(run.protocol);
    assert_ne!(text(&run.send("CLIENT ID").expect("CLIENT ID answers")), connection_id);
    let (event, expires) = (value_of(&first, "event"), value_of(&first, "expires"));
    let expected = format!("status=HELD replayed=1 event={event} expires={expires}");
    run.ask("BUY team olga g4 GROUP NEW", &expected);
}

#[track_caller]
fn check(protocol: Protocol) {
    let mut run = Run::start(protocol);
    sell_one_unit(&mut run);
    misuse_is_an_error_and_the_connection_stays(&mut run);
    pipelines_answer_in_order(&mut run);
    fill_a_group(&mut run);
    repeat_after_a_reconnect(&mut run);
    run.ask("POOL GET sku", "total=5 available=0 held=3 sold=2");
    run.ask("AUDIT", "status=OK");
}

#[test]
fn the_redis_crate_sells_and_groups_in_resp2() {
    check(Protocol::Resp2);
}

#[test]
fn the_redis_crate_sells_and_groups_in_resp3() {
    check(Protocol::Resp3);
}
