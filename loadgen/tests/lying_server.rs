//! The ledger against servers that lie: every lie ends the run with exit code 1 and is named in words.

mod shop;

use std::process::{Command, Output};

use shop::Lie;

fn load(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stampede-load")).args(args).output().expect("the binary starts")
}

/// A small rush on a shop with this lie: sold out, with repeats, bots, payments and cancellations.
fn rush(lie: Lie, more: &[&str]) -> (Option<i32>, String) {
    let addr = shop::server::open(lie);
    let mut args = vec!["spike", "--addr", &addr, "--stock", "40", "--buyers", "400", "--rate", "600"];
    args.extend(["--base", "50", "--duration", "1500ms", "--bots", "20"]);
    args.extend(["--connections", "7", "--prefix", "t"]);
    if !more.contains(&"--duplicates") {
        args.extend(["--duplicates", "20"]);
    }
    args.extend(more);
    let output = load(&args);
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text.into_owned())
}

/// Group buys on a shop with this lie.
fn groups(lie: Lie) -> (Option<i32>, String) {
    let addr = shop::server::open(lie);
    let output = load(&[
        "mixed",
        "--addr",
        &addr,
        "--offers",
        "6",
        "--groups",
        "100",
        "--rate",
        "800",
        "--duration",
        "1500ms",
        "--buyers",
        "5000",
        "--stock",
        "5000",
        "--connections",
        "7",
        "--prefix",
        "t",
    ]);
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text.into_owned())
}

fn check_caught((code, text): (Option<i32>, String), rule: &str) {
    assert_eq!(code, Some(1), "the lie must fail the run:\n{text}");
    let difference =
        text.lines().find(|line| line.trim_start().starts_with(rule) && line.contains("expected"));
    let difference = difference.unwrap_or_else(|| panic!("no difference starts with `{rule}`:\n{text}"));
    assert!(difference.contains("found"), "both values stand in it: {difference}");
}

#[test]
fn an_honest_shop_passes_with_nothing_to_complain_about() {
    for (code, text) in [rush(Lie::None, &[]), groups(Lie::None)] {
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("ledger: 0 differences"), "{text}");
        let views = text.lines().find(|line| line.starts_with("three views: answers, feed, server: "));
        let views = views.unwrap_or_else(|| panic!("no line about three views:\n{text}"));
        assert!(
            views.ends_with(" events of one feed, 0 differences") && !views.contains(": 0 events"),
            "{views}"
        );
        assert!(text.contains("Everything agrees"), "{text}");
    }
}

#[test]
fn one_unit_sold_twice_is_caught_though_the_books_hide_it() {
    // Without cancellations, so that a freed unit cannot make up for it.
    check_caught(rush(Lie::Oversells, &["--cancels", "0"]), "oversold: offer t-0 pool t-0");
}

#[test]
fn a_lost_reservation_is_named() {
    check_caught(rush(Lie::LosesReservation, &[]), "state: offer t-0 reservation r");
}

#[test]
fn a_pool_that_counts_wrong_is_named() {
    check_caught(rush(Lie::PoolOffByOne, &[]), "pool: pool t-0 sold");
}

#[test]
fn sold_out_with_a_unit_left_is_caught() {
    check_caught(rush(Lie::SoldOutEarly, &["--cancels", "0"]), "sold out too early: offer t-0 pool t-0");
}

#[test]
fn a_repeat_that_is_sold_again_is_caught() {
    check_caught(rush(Lie::SellsRepeats, &[]), "repeat sold again: offer t-0 reservation r");
}

#[test]
fn a_buyer_with_two_is_caught() {
    check_caught(rush(Lie::IgnoresLimit, &["--cancels", "0"]), "limit passed: offer t-0 buyer b");
}

#[test]
fn a_group_with_one_seat_too_many_is_caught() {
    check_caught(groups(Lie::ExtraSeat), "group overfilled: offer t-");
}

#[test]
fn a_wrong_amount_is_caught() {
    check_caught(rush(Lie::WrongAmount, &[]), "amount: offer t-0 reservation r");
}

#[test]
fn a_forgotten_payment_is_caught() {
    check_caught(rush(Lie::ForgetsPayment, &[]), "state: offer t-0 reservation r");
}

#[test]
fn a_refused_reservation_that_exists_is_caught() {
    check_caught(rush(Lie::KeepsRefused, &[]), "state: offer t-0 reservation r");
}

#[test]
fn a_group_that_forms_before_all_have_paid_is_caught() {
    check_caught(groups(Lie::FormsAlone), "won before the group: offer t-");
}

#[test]
fn money_that_is_missing_from_the_sums_is_caught() {
    check_caught(rush(Lie::LosesMoney, &[]), "offer: offer t-0 paid");
}

#[test]
fn a_broken_audit_fails_the_run() {
    check_caught(rush(Lie::AuditBroken, &[]), "audit: the server");
}

#[test]
fn an_error_to_a_right_command_is_a_difference() {
    check_caught(rush(Lie::Errs, &[]), "error answered: offer t-0 reservation r");
}

#[test]
fn a_shop_that_refuses_everybody_without_reason_is_caught() {
    for status in shop::UNFOUNDED {
        check_caught(rush(Lie::Refuses(status), &[]), "impossible answer: offer t-0 reservation r");
    }
}

#[test]
fn a_payment_of_an_accepted_reservation_that_is_unknown_is_caught() {
    check_caught(rush(Lie::UnknownToPay, &[]), "impossible answer: offer t-0 reservation r");
}

#[test]
fn an_answer_about_another_reservation_is_caught() {
    check_caught(rush(Lie::AnswersForAnother, &[]), "error answered: offer t-0 reservation r");
}

#[test]
fn a_won_unit_that_is_taken_back_without_an_answer_is_caught() {
    let result = rush(Lie::TakesBackUnsaid, &["--cancels", "50"]);
    assert!(result.1.contains("found RELEASED"), "{}", result.1);
    check_caught(result, "state: offer t-0 reservation r");
}

#[test]
fn units_oversold_and_cancelled_later_are_caught() {
    let result = rush(Lie::OversellsForAWhile, &["--pays", "0", "--cancels", "30"]);
    check_caught(result, "oversold for a while: offer t-0 pool t-0");
}

/// Every lie that the feed shows, and the rule that finds it.
const FEED_LIES: &[(Lie, &str)] = &[
    (Lie::FeedLacks, "feed lacks: offer t-0 reservation r"),
    (Lie::FeedLacksPayment, "feed state: offer t-0 reservation r"),
    (Lie::FeedGap, "feed order: feed:0 after 1795349229769-19: expected entry …-20"),
    (Lie::FeedRepeats, "feed order: feed:0 after 1795349229769-20: expected entry …-21"),
    (Lie::FeedDoubles, "feed step: offer t-0 reservation r"),
    (Lie::FeedDoublesPayment, "feed step: offer t-0 reservation r"),
    (Lie::FeedChanges("type", "won"), "feed step: offer t-0 reservation r"),
    (Lie::FeedChanges("buyer", "b9999999"), "feed buyer: offer t-0 reservation r"),
    (Lie::FeedChanges("qty", "2"), "feed units: offer t-0 reservation r"),
    (Lie::FeedChanges("price", "1"), "feed price: offer t-0 reservation r"),
    (Lie::FeedChanges("amount", "1"), "feed amount: offer t-0 reservation r"),
    (Lie::FeedChanges("id", "someone"), "feed stranger: offer t-0 reservation someone"),
    (Lie::FeedChanges("offer", "t-1"), "feed lacks: offer t-0 reservation r"),
    (Lie::FeedChanges("owe", "991"), "feed owed: offer t-0 reservation r"),
    (Lie::FeedInvents, "feed alone: offer t-0 reservation r"),
    (Lie::FeedEndsEarly, "feed order: feed:0 after 1795349229769-"),
    (Lie::FeedForgets, "feed unread: the server"),
    (Lie::AnswersOtherEvent, "feed event: offer t-0 reservation r"),
    (Lie::AnswersNoEvent, "event: offer t-0 reservation r"),
    (Lie::HangsUpAndLacks, "feed lacks: offer t-0 reservation r"),
];

#[test]
fn every_lie_on_the_feed_is_caught() {
    std::thread::scope(|scope| {
        for &(lie, rule) in FEED_LIES {
            scope.spawn(move || check_caught(rush(lie, &["--cancels", "30"]), rule));
        }
    });
}

#[test]
fn a_lie_about_groups_on_the_feed_is_caught() {
    for (lie, rule) in [
        (Lie::FeedLacksFormed, "feed group state: offer t-"),
        (Lie::FeedChanges("group", "r9999999"), "feed group: offer t-"),
    ] {
        check_caught(groups(lie), rule);
    }
}

#[test]
fn a_feed_that_differs_from_the_books_in_its_sums_is_caught() {
    for (lie, rule) in [
        (Lie::FeedLacksPayment, "feed sums: offer t-0 paid"),
        (Lie::FeedChanges("owe", "991"), "feed sums: offer t-0 owed"),
        (Lie::FeedChanges("qty", "2"), "feed pool: pool t-0 available"),
    ] {
        check_caught(rush(lie, &["--cancels", "30"]), rule);
    }
}

#[test]
fn a_reservation_whose_answer_was_lost_is_in_doubt_and_no_difference() {
    // Nobody asks again, and nobody pays: no later answer tells of it either.
    let (code, text) = rush(Lie::HangsUp, &["--duplicates", "0", "--pays", "0", "--cancels", "0"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("in doubt: offer t-0 reservation r"), "{text}");
    let (code, text) = rush(Lie::None, &[]);
    assert!(code == Some(0) && !text.contains("in doubt"), "{text}");
}

#[test]
fn a_closed_loop_finds_each_reservation_on_the_feed_once() {
    for (lie, code, said) in [
        (Lie::None, 0, "three views: answers, feed, server: 601 events, 0 differences"),
        (Lie::FeedLacks, 1, "feed: expected 600 reservations of the run, found 599"),
        (Lie::FeedDoubles, 1, "feed: expected 0 reservations accepted again, found 1"),
        (Lie::FeedChanges("id", "someone"), 1, "feed: expected 0 reservations of others, found 1"),
        (Lie::FeedGap, 1, "feed:0 after 1795349229769-19: expected entry …-20, found 1795349229769-21"),
        (Lie::FeedForgets, 1, "feed: feed:0 after 0-0: ERR the feed begins at"),
    ] {
        let addr = shop::server::open(lie);
        let mut args = vec!["steady", "--closed", "--requests", "600", "--connections", "4"];
        args.extend(["--pipeline", "8", "--prefix", "t", "--addr", &addr]);
        let output = load(&args);
        let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{lie:?}: {text}");
        assert!(text.contains(said), "{lie:?}: {text}");
    }
}
