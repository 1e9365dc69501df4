//! A sale and a group, answer by answer, in both protocols: which pairs come, in which order, of which type.

use crate::client::{Client, TestServer, Value};

const GROUP_OFFER: &str =
    r#"{"price":900,"stock":10,"settle":{"group":{"size":2,"open":"10m","leave":true}}}"#;

fn both_protocols(check: impl Fn(&TestServer, Client)) {
    let server = TestServer::start();
    check(&server, server.connect());
    server.audit();
    let server = TestServer::start();
    check(&server, server.connect().resp3());
    server.audit();
}

#[test]
fn a_purchase_is_held_paid_and_shown() {
    both_protocols(|_, mut client| {
        assert_eq!(client.call(&["OFFER", "PUT", "sku", r#"{"price":1990,"stock":5}"#]).status(), "OK");
        let held = client.call(&["BUY", "sku", "alice", "r1", "QTY", "2"]);
        assert_eq!(held.keys(), ["status", "id", "qty", "price", "amount", "expires", "event"]);
        assert_eq!((held.status().as_str(), held.text("id").as_str()), ("HELD", "r1"));
        assert_eq!((held.number("qty"), held.number("price"), held.number("amount")), (2, 1990, 3980));
        let again = client.call(&["buy", "sku", "alice", "r1", "qty", "2"]);
        assert_eq!(again.number("replayed"), 1);
        assert_eq!((again.get("event"), again.get("expires")), (held.get("event"), held.get("expires")));
        let wrong = client.call(&["PAY", "sku", "r1", "AMOUNT", "1"]);
        assert_eq!((wrong.status().as_str(), wrong.number("due")), ("AMOUNT", 3980));
        let won = client.call(&["PAY", "sku", "r1", "REF", "tx-1", "AMOUNT", "3980"]);
        assert_eq!(won.status(), "WON");
        assert_eq!(won.get("expires"), None, "a deadline is over once it is met");
        let show = client.call(&["SHOW", "sku", "r1"]);
        assert_eq!((show.status().as_str(), show.text("buyer").as_str()), ("WON", "alice"));
        let back = client.call(&["RETURN", "sku", "r1", "QTY", "1", "OP", "op1"]);
        assert_eq!((back.status().as_str(), back.number("owe"), back.number("qty")), ("WON", 1990, 1));
        let pool = client.call(&["POOL", "GET", "sku"]);
        assert_eq!(pool.keys(), ["status", "pool", "total", "available", "held", "sold"]);
        assert_eq!((pool.number("total"), pool.number("available"), pool.number("sold")), (5, 4, 1));
    });
}

#[test]
fn a_late_payment_says_late_and_what_is_owed() {
    both_protocols(|_, mut client| {
        client.call(&["OFFER", "PUT", "sku", r#"{"price":700,"stock":1}"#]);
        client.call(&["BUY", "sku", "alice", "r1"]);
        assert_eq!(client.call(&["CANCEL", "sku", "r1"]).status(), "RELEASED");
        let late = client.call(&["PAY", "sku", "r1", "REF", "tx"]);
        assert_eq!((late.status().as_str(), late.number("late"), late.number("owe")), ("RELEASED", 1, 700));
    });
}

#[test]
fn refusals_are_maps_with_their_details() {
    both_protocols(|_, mut client| {
        client.call(&["OFFER", "PUT", "sku", r#"{"price":5,"stock":3,"limit":{"buyer":1}}"#]);
        client.call(&["OFFER", "PUT", "soon", r#"{"price":5,"stock":3,"opens":"2099-01-01T00:00:00Z"}"#]);
        client.call(&["OFFER", "PUT", "vip", r#"{"price":5,"stock":3,"admit":{"all":["vip"]}}"#]);
        client.call(&["BUY", "sku", "alice", "r1"]);
        let conflict = client.call(&["BUY", "sku", "bob", "r1"]);
        assert_eq!((conflict.status().as_str(), conflict.text("field").as_str()), ("ID_CONFLICT", "buyer"));
        let limit = client.call(&["BUY", "sku", "alice", "r2"]);
        assert_eq!(limit.keys(), ["status", "scope", "max"]);
        assert_eq!((limit.text("scope").as_str(), limit.number("max")), ("buyer", 1));
        let early = client.call(&["BUY", "soon", "alice", "r1"]);
        assert_eq!((early.status().as_str(), early.number("opens")), ("NOT_OPEN", 4_070_908_800_000));
        assert_eq!(client.call(&["BUY", "vip", "alice", "r1"]).status(), "NOT_ADMITTED");
        assert_eq!(client.call(&["BUY", "vip", "alice", "r1", "TAGS", "x,vip"]).status(), "HELD");
        assert_eq!(client.call(&["BUY", "nothing", "alice", "r1"]).status(), "OFFER_UNKNOWN");
        assert_eq!(client.call(&["PAY", "sku", "nothing"]).status(), "UNKNOWN");
        assert_eq!(client.call(&["SHOW", "sku", "nothing"]).status(), "UNKNOWN");
        assert_eq!(client.call(&["OFFER", "CLOSE", "sku"]).status(), "OK");
        assert_eq!(client.call(&["BUY", "sku", "carol", "r9"]).status(), "CLOSED");
    });
}

#[test]
fn a_removed_offer_keeps_its_sums_and_nothing_else() {
    both_protocols(|_, mut client| {
        client.call(&["OFFER", "PUT", "sku", r#"{"price":100,"stock":3}"#]);
        client.call(&["BUY", "sku", "alice", "r1"]);
        client.call(&["BUY", "sku", "bob", "r2", "QTY", "2"]);
        client.call(&["PAY", "sku", "r1"]);
        let open = client.call(&["OFFER", "REMOVE", "sku"]);
        assert!(open.error().starts_with("ERR the offer is not closed"), "{open:?}");
        client.call(&["OFFER", "CLOSE", "sku"]);
        let unsettled = client.call(&["OFFER", "REMOVE", "sku"]);
        let sentence = "ERR the offer is not settled: 2 units are held or paid, 0 groups are open";
        assert!(unsettled.error().starts_with(sentence), "{unsettled:?}");
        client.call(&["CANCEL", "sku", "r2"]);
        assert_eq!(client.call(&["OFFER", "REMOVE", "sku"]).status(), "OK");
        let again = client.call(&["OFFER", "REMOVE", "sku"]);
        assert_eq!((again.status().as_str(), again.number("replayed")), ("OK", 1));
        let offer = client.call(&["OFFER", "GET", "sku"]);
        let sums = ["reservations", "held", "sold", "paid", "owed"].map(|key| offer.number(key));
        assert_eq!((offer.status().as_str(), sums), ("REMOVED", [2, 0, 1, 100, 0]));
        assert_eq!(client.call(&["POOL", "GET", "sku"]).number("sold"), 1);
        assert_eq!(client.call(&["SHOW", "sku", "r1"]).status(), "UNKNOWN");
        assert_eq!(client.call(&["BUY", "sku", "alice", "r1"]).status(), "CLOSED");
        let put = client.call(&["OFFER", "PUT", "sku", r#"{"price":100,"stock":3}"#]);
        assert!(put.error().starts_with("ERR the offer was removed"), "{put:?}");
        assert_eq!(client.call(&["OFFER", "REMOVE", "nothing"]).status(), "OFFER_UNKNOWN");
    });
}

#[test]
fn points_stand_beside_cash() {
    both_protocols(|_, mut client| {
        client.call(&["OFFER", "PUT", "sku", r#"{"price":{"cash":100,"points":7},"stock":9}"#]);
        let held = client.call(&["BUY", "sku", "alice", "r1", "QTY", "3"]);
        assert_eq!((held.number("amount"), held.number("points"), held.number("price_points")), (300, 21, 7));
    });
}

#[test]
fn a_group_fills_and_forms() {
    both_protocols(|_, mut client| {
        client.call(&["OFFER", "PUT", "team", GROUP_OFFER]);
        let lead = client.call(&["BUY", "team", "lena", "g1", "GROUP", "new"]);
        let keys = [
            "status",
            "id",
            "qty",
            "price",
            "amount",
            "expires",
            "event",
            "group",
            "seats_left",
            "group_expires",
        ];
        assert_eq!(lead.keys(), keys);
        assert_eq!((lead.text("group").as_str(), lead.number("seats_left")), ("g1", 1));
        let groups = client.call(&["GROUPS", "team"]);
        let open = groups.get("groups").expect("a list").items();
        assert_eq!(open.len(), 1);
        assert_eq!((open[0].status().as_str(), open[0].number("seats_left")), ("OPEN", 1));
        assert_eq!(client.call(&["BUY", "team", "max", "g2", "GROUP", "ANY"]).number("seats_left"), 0);
        assert_eq!(client.call(&["BUY", "team", "nora", "g3", "GROUP", "g1"]).status(), "GROUP_FULL");
        assert_eq!(client.call(&["BUY", "team", "nora", "g3", "GROUP", "g9"]).status(), "GROUP_UNKNOWN");
        assert!(client.call(&["BUY", "team", "nora", "g3"]).error().starts_with("ERR GROUP is needed"));
        assert_eq!(client.call(&["PAY", "team", "g1"]).status(), "PAID");
        assert_eq!(client.call(&["SHOW", "team", "g1"]).text("group_state"), "OPEN");
        assert_eq!(client.call(&["PAY", "team", "g2"]).status(), "WON");
        assert_eq!(client.call(&["SHOW", "team", "g1"]).text("group_state"), "FORMED");
        let group = client.call(&["GROUP", "team", "g1"]);
        assert_eq!((group.status().as_str(), group.text("leader").as_str()), ("FORMED", "lena"));
        let members = group.get("members").expect("a list").items();
        let buyers: Vec<String> = members.iter().map(|member| member.text("buyer")).collect();
        assert_eq!(buyers, ["lena", "max"]);
        assert!(members.iter().all(|member| member.status() == "WON"));
    });
}

#[test]
fn a_group_that_has_ended_has_no_seats_left_whoever_asks() {
    both_protocols(|_, mut client| {
        client.call(&["OFFER", "PUT", "team", GROUP_OFFER]);
        client.call(&["BUY", "team", "lena", "g1", "GROUP", "NEW"]);
        client.call(&["CANCEL", "team", "g1"]);
        let shown = client.call(&["SHOW", "team", "g1"]);
        assert_eq!((shown.text("group_state").as_str(), shown.number("seats_left")), ("FAILED", 0));
        let group = client.call(&["GROUP", "team", "g1"]);
        assert_eq!((group.status().as_str(), group.number("seats_left")), ("FAILED", 0));
    });
}

#[test]
fn an_operator_sees_and_steers_an_offer() {
    both_protocols(|_, mut client| {
        client.call(&["OFFER", "PUT", "sku", r#"{"title":"Lamp","price":5,"stock":3}"#]);
        for id in ["r1", "r2", "r3"] {
            client.call(&["BUY", "sku", &format!("buyer-{id}"), id]);
        }
        assert_eq!(client.call(&["BUY", "sku", "late", "r4"]).status(), "SOLD_OUT");
        let offer = client.call(&["OFFER", "GET", "sku"]);
        assert_eq!((offer.status().as_str(), offer.number("held")), ("OPEN", 3));
        assert!(offer.text("definition").contains("Lamp"));
        assert_eq!(
            client.call(&["OFFER", "PUT", "sku", &offer.text("definition")]).status(),
            "OK",
            "as it was given"
        );
        let page = client.call(&["RESERVATIONS", "sku", "COUNT", "2"]);
        assert_eq!(page.get("reservations").expect("a list").items().len(), 2);
        let cursor = page.text("cursor");
        let rest = client.call(&["RESERVATIONS", "sku", "CURSOR", &cursor, "STATE", "held"]);
        assert_eq!(rest.get("reservations").expect("a list").items()[0].text("id"), "r3");
        assert_eq!(rest.get("cursor"), None);
        let buyer = client.call(&["BUYER", "sku", "buyer-r1"]);
        assert_eq!((buyer.number("units"), buyer.number("count")), (1, 1));
        let extended = ["OFFER", "EXTEND", "sku", "10m", "ID", "op1"];
        let before = client.call(&["SHOW", "sku", "r1"]).number("expires");
        assert_eq!(client.call(&extended).status(), "OK");
        assert_eq!(client.call(&extended).number("replayed"), 1);
        assert_eq!(client.call(&["SHOW", "sku", "r1"]).number("expires"), before + 600_000);
        assert_eq!(client.call(&["REVOKE", "sku", "r1", "a bot"]).status(), "RELEASED");
        assert_eq!(client.call(&["POOL", "ADD", "sku", "4", "ID", "op2"]).status(), "OK");
        assert_eq!(client.call(&["POOL", "ADD", "sku", "4", "ID", "op2"]).number("replayed"), 1);
        assert_eq!(client.call(&["POOL", "ADD", "sku", "-2", "ID", "op3"]).status(), "OK");
        assert_eq!(client.call(&["POOL", "GET", "sku"]).number("available"), 3);
        assert_eq!(client.call(&["OFFER", "PAUSE", "sku"]).status(), "OK");
        assert_eq!(client.call(&["BUY", "sku", "x", "r7"]).status(), "PAUSED");
        assert_eq!(client.call(&["OFFER", "RESUME", "sku"]).status(), "OK");
        let demand = client.call(&["DEMAND", "sku"]);
        let answers = demand.get("answers").expect("a list").items();
        assert!(answers.iter().any(|line| line.text("answer") == "SOLD_OUT" && line.number("intents") == 1));
    });
}

#[test]
fn lists_and_audits_cover_every_shard() {
    both_protocols(|_, mut client| {
        let mut names: Vec<String> = (0..10).map(|index| format!("offer-{index}")).collect();
        for name in &names {
            assert_eq!(client.call(&["OFFER", "PUT", name, r#"{"price":5,"stock":3}"#]).status(), "OK");
            client.call(&["BUY", name, "alice", "r1"]);
        }
        let (mut seen, mut cursor) = (Vec::new(), Some("0".to_owned()));
        while let Some(from) = cursor {
            let page = client.call(&["OFFER", "LIST", "COUNT", "3", "CURSOR", &from]);
            let offers = page.get("offers").expect("a list").items();
            assert!(offers.len() <= 3);
            seen.extend(offers.iter().map(|offer| offer.text("offer")));
            cursor = page.get("cursor").map(|_| page.text("cursor"));
        }
        seen.sort();
        names.sort();
        assert_eq!(seen, names);
        let audit = client.call(&["AUDIT"]);
        assert_eq!((audit.status().as_str(), audit.number("offers"), audit.number("held")), ("OK", 10, 10));
        assert_eq!(audit.get("shards").expect("a list").items().len(), 2);
        let one = client.call(&["AUDIT", "offer-3"]);
        assert_eq!((one.status().as_str(), one.number("offers")), ("OK", 1));
        assert_eq!(client.call(&["AUDIT", "nothing"]).status(), "OFFER_UNKNOWN");
    });
}

#[test]
fn resp3_answers_with_maps_and_resp2_with_flat_arrays() {
    let server = TestServer::start();
    let (mut two, mut three) = (server.connect(), server.connect().resp3());
    assert!(matches!(two.call(&["OFFER", "PUT", "sku", r#"{"price":5,"stock":3}"#]), Value::Array(_)));
    assert!(matches!(three.call(&["SHOW", "sku", "r1"]), Value::Map(_)));
    assert_eq!(two.call(&["CLIENT", "GETNAME"]), Value::Null);
    three.send(&["CLIENT", "GETNAME"]);
    assert_eq!(three.receive(), Value::Null);
}
