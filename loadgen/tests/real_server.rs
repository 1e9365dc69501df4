//! The generator against the real server, in one process and over TCP.
#![cfg(feature = "demo")]

use clap::Parser;
use stampede_loadgen::class::Class;
use stampede_loadgen::cli::{Cli, Command};
use stampede_loadgen::closed::{ClosedLoop, Work};
use stampede_loadgen::demo;
use stampede_loadgen::sale::{self, HotOffer};

fn with_server(test: impl FnOnce(&str)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let config = stampede_gateway::config::Config::on_free_ports();
    let server = runtime.block_on(stampede_gateway::server::Server::start(config)).expect("a server");
    test(&server.local_addr().to_string());
    runtime.block_on(server.shutdown());
}

#[test]
fn a_small_demo_sells_every_unit_forms_every_group_and_agrees() {
    let cli = Cli::try_parse_from(["stampede-load", "demo", "--buyers", "4000", "--stock", "50"]);
    let Command::Demo(args) = cli.expect("the arguments are right").command else { panic!("it is a demo") };
    let mut said = String::new();
    let report = demo::run(&args, "demo".into(), |text| said.push_str(text)).expect("the demo runs");
    assert!(report.is_clean, "{said}");
    assert_eq!(report.server["durability"], "sync", "{said}");
    let data = said.split("on disk, in ").nth(1).and_then(|rest| rest.split(" (removed").next());
    let data = std::path::Path::new(data.expect("it says where"));
    assert!(data.is_absolute() && !data.exists(), "{} outlived the demo", data.display());
    let run = &report.runs[0];
    let judgement = run.judgement.as_ref().expect("a sale is judged");
    let sums = &judgement.sums;
    assert!(judgement.feed.unread.is_empty(), "{said}");
    assert!(judgement.feed.events > sums.accepted && sums.accepted > 0, "{said}");
    assert_eq!((sums.stock, sums.sold + sums.held), (50, 50), "{said}");
    assert_eq!(run.count(Class::Error) + run.count(Class::Busy) + run.count(Class::Timeout), 0, "{said}");
    assert!(run.count(Class::Refused) > 3_500, "{said}");
    let replay = &report.replays[0];
    assert_eq!((replay.groups_formed, replay.groups_failed), (2_000, 1_000), "{said}");
}

#[test]
fn the_closed_loop_counts_what_the_server_counts() {
    with_server(|addr| {
        let plan = ClosedLoop { connections: 4, pipeline: 16, ..ClosedLoop::new(addr, Work::Ping, 12_000) };
        let buy = sale::run_closed("c1", HotOffer::Buy, &plan).expect("it runs");
        assert_eq!((buy.counts.accepted, buy.faults.len()), (12_000, 0), "{:?}", buy.faults);
        // The offer, one entry for each reservation, and what the server counts of demand now and then.
        assert!(buy.feed_events.is_some_and(|events| events > 12_000), "{:?}", buy.feed_events);
        let sold_out = sale::run_closed("c2", HotOffer::SoldOut, &plan).expect("it runs");
        assert_eq!((sold_out.counts.refused, sold_out.faults.len()), (12_000, 0), "{:?}", sold_out.faults);
        let groups = sale::run_closed("c3", HotOffer::Groups(3), &plan).expect("it runs");
        assert_eq!((groups.counts.accepted, groups.counts.settled), (6_000, 6_000));
        assert!(groups.faults.is_empty(), "{:?}", groups.faults);
    });
}

#[test]
fn a_mixed_run_with_groups_agrees() {
    with_server(|addr| {
        let cli = Cli::try_parse_from([
            "stampede-load",
            "mixed",
            "--addr",
            addr,
            "--rate",
            "2000",
            "--duration",
            "2s",
            "--offers",
            "40",
            "--stock",
            "60",
            "--cancels",
            "20",
            "--duplicates",
            "20",
            "--threads",
            "2",
        ]);
        let is_clean = stampede_loadgen::command::run(&cli.expect("right"), "mixed".into()).expect("it runs");
        assert!(is_clean);
    });
}
