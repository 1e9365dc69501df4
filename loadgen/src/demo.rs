//! `demo`: a server in this process, a midnight flash sale, real group buys, and one glance at the outcome.
//!
//! The only part that knows the gateway, and of it only how to start and stop it: all traffic goes over TCP.
//! The server answers once its events are on disk, in a directory of its own that ends with the demo.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use stampede_gateway::config::{Config, RawConfig};
use stampede_gateway::server::Server;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::cli::DemoArgs;
use crate::disk;
use crate::open::{OpenLoop, Peer};
use crate::population::Crowd;
use crate::replay::{self, Match, Replay, records};
use crate::report::Report;
use crate::report::terminal::count;
use crate::sale::{self, Sale};
use crate::schedule::{Arrivals, Shape};
use crate::wire::client::Client;

/// Real records, see `data/README.md` of this crate.
const FORMED: &[u8] = include_bytes!("../data/formed-sample.tsv");
const FAILED: &[u8] = include_bytes!("../data/failed-sample.tsv");

const CONNECTIONS: u16 = 50;
/// Share of all BUYs that are double clicks, and share that are bots.
const DUPLICATES_PERCENT: f64 = 10.0;
const BOTS_PERCENT: f64 = 10.0;
/// People who are early, per second, and how long before midnight they come.
const EARLY_PER_S: f64 = 500.0;
const BEFORE: Duration = Duration::from_secs(1);
/// How long the rush lasts.
const RUSH: Duration = Duration::from_secs(8);
const AFTER: Duration = Duration::from_secs(1);

/// Runs the demo; with `stay` it returns after Ctrl-C. `tell` is called with what is going on and with the report.
pub fn run(args: &DemoArgs, command: String, mut tell: impl FnMut(&str)) -> Result<Report> {
    let flash_sale = flash_sale(args);
    let plan = flash_sale.plan()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("cannot start the server's runtime")?;
    let data = data_directory(args)?;
    let interrupted = runtime.spawn(leave_nothing(data.path().to_owned()));
    let disk_syncs_per_s = probe_disk(&data)?;
    let server = runtime.block_on(Server::start(config(args, &data)?)).context("the demo's server")?;
    let addr = server.local_addr().to_string();
    tell(&format!(
        "A server listens on {addr}; everything below goes over TCP.\n\
         It answers once its events are on disk, in {} (removed at the end): {} syncs of 4 KiB a second there.\n",
        data.path().display(),
        count(disk_syncs_per_s)
    ));
    let mut report = Report::new(command, args.seed);
    report.server = sale::server_facts(&mut Client::connect(&addr)?)?;
    report.runs.push(sale::run(&flash_sale, plan, &open_loop(&addr))?);
    report.replays.push(group_buys(&addr)?);
    report.server.insert("disk_syncs_per_s".into(), disk_syncs_per_s.to_string());
    report.close();
    tell(&crate::report::terminal::text(&report));
    if args.stay {
        let port = server.local_addr().port();
        tell(&format!("The server stays on {addr} (try: redis-cli -p {port} AUDIT). Ctrl-C ends it.\n"));
        runtime.block_on(stop_by_ctrl_c(interrupted))?;
    } else {
        interrupted.abort();
    }
    runtime.block_on(server.shutdown());
    data.close().context("the demo's data directory cannot be removed")?;
    Ok(report)
}

/// Interrupted in the middle, the demo has nothing to say, and its files should not stay.
async fn leave_nothing(data: PathBuf) {
    if tokio::signal::ctrl_c().await.is_ok() {
        // The server may make a file meanwhile; what is left then is in a directory for temporary files.
        let _removed = std::fs::remove_dir_all(&data).or_else(|_| std::fs::remove_dir_all(&data));
        std::process::exit(130);
    }
}

/// From here on Ctrl-C is the orderly end.
async fn stop_by_ctrl_c(interrupted: JoinHandle<()>) -> Result<()> {
    interrupted.abort();
    tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")
}

fn data_directory(args: &DemoArgs) -> Result<TempDir> {
    let parent = args.data.clone().unwrap_or_else(std::env::temp_dir);
    tempfile::Builder::new()
        .prefix("stampede-demo-")
        .tempdir_in(&parent)
        .with_context(|| format!("data: cannot make a directory in {}", parent.display()))
}

/// How long the disk is probed.
const DISK_PROBE: Duration = Duration::from_millis(300);

fn probe_disk(data: &TempDir) -> Result<u64> {
    let probed = disk::syncs(data.path(), 4 << 10, DISK_PROBE).map(|syncs| syncs.per_s);
    probed.map(|rate| rate as u64).with_context(|| format!("data: cannot write in {}", data.path().display()))
}

fn config(args: &DemoArgs, data: &TempDir) -> Result<Config> {
    let listen = args.listen.as_deref().or(args.stay.then_some("127.0.0.1:7878"));
    let mut raw = RawConfig::default();
    raw.listen = Some(listen.unwrap_or("127.0.0.1:0").to_owned());
    raw.ops = Some("127.0.0.1:0".to_owned());
    raw.data = Some(data.path().join("data"));
    raw.durability = Some("sync".to_owned());
    Ok(raw.check()?)
}

fn flash_sale(args: &DemoArgs) -> Sale {
    let people_percent = 100.0 - DUPLICATES_PERCENT - BOTS_PERCENT;
    // One percent more moments than people, so that everybody comes at least once.
    let moments = f64::from(args.buyers) / people_percent * 101.0;
    let peak = (moments - EARLY_PER_S * (BEFORE + AFTER).as_secs_f64()) / RUSH.as_secs_f64();
    Sale {
        title: format!("flash sale at midnight: {} units, {} buyers", args.stock, args.buyers),
        crowd: Crowd {
            buyers: args.buyers,
            offers: 1,
            zipf: 0.0,
            duplicates_percent: DUPLICATES_PERCENT,
            bots_percent: BOTS_PERCENT,
            pays_percent: 90.0,
            cancels_percent: 5.0,
            groups_percent: 0.0,
            group_size: 2,
            stock: args.stock,
            price: 9_900,
            limit: 1,
            connections: CONNECTIONS,
            prefix: "demo-flash".into(),
            seed: args.seed,
        },
        shape: Shape::Spike { base: EARLY_PER_S, peak: peak.max(1.0), starts: BEFORE, lasts: RUSH },
        arrivals: Arrivals::Poisson,
        duration: BEFORE + RUSH + AFTER,
        opens_after: Some(BEFORE),
    }
}

fn open_loop(addr: &str) -> OpenLoop {
    OpenLoop {
        addr: addr.to_owned(),
        connections: CONNECTIONS,
        threads: 1,
        in_flight_max: 1_000,
        timeout: Duration::from_secs(5),
        peer: Peer::Stampede,
    }
}

fn group_buys(addr: &str) -> Result<replay::ReplayReport> {
    let mut lines = Vec::new();
    for mut sample in [FORMED, FAILED] {
        lines.extend(records::parse(&mut sample).context("the sample of records")?.lines);
    }
    let replay = Replay {
        addr: addr.to_owned(),
        connections: CONNECTIONS,
        pipeline: 64,
        matching: Match::Friends,
        prefix: "demo".into(),
        open_formed: Duration::from_hours(1),
        open_failed: Duration::from_secs(5),
        chunk: 5_000,
        price: 990,
    };
    let bar = sale::progress_bar(0, "group buys");
    let report = replay::run(&lines, &replay, &bar)?;
    bar.finish_and_clear();
    Ok(report)
}
