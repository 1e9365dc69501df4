//! 64 connections race for the last unit.

use crate::client::{Client, TestServer};
use std::sync::{Arc, Barrier};

const RACERS: usize = 64;

#[test]
fn of_64_connections_one_gets_the_last_unit() {
    let server = TestServer::start();
    let mut operator = server.connect();
    for round in 0..10 {
        let offer = format!("last-{round}");
        operator.call(&["OFFER", "PUT", &offer, r#"{"price":5,"stock":1}"#]);
        let barrier = Arc::new(Barrier::new(RACERS));
        let (address, mut statuses) = (server.address(), Vec::new());
        let racers: Vec<_> = (0..RACERS)
            .map(|racer| {
                let (barrier, offer) = (Arc::clone(&barrier), offer.clone());
                std::thread::spawn(move || {
                    let mut client = Client::connect(address);
                    barrier.wait();
                    client.call(&["BUY", &offer, &format!("b{racer}"), &format!("r{racer}")]).status()
                })
            })
            .collect();
        statuses.extend(racers.into_iter().map(|racer| racer.join().expect("a racer ends")));
        assert_eq!(statuses.iter().filter(|status| *status == "HELD").count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| *status == "SOLD_OUT").count(), RACERS - 1);
        assert_eq!(operator.call(&["POOL", "GET", &offer]).number("available"), 0);
    }
    server.audit();
}

#[test]
fn of_64_connections_with_one_buyer_one_passes_the_limit() {
    let server = TestServer::start();
    server.connect().call(&["OFFER", "PUT", "sku", r#"{"price":5,"stock":1000,"limit":{"buyer":1}}"#]);
    let barrier = Arc::new(Barrier::new(RACERS));
    let address = server.address();
    let racers: Vec<_> = (0..RACERS)
        .map(|racer| {
            let barrier = Arc::clone(&barrier);
            std::thread::spawn(move || {
                let mut client = Client::connect(address);
                barrier.wait();
                client.call(&["BUY", "sku", "alice", &format!("r{racer}")]).status()
            })
        })
        .collect();
    let statuses: Vec<String> = racers.into_iter().map(|racer| racer.join().expect("a racer ends")).collect();
    assert_eq!(statuses.iter().filter(|status| *status == "HELD").count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| *status == "LIMIT").count(), RACERS - 1);
    server.audit();
}
