//! Offers as text: what is read, what is refused and in which words.

use stampede_engine::core::{
    Admission, Cohort, GroupRule, HOLD_DEFAULT, Late, Limits, Millis, Money, Offer, Reserve, Settle, Take,
    UnixMs,
};
use stampede_gateway::offer_text::{
    OFFER_BYTES_MAX, field_rows, parse_duration, parse_json, parse_toml_file, schema, to_json,
};

#[track_caller]
fn check(json: &str, offer: &Offer) {
    let read = parse_json(json.as_bytes()).unwrap_or_else(|error| panic!("{json}\n{error}"));
    assert_eq!(&read, offer, "{json}");
}

#[track_caller]
fn check_refused(json: &str, error: &str) {
    match parse_json(json.as_bytes()) {
        Ok(offer) => panic!("{json} was read as {offer:?}"),
        Err(found) => assert_eq!(found.to_string(), error, "{json}"),
    }
}

fn group(size: u32) -> GroupRule {
    GroupRule::new(size, Millis::new(86_400_000))
}

#[test]
fn price_and_stock_are_enough() {
    check(r#"{"price": 1990, "stock": 100}"#, &Offer::with_stock(Money::cash(1990), 100));
}

#[test]
fn null_is_the_same_as_left_out() {
    check(
        r#"{"price": 1990, "stock": 100, "takes": null, "closes": null, "late": null, "settle": null, "alone": null}"#,
        &Offer::with_stock(Money::cash(1990), 100),
    );
}

#[test]
fn every_field_is_read() {
    let json = r#"{
        "title": "双十一 night",
        "opens": "2026-11-11T00:00:00+08:00",
        "closes": 1794412800000,
        "takes": [{"pool": "{n}phone", "units": 1}, {"pool": "{n}gift", "units": 2}],
        "limit": {"order": 1, "buyer": 3, "campaign": 5},
        "admit": {"all": ["vip"], "any": ["a", "b"], "none": ["bot"], "code": "open sesame", "cohort": [0, 50]},
        "price": {"cash": 100, "points": 20},
        "alone": 150,
        "hold": "90s",
        "late": "retake",
        "settle": {"group": {
            "size": 3, "open": "24h", "min": 2, "join": {"all": ["new"]}, "merge": true, "leave": true,
            "reserve": "group", "any_min_left": "500ms"
        }}
    }"#;
    let tags = |tags: &[&str]| tags.iter().map(|&tag| tag.into()).collect::<Vec<Box<str>>>();
    let offer = Offer {
        title: "双十一 night".into(),
        opens: Some(UnixMs::new(1_794_326_400_000)),
        closes: Some(UnixMs::new(1_794_412_800_000)),
        stock: None,
        takes: vec![Take { pool: "{n}phone".into(), units: 1 }, Take { pool: "{n}gift".into(), units: 2 }],
        limit: Limits { order: Some(1), buyer: Some(3), campaign: Some(5) },
        admit: Admission {
            all: tags(&["vip"]),
            any: tags(&["a", "b"]),
            none: tags(&["bot"]),
            code: Some("open sesame".into()),
            cohort: Some(Cohort { from: 0, to: 50 }),
        },
        price: Money { cash: 100, points: 20 },
        alone: Some(Money::cash(150)),
        hold: Millis::new(90_000),
        late: Late::Retake,
        settle: Settle::Group(GroupRule {
            min: Some(2),
            join: Some(Admission { all: tags(&["new"]), ..Admission::default() }),
            merge: true,
            leave: true,
            reserve: Reserve::Group,
            any_min_left: Some(Millis::new(500)),
            ..group(3)
        }),
    };
    check(json, &offer);
    check(&to_json(&offer), &offer);
}

#[test]
fn durations_are_a_number_and_a_unit() {
    for (text, ms) in
        [("500ms", 500), ("30s", 30_000), ("15m", 900_000), ("24h", 86_400_000), ("7d", 604_800_000)]
    {
        assert_eq!(parse_duration(text), Ok(Millis::new(ms)));
    }
    for text in ["", "15", "m", "1.5h", "-1s", "1h30m", "15 m", "15M", "367d", "99999999999999999999d", "1w"]
    {
        assert!(parse_duration(text).is_err(), "{text}");
    }
    assert_eq!(parse_json(br#"{"price": 1, "stock": 1}"#).unwrap().hold, HOLD_DEFAULT);
}

#[test]
fn a_field_of_the_wrong_kind_is_named_with_what_stood_there() {
    let cases = [
        (r#"{"price": 1}"#, "stock: expected one of stock and takes"),
        (r#"{"stock": 1}"#, "price: missing, but required"),
        (r"[]", "expected a table of fields, found a list"),
        (
            r#"{"price": 1, "stock": 1, "limit": [1, 2, 3]}"#,
            "limit: expected a table of fields, found a list",
        ),
        (
            r#"{"price": "1990", "stock": 1}"#,
            r#"price: expected a price: a whole number of minor units from 0, or {"cash": n, "points": n}, found the text "1990""#,
        ),
        (
            r#"{"price": 19.9, "stock": 1}"#,
            r#"price: expected a price: a whole number of minor units from 0, or {"cash": n, "points": n}, found 19.9"#,
        ),
        (
            r#"{"price": -1, "stock": 1}"#,
            r#"price: expected a price: a whole number of minor units from 0, or {"cash": n, "points": n}, found -1"#,
        ),
        (r#"{"price": {"cash": -5}, "stock": 1}"#, "price.cash: expected a whole number from 0, found -5"),
        (r#"{"price": {}, "stock": 1}"#, "price: expected cash, points or both, found neither"),
        (r#"{"price": 1, "stock": "100"}"#, "stock: expected a whole number from 0, found the text \"100\""),
        (r#"{"price": 1, "stock": 1.0}"#, "stock: expected a whole number from 0, found 1.0"),
        (r#"{"price": 1, "stock": -1}"#, "stock: expected a whole number from 0, found -1"),
        (r#"{"price": 1, "stock": 1e3}"#, "stock: expected a whole number from 0, found 1000.0"),
        (r#"{"price": 1, "stock": 1, "title": 5}"#, "title: expected a text, found 5"),
        (
            r#"{"price": 1, "stock": 1, "hold": 900}"#,
            "hold: expected a duration such as 500ms, 30s, 15m, 24h or 7d, at most 366d, found 900",
        ),
        (
            r#"{"price": 1, "stock": 1, "hold": "15 minutes"}"#,
            r#"hold: expected a duration such as 500ms, 30s, 15m, 24h or 7d, at most 366d, found the text "15 minutes""#,
        ),
        (
            r#"{"price": 1, "stock": 1, "opens": "tomorrow"}"#,
            r#"opens: expected an instant: RFC 3339 with its offset, such as 2026-11-11T00:00:00+08:00, or Unix milliseconds, found the text "tomorrow""#,
        ),
        (
            r#"{"price": 1, "stock": 1, "opens": 1794326400}"#,
            "opens: expected Unix milliseconds, and this looks like seconds, found 1794326400",
        ),
        (r#"{"price": 1, "stock": 1, "limit": 5}"#, "limit: expected a table of fields, found 5"),
        (
            r#"{"price": 1, "stock": 1, "late": "never"}"#,
            r#"late: expected "refund" or "retake", found the text "never""#,
        ),
        (
            r#"{"price": 1, "stock": 1, "settle": "later"}"#,
            r#"settle: expected "now" or {"group": {"size": n, "open": duration, ...}}, found the text "later""#,
        ),
        (
            r#"{"price": 1, "stock": 1, "settle": {}}"#,
            r#"settle: expected "now" or {"group": {"size": n, "open": duration, ...}}, found a table without group"#,
        ),
        (
            r#"{"price": 1, "stock": 1, "settle": {"group": {"size": 3}}}"#,
            "settle.group.open: missing, but required",
        ),
        (
            r#"{"price": 1, "stock": 1, "settle": {"group": {"size": 3, "open": "1h", "merge": "yes"}}}"#,
            r#"settle.group.merge: expected true or false, found the text "yes""#,
        ),
        (r#"{"price": 1, "takes": [{"pool": "a"}]}"#, "takes[0].units: missing, but required"),
        (r#"{"price": 1, "takes": {"pool": "a", "units": 1}}"#, "takes: expected a list, found a table"),
        (r#"{"price": 1, "stock": 1, "admit": {"all": ["a", 5]}}"#, "admit.all[1]: expected a text, found 5"),
        (
            r#"{"price": 1, "stock": 1, "admit": {"cohort": [1]}}"#,
            "admit.cohort: expected [from, to] in percent, found 1 numbers",
        ),
        (
            r#"{"price": 1, "stock": 1, "admit": {"cohort": [0, 300]}}"#,
            "admit.cohort[1]: expected a whole number from 0 to 255, found 300",
        ),
        (r#"{"price": 1, "price": 2, "stock": 1}"#, "price: given twice"),
        (
            r#"{"price": 1, "stock": 1, "settle": {"group": {"size": 3, "size": 4, "open": "1h"}}}"#,
            "settle.group.size: given twice",
        ),
    ];
    for (json, error) in cases {
        check_refused(json, error);
    }
}

#[test]
fn a_value_out_of_range_is_named_with_what_stood_there() {
    let cases = [
        (
            r#"{"price": 1, "stock": 1, "opens": 1794326400000, "closes": 1794326400000}"#,
            "closes: expected an instant after opens, found 1794326400000",
        ),
        (
            r#"{"price": 1, "stock": 1, "settle": {"group": {"size": 1, "open": "1h"}}}"#,
            "settle.group.size: expected 2 to 1,000,000 seats, found 1",
        ),
        (
            r#"{"price": 1, "stock": 1, "settle": {"group": {"size": 3, "min": 4, "open": "1h"}}}"#,
            "settle.group.min: expected 1 to size seats, found 4",
        ),
        (
            r#"{"price": 1, "stock": 1, "hold": "0s"}"#,
            "hold: expected a duration from 1ms to 366d, found \"0ms\"",
        ),
        (
            r#"{"price": 1, "stock": 1, "takes": [{"pool": "a", "units": 1}]}"#,
            r#"takes: expected either stock or takes, not both, found [{"pool":"a","units":1}]"#,
        ),
        (
            r#"{"price": 1, "stock": 1, "limit": {"buyer": 0}}"#,
            "limit.buyer: expected at least 1 unit; leave it out for no limit, found 0",
        ),
        (
            r#"{"price": 9999999999, "stock": 1}"#,
            "price: expected at most 9,007,199,254 minor units per unit, found 9999999999",
        ),
        (
            r#"{"price": 1, "stock": 1, "alone": 2}"#,
            "alone: expected no price for buying alone unless settle.group is given, found 2",
        ),
        (
            r#"{"price": 1, "stock": 1, "admit": {"cohort": [60, 50]}}"#,
            "admit.cohort: expected [from, to] in percent with 0 <= from < to <= 100, found [60,50]",
        ),
        (
            "{\"price\": 1, \"stock\": 1, \"admit\": {\"code\": \"a\\nb\"}}",
            r#"admit.code: expected 1 to 256 bytes without control characters: no intent could carry it, found "a\nb""#,
        ),
        (
            r#"{"price": 1, "stock": 1, "settle": {"group": {"size": 3, "open": "1h", "reserve": "group"}}}"#,
            r#"settle.group.reserve: expected limit.order = 1 with reserve = "group", found "group""#,
        ),
    ];
    for (json, error) in cases {
        check_refused(json, error);
    }
}

#[test]
fn a_misspelt_field_is_answered_with_the_nearest_one() {
    let cases = [
        (r#"{"price": 1, "stok": 1}"#, "stok: unknown field; did you mean stock?"),
        (
            r#"{"price": 1, "stock": 1, "settle": {"group": {"sise": 3, "open": "1h"}}}"#,
            "settle.group.sise: unknown field; did you mean size?",
        ),
        (
            r#"{"price": 1, "stock": 1, "limit": {"buyers": 3}}"#,
            "limit.buyers: unknown field; did you mean buyer?",
        ),
        (
            r#"{"price": 1, "stock": 1, "limit": {"per_customer": 3}}"#,
            "limit.per_customer: unknown field; expected one of order, buyer, campaign, period, abandoned",
        ),
        (
            r#"{"price": 1, "takes": [{"pool": "a", "unit": 1}]}"#,
            "takes[0].unit: unknown field; did you mean units?",
        ),
    ];
    for (json, error) in cases {
        check_refused(json, error);
    }
}

#[test]
fn a_field_of_a_later_version_is_refused_by_name() {
    let whole = ["options", "zone", "remind", "waitlist", "shuffle", "grants", "rebate"];
    for (field, value) in
        whole.iter().flat_map(|field| ["5", "{}", "null", "[[[]]]"].map(|value| (field, value)))
    {
        check_refused(
            &format!(r#"{{"price": 1, "stock": 1, "{field}": {value}}}"#),
            &format!("{field}: not yet supported by this version; leave it out"),
        );
    }
    let inner = [
        (r#"{"price": 1, "stock": 1, "limit": {"period": {"every": "day", "units": 1}}}"#, "limit.period"),
        (
            r#"{"price": 1, "stock": 1, "limit": {"abandoned": {"holds": 1, "rest": "1h"}}}"#,
            "limit.abandoned",
        ),
        (r#"{"price": {"by": "position", "steps": []}, "stock": 1}"#, "price.by"),
        (r#"{"price": {"steps": [], "by": "volume"}, "stock": 1}"#, "price.steps"),
        (r#"{"price": 1, "stock": 1, "settle": {"draw": {"prizes": 3}}}"#, "settle.draw"),
        (r#"{"price": 1, "stock": 1, "settle": {"presale": {"deposit": 3}}}"#, "settle.presale"),
        (
            r#"{"price": 1, "stock": 1, "settle": {"group": {"size": 3, "open": "1h", "tiers": []}}}"#,
            "settle.group.tiers",
        ),
        (
            r#"{"price": 1, "stock": 1, "settle": {"group": {"size": 3, "open": "1h", "draw": {}}}}"#,
            "settle.group.draw",
        ),
    ];
    for (json, path) in inner {
        check_refused(json, &format!("{path}: not yet supported by this version; leave it out"));
    }
}

#[test]
fn what_is_not_one_json_value_is_refused_with_its_place() {
    check_refused("", "not JSON: EOF while parsing a value at line 1 column 0");
    check_refused("{", "not JSON: EOF while parsing an object at line 1 column 1");
    check_refused(r#"{"price": 1, "stock": 1} x"#, "not JSON: trailing characters at line 1 column 26");
    check_refused(r#"{"price": 01, "stock": 1}"#, "not JSON: invalid number at line 1 column 12");
    assert!(parse_json(b"{\"price\": 1, \"stock\": 1, \"title\": \"\xff\"}").is_err());
}

#[test]
fn deep_and_long_texts_are_refused_before_they_cost_anything() {
    let deep = "[".repeat(10_000);
    check_refused(&deep, "expected a table of fields, found a list");
    check_refused(
        &format!(r#"{{"price": {deep}"#),
        r#"price: expected a price: a whole number of minor units from 0, or {"cash": n, "points": n}, found a list"#,
    );
    check_refused(
        &format!(r#"{{"x": {deep}"#).replace('[', "{\"x\":"),
        "x: unknown field; expected one of title, opens, closes, stock, takes, limit, admit, price, alone, hold, late, settle, options, zone, remind, waitlist, shuffle, grants, rebate",
    );
    let long = format!(r#"{{"price": 1, "stock": 1, "title": "{}"}}"#, "x".repeat(OFFER_BYTES_MAX));
    let error = parse_json(long.as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("offer: expected at most 65536 bytes, found 65"), "{error}");
}

#[test]
fn an_error_is_one_short_line_whatever_the_text_holds() {
    let texts = [
        format!("{{\"price\": 1, \"{}\": 1}}", "é\\r\\n".repeat(5_000)),
        format!("{{\"price\": \"{}\"}}", "\\n\\u0000".repeat(4_000)),
        "{\"price\": \"\\r\\n+OK\"}".to_owned(),
        "{\"a\\r\\nb\": 1}".to_owned(),
        format!(
            "{{\"price\": 1, \"takes\": [{}]}}",
            r#"{"pool": "a", "units": 1},"#.repeat(20) + r#"{"pool": "b", "units": 0}"#
        ),
    ];
    for text in texts {
        let error = parse_json(text.as_bytes()).unwrap_err().to_string();
        assert!(error.len() < 1_000 && !error.contains(['\r', '\n', '\0']), "{error}");
    }
}

#[test]
fn a_file_holds_offers_in_its_order() {
    let file = r#"
        [[offer]]
        id = "{night}phone"
        title = "Phone"
        price = 199900
        stock = 1000
        opens = 2026-11-11T00:00:00+08:00
        limit = { buyer = 1 }

        [[offer]]
        id = "{night}bundle"
        price = { cash = 209900, points = 10 }
        takes = [{ pool = "{night}phone", units = 1 }]
        [offer.settle.group]
        size = 2
        open = "24h"
    "#;
    let offers = parse_toml_file(file).unwrap();
    assert_eq!(offers[0].0, "{night}phone");
    assert_eq!(offers[0].1.opens, Some(UnixMs::new(1_794_326_400_000)));
    assert_eq!(offers[1].0, "{night}bundle");
    assert_eq!(offers[1].1.settle, Settle::Group(group(2)));
    assert_eq!(offers.len(), 2);
    assert_eq!(parse_toml_file("").unwrap(), []);
}

#[test]
fn a_mistake_in_a_file_names_the_offer_and_the_field() {
    let cases = [
        ("[[offer]]\nid = \"a\"\nprice = 1\nstok = 1", "a.stok: unknown field; did you mean stock?"),
        (
            "[[offer]]\nid = \"a\"\nprice = 1\nstock = 1\n[offer.settle.group]\nsise = 3\nopen = \"1h\"",
            "a.settle.group.sise: unknown field; did you mean size?",
        ),
        ("[[offer]]\nprice = 1\nstock = 1", "offer[0].id: missing, but required"),
        (
            "[[offer]]\nid = \"a b\"\nprice = 1\nstock = 1",
            "offer[0].id: expected 1 to 64 bytes of printable ASCII without space or comma, found \"a b\"",
        ),
        (
            "[[offer]]\nid = \"a\"\nprice = 1\nstock = 1\n[[offer]]\nid = \"a\"\nprice = 1\nstock = 1",
            "offer[1].id: a stands twice in the file",
        ),
        (
            "[[offers]]\nid = \"a\"",
            "offers: unknown; a file of offers holds [[offer]] tables and nothing else",
        ),
        ("[offer]\nid = \"a\"", "offer: expected [[offer]] tables, found something else"),
        (
            "[[offer]]\nid = \"a\"\nprice = 1.5\nstock = 1",
            r#"a.price: expected a price: a whole number of minor units from 0, or {"cash": n, "points": n}, found 1.5"#,
        ),
        ("[[offer]]\nid = \"a\"\nprice = nan\nstock = 1", "offer[0].price: infinite or not a number"),
        (
            "[[offer]]\nid = \"a\"\nprice = 1\nstock = 1\nopens = 2026-11-11T00:00:00",
            r#"a.opens: expected an instant: RFC 3339 with its offset, such as 2026-11-11T00:00:00+08:00, or Unix milliseconds, found the text "2026-11-11T00:00:00""#,
        ),
    ];
    for (file, error) in cases {
        assert_eq!(parse_toml_file(file).unwrap_err().to_string(), error, "{file}");
    }
    let error = parse_toml_file("[[offer]]\nid = \"a\"\nid = \"b\"").unwrap_err().to_string();
    assert!(error.starts_with("not TOML in line 3: duplicate key"), "{error}");
}

#[test]
fn the_table_of_fields_lists_each_field_once_with_its_default_and_meaning() {
    let rows = field_rows();
    let row =
        |path: &str| rows.iter().find(|row| row.path == path).unwrap_or_else(|| panic!("no row {path}"));
    assert_eq!(row("price").default, "required");
    assert_eq!(row("hold").default, "`15m`");
    assert_eq!(row("hold").value, "duration");
    assert_eq!(row("opens").value, "instant");
    assert_eq!(row("price").value, "0 to 9,007,199,254 or table");
    assert_eq!(row("admit.all").value, "list of id");
    assert_eq!(row("settle.group.size").value, "2 to 1,000,000");
    assert_eq!(row("settle.group.reserve").default, "`seat`");
    assert_eq!(row("takes.units").default, "required");
    assert_eq!(row("settle.group.join.cohort").path, "settle.group.join.cohort");
    assert!(rows.iter().all(|row| !row.meaning.is_empty() && !row.value.is_empty()), "{rows:#?}");
    let mut paths: Vec<&str> = rows.iter().map(|row| row.path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), rows.len());
}

#[test]
fn the_schema_takes_what_the_reader_takes_and_refuses_what_it_refuses() {
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).expect("the schema is a schema");
    let good = [
        r#"{"price": 1990, "stock": 100}"#,
        r#"{"price": {"cash": 1, "points": 2}, "takes": [{"pool": "a", "units": 1}], "stock": null}"#,
        r#"{"price": {"points": 2}, "stock": 0, "opens": "2026-11-11T00:00:00+08:00", "closes": 1794412800000}"#,
        r#"{"price": 1, "alone": 2, "stock": 9, "late": "retake", "hold": "30s", "admit": {"cohort": [0, 10], "all": ["a"]},
            "settle": {"group": {"size": 3, "open": "1h", "min": 2, "reserve": "seat", "join": {"none": ["old"]}}}}"#,
        r#"{"price": 0, "stock": 1, "settle": "now", "limit": {"order": 1}}"#,
    ];
    for json in good {
        let value = serde_json::from_str(json).unwrap();
        assert!(parse_json(json.as_bytes()).is_ok(), "{json}");
        assert!(validator.is_valid(&value), "{json}: {:?}", validator.iter_errors(&value).next());
    }
    let bad = [
        r#"{"price": 1}"#,
        r#"{"stock": 1}"#,
        r#"{"price": -1, "stock": 1}"#,
        r#"{"price": {}, "stock": 1}"#,
        r#"{"price": 1, "stock": 1, "takes": [{"pool": "a", "units": 1}]}"#,
        r#"{"price": 1, "takes": [{"pool": "a b", "units": 1}]}"#,
        r#"{"price": 1, "takes": [{"pool": "a", "units": 0}]}"#,
        r#"{"price": 1, "stock": 1, "hold": "15 minutes"}"#,
        r#"{"price": 1, "stock": 1, "opens": 1794326400}"#,
        r#"{"price": 1, "stock": 1, "late": "never"}"#,
        r#"{"price": 1, "stock": 1, "waitlist": 5}"#,
        r#"{"price": 1, "stock": 1, "limit": {"order": 0}}"#,
        r#"{"price": 1, "stock": 1, "settle": {"group": {"size": 1, "open": "1h"}}}"#,
        r#"{"price": 1, "stock": 1, "settle": {"group": {"size": 3}}}"#,
        r#"{"price": 1, "stock": 1, "settle": {"group": {"sise": 3, "size": 3, "open": "1h"}}}"#,
        r#"{"price": 1, "stock": 1, "admit": {"cohort": [0]}}"#,
    ];
    for json in bad {
        assert!(parse_json(json.as_bytes()).is_err(), "{json}");
        assert!(!validator.is_valid(&serde_json::from_str(json).unwrap()), "{json}");
    }
}
