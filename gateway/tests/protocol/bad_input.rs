//! What should never be sent: each gets a clear error, and the server goes on.

use crate::client::{Client, TestServer, Value, frame};

/// What becomes of the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Stays,
    Closes,
}
use After::{Closes, Stays};

fn deep_json() -> String {
    format!(r#"{{"price":1,"stock":1,"admit":{}1{}}}"#, "[".repeat(20_000), "]".repeat(20_000))
}

/// What is sent, what the error says, what becomes of the connection.
fn table() -> Vec<(Vec<u8>, &'static str, After)> {
    let long_id = "x".repeat(65);
    let command = |args: &[&str]| frame(args);
    let put = |json: &str| frame(&["OFFER", "PUT", "new", json]);
    vec![
        (command(&["NOSUCH", "x"]), "ERR unknown command 'NOSUCH'", Stays),
        (command(&["\r\n+OK"]), "ERR unknown command", Stays),
        (
            command(&["OFFER", "NOSUCH", "x"]),
            "ERR unknown subcommand 'NOSUCH' of OFFER; expected: OFFER PUT|GET|PAUSE|RESUME|CLOSE|REMOVE|LIST|EXTEND …",
            Stays,
        ),
        (command(&["BUY", "sku"]), "ERR wrong number of arguments for 'BUY' command", Stays),
        (
            command(&["OFFER"]),
            "ERR wrong number of arguments for 'OFFER' command; expected: OFFER PUT|GET|PAUSE|RESUME|CLOSE|REMOVE|LIST|EXTEND …",
            Stays,
        ),
        (command(&["SHOW", "sku", "r1", "r2"]), "ERR wrong number of arguments for 'SHOW' command", Stays),
        (command(&["BUY", "sku", "alice", &long_id]), "ERR id is longer than 64 bytes", Stays),
        (command(&["BUY", &long_id, "alice", "r1"]), "ERR offer is longer than 64 bytes", Stays),
        (command(&["BUY", "sku", "", "r1"]), "ERR buyer is empty", Stays),
        (command(&["BUY", "sku", "a b", "r1"]), "ERR buyer holds a byte", Stays),
        (
            command(&["BUY", "sku", "alice", "r1", "QTY", "0"]),
            "ERR QTY: expected a whole number from 1 to 1000000, got '0'",
            Stays,
        ),
        (command(&["BUY", "sku", "alice", "r1", "QTY", "18446744073709551616"]), "ERR QTY: expected", Stays),
        (command(&["BUY", "sku", "alice", "r1", "QTY", "4294967297"]), "ERR QTY: expected", Stays),
        (command(&["BUY", "sku", "alice", "r1", "QTY", "-1"]), "ERR QTY: expected", Stays),
        (command(&["BUY", "sku", "alice", "r1", "QTY"]), "ERR QTY: a value is expected", Stays),
        (command(&["BUY", "sku", "alice", "r1", "QTY", "1", "QTY", "1"]), "ERR QTY is given twice", Stays),
        (command(&["BUY", "sku", "alice", "r1", "QYT", "1"]), "ERR unknown option 'QYT'", Stays),
        (command(&["BUY", "sku", "alice", "r1", "OPTION", "red"]), "ERR OPTION is not yet supported", Stays),
        (
            command(&["BUY", "sku", "alice", "r1", "COUPON", "c", "1"]),
            "ERR COUPON is not yet supported",
            Stays,
        ),
        (command(&["BUY", "sku", "alice", "r1", "BARGAIN", "b"]), "ERR BARGAIN is not yet supported", Stays),
        (command(&["BUY", "sku", "alice", "r1", "WAIT"]), "ERR WAIT is not yet supported", Stays),
        (command(&["CUT", "sku", "r1", "bob"]), "ERR CUT is not yet supported", Stays),
        (command(&["OFFER", "DRAW", "sku"]), "ERR OFFER DRAW is not yet supported", Stays),
        (command(&["PAY", "sku", "r1", "AMOUNT", "9007199254740992"]), "ERR AMOUNT: expected", Stays),
        (command(&["PAY", "sku", "r1", "REF", ""]), "ERR REF is empty", Stays),
        (command(&["RETURN", "sku", "r1", "QTY", "1"]), "ERR OP is needed", Stays),
        (command(&["OFFER", "EXTEND", "sku", "5 minutes", "ID", "x"]), "ERR duration: expected", Stays),
        (command(&["POOL", "ADD", "sku", "0", "ID", "x"]), "ERR n: expected", Stays),
        (command(&["POOL", "ADD", "sku", "5", "OP", "x"]), "ERR unknown option 'OP'", Stays),
        (command(&["RESERVATIONS", "sku", "STATE", "GONE"]), "ERR STATE: expected", Stays),
        (command(&["RESERVATIONS", "sku", "COUNT", "1001"]), "ERR COUNT: expected", Stays),
        (command(&["CLIENT", "NOSUCH"]), "ERR unknown subcommand 'NOSUCH' of CLIENT", Stays),
        (command(&["SELECT", "1"]), "ERR DB index is out of range", Stays),
        (command(&["AUTH", "secret"]), "ERR AUTH <password> called without any password configured", Stays),
        (command(&["HELLO", "4"]), "NOPROTO", Stays),
        (command(&["CLUSTER", "SLOTS"]), "ERR This instance has cluster support disabled", Stays),
        (command(&["EXEC"]), "ERR EXEC without MULTI", Stays),
        (put(r#"{"price":1,"stok":1}"#), "ERR stok", Stays),
        (put(r#"{"price":-1,"stock":1}"#), "ERR price", Stays),
        (put(r#"{"price":1,"stock":1,"opens":2000,"closes":1000}"#), "ERR closes", Stays),
        (
            put(r#"{"price":1,"stock":1,"settle":{"group":{"size":1,"open":"1h"}}}"#),
            "ERR settle.group.size",
            Stays,
        ),
        (put(r#"{"price":1,"stock":1"#), "ERR ", Stays),
        (put(&deep_json()), "ERR ", Stays),
        (put(r#"{"price":1,"takes":[{"pool":"other","units":1}]}"#), "CROSSSLOT", Stays),
        (
            b"*2\r\n$4\r\nPING\r\n$104857600\r\n".to_vec(),
            "ERR Protocol error: an argument of 104857600 bytes announced",
            Closes,
        ),
        (
            b"*100000000\r\n".to_vec(),
            "ERR Protocol error: 100000000 arguments announced, at most 1024",
            Closes,
        ),
        (b"*99999999999999999999999\r\n".to_vec(), "ERR Protocol error: invalid multibulk length", Closes),
        (b"*1\r\n$-5\r\nPING\r\n".to_vec(), "ERR Protocol error: invalid bulk length", Closes),
        (b"*1\r\n*1\r\n$4\r\nPING\r\n".to_vec(), "ERR Protocol error: expected '$', got '*'", Closes),
        (b"*1\r\n:1\r\n".to_vec(), "ERR Protocol error: expected '$', got ':'", Closes),
        (b"*1\r\n$4\r\nPINGxx".to_vec(), "ERR Protocol error: CRLF expected", Closes),
        (b"PING \"a\r\n".to_vec(), "ERR Protocol error: unbalanced quotes", Closes),
        (vec![b'a'; 70_000], "ERR Protocol error: an inline command of more than", Closes),
        (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), "ERR unknown command 'POST'", Closes),
        (vec![0xff, 0x00, 0x80, b'\n'], "ERR unknown command", Stays),
    ]
}

#[test]
fn every_mistake_gets_a_clear_error_and_the_server_goes_on() {
    let server = TestServer::start();
    server.connect().call(&["OFFER", "PUT", "sku", r#"{"price":5,"stock":3}"#]);
    for (bytes, expected, after) in table() {
        let sent = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        let mut client = server.connect();
        client.send_bytes(&bytes);
        let reply = client.receive();
        assert!(
            reply.error().starts_with(expected),
            "{sent:?} was answered with {reply:?}, not {expected:?}"
        );
        match after {
            Stays => assert_eq!(client.call(&["PING"]), Value::Simple("PONG".into()), "after {sent:?}"),
            Closes => client.expect_closed(),
        }
    }
    assert_eq!(server.connect().call(&["POOL", "GET", "sku"]).number("available"), 3, "nothing was taken");
    server.audit();
}

#[test]
fn a_pool_says_how_many_units_can_be_taken_out_and_of_an_empty_one_that_there_are_none() {
    let server = TestServer::start();
    let mut client = server.connect();
    let mut add = |n: &str, id: &str| client.call(&["POOL", "ADD", "shelf", n, "ID", id]);
    add("3", "first");
    assert!(add("-4", "too-many").error().starts_with("ERR n: between -3 (the units available) and "));
    add("-3", "all");
    assert_eq!(
        add("-1", "one-more").error(),
        "ERR n: a count that keeps the total below 2^40 is expected; no unit is available to take out"
    );
}

#[test]
fn a_peer_that_goes_on_sending_after_a_mistake_still_reads_the_error() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send_bytes(b"*2\r\n$4\r\nPING\r\n$104857600\r\n");
    for _ in 0..64 {
        client.offer_bytes(&[b'x'; 16_384]);
    }
    assert!(client.receive().error().starts_with("ERR Protocol error"));
}

#[test]
fn half_a_frame_and_silence_ends_with_an_error() {
    let server = TestServer::start_with(|config| config.limits.frame_wait_ms = 150);
    let mut client = server.connect();
    client.send_bytes(b"*4\r\n$3\r\nBUY\r\n$3\r\nsk");
    assert!(client.receive().error().starts_with("ERR Protocol error: the rest of a command"));
    client.expect_closed();
    let mut idle = server.connect();
    assert_eq!(idle.call(&["PING"]), Value::Simple("PONG".into()));
}

#[test]
fn a_frame_may_come_byte_by_byte() {
    let server = TestServer::start();
    let mut client = server.connect();
    for byte in frame(&["ECHO", "slowly"]) {
        client.send_bytes(&[byte]);
    }
    assert_eq!(client.receive(), Value::Bulk("slowly".into()));
}

#[test]
fn inline_commands_work_and_empty_ones_are_passed_over() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send_bytes(b"\r\n\r\nPING\r\n*0\r\n*-1\r\nping hello\n");
    assert_eq!(client.receive(), Value::Simple("PONG".into()));
    assert_eq!(client.receive(), Value::Bulk("hello".into()));
    client.send_bytes(b"OFFER PUT sku '{\"price\": 5, \"stock\": 1}'\r\n");
    assert_eq!(client.receive().status(), "OK");
    client.send_bytes(b"ECHO \"two words\"\r\n");
    assert_eq!(client.receive(), Value::Bulk("two words".into()));
}

#[test]
fn one_connection_too_many_is_told_so() {
    let server = TestServer::start_with(|config| config.limits.connections = 2);
    let mut clients: Vec<Client> = (0..2).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.call(&["PING"]);
    }
    let mut third = server.connect();
    assert_eq!(third.receive().error(), "ERR max number of clients reached");
    third.expect_closed();
    assert_eq!(clients[0].call(&["PING"]), Value::Simple("PONG".into()));
}

/// A peer that sent nothing but empty commands once filled the read buffer for as long as it went on, since none of
/// them was a frame and none was too long; and a lone empty line on a quiet connection counted as half a command.
#[test]
fn empty_commands_fill_no_buffer_and_owe_nothing() {
    let server = TestServer::start_with(|config| {
        config.limits.frame_wait_ms = 150;
        config.limits.frame_bytes = 128 * 1_024;
    });
    let mut client = server.connect();
    for _ in 0..256 {
        client.send_bytes(&b"*0\r\n".repeat(4_096));
    }
    assert_eq!(client.call(&["PING"]), Value::Simple("PONG".into()));
    client.send_bytes(b"\r\n");
    let mut other = server.connect();
    other.send_bytes(b"*1\r\n$4\r\nPI");
    // The other connection's time is up; the one that owes nothing goes on.
    assert!(other.receive().error().starts_with("ERR Protocol error: the rest of a command"));
    assert_eq!(client.call(&["PING"]), Value::Simple("PONG".into()));
}
