//! Many commands at once: replies come in the order of the requests, whatever shards they went to.

use crate::client::{TestServer, Value, frame};
use std::io::Write;

const OFFERS: usize = 16;

#[test]
fn replies_come_in_the_order_of_the_requests_across_shards() {
    let server = TestServer::start_with(|config| config.shards = Some(4));
    let mut client = server.connect();
    for offer in 0..OFFERS {
        client.call(&["OFFER", "PUT", &format!("o{offer}"), r#"{"price":5,"stock":100000}"#]);
    }
    let mut bytes = Vec::new();
    for index in 0..5_000 {
        bytes.extend(frame(&[
            "BUY",
            &format!("o{}", index % OFFERS),
            &format!("b{index}"),
            &format!("r{index}"),
        ]));
        if index % 7 == 0 {
            bytes.extend(frame(&["ECHO", &format!("e{index}")]));
        }
        if index % 500 == 0 {
            bytes.extend(frame(&["AUDIT"]));
        }
    }
    let mut writer = client.writer();
    let sender = std::thread::spawn(move || writer.write_all(&bytes).expect("the server reads"));
    for index in 0..5_000 {
        assert_eq!(client.receive().text("id"), format!("r{index}"));
        if index % 7 == 0 {
            assert_eq!(client.receive(), Value::Bulk(format!("e{index}")));
        }
        if index % 500 == 0 {
            assert_eq!(client.receive().status(), "OK");
        }
    }
    sender.join().expect("the sender ends");
    server.audit();
}

#[test]
fn a_pipeline_deeper_than_the_bound_is_answered_whole() {
    let server = TestServer::start_with(|config| config.limits.pipeline = 3);
    let mut client = server.connect();
    client.call(&["OFFER", "PUT", "sku", r#"{"price":5,"stock":1000}"#]);
    let mut bytes = Vec::new();
    for index in 0..400 {
        bytes.extend(frame(&["BUY", "sku", &format!("b{index}"), &format!("r{index}")]));
        bytes.extend(frame(&["OFFER", "LIST"]));
    }
    client.send_bytes(&bytes);
    for index in 0..400 {
        assert_eq!(client.receive().text("id"), format!("r{index}"));
        assert_eq!(client.receive().status(), "OK");
    }
}

#[test]
fn long_lists_in_one_pipeline_are_answered_whole() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.call(&["OFFER", "PUT", "sku", r#"{"price":5,"stock":5000}"#]);
    for index in 0..1_000 {
        client.send(&["BUY", "sku", &format!("b{index}"), &format!("r{index}")]);
    }
    for _ in 0..1_000 {
        client.receive();
    }
    for _ in 0..30 {
        client.send(&["RESERVATIONS", "sku", "COUNT", "1000"]);
    }
    for _ in 0..30 {
        assert_eq!(client.receive().get("reservations").expect("a list").items().len(), 1_000);
    }
}

#[test]
fn what_was_sent_before_the_end_is_answered() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.call(&["OFFER", "PUT", "sku", r#"{"price":5,"stock":1000}"#]);
    for index in 0..300 {
        client.send(&["BUY", "sku", &format!("b{index}"), &format!("r{index}")]);
    }
    client.finish_sending();
    for index in 0..300 {
        assert_eq!(client.receive().text("id"), format!("r{index}"));
    }
    client.expect_closed();
}
