//! MULTI, EXEC, DISCARD: a batch that many clients wrap their pipelines in.

use crate::client::{TestServer, Value};

const OFFER: &str = r#"{"price":5,"stock":3,"limit":{"buyer":1}}"#;

fn queued() -> Value {
    Value::Simple("QUEUED".into())
}

#[test]
fn a_batch_is_queued_and_answered_as_one_array_across_shards() {
    let server = TestServer::start_with(|config| config.shards = Some(4));
    let mut client = server.connect();
    assert_eq!(client.call(&["MULTI"]), Value::Simple("OK".into()));
    for offer in ["a", "b", "c", "d"] {
        assert_eq!(client.call(&["OFFER", "PUT", offer, OFFER]), queued());
        assert_eq!(client.call(&["BUY", offer, "alice", "r1"]), queued());
    }
    assert_eq!(client.call(&["BUY", "a", "alice", "r2"]), queued());
    assert_eq!(client.call(&["PING"]), queued());
    let answers = client.call(&["EXEC"]).items();
    let statuses: Vec<String> = answers[..9].iter().map(Value::status).collect();
    assert_eq!(statuses, ["OK", "HELD", "OK", "HELD", "OK", "HELD", "OK", "HELD", "LIMIT"]);
    assert_eq!(answers[9], Value::Simple("PONG".into()));
    assert_eq!(client.call(&["PING"]), Value::Simple("PONG".into()), "the batch is over");
}

#[test]
fn a_mistake_in_a_batch_aborts_all_of_it() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.call(&["OFFER", "PUT", "sku", OFFER]);
    client.call(&["MULTI"]);
    assert_eq!(client.call(&["BUY", "sku", "alice", "r1"]), queued());
    assert!(client.call(&["BUY", "sku", "alice", "r1", "QTY", "0"]).error().starts_with("ERR QTY"));
    assert!(client.call(&["EXEC"]).error().starts_with("EXECABORT"));
    assert_eq!(client.call(&["SHOW", "sku", "r1"]).status(), "UNKNOWN", "nothing was done");
    assert!(client.call(&["EXEC"]).error().starts_with("ERR EXEC without MULTI"));
}

#[test]
fn a_batch_can_be_forgotten_and_does_not_nest() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.call(&["OFFER", "PUT", "sku", OFFER]);
    client.call(&["MULTI"]);
    client.call(&["BUY", "sku", "alice", "r1"]);
    assert_eq!(client.call(&["DISCARD"]), Value::Simple("OK".into()));
    assert!(client.call(&["DISCARD"]).error().starts_with("ERR DISCARD without MULTI"));
    client.call(&["MULTI"]);
    assert!(client.call(&["MULTI"]).error().contains("can not be nested"));
    assert!(client.call(&["EXEC"]).error().starts_with("EXECABORT"));
    client.call(&["MULTI"]);
    assert_eq!(client.call(&["EXEC"]), Value::Array(vec![]));
    assert_eq!(client.call(&["SHOW", "sku", "r1"]).status(), "UNKNOWN");
}

#[test]
fn a_batch_longer_than_the_pipeline_is_answered_whole() {
    let server = TestServer::start_with(|config| {
        config.limits.pipeline = 5;
        config.limits.queued = 200;
    });
    let mut client = server.connect();
    client.call(&["OFFER", "PUT", "sku", r#"{"price":5,"stock":1000}"#]);
    client.send(&["MULTI"]);
    for index in 0..200 {
        client.send(&["BUY", "sku", &format!("b{index}"), &format!("r{index}")]);
    }
    client.send(&["EXEC"]);
    client.send(&["PING"]);
    assert_eq!(client.receive(), Value::Simple("OK".into()));
    for _ in 0..200 {
        assert_eq!(client.receive(), queued());
    }
    let answers = client.receive().items();
    assert_eq!(answers.len(), 200);
    assert!(answers.iter().enumerate().all(|(index, answer)| answer.text("id") == format!("r{index}")));
    assert_eq!(client.receive(), Value::Simple("PONG".into()), "what follows comes after the batch");
}

#[test]
fn a_batch_that_is_too_long_is_refused_whole() {
    let server = TestServer::start_with(|config| config.limits.queued = 3);
    let mut client = server.connect();
    client.call(&["MULTI"]);
    for _ in 0..3 {
        assert_eq!(client.call(&["PING"]), queued());
    }
    assert!(client.call(&["PING"]).error().starts_with("ERR MULTI holds too many"));
    assert!(client.call(&["EXEC"]).error().starts_with("EXECABORT"));
}
