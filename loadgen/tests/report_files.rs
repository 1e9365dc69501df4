//! The files that a run leaves, and what the command line says to mistakes, and when.

mod shop;

use std::process::{Command, Output};

use serde_json::Value;
use shop::Lie;

fn load(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stampede-load")).args(args).output().expect("the binary starts")
}

fn run_with_files() -> (Value, String) {
    let addr = shop::server::open(Lie::None);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (json, html) = (dir.path().join("r.json"), dir.path().join("r.html"));
    let output = load(&[
        "steady",
        "--addr",
        &addr,
        "--rate",
        "400",
        "--duration",
        "1s",
        "--buyers",
        "300",
        "--seed",
        "7",
        "--prefix",
        "<b>&",
        "--json",
        json.to_str().expect("plain"),
        "--html",
        html.to_str().expect("plain"),
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let json = std::fs::read_to_string(json).expect("the JSON was written");
    let html = std::fs::read_to_string(html).expect("the HTML was written");
    (serde_json::from_str(&json).expect("it is JSON"), html)
}

/// Counts are read as whole numbers, so that sums compare exactly.
fn whole(value: &Value, path: &str) -> u64 {
    let found = value.pointer(path).unwrap_or_else(|| panic!("{path} is missing in {value}"));
    found.as_u64().unwrap_or_else(|| panic!("{path} is no whole number: {found}"))
}

fn number(value: &Value, path: &str) -> f64 {
    let found = value.pointer(path).unwrap_or_else(|| panic!("{path} is missing in {value}"));
    found.as_f64().unwrap_or_else(|| panic!("{path} is no number: {found}"))
}

#[test]
fn the_json_has_its_stable_names_and_its_sums_agree() {
    let (json, _) = run_with_files();
    assert_eq!(json["schema"], "stampede-load/1");
    assert_eq!(json["seed"], 7);
    assert_eq!(json["is_clean"], true);
    let run = &json["runs"][0];
    for name in ["p50_us", "p90_us", "p99_us", "p999_us", "max_us"] {
        assert!(number(run, &format!("/latency/{name}")) > 0.0);
        number(run, &format!("/lag/{name}"));
    }
    for name in ["planned", "left_out", "elapsed_s", "goodput_per_s", "broken_connections"] {
        number(run, &format!("/{name}"));
    }
    assert!(run["lag_matters"].is_boolean());
    let classes = run["classes"].as_array().expect("a list");
    let counted: u64 = classes.iter().map(|class| whole(class, "/count")).sum();
    let statuses: u64 = run["statuses"].as_object().expect("a map").values().filter_map(Value::as_u64).sum();
    let slices: u64 = run["timeline"]
        .as_array()
        .expect("a list")
        .iter()
        .flat_map(|slice| slice["answers"].as_object().expect("a map").values())
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(counted + whole(run, "/left_out"), whole(run, "/planned"));
    assert_eq!((counted, counted), (statuses, slices));
    let accepted = classes.iter().find(|class| class["class"] == "accepted").expect("some are accepted");
    assert_eq!(whole(accepted, "/count"), whole(run, "/judgement/sums/accepted"));
    assert_eq!(whole(&json, "/runs/0/judgement/sums/stock"), 1_800);
    let feed = &json["runs"][0]["judgement"]["feed"];
    // Every acceptance is one event at least, and the offer another.
    assert!(whole(feed, "/events") > whole(accepted, "/count"), "{feed}");
    assert_eq!((whole(feed, "/shards"), whole(feed, "/in_doubt")), (1, 0));
    assert!(feed["unread"].as_array().expect("a list").is_empty(), "{feed}");
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_escapes_what_it_is_given() {
    let (_, html) = run_with_files();
    for outside in ["<script", "<link", "<img", "<iframe", "@import", "url(", "src=", "href="] {
        assert!(!html.contains(outside), "the page reaches outside with {outside}");
    }
    // The one address is the name of SVG's vocabulary, which no browser opens.
    let addresses = html.matches("http").count();
    assert_eq!(addresses, html.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
    assert_eq!(html.matches("<svg").count(), 3, "percentiles, answers over time, latency over time");
    assert!(!html.contains("<b>&"), "the prefix is escaped");
    assert!(html.contains("&lt;b&gt;&amp;"), "and shown");
    assert!(html.contains("three views: answers, feed, server: "), "the feed was compared");
}

#[test]
fn mistakes_are_answered_with_the_argument_and_what_was_expected() {
    let addr = shop::server::open(Lie::None);
    let cases: [(&[&str], &str); 10] = [
        (
            &["steady", "--rate=-5", "--addr", &addr],
            "rate: expected 0 to 10000000 intents per second, got -5",
        ),
        (&["steady", "--rate=0", "--addr", &addr], "rate: a rate of 0 throughout sends nothing"),
        (&["steady", "--duration", "10"], "expected a time with its unit, such as 500ms, 10s or 2m"),
        (&["steady", "--connections", "0"], "--connections"),
        (&["steady", "--addr", &addr, "--zipf", "99"], "zipf: expected 0 to 10, got 99"),
        (&["steady", "--addr", &addr, "--buyers", "0"], "buyers: expected at least 1"),
        (
            &["mixed", "--addr", &addr, "--duplicates", "150"],
            "duplicates: expected 0 to 100 percent, got 150",
        ),
        (&["steady", "--addr", &addr, "--prefix", "a b"], "prefix: expected 1 to 32 printable ASCII"),
        (&["spike", "--addr", "127.0.0.1:1"], "cannot connect to 127.0.0.1:1"),
        (&["replay", "/no/such/file"], "cannot read /no/such/file: No such file or directory (os error 2)"),
    ];
    for (args, expected) in cases {
        let output = load(args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(expected), "{args:?}: {text}");
        assert!(text.matches("(os error").count() < 2, "{args:?} says its cause twice: {text}");
    }
}

#[test]
fn what_cannot_work_is_found_before_anything_is_connected_to() {
    // Nobody listens there: whoever connected first would say so.
    let nobody = ["--addr", "127.0.0.1:1"];
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (folder, file) = (dir.path().to_str().expect("plain"), dir.path().join("there"));
    std::fs::write(&file, "kept").expect("it is written");
    let (missing, below) = (format!("{folder}/missing/r.json"), format!("{}/r.json", file.display()));
    let cases: [(&[&str], String); 15] = [
        (&["steady", "--json", &missing], format!("cannot write {missing}: No such file or directory")),
        (&["mixed", "--html", &missing], format!("cannot write {missing}: No such file or directory")),
        (&["spike", "--json", &below], format!("cannot write {below}: Not a directory")),
        (&["spike", "--html", folder], format!("cannot write {folder}: it is a folder")),
        (&["spike", "--rate=-5"], "rate: expected 0 to 10000000 intents per second, got -5".into()),
        (&["steady", "--duration", "0s"], "duration: expected more than 0".into()),
        (&["steady", "--rate", "1", "--duration", "1ms"], "not one intent falls into the run".into()),
        (&["mixed", "--offers", "0"], "offers: expected 1 to 100000, got 0".into()),
        (&["steady", "--closed", "--requests", "0"], "requests: at least 1 is needed".into()),
        (&["steady", "--closed", "--prefix", "a b"], "prefix: expected 1 to 32".into()),
        (&["replay", "there", "--chunk", "0"], "chunk: expected at least 1".into()),
        (&["replay", "there", "--price=-1"], "price: expected 0 or more".into()),
        (
            &["compare", "--redis", "127.0.0.1:1", "--rate", "1", "--duration", "1ms"],
            "not one intent falls into the run".into(),
        ),
        (&["compare", "--redis", "127.0.0.1:1", "--bots", "101"], "bots: expected 0 to 100 percent".into()),
        (
            &["compare", "--redis", "127.0.0.1:1", "--closed", "--requests", "0"],
            "requests: at least 1".into(),
        ),
    ];
    for (args, expected) in cases {
        let args = [args, &nobody[..]].concat();
        let output = load(&args);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {text}");
        assert!(text.contains(&expected), "{args:?}: {text}");
    }
    assert_eq!(
        std::fs::read_to_string(&file).expect("it is there"),
        "kept",
        "nothing is written before the run"
    );
    assert_eq!(std::fs::read_dir(dir.path()).expect("it is there").count(), 1, "and nothing is left");
}

#[test]
fn a_server_that_is_no_resp_server_is_an_error_and_not_a_hang() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("bound").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _gone = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let output = load(&["steady", "--addr", &addr, "--rate", "10", "--duration", "1s"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("sent what is not RESP: byte 0x48 starts no RESP type"), "{text}");
}
