//! Runs what the command line asks for and writes the report.
//!
//! Puts arguments together into plans; measures and judges nothing itself. Called by `main`.

use anyhow::{Context, Result, ensure};

use crate::cli::{
    Cli, Command, CompareArgs, MixedArgs, Output, People, ReplayArgs, SpikeArgs, SteadyArgs, SteadyWork,
    Target,
};
use crate::closed::{ClosedLoop, Work};
use crate::compare::{self, Pair};
use crate::open::{OpenLoop, Peer};
use crate::population::Crowd;
use crate::replay::{self, Replay, records};
use crate::report::{self, Report, terminal};
use crate::sale::{self, HotOffer, Sale};
use crate::schedule::{Arrivals, Schedule, Shape};
use crate::wire::client::Client;

/// Runs a command line; answers whether everything agreed. Arguments and files are checked before anything is connected
/// to: a typing mistake should not cost a run.
///
/// # Errors
/// A mistake in the arguments, a server that cannot be reached, a file that cannot be read or written.
pub fn run(cli: &Cli, command_line: String) -> Result<bool> {
    cli.command.output().files().try_for_each(report::check_writable)?;
    match &cli.command {
        #[cfg(feature = "demo")]
        Command::Demo(args) => {
            let report = crate::demo::run(args, command_line, |text| print!("{text}"))?;
            write_files(&report, &args.output)?;
            Ok(report.is_clean)
        }
        Command::Spike(args) => finish(spike(args, command_line)?, &args.output),
        Command::Steady(args) => finish(steady(args, command_line)?, &args.output),
        Command::Mixed(args) => finish(mixed(args, command_line)?, &args.output),
        Command::Replay(args) => finish(play(args, command_line)?, &args.output),
        Command::Compare(args) => {
            let report = compare_peers(args, command_line)?;
            let table = compare::table(&report);
            let is_clean = finish(report, &args.output)?;
            println!("{table}");
            Ok(is_clean)
        }
    }
}

fn finish(mut report: Report, output: &Output) -> Result<bool> {
    report.close();
    print!("{}", terminal::text(&report));
    write_files(&report, output)?;
    Ok(report.is_clean)
}

fn write_files(report: &Report, output: &Output) -> Result<()> {
    if let Some(path) = &output.json {
        report.write_json(path)?;
    }
    if let Some(path) = &output.html {
        report.write_html(path)?;
    }
    Ok(())
}

fn new_report(target: &Target, command_line: String) -> Result<Report> {
    let mut report = Report::new(command_line, target.seed);
    report.server = sale::server_facts(&mut Client::connect(&target.addr)?)?;
    Ok(report)
}

/// Ids are at most 64 bytes, and the generator appends to the prefix.
const PREFIX_BYTES_MAX: usize = 32;

fn prefix(target: &Target) -> Result<String> {
    let prefix = match &target.prefix {
        Some(prefix) => prefix.clone(),
        None => format!("load-{}-{:x}", target.seed, sale::unix_ms()?),
    };
    let is_id = prefix.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
    ensure!(
        is_id && !prefix.is_empty() && (prefix.len() <= PREFIX_BYTES_MAX || target.prefix.is_none()),
        "prefix: expected 1 to {PREFIX_BYTES_MAX} printable ASCII characters without space or comma, got `{prefix}`"
    );
    Ok(prefix)
}

fn open_loop(target: &Target) -> OpenLoop {
    OpenLoop {
        addr: target.addr.clone(),
        connections: target.connections,
        threads: usize::from(target.threads),
        in_flight_max: target.pipeline_or(1_000),
        timeout: target.timeout,
        peer: Peer::Stampede,
    }
}

fn crowd(target: &Target, people: &People) -> Result<Crowd> {
    Ok(Crowd {
        buyers: people.buyers,
        offers: 1,
        zipf: 0.0,
        duplicates_percent: people.duplicates,
        bots_percent: people.bots,
        pays_percent: people.pays,
        cancels_percent: people.cancels,
        groups_percent: 0.0,
        group_size: 3,
        stock: 1,
        price: people.price,
        limit: people.limit,
        connections: target.connections,
        prefix: prefix(target)?,
        seed: target.seed,
    })
}

fn run_sale(sale: &Sale, target: &Target, command_line: String) -> Result<Report> {
    let plan = sale.plan()?;
    let mut report = new_report(target, command_line)?;
    report.runs.push(sale::run(sale, plan, &open_loop(target))?);
    Ok(report)
}

fn spike(args: &SpikeArgs, command_line: String) -> Result<Report> {
    let third = args.duration / 3;
    let sale = Sale {
        title: format!("spike: {} to {} BUYs per second", args.base, args.rate),
        crowd: Crowd {
            offers: args.offers,
            zipf: args.zipf,
            stock: args.stock,
            ..crowd(&args.target, &args.people)?
        },
        shape: Shape::Spike { base: args.base, peak: args.rate, starts: third, lasts: third },
        arrivals: Arrivals::Poisson,
        duration: args.duration,
        opens_after: None,
    };
    run_sale(&sale, &args.target, command_line)
}

fn steady(args: &SteadyArgs, command_line: String) -> Result<Report> {
    if args.closed {
        return steady_closed(args, command_line);
    }
    let shape = match args.from {
        Some(from) => Shape::Ramp { from, to: args.rate },
        None => Shape::Constant { rate: args.rate },
    };
    let intents = (args.rate.max(args.from.unwrap_or(0.0)) * args.duration.as_secs_f64()) as u64;
    let sale = Sale {
        title: format!("steady: {} BUYs per second", args.rate),
        crowd: Crowd {
            offers: args.offers,
            zipf: args.zipf,
            groups_percent: if args.work == SteadyWork::Groups { 100.0 } else { 0.0 },
            group_size: args.group_size,
            stock: if args.work == SteadyWork::Soldout { 1 } else { intents * 2 + 1_000 },
            ..crowd(&args.target, &args.people)?
        },
        shape,
        arrivals: args.arrivals,
        duration: args.duration,
        opens_after: None,
    };
    run_sale(&sale, &args.target, command_line)
}

fn steady_closed(args: &SteadyArgs, command_line: String) -> Result<Report> {
    let hot = match args.work {
        SteadyWork::Buy => HotOffer::Buy,
        SteadyWork::Soldout => HotOffer::SoldOut,
        SteadyWork::Groups => {
            ensure!((2..=1_000).contains(&args.group_size), "group-size: expected 2 to 1000");
            HotOffer::Groups(args.group_size)
        }
    };
    let (prefix, plan) = (prefix(&args.target)?, closed_loop(&args.target, args.requests)?);
    let mut report = new_report(&args.target, command_line)?;
    report.maximum_throughput.push(sale::run_closed(&prefix, hot, &plan)?);
    Ok(report)
}

fn closed_loop(target: &Target, requests: u64) -> Result<ClosedLoop> {
    let plan = ClosedLoop {
        connections: usize::from(target.connections),
        pipeline: target.pipeline_or(64),
        threads: usize::from(target.threads),
        ..ClosedLoop::new(&target.addr, Work::Ping, requests)
    };
    plan.check()?;
    Ok(plan)
}

fn mixed(args: &MixedArgs, command_line: String) -> Result<Report> {
    let sale = Sale {
        title: format!("mixed: {} offers, {} BUYs per second", args.offers, args.rate),
        crowd: Crowd {
            offers: args.offers,
            zipf: args.zipf,
            groups_percent: args.groups,
            group_size: args.group_size,
            stock: args.stock,
            ..crowd(&args.target, &args.people)?
        },
        shape: Shape::Constant { rate: args.rate },
        arrivals: Arrivals::Poisson,
        duration: args.duration,
        opens_after: None,
    };
    run_sale(&sale, &args.target, command_line)
}

fn play(args: &ReplayArgs, command_line: String) -> Result<Report> {
    let replay = Replay {
        addr: args.target.addr.clone(),
        connections: args.target.connections,
        pipeline: args.target.pipeline_or(64),
        matching: args.matching,
        prefix: prefix(&args.target)?,
        open_formed: args.open_formed,
        open_failed: args.open_failed,
        chunk: args.chunk,
        price: args.price,
    };
    replay.check()?;
    // Every file is read before the first is played.
    let mut files = Vec::new();
    for path in &args.files {
        let lines = if args.skip_bad_lines {
            let found = records::read_leniently(path)?;
            if found.bad_count > 0 {
                eprintln!(
                    "{}: {} bad lines left out; {}",
                    path.display(),
                    found.bad_count,
                    found.bad_named.join("; ")
                );
            }
            found.lines
        } else {
            records::read(path)?
        };
        files.push((path, lines));
    }
    let mut report = new_report(&args.target, command_line)?;
    for (index, (path, lines)) in files.iter().enumerate() {
        let replay = Replay { prefix: format!("{}-{index}", replay.prefix), ..replay.clone() };
        let bar = sale::progress_bar(0, &path.display().to_string());
        let played = replay::run(lines, &replay, &bar).with_context(|| path.display().to_string())?;
        bar.finish_and_clear();
        report.replays.push(played);
    }
    Ok(report)
}

fn compare_peers(args: &CompareArgs, command_line: String) -> Result<Report> {
    let pair = Pair { stampede: args.target.addr.clone(), redis: args.redis.clone(), rounds: args.rounds };
    if args.closed {
        let (prefix, plan) = (prefix(&args.target)?, closed_loop(&args.target, args.requests)?);
        let mut report = new_report(&args.target, command_line)?;
        compare::run_closed(&pair, &prefix, &plan, &mut report)?;
        return Ok(report);
    }
    let shape = Shape::Constant { rate: args.rate };
    let schedule = Schedule::new(shape, Arrivals::Poisson, args.duration, args.target.seed)?;
    let crowd = Crowd {
        // Payments would be asked of one peer alone.
        pays_percent: 0.0,
        cancels_percent: 0.0,
        stock: args.stock.unwrap_or(schedule.due_ns.len() as u64),
        // The script's set of buyers is a limit of one.
        limit: 1,
        ..crowd(&args.target, &args.people)?
    };
    crowd.check()?;
    let mut report = new_report(&args.target, command_line)?;
    compare::run_open(&pair, &crowd, &schedule, &open_loop(&args.target), &mut report)?;
    Ok(report)
}
