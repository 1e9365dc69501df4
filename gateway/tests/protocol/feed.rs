//! The feed as a reader sees it: shapes in both protocols, places, ranges, mistakes, waiting, and the order of replies.

use crate::client::{Client, TestServer, Value, frame};
use std::time::{Duration, Instant};

const OFFER: &str = r#"{"price":5,"stock":100000,"limit":{"buyer":9}}"#;

/// A server with one shard, so that everything is on one feed.
fn server() -> TestServer {
    TestServer::start_with(|config| config.shards = Some(1))
}

/// Puts an offer and buys it so many times; the ids of the purchases, from the second entry on.
fn sell(client: &mut Client, count: usize) -> Vec<String> {
    client.call(&["OFFER", "PUT", "sku", OFFER]);
    let buy = |index: usize| client_buy(index);
    for index in 0..count {
        client.send_bytes(&buy(index));
    }
    (0..count).map(|_| client.receive().text("event")).collect()
}

fn client_buy(index: usize) -> Vec<u8> {
    frame(&["BUY", "sku", &format!("b{index}"), &format!("r{index}")])
}

fn bulk(text: &str) -> Value {
    Value::Bulk(text.to_owned())
}

/// Entries without those that tell of demand: when these come depends on the time that a test takes.
fn decisions(entries: &Value) -> Vec<Value> {
    let is_decision = |entry: &Value| fields(entry).text("type") != "demand";
    entries.items().into_iter().filter(is_decision).collect()
}

/// The ids of entries, as XRANGE lists them.
fn ids(entries: &Value) -> Vec<String> {
    let id = |entry: &Value| match &entry.items()[0] {
        Value::Bulk(id) => id.clone(),
        other => panic!("an id is expected, not {other:?}"),
    };
    entries.items().iter().map(id).collect()
}

/// The entries of one feed in the reply to an XREAD, in either protocol.
fn entries_of(reply: &Value, key: &str) -> Value {
    match reply {
        Value::Map(_) => reply.get(key).unwrap_or_else(|| panic!("{key} is not in {reply:?}")),
        other => {
            let pairs = other.items();
            let pair = pairs.iter().map(Value::items).find(|pair| pair[0] == bulk(key));
            pair.unwrap_or_else(|| panic!("{key} is not in {reply:?}"))[1].clone()
        }
    }
}

fn fields(entry: &Value) -> Value {
    entry.items()[1].clone()
}

#[test]
fn a_read_has_the_shape_of_redis_in_each_protocol() {
    let server = server();
    let mut second = server.connect();
    let events = sell(&mut second, 2);
    let mut third = server.connect().resp3();
    for (client, is_map) in [(&mut second, false), (&mut third, true)] {
        let reply = client.call(&["XREAD", "COUNT", "2", "STREAMS", "feed:0", "0"]);
        assert_eq!(matches!(reply, Value::Map(_)), is_map, "{reply:?}");
        let entries = entries_of(&reply, "feed:0");
        assert_eq!(ids(&entries)[1], events[0]);
        let fields = fields(&entries.items()[1]);
        assert!(matches!(fields, Value::Array(_)), "fields are a flat array: {fields:?}");
        assert_eq!(fields.keys()[..2], ["type", "at"]);
        assert_eq!((fields.text("type"), fields.text("buyer")), ("held".into(), "b0".into()));
        assert_eq!(fields.get("qty"), Some(bulk("1")), "numbers are text");
        let nothing = client.call(&["XREAD", "STREAMS", "feed:0", "$"]);
        assert_eq!(nothing, Value::Null);
    }
}

#[test]
fn nothing_is_a_null_array_in_resp2_and_a_null_in_resp3() {
    let server = server();
    for (protocol, bytes) in [("2", &b"*-1\r\n"[..]), ("3", b"_\r\n")] {
        let mut client = server.connect();
        client.call(&["HELLO", protocol]);
        client.send(&["XREAD", "STREAMS", "feed:0", "$"]);
        assert_eq!(client.receive_bytes(bytes.len()), bytes);
    }
}

#[test]
fn an_entry_says_what_happened_and_leaves_out_what_does_not_apply() {
    let server = server();
    let mut client = server.connect();
    let offer = r#"{"price":{"cash":5,"points":2},"stock":9,"hold":"1h"}"#;
    client.call(&["OFFER", "PUT", "sku", offer]);
    client.call(&["POOL", "ADD", "extra", "3", "ID", "op-1"]);
    let held = client.call(&["BUY", "sku", "alice", "r1", "QTY", "3", "REFERRER", "bob"]);
    client.call(&["PAY", "sku", "r1", "AMOUNT", "15", "REF", "pay-1"]);
    client.call(&["PAY", "sku", "r1", "AMOUNT", "4", "REF", "pay-2"]);
    client.call(&["RETURN", "sku", "r1", "QTY", "1", "OP", "op-2"]);
    client.call(&["BUY", "sku", "carol", "r2"]);
    client.call(&["REVOKE", "sku", "r2", "a test"]);
    client.call(&["OFFER", "PAUSE", "sku"]);
    let entries = decisions(&client.call(&["XRANGE", "feed:0", "-", "+"]));
    let told: Vec<Vec<(String, String)>> = entries
        .iter()
        .map(|entry| {
            let fields = fields(entry);
            let pair = |key: String| (key.clone(), fields.text(&key));
            fields
                .keys()
                .into_iter()
                .filter(|key| !["at", "definition", "opens"].contains(&key.as_str()))
                .map(pair)
                .collect()
        })
        .collect();
    let expires = held.text("expires");
    let told: Vec<String> = told
        .iter()
        .map(|pairs| pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        told,
        [
            "type=offer offer=sku by=put".to_owned(),
            "type=pool pool=extra units=3 op=op-1".to_owned(),
            format!("type=held offer=sku id=r1 buyer=alice qty=3 price=5 price_points=2 by=buy amount=15 points=6 expires={expires} referrer=bob"),
            "type=won offer=sku id=r1 buyer=alice qty=3 price=5 price_points=2 by=pay amount=15 points=6 ref=pay-1".to_owned(),
            "type=owed offer=sku id=r1 buyer=alice qty=3 price=5 price_points=2 owe=4 owe_points=6 ref=pay-2".to_owned(),
            "type=returned offer=sku id=r1 buyer=alice qty=1 price=5 price_points=2 owe=5 owe_points=2 restock=1 op=op-2".to_owned(),
            format!("type=held offer=sku id=r2 buyer=carol qty=1 price=5 price_points=2 by=buy amount=5 points=2 expires={}", fields(&entries[6]).text("expires")),
            "type=released offer=sku id=r2 buyer=carol qty=1 price=5 price_points=2 by=revoke reason=a test".to_owned(),
            "type=operator offer=sku by=pause".to_owned(),
        ]
    );
}

#[test]
fn a_group_is_told_with_every_member() {
    let server = server();
    let mut client = server.connect();
    client.call(&[
        "OFFER",
        "PUT",
        "team",
        r#"{"price":5,"stock":9,"settle":{"group":{"size":2,"open":"1h"}}}"#,
    ]);
    client.call(&["BUY", "team", "alice", "g1", "GROUP", "NEW"]);
    client.call(&["BUY", "team", "bob", "g2", "GROUP", "g1"]);
    client.call(&["PAY", "team", "g1"]);
    client.call(&["PAY", "team", "g2"]);
    let entries = decisions(&client.call(&["XRANGE", "feed:0", "-", "+"]));
    let told: Vec<(String, Option<Value>)> = entries
        .iter()
        .skip(1)
        .map(|entry| (fields(entry).text("type"), fields(entry).get("group")))
        .collect();
    let kinds: Vec<&str> = told.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["group_opened", "held", "held", "paid", "paid", "group_formed", "won", "won"]);
    assert!(told.iter().all(|(_, group)| *group == Some(bulk("g1"))), "{told:?}");
}

#[test]
fn a_reader_goes_on_from_any_place() {
    let server = server();
    let mut client = server.connect();
    let events = sell(&mut client, 5);
    let epoch = events[0].split_once('-').expect("a dash").0.to_owned();
    let read = |client: &mut Client, id: &str| match client.call(&["XREAD", "STREAMS", "feed:0", id]) {
        Value::Null => Vec::new(),
        reply => ids(&Value::Array(decisions(&entries_of(&reply, "feed:0")))),
    };
    let all = read(&mut client, "0");
    assert_eq!(all[1..], events);
    assert_eq!(read(&mut client, "0-0"), all);
    assert_eq!(read(&mut client, &epoch), all, "an epoch is its beginning");
    assert_eq!(read(&mut client, &events[1]), events[2..]);
    assert_eq!(read(&mut client, &events[4]), Vec::<String>::new());
    assert_eq!(read(&mut client, "$"), Vec::<String>::new());
    assert_eq!(read(&mut client, "99999999999999999-1"), Vec::<String>::new());
}

#[test]
fn ranges_go_both_ways_between_ends_that_are_inside_or_outside() {
    let server = server();
    let mut client = server.connect();
    let events = sell(&mut client, 6);
    let epoch = events[0].split_once('-').expect("a dash").0.to_owned();
    let mut ask = |args: &[&str]| {
        let mut found = ids(&Value::Array(decisions(&client.call(args))));
        found.retain(|id| !id.ends_with("-1"));
        found.iter().map(|id| events.iter().position(|event| event == id).expect("known")).collect::<Vec<_>>()
    };
    assert_eq!(ask(&["XRANGE", "feed:0", "-", "+"]), [0, 1, 2, 3, 4, 5]);
    assert_eq!(ask(&["XRANGE", "feed:0", &events[1], &events[3]]), [1, 2, 3]);
    assert_eq!(ask(&["XRANGE", "feed:0", &format!("({}", events[1]), &format!("({}", events[3])]), [2]);
    assert_eq!(ask(&["XRANGE", "feed:0", &events[2], "+", "COUNT", "2"]), [2, 3]);
    assert_eq!(ask(&["XRANGE", "feed:0", &epoch, &epoch]), [0, 1, 2, 3, 4, 5]);
    assert_eq!(ask(&["XRANGE", "feed:0", &events[3], &events[1]]), [0_usize; 0]);
    assert_eq!(ask(&["XREVRANGE", "feed:0", "+", "-"]), [5, 4, 3, 2, 1, 0]);
    assert_eq!(ask(&["XREVRANGE", "feed:0", "+", "-", "COUNT", "2"]), [5, 4]);
    assert_eq!(ask(&["XREVRANGE", "feed:0", &events[3], &events[1]]), [3, 2, 1]);
    assert_eq!(ask(&["XREVRANGE", "feed:0", &format!("({}", events[3]), &format!("({}", events[1])]), [2]);
    assert_eq!(ask(&["XREVRANGE", "feed:0", &events[1], &events[3]]), [0_usize; 0]);
}

#[test]
fn the_lengths_and_ends_of_a_feed_stand_under_the_names_of_redis() {
    let server = server();
    let mut client = server.connect().resp3();
    assert_eq!(client.call(&["XLEN", "feed:0"]), Value::Integer(0));
    let info = client.call(&["XINFO", "STREAM", "feed:0"]);
    assert_eq!((info.get("first-entry"), info.get("last-entry")), (Some(Value::Null), Some(Value::Null)));
    assert_eq!(info.text("recorded-first-entry-id"), "0-0");
    for command in
        [&["OFFER", "PUT", "sku", OFFER][..], &["OFFER", "PAUSE", "sku"], &["OFFER", "RESUME", "sku"]]
    {
        assert_eq!(client.call(command).status(), "OK");
    }
    assert_eq!(client.call(&["XLEN", "feed:0"]), Value::Integer(3));
    let info = client.call(&["XINFO", "STREAM", "feed:0"]);
    assert_eq!(
        info.keys(),
        [
            "length",
            "radix-tree-keys",
            "radix-tree-nodes",
            "last-generated-id",
            "max-deleted-entry-id",
            "entries-added",
            "recorded-first-entry-id",
            "groups",
            "first-entry",
            "last-entry"
        ]
    );
    assert_eq!((info.number("length"), info.number("entries-added")), (3, 3));
    assert_eq!(info.text("max-deleted-entry-id"), "0-0");
    let first = info.get("first-entry").expect("an entry");
    assert_eq!(first.items()[0], bulk(&info.text("recorded-first-entry-id")));
    assert_eq!(fields(&first).text("type"), "offer");
    let last = info.get("last-entry").expect("an entry");
    assert_eq!(last.items()[0], bulk(&info.text("last-generated-id")));
    assert_eq!(fields(&last).text("by"), "resume");
    assert_eq!(client.call(&["XINFO", "GROUPS", "feed:0"]), Value::Array(vec![]));
}

#[test]
fn each_shard_has_its_feed_and_one_read_takes_several() {
    let server = TestServer::start_with(|config| config.shards = Some(4));
    let mut client = server.connect();
    for index in 0..20 {
        client.call(&["OFFER", "PUT", &format!("sku{index}"), OFFER]);
    }
    let keys = ["feed:0", "feed:1", "feed:2", "feed:3"];
    let reply = client.call(&["XREAD", "STREAMS", keys[0], keys[1], keys[2], keys[3], "0", "0", "0", "$"]);
    let lengths: Vec<usize> = keys[..3].iter().map(|key| entries_of(&reply, key).items().len()).collect();
    assert!(lengths.iter().all(|length| *length > 0), "{lengths:?}");
    assert_eq!(reply.items().len(), 3, "a feed with nothing is left out");
    let Value::Integer(rest) = client.call(&["XLEN", keys[3]]) else { panic!("a number") };
    assert_eq!(lengths.iter().sum::<usize>() + usize::try_from(rest).expect("few"), 20);
}

#[test]
fn mistakes_are_named() {
    let server = TestServer::start();
    let mut client = server.connect();
    let own_place = "a reader of a feed keeps its own place";
    for (args, error) in [
        (
            &["XREAD", "STREAMS", "feed:9", "0"][..],
            "ERR there is no feed:9; this server has feed:0 to feed:1",
        ),
        (&["XREAD", "STREAMS", "phone", "0"], "ERR key: expected feed:<shard>, such as feed:0, got 'phone'"),
        (&["XREAD", "STREAMS", "feed:0", "feed:1", "0"], "ERR STREAMS: expected keys and as many ids"),
        (&["XREAD", "COUNT", "5", "feed:0", "0"], "ERR unknown option 'feed:0'"),
        (&["XREAD", "COUNT", "0", "STREAMS", "feed:0", "0"], "ERR COUNT: expected a whole number from 1"),
        (&["XREAD", "COUNT", "5", "COUNT", "6", "STREAMS", "feed:0", "0"], "ERR COUNT is given twice"),
        (&["XREAD", "BLOCK", "-1", "STREAMS", "feed:0", "0"], "ERR BLOCK: expected milliseconds"),
        (&["XREAD", "BLOCK", "10", "COUNT", "5"], "ERR STREAMS is needed"),
        (&["XREAD", "STREAMS", "feed:0", "-"], "ERR id: expected $, <epoch> or <epoch>-<seq>, got '-'"),
        (&["XREAD", "STREAMS", "feed:0", "1-2-3"], "ERR id: expected"),
        (&["XREAD", "STREAMS", "feed:0", "18446744073709551616"], "ERR id: expected"),
        (&["XREAD", "STREAMS", "feed:0", ">"], "ERR id: expected"),
        (&["XREAD", "STREAMS"], "ERR wrong number of arguments for 'XREAD'"),
        (&["XRANGE", "feed:0", "+", "-"], "ERR start: expected -, <epoch>"),
        (&["XRANGE", "feed:0", "-", "x"], "ERR end: expected +, <epoch>"),
        (&["XRANGE", "feed:65536", "-", "+"], "ERR key: expected feed:<shard>"),
        (&["XRANGE", "feed:0", "-", "+", "LIMIT", "5"], "ERR unknown option 'LIMIT'"),
        (&["XRANGE", "feed:0", "-"], "ERR wrong number of arguments"),
        (&["XREVRANGE", "feed:0", "-", "+"], "ERR end: expected +"),
        (&["XLEN", "feed:2"], "ERR there is no feed:2"),
        (&["XINFO", "STREAM", "feed:0", "FULL"], "ERR XINFO STREAM with FULL is not offered"),
        (&["XINFO", "STREAM"], "ERR wrong number of arguments"),
        (&["XINFO", "HELP"], "ERR unknown subcommand 'HELP' of XINFO"),
        (&["XINFO", "CONSUMERS", "feed:0", "g"], own_place),
        (&["XREADGROUP", "GROUP", "g", "c", "STREAMS", "feed:0", ">"], own_place),
        (&["XGROUP", "CREATE", "feed:0", "g", "$"], own_place),
        (&["xack", "feed:0", "g", "1-1"], own_place),
        (
            &["XADD", "feed:0", "*", "a", "b"],
            "ERR XADD is not offered: only decisions of the sale are written",
        ),
    ] {
        let reply = client.call(args);
        assert!(reply.error().contains(error), "{args:?}: {reply:?}");
    }
    assert_eq!(client.call(&["PING"]), Value::Simple("PONG".into()));
}

#[test]
fn a_long_read_comes_in_parts_bounded_by_count_and_by_bytes() {
    let server = TestServer::start_with(|config| {
        config.shards = Some(1);
        config.limits.reply_bytes = 65_536;
    });
    let mut client = server.connect();
    sell(&mut client, 3_000);
    let unbounded = client.call(&["XRANGE", "feed:0", "-", "+", "COUNT", "1000000"]).items().len();
    assert!((100..1_000).contains(&unbounded), "{unbounded} entries in 64 KiB");
    let (mut place, mut seen) = ("0".to_owned(), 0);
    loop {
        let reply = client.call(&["XREAD", "STREAMS", "feed:0", &place]);
        if reply == Value::Null {
            break;
        }
        let read = ids(&entries_of(&reply, "feed:0"));
        for id in &read {
            seen += 1;
            assert_eq!(id.rsplit('-').next().expect("a place"), seen.to_string(), "no gap");
        }
        place = read.last().expect("an entry").clone();
    }
    assert_eq!(client.call(&["XLEN", "feed:0"]), Value::Integer(seen));
    assert!(seen > 3_000);
    let (mut upto, mut back) = ("+".to_owned(), 0);
    loop {
        let read = ids(&client.call(&["XREVRANGE", "feed:0", &upto, "-", "COUNT", "700"]));
        let Some(last) = read.last() else { break };
        back += i64::try_from(read.len()).expect("few");
        upto = format!("({last}");
    }
    assert!(back >= seen, "{back} entries backwards, {seen} forwards");
}

/// A page of the journal holds a mebibyte. Large entries once filled it before a page read backwards had reached its newest
/// entry, and those between were passed over.
#[test]
fn large_entries_are_read_backwards_without_a_gap() {
    let server = server();
    let mut client = server.connect();
    let tags =
        |list: char| (0..64).map(|index| format!("\"{list}{index:050}\"")).collect::<Vec<_>>().join(",");
    let admit = format!(r#"{{"all":[{}],"any":[{}],"none":[{}]}}"#, tags('a'), tags('b'), tags('c'));
    let offer = format!(r#"{{"price":5,"stock":1,"admit":{admit}}}"#);
    for index in 0..300 {
        assert_eq!(client.call(&["OFFER", "PUT", &format!("sku{index}"), &offer]).status(), "OK");
    }
    let (mut upto, mut next) = ("+".to_owned(), 300);
    while next > 0 {
        let read = ids(&client.call(&["XREVRANGE", "feed:0", &upto, "-"]));
        assert!(!read.is_empty(), "{next} entries are missing");
        for id in &read {
            assert!(id.ends_with(&format!("-{next}")), "{id} came where {next} was due");
            next -= 1;
        }
        upto = format!("({}", read[read.len() - 1]);
    }
}

#[test]
fn without_a_count_a_read_brings_a_thousand() {
    let server = server();
    let mut client = server.connect();
    sell(&mut client, 1_200);
    assert_eq!(client.call(&["XRANGE", "feed:0", "-", "+"]).items().len(), 1_000);
    assert_eq!(client.call(&["XREVRANGE", "feed:0", "+", "-"]).items().len(), 1_000);
    let reply = client.call(&["XREAD", "STREAMS", "feed:0", "0"]);
    assert_eq!(entries_of(&reply, "feed:0").items().len(), 1_000);
    let reply = client.call(&["XREAD", "COUNT", "1100", "STREAMS", "feed:0", "0"]);
    assert_eq!(entries_of(&reply, "feed:0").items().len(), 1_100);
}

#[test]
fn a_place_that_is_not_kept_any_more_is_an_error_that_names_the_first_one_kept() {
    let server = TestServer::start_with(|config| {
        config.shards = Some(1);
        config.journal.feed_bytes = 1 << 20;
    });
    let mut client = server.connect().resp3();
    client.call(&["OFFER", "PUT", "sku", r#"{"price":5,"stock":1000000}"#]);
    let mut first = String::new();
    for round in 0..200 {
        for index in 0..500 {
            client.send_bytes(&client_buy(round * 500 + index));
        }
        (0..500).for_each(|_| assert_eq!(client.receive().status(), "HELD"));
        first = client.call(&["XINFO", "STREAM", "feed:0"]).text("recorded-first-entry-id");
        if !first.ends_with("-1") {
            break;
        }
    }
    let (epoch, seq) = first.split_once('-').expect("a dash");
    let seq: u64 = seq.parse().expect("a number");
    assert!(seq > 1, "nothing was let go of");
    let info = client.call(&["XINFO", "STREAM", "feed:0"]);
    assert_eq!(info.text("max-deleted-entry-id"), format!("{epoch}-{}", seq - 1));
    let (gone, last_gone) = (format!("{epoch}-1"), format!("{epoch}-{}", seq - 1));
    for args in [
        &["XREAD", "STREAMS", "feed:0", &gone][..],
        &["XREAD", "BLOCK", "0", "STREAMS", "feed:0", &gone],
        &["XRANGE", "feed:0", &gone, "+"],
        &["XREVRANGE", "feed:0", "+", &gone],
        &["XREVRANGE", "feed:0", &gone, "-"],
    ] {
        let reply = client.call(args);
        let error = reply.error();
        assert!(
            error.starts_with("GONE feed:0") && error.contains(&format!("is {first}:")),
            "{args:?}: {error}"
        );
    }
    let reply = client.call(&["XREAD", "COUNT", "1", "STREAMS", "feed:0", &last_gone]);
    assert_eq!(
        ids(&entries_of(&reply, "feed:0")),
        [first.clone()],
        "behind the last one that went all is there"
    );
    assert_eq!(ids(&client.call(&["XRANGE", "feed:0", "-", "+", "COUNT", "1"])), [first]);
}

#[test]
fn a_waiting_reader_hears_what_happens_on_any_of_its_feeds() {
    let server = TestServer::start_with(|config| config.shards = Some(2));
    let (mut reader, mut seller) = (server.connect(), server.connect());
    reader.send(&["XREAD", "BLOCK", "0", "STREAMS", "feed:0", "feed:1", "$", "$"]);
    reader.send(&["PING"]);
    wait_until_blocked(&mut seller, 1);
    seller.call(&["OFFER", "PUT", "sku", OFFER]);
    let reply = reader.receive();
    assert_eq!(reply.items().len(), 1, "{reply:?}");
    let pair = reply.items()[0].items();
    assert_eq!(fields(&pair[1].items()[0]).text("offer"), "sku");
    assert_eq!(reader.receive(), Value::Simple("PONG".into()));
    wait_until_blocked(&mut seller, 0);
}

/// Asks until INFO counts so many waiting readers.
fn wait_until_blocked(client: &mut Client, count: u32) {
    for _ in 0..10_000 {
        let Value::Bulk(info) = client.call(&["INFO", "clients"]) else { panic!("a text") };
        if info.contains(&format!("blocked_clients:{count}\r\n")) {
            return;
        }
    }
    panic!("never {count} blocked clients");
}

#[test]
fn a_wait_ends_with_nothing_after_its_time() {
    let server = server();
    let mut client = server.connect();
    #[expect(clippy::disallowed_methods, reason = "measures how long the wait was")]
    let started = Instant::now();
    assert_eq!(client.call(&["XREAD", "BLOCK", "150", "STREAMS", "feed:0", "$"]), Value::Null);
    let waited = started.elapsed();
    assert!((Duration::from_millis(150)..Duration::from_secs(3)).contains(&waited), "{waited:?}");
}

#[test]
fn a_wait_without_end_ends_after_four_seconds() {
    let server = server();
    let mut client = server.connect();
    #[expect(clippy::disallowed_methods, reason = "measures how long the wait was")]
    let started = Instant::now();
    assert_eq!(client.call(&["XREAD", "BLOCK", "0", "STREAMS", "feed:0", "$"]), Value::Null);
    let waited = started.elapsed();
    assert!((Duration::from_secs(4)..Duration::from_secs(5)).contains(&waited), "{waited:?}");
}

#[test]
fn a_waiting_read_holds_back_only_the_replies_behind_it() {
    let server = server();
    let mut client = server.connect();
    client.call(&["OFFER", "PUT", "sku", OFFER]);
    client.send(&["BUY", "sku", "alice", "r1"]);
    client.send(&["XREAD", "STREAMS", "feed:0", "0"]);
    assert_eq!(client.receive().text("id"), "r1");
    let seen = entries_of(&client.receive(), "feed:0");
    assert_eq!(decisions(&seen).len(), 2, "a read sees what the commands before it did: {seen:?}");
    client.send(&["XREAD", "BLOCK", "0", "STREAMS", "feed:0", "$"]);
    client.send(&["BUY", "sku", "bob", "r2"]);
    client.send(&["XLEN", "feed:0"]);
    client.send(&["PING"]);
    // The purchase behind the wait is decided at once, and so is what ends the wait.
    let woken = decisions(&entries_of(&client.receive(), "feed:0"));
    assert_eq!(fields(woken.last().expect("an entry")).text("id"), "r2");
    assert_eq!(client.receive().text("id"), "r2");
    assert!(matches!(client.receive(), Value::Integer(3..)));
    assert_eq!(client.receive(), Value::Simple("PONG".into()));
}

#[test]
fn nothing_waits_inside_a_batch() {
    let server = server();
    let mut client = server.connect();
    client.call(&["OFFER", "PUT", "sku", OFFER]);
    client.call(&["MULTI"]);
    for args in [
        &["XREAD", "BLOCK", "0", "STREAMS", "feed:0", "$"][..],
        &["BUY", "sku", "alice", "r1"],
        &["XREAD", "BLOCK", "0", "STREAMS", "feed:0", "0"],
        &["XLEN", "feed:0"],
    ] {
        assert_eq!(client.call(args), Value::Simple("QUEUED".into()));
    }
    let answers = client.call(&["EXEC"]).items();
    assert_eq!(answers[1].text("id"), "r1");
    assert_eq!(decisions(&entries_of(&answers[2], "feed:0")).len(), 2);
    assert!(matches!(answers[3], Value::Integer(2..)), "{:?}", answers[3]);
    client.call(&["MULTI"]);
    assert!(client.call(&["XLEN", "feed:7"]).error().contains("there is no feed:7"));
    assert!(client.call(&["EXEC"]).error().starts_with("EXECABORT"));
}

#[test]
fn many_reads_at_once_are_answered_in_order() {
    let server = server();
    let mut client = server.connect();
    let events = sell(&mut client, 300);
    for event in &events {
        client.send(&["XRANGE", "feed:0", event, event]);
        client.send(&["ECHO", event]);
    }
    for event in &events {
        assert_eq!(ids(&client.receive()), std::slice::from_ref(event));
        assert_eq!(client.receive(), bulk(event));
    }
}

#[test]
fn a_thousand_waiting_readers_are_all_woken() {
    let server = server();
    let mut seller = server.connect();
    let mut readers: Vec<Client> = (0..1_000).map(|_| server.connect()).collect();
    for reader in &mut readers {
        reader.send(&["XREAD", "BLOCK", "0", "STREAMS", "feed:0", "$"]);
    }
    wait_until_blocked(&mut seller, 1_000);
    seller.call(&["OFFER", "PUT", "sku", OFFER]);
    for reader in &mut readers {
        assert_eq!(entries_of(&reader.receive(), "feed:0").items().len(), 1);
    }
}

#[test]
fn waiting_readers_get_nothing_when_the_server_stops() {
    let mut server = server();
    let mut client = server.connect();
    let mut reader = server.connect();
    reader.send(&["XREAD", "BLOCK", "0", "STREAMS", "feed:0", "$"]);
    reader.send(&["PING"]);
    wait_until_blocked(&mut client, 1);
    #[expect(clippy::disallowed_methods, reason = "measures how long the stop took")]
    let started = Instant::now();
    server.shutdown();
    assert!(started.elapsed() < Duration::from_secs(2), "nobody waits for the end of a wait");
    assert_eq!(reader.receive(), Value::Null);
    assert_eq!(reader.receive(), Value::Simple("PONG".into()));
    reader.expect_closed();
}
