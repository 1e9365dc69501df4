//! The end: what was read is answered, whole and in order; then connections close and nobody new is taken.

use crate::client::{TestServer, Value, frame};
use std::net::TcpStream;
use std::time::Duration;

#[test]
fn what_was_read_is_answered_before_the_end() {
    let mut server = TestServer::start();
    let mut client = server.connect();
    client.call(&["OFFER", "PUT", "sku", r#"{"price":5,"stock":100000}"#]);
    let mut idle = server.connect();
    assert_eq!(idle.call(&["PING"]), Value::Simple("PONG".into()));
    let mut half = server.connect();
    half.send_bytes(b"*2\r\n$4\r\nPING\r\n$3\r\nx");
    let mut bytes = Vec::new();
    for index in 0..40 {
        bytes.extend(frame(&["BUY", "sku", &format!("b{index}"), &format!("r{index}")]));
    }
    client.send_bytes(&bytes);
    assert_eq!(client.receive().text("id"), "r0");
    server.shutdown();
    // One write of the client's is one read of the server's here: all of it was read when the first answer came.
    for index in 1..40 {
        assert_eq!(client.receive().text("id"), format!("r{index}"));
    }
    client.expect_closed();
    idle.expect_closed();
    half.expect_closed();
    let refused = TcpStream::connect_timeout(&server.address(), Duration::from_secs(2));
    assert!(refused.is_err(), "nobody is taken any more");
}

#[test]
fn a_peer_that_reads_nothing_does_not_keep_the_server() {
    let mut server = TestServer::start_with(|config| config.limits.reply_bytes = 65_536);
    let slow = server.connect();
    let mut writer = slow.writer();
    writer.set_write_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    let echo = frame(&["ECHO", &"x".repeat(8_192)]);
    let sent = (0..100_000).take_while(|_| std::io::Write::write_all(&mut writer, &echo).is_ok()).count();
    assert!(sent < 100_000);
    let started = tokio::time::Instant::now();
    server.shutdown();
    assert!(started.elapsed() < Duration::from_secs(7), "the end comes within its time");
    drop(slow);
}
