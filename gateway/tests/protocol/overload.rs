//! Peers that take nothing, more work than there is room for, and a shard that has stopped: nobody else is held up.

use crate::client::{TestServer, Value, frame};
use stampede_engine::core::{Entry, Seq, Text};
use stampede_engine::{Engine, EngineConfig, Journal, JournalError, MemoryJournal, SystemTimeSource};
use std::io::Write;
use std::time::Duration;

#[test]
fn a_peer_that_does_not_read_is_closed_and_holds_nobody_up() {
    let server = TestServer::start_with(|config| {
        config.limits.reply_bytes = 65_536;
        config.limits.reply_wait_ms = 400;
    });
    let slow = server.connect();
    let mut writer = slow.writer();
    writer.set_write_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    let echo = frame(&["ECHO", &"x".repeat(8_192)]);
    // The sockets between hold some megabytes; then the server must stop reading.
    let sent = (0..100_000).take_while(|_| writer.write_all(&echo).is_ok()).count();
    assert!(sent < 100_000, "the server went on reading from a peer that takes nothing");
    let mut other = server.connect();
    other.call(&["OFFER", "PUT", "sku", r#"{"price":5,"stock":3}"#]);
    assert_eq!(other.call(&["BUY", "sku", "alice", "r1"]).status(), "HELD");
    let closed = (0..200).any(|_| {
        let Value::Bulk(info) = other.call(&["INFO"]) else { panic!("a text") };
        std::thread::park_timeout(Duration::from_millis(20));
        info.contains("slow_readers_closed:1") && info.contains("connected_clients:1")
    });
    assert!(closed, "the peer is closed after its time");
    drop(slow);
}

#[test]
fn a_run_is_taken_or_answered_busy_as_a_whole() {
    // Four connections offer more in one go than one inbox of 256 requests takes.
    let server = TestServer::start_with(|config| {
        config.shards = Some(1);
        config.limits.inbox = 256;
    });
    let mut first = server.connect();
    first.call(&["OFFER", "PUT", "sku", r#"{"price":5,"stock":1000000}"#]);
    let address = server.address();
    let threads: Vec<_> = (0..8)
        .map(|client| {
            std::thread::spawn(move || {
                let mut connection = crate::client::Client::connect(address);
                let mut writer = connection.writer();
                let mut bytes = Vec::new();
                for index in 0..20_000 {
                    bytes.extend(frame(&[
                        "BUY",
                        "sku",
                        &format!("b{client}"),
                        &format!("r{client}-{index}"),
                    ]));
                }
                let sender = std::thread::spawn(move || writer.write_all(&bytes).expect("the server reads"));
                let mut held = 0;
                for index in 0..20_000 {
                    match connection.receive() {
                        Value::Error(message) => {
                            assert_eq!(message, "BUSY the queue is full; nothing was taken, try again");
                        }
                        answer => {
                            assert_eq!(answer.text("id"), format!("r{client}-{index}"));
                            held += 1;
                        }
                    }
                }
                sender.join().expect("the sender ends");
                held
            })
        })
        .collect();
    let held: i64 = threads.into_iter().map(|thread| thread.join().expect("the client ends")).sum();
    assert_eq!(
        first.call(&["POOL", "GET", "sku"]).number("held"),
        held,
        "what was answered busy took nothing"
    );
    server.audit();
}

/// A journal whose disk fails at the third event.
#[derive(Default)]
struct FailsAtThird {
    last: Seq,
}

impl Journal for FailsAtThird {
    fn record(&mut self, entry: &Entry<'_>) {
        self.last = entry.stamp.id.seq;
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        if self.last.0 < 3 { Ok(()) } else { Err(JournalError::Failed { reason: "the disk is gone".into() }) }
    }

    fn durable(&self) -> Result<Seq, JournalError> {
        Ok(self.last)
    }
}

#[test]
fn a_stopped_shard_answers_sharddown_and_the_others_go_on() {
    let config = EngineConfig { shards: Some(2), ..EngineConfig::in_memory() };
    let engine = Engine::start_with(config, &SystemTimeSource, |shard| -> Box<dyn Journal> {
        if shard.get() == 0 { Box::new(FailsAtThird::default()) } else { Box::new(MemoryJournal::default()) }
    })
    .expect("the engine starts");
    let on_shard = |wanted: u16| {
        let names = (0..100).map(|index| format!("offer-{index}"));
        let mut fitting = names.filter(|name| engine.shard_of(Text::stored(name.as_bytes())).get() == wanted);
        fitting.next().expect("a name for each shard")
    };
    let (failing, sound) = (on_shard(0), on_shard(1));
    let server = TestServer::start_on(engine.clone());
    let mut client = server.connect();
    for offer in [&failing, &sound] {
        assert_eq!(client.call(&["OFFER", "PUT", offer, r#"{"price":5,"stock":9}"#]).status(), "OK");
        assert_eq!(client.call(&["BUY", offer, "alice", "r1"]).status(), "HELD");
    }
    let third = client.call(&["BUY", &failing, "bob", "r2"]);
    assert!(third.error().starts_with("SHARDDOWN the shard of this offer has stopped"), "{third:?}");
    assert_eq!(client.call(&["BUY", &sound, "bob", "r2"]).status(), "HELD");
    client.send(&["BUY", &failing, "carol", "r3"]);
    client.send(&["BUY", &sound, "carol", "r3"]);
    client.send(&["SHOW", &failing, "r1"]);
    assert!(client.receive().error().starts_with("SHARDDOWN"));
    assert_eq!(client.receive().status(), "HELD");
    assert!(
        client.receive().error().starts_with("SHARDDOWN"),
        "reads are refused too: nobody knows what is true"
    );
    assert!(client.call(&["AUDIT"]).error().starts_with("SHARDDOWN"), "half an audit would pass for one");
    let Value::Bulk(info) = client.call(&["INFO", "Stampede"]) else { panic!("a text") };
    assert!(info.contains("shards_down:1"), "{info}");
}
