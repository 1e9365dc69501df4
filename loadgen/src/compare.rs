//! `compare`: the same load on Stampede and on Redis with a sale script, in turn, and the ratios.
//!
//! Both get the same schedule, the same buyers, the same connections and this same client; runs alternate,
//! medians are shown with their spread. Each run sells its own fresh offer. The Redis side is checked too:
//! its counter must show what its answers said.

pub mod point;

use std::fmt::Write;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use crate::class::Class;
use crate::closed::{self, ClosedLoop, Work};
use crate::feed;
use crate::ledger;
use crate::open::{self, OpenLoop, Peer, RunResult};
use crate::plan::Plan;
use crate::population::Crowd;
use crate::report::{ClosedReport, Report, RunReport};
use crate::sale::{self, HotOffer};
use crate::schedule::Schedule;
use crate::setup;
use crate::wire::client::Client;

/// The two servers.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Stampede's address.
    pub stampede: String,
    /// Redis's address.
    pub redis: String,
    /// Runs of each.
    pub rounds: u32,
}

/// Open loop: the same schedule for both, `rounds` times in turn.
pub fn run_open(
    pair: &Pair,
    crowd: &Crowd,
    schedule: &Schedule,
    open: &OpenLoop,
    report: &mut Report,
) -> Result<()> {
    for round in 1..=pair.rounds {
        let crowd = Crowd { prefix: format!("{}-{round}", crowd.prefix), ..crowd.clone() };
        let plan = Arc::new(crowd.plan(schedule)?);
        let title = format!("Stampede, round {round} of {}", pair.rounds);
        let bar = sale::progress_bar(plan.intents.len() as u64, &title);
        let mut client = Client::connect(&pair.stampede)?;
        let from = feed::mark(&mut client)?;
        setup::put_offers(&mut client, &plan.offers)?;
        let open = OpenLoop { addr: pair.stampede.clone(), peer: Peer::Stampede, ..open.clone() };
        let result = open::run(&plan, &open, &bar)?;
        let judgement = ledger::judge(&plan, &result.outcomes, &from, &mut client)?;
        bar.finish_and_clear();
        report.runs.push(RunReport::new(title, plan.intents.len(), result, Some(judgement)));

        let title = format!("Redis + Lua, round {round} of {}", pair.rounds);
        let bar = sale::progress_bar(plan.intents.len() as u64, &title);
        let result = run_redis(pair, &plan, &open, &bar)?;
        bar.finish_and_clear();
        report.runs.push(RunReport::new(title, plan.intents.len(), result, None));
    }
    Ok(())
}

fn run_redis(
    pair: &Pair,
    plan: &Arc<Plan>,
    open: &OpenLoop,
    bar: &indicatif::ProgressBar,
) -> Result<RunResult> {
    let mut client = Client::connect(&pair.redis).context("the Redis peer")?;
    let mut sha = String::new();
    for offer in &plan.offers {
        let (stock, buyers) = (offer.redis_stock_key(), offer.redis_buyers_key());
        sha = setup::put_redis_sale(&mut client, &stock, &buyers, offer.stock)?;
    }
    let open = OpenLoop { addr: pair.redis.clone(), peer: Peer::Redis { sha }, ..open.clone() };
    let result = open::run(plan, &open, bar)?;
    let accepted = result.recorder.count(Class::Accepted);
    let mut left = 0;
    for offer in &plan.offers {
        let reply = client.command(&[b"GET", offer.redis_stock_key().as_bytes()])?;
        left += reply.frame().number().unwrap_or(-1);
        client.command(&[b"DEL", offer.redis_stock_key().as_bytes(), offer.redis_buyers_key().as_bytes()])?;
    }
    let late = result.recorder.count(Class::Timeout);
    let total: u64 = plan.offers.iter().map(|offer| offer.stock).sum();
    ensure!(
        late > 0 || accepted.cast_signed() + left == total.cast_signed(),
        "the Redis peer: {accepted} accepted and {left} left do not add up to {total} units"
    );
    Ok(result)
}

/// Closed loop: maximum throughput of both, `rounds` times in turn.
pub fn run_closed(pair: &Pair, prefix: &str, plan: &ClosedLoop, report: &mut Report) -> Result<()> {
    for round in 1..=pair.rounds {
        let plan = ClosedLoop { addr: pair.stampede.clone(), ..plan.clone() };
        let mut run = sale::run_closed(&format!("{prefix}-{round}"), HotOffer::Buy, &plan)?;
        run.title = format!("Stampede BUY, round {round} of {}", pair.rounds);
        report.maximum_throughput.push(run);

        let mut client = Client::connect(&pair.redis).context("the Redis peer")?;
        let (stock, buyers) = (format!("stock:{prefix}-{round}"), format!("buyers:{prefix}-{round}"));
        let sha = setup::put_redis_sale(&mut client, &stock, &buyers, plan.requests)?;
        let work = Work::RedisSale { sha, stock: stock.clone(), buyers: buyers.clone() };
        let counts = closed::run(&ClosedLoop { addr: pair.redis.clone(), work, ..plan.clone() })?;
        let title = format!("Redis + Lua, round {round} of {}", pair.rounds);
        report.maximum_throughput.push(ClosedReport::new(title, (plan.connections, plan.pipeline), counts));
        client.command(&[b"DEL", stock.as_bytes(), buyers.as_bytes()])?;
    }
    Ok(())
}

/// One figure of a run.
type Figure = fn(&RunReport) -> f64;

/// The ratios, as a table.
pub fn table(report: &Report) -> String {
    let mut out = String::new();
    if !report.runs.is_empty() {
        let _ = writeln!(out, "\n| open loop, median of the rounds | Stampede | Redis + Lua | ratio |");
        let _ = writeln!(out, "|---|---|---|---|");
        let figures: [(&str, Figure); 4] = [
            ("goodput, accepted per second", |run| run.goodput_per_s),
            ("p50, µs", |run| run.latency.p50_us),
            ("p99, µs", |run| run.latency.p99_us),
            ("p99.9, µs", |run| run.latency.p999_us),
        ];
        // A run in which the generator was late says nothing about either server.
        let trusted = || report.runs.iter().filter(|run| !run.lag_matters);
        for (name, figure) in figures {
            let values = |peer| {
                let runs = trusted().filter(move |run| run.title.starts_with(peer));
                runs.map(figure).collect::<Vec<_>>()
            };
            write_row(&mut out, name, values("Stampede"), values("Redis"));
        }
        let thrown = report.runs.len() - trusted().count();
        if thrown > 0 {
            let _ =
                writeln!(out, "{thrown} of {} runs thrown away: the generator was late.", report.runs.len());
        }
    }
    if !report.maximum_throughput.is_empty() {
        let _ =
            writeln!(out, "\n| maximum throughput, median of the rounds | Stampede | Redis + Lua | ratio |");
        let _ = writeln!(out, "|---|---|---|---|");
        let values = |peer| {
            let runs = report.maximum_throughput.iter().filter(move |run| run.title.starts_with(peer));
            runs.map(|run| run.accepted_per_s).collect::<Vec<_>>()
        };
        write_row(&mut out, "accepted per second", values("Stampede"), values("Redis"));
    }
    out
}

fn write_row(out: &mut String, name: &str, mut ours: Vec<f64>, mut theirs: Vec<f64>) {
    ours.sort_by(f64::total_cmp);
    theirs.sort_by(f64::total_cmp);
    let shown = |values: &[f64]| match values {
        [] => "none".to_owned(),
        [first, .., last] => format!("{:.0} ({first:.0} to {last:.0})", median(values)),
        [only] => format!("{only:.0}"),
    };
    let ratio = match (ours.as_slice(), theirs.as_slice()) {
        ([], _) | (_, []) => "none".to_owned(),
        (ours, theirs) => format!("{:.2}", median(ours) / median(theirs).max(1e-9)),
    };
    let _ = writeln!(out, "| {name} | {} | {} | {ratio} |", shown(&ours), shown(&theirs));
}

fn median(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => 0.0,
        len if len % 2 == 1 => sorted[len / 2],
        len => f64::midpoint(sorted[len / 2 - 1], sorted[len / 2]),
    }
}
