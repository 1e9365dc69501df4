//! What client libraries say before and between commands.

use crate::client::{TestServer, Value};
use stampede_gateway::command::spec::{Keys, Spec};
use stampede_gateway::command::table::TABLE;

fn simple(text: &str) -> Value {
    Value::Simple(text.into())
}

#[test]
fn hello_introduces_the_server_and_chooses_the_protocol() {
    let server = TestServer::start();
    let mut client = server.connect();
    let hello = client.call(&["HELLO", "2", "SETNAME", "till-4"]);
    assert!(matches!(hello, Value::Array(_)));
    assert_eq!(hello.keys(), ["server", "version", "proto", "id", "mode", "role", "modules"]);
    assert_eq!(client.call(&["CLIENT", "GETNAME"]), Value::Bulk("till-4".into()));
    let hello = client.call(&["hello", "3"]);
    assert!(matches!(hello, Value::Map(_)));
    assert_eq!(Value::Integer(hello.number("id")), client.call(&["CLIENT", "ID"]));
    assert!(matches!(client.call(&["HELLO"]), Value::Map(_)), "HELLO alone keeps the protocol");
    assert!(client.call(&["HELLO", "9"]).error().starts_with("NOPROTO"));
    assert!(client.call(&["HELLO", "3", "AUTH", "default", "x"]).error().starts_with("ERR AUTH"));
    assert_eq!(client.call(&["RESET"]), simple("RESET"));
    assert!(matches!(client.call(&["CONFIG", "GET", "save"]), Value::Array(_)), "RESET goes back to RESP2");
}

#[test]
fn a_hello_in_a_pipeline_changes_only_what_comes_after_it() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.call(&["OFFER", "PUT", "sku", r#"{"price":5,"stock":3}"#]);
    client.send(&["SHOW", "sku", "r1"]);
    client.send(&["HELLO", "3"]);
    client.send(&["SHOW", "sku", "r1"]);
    assert!(matches!(client.receive(), Value::Array(_)));
    assert!(matches!(client.receive(), Value::Map(_)));
    assert!(matches!(client.receive(), Value::Map(_)));
}

#[test]
fn connections_have_names_numbers_and_libraries() {
    let server = TestServer::start();
    let (mut first, mut second) = (server.connect(), server.connect());
    let (Value::Integer(one), Value::Integer(two)) =
        (first.call(&["CLIENT", "ID"]), second.call(&["CLIENT", "ID"]))
    else {
        panic!("numbers")
    };
    assert!(two > one);
    assert_eq!(first.call(&["CLIENT", "SETINFO", "LIB-NAME", "till"]), simple("OK"));
    assert_eq!(first.call(&["CLIENT", "SETINFO", "lib-ver", "1.2"]), simple("OK"));
    assert!(first.call(&["CLIENT", "SETINFO", "LIB-AGE", "1"]).error().starts_with("ERR attribute"));
    assert_eq!(first.call(&["CLIENT", "SETNAME", "a"]), simple("OK"));
    assert!(first.call(&["CLIENT", "SETNAME", "a b"]).error().starts_with("ERR name"));
    let Value::Bulk(list) = second.call(&["CLIENT", "LIST"]) else { panic!("a text") };
    assert_eq!(list.lines().count(), 2);
    assert!(list.contains("name=a ") && list.contains("lib-name=till lib-ver=1.2"), "{list}");
    let Value::Bulk(own) = second.call(&["CLIENT", "INFO"]) else { panic!("a text") };
    assert!(own.starts_with(&format!("id={two} addr=127.0.0.1:")), "{own}");
}

#[test]
fn small_commands_answer_as_redis_does() {
    let server = TestServer::start();
    let mut client = server.connect();
    assert_eq!(client.call(&["PING"]), simple("PONG"));
    assert_eq!(client.call(&["ping", "hi"]), Value::Bulk("hi".into()));
    assert_eq!(client.call(&["ECHO", "hi"]), Value::Bulk("hi".into()));
    assert_eq!(client.call(&["SELECT", "0"]), simple("OK"));
    assert_eq!(client.call(&["CONFIG", "GET", "appendonly"]).text("appendonly"), "no");
    assert!(client.call(&["BGSAVE"]).error().contains("durability memory keeps nothing on disk"));
    let Value::Integer(saved) = client.call(&["LASTSAVE"]) else { panic!("a number") };
    assert!(saved > 1_600_000_000, "the start, in seconds: {saved}");
    assert_eq!(client.call(&["CONFIG", "GET", "maxmem*"]).keys(), ["maxmemory", "maxmemory-policy"]);
    assert_eq!(client.call(&["CONFIG", "GET", "nothing"]), Value::Array(vec![]));
    assert_eq!(client.call(&["QUIT"]), simple("OK"));
    client.expect_closed();
}

#[test]
fn info_has_what_clients_wait_for() {
    let server = TestServer::start();
    let mut client = server.connect();
    let Value::Bulk(info) = client.call(&["INFO"]) else { panic!("a text") };
    for line in [
        "redis_version:7.0.0",
        "loading:0",
        "role:master",
        "connected_clients:1",
        "shards:2",
        "shards_down:0",
    ] {
        assert!(info.lines().any(|found| found == line), "{line} in {info}");
    }
    assert!(info.contains("stampede_version:"));
    let Value::Bulk(part) = client.call(&["INFO", "replication"]) else { panic!("a text") };
    assert!(part.starts_with("# Replication") && !part.contains("# Server"), "{part}");
}

#[test]
fn command_describes_every_command_in_ten_fields() {
    let server = TestServer::start();
    let mut client = server.connect();
    let all = client.call(&["COMMAND"]).items();
    assert_eq!(client.call(&["COMMAND", "COUNT"]), Value::Integer(i64::try_from(all.len()).expect("a few")));
    assert_eq!(all.len(), TABLE.len());
    for (entry, spec) in all.iter().zip(TABLE) {
        check_entry(entry, spec);
    }
    let some = client.call(&["COMMAND", "INFO", "buy", "nothing", "offer|put"]).items();
    assert_eq!((some.len(), &some[1]), (3, &Value::Null));
    assert_eq!(some[2].items()[0], Value::Bulk("offer|put".into()));
    assert_eq!(some[2].items()[3], Value::Integer(2), "the key of OFFER PUT is its second argument");
}

fn check_entry(entry: &Value, spec: &Spec) {
    let fields = entry.items();
    assert_eq!(fields.len(), 10, "{}", spec.full_name);
    assert_eq!(fields[0], Value::Bulk(spec.full_name.to_lowercase().replace(' ', "|")));
    assert_eq!(fields[1], Value::Integer(i64::from(spec.arity)));
    let key = Value::Integer(i64::from(spec.keys.place()));
    assert_eq!((&fields[3], &fields[4]), (&key, &key));
    assert_eq!(fields[8].items().len(), usize::from(spec.keys != Keys::None));
    let subcommands = fields[9].items();
    assert_eq!(subcommands.len(), spec.subcommands.len());
    for (entry, spec) in subcommands.iter().zip(spec.subcommands) {
        check_entry(entry, spec);
    }
}

#[test]
fn command_docs_document_arguments_and_subcommands() {
    let server = TestServer::start();
    let mut client = server.connect().resp3();
    let docs = client.call(&["COMMAND", "DOCS"]);
    assert_eq!(docs.keys().len(), TABLE.len());
    let one = client.call(&["COMMAND", "DOCS", "return", "nothing"]);
    let about = one.get("return").expect("the docs of RETURN");
    assert_eq!(about.text("group"), "storefront");
    let arguments: Vec<String> = about
        .get("arguments")
        .expect("arguments")
        .items()
        .iter()
        .map(|argument| argument.text("name"))
        .collect();
    assert_eq!(arguments, ["offer", "id", "n", "NORESTOCK", "op"]);
    let offer = client.call(&["COMMAND", "DOCS", "OFFER"]).get("offer").expect("the docs of OFFER");
    assert!(offer.get("subcommands").expect("subcommands").get("offer|put").is_some());
}

#[test]
fn command_getkeys_finds_the_key() {
    let server = TestServer::start();
    let mut client = server.connect();
    let key = |name: &str| Value::Array(vec![Value::Bulk(name.into())]);
    assert_eq!(client.call(&["COMMAND", "GETKEYS", "BUY", "sku", "alice", "r1"]), key("sku"));
    assert_eq!(client.call(&["COMMAND", "GETKEYS", "POOL", "GET", "p"]), key("p"));
    let read = ["COMMAND", "GETKEYS", "XREAD", "COUNT", "5", "STREAMS", "feed:0", "feed:1", "0", "$"];
    let keys = ["feed:0", "feed:1"].map(|key| Value::Bulk(key.into()));
    assert_eq!(client.call(&read), Value::Array(keys.to_vec()));
    assert_eq!(client.call(&["COMMAND", "GETKEYS", "XINFO", "STREAM", "feed:0"]), key("feed:0"));
    assert!(client.call(&["COMMAND", "GETKEYS", "PING"]).error().contains("no key arguments"));
    assert!(client.call(&["COMMAND", "GETKEYS", "NOSUCH"]).error().contains("Invalid command"));
}
