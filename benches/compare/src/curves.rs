//! Latency over load, open loop, on Stampede, Redis and the stub: each past its knee.
//!
//! ```text
//! cargo run --release -p stampede-compare -- curves --out docs/figures
//! ```
//!
//! # Method
//! - One fresh server for each point; everybody gets the same schedule of the same rates, 50 connections, distinct
//!   buyers of one hot offer. Latency counts from the intended moment; timeouts and BUSY are in it.
//! - A server that is past its knee (less than nine tenths of what was due is accepted per second, until the last
//!   answer) at two rates in a row gets no further.
//! - What was due while the machine stood still does not count ([`crate::stalls`]). Near its knee a server needs longer
//!   to work off such a moment than is allowed for: that makes the last points before a knee dearer.
//! - A point at which the generator was late, or of which too little counts, is made again, six times in all, and the
//!   run that this is true of at the fewest percentiles stands. Such a percentile stands in the table with that mark,
//!   and not in the plot. After three points in a row without one in time a server gets no more. Where it is late on
//!   the stub, too, is the generator's own ceiling.

use crate::drive::Field;
use crate::machine::Machine;
use crate::options::FigureOptions;
use crate::plot::{self, Line, Panel};
use crate::probes::latency::{self, PERCENTILES, Percentile};
use crate::rows::Subject;
use crate::sizes::Sizes;
use anyhow::{Context, Result};
use plotters::style::RGBColor;
use serde::Serialize;
use stampede_loadgen::compare::point::Point;
use std::fmt::Write;

/// BUYs per second that are offered.
const RATES: [f64; 13] = [5e3, 10e3, 20e3, 30e3, 40e3, 50e3, 65e3, 80e3, 100e3, 130e3, 170e3, 220e3, 300e3];
/// How often a point at which the generator is late is made.
const ATTEMPTS_MAX: usize = 6;
/// Points in a row that are thrown away whole before a server gets no more.
const LATE_MAX: usize = 3;
/// Of what is due, what is accepted in time below the knee.
const IN_TIME: f64 = 0.9;

/// Who is driven, and how it is drawn.
const SUBJECTS: [(Subject, &str, RGBColor); 4] = [
    (Subject::Stampede, "Stampede (sync)", plot::OURS),
    (Subject::Redis, "Redis + Lua (everysec)", plot::PEER),
    (Subject::RedisAlways, "Redis + Lua (always)", plot::PEER_SYNCING),
    (Subject::Stub, "stub", plot::LIMIT),
];

#[derive(Debug, Serialize)]
struct Curve {
    subject: &'static str,
    #[serde(skip)]
    colour: RGBColor,
    points: Vec<Point>,
}

#[derive(Debug, Serialize)]
struct Curves {
    command: String,
    machine: Machine,
    seconds_per_point: f64,
    servers: Vec<Curve>,
}

/// The subcommand.
pub(crate) async fn run(options: &FigureOptions, command: String) -> Result<()> {
    crate::refuse_debug_build()?;
    let sizes = Sizes::of(options.quick);
    let machine = Machine::survey()?;
    let field = Field::of_curves(options.stampede()?).await?;
    let mut curves = Curves { command, machine, seconds_per_point: sizes.latency_s, servers: Vec::new() };
    for (subject, title, colour) in SUBJECTS {
        let mut points = Vec::new();
        for rate in RATES {
            let context = || format!("{title} at {rate} a second");
            let mut point =
                latency::point(&field, subject, rate, sizes.latency_s).await.with_context(context)?;
            for _ in 1..ATTEMPTS_MAX {
                if late(&point) == 0 {
                    break;
                }
                let again =
                    latency::point(&field, subject, rate, sizes.latency_s).await.with_context(context)?;
                if late(&again) < late(&point) {
                    point = again;
                }
            }
            eprintln!("{title}: {}", sentence(&point));
            points.push(point);
            let past_knee = points.iter().rev().take_while(|point| is_past_knee(point)).count();
            let thrown_away =
                points.iter().rev().take_while(|point| late(point) == PERCENTILES.len()).count();
            if past_knee > 1 || thrown_away == LATE_MAX {
                break;
            }
        }
        curves.servers.push(Curve { subject: title, colour, points });
    }
    std::fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make {}", options.out.display()))?;
    plot::draw(
        &options.out.join("latency.svg"),
        &[curves.panel("p99", &PERCENTILES[0]), curves.panel("p99.9", &PERCENTILES[1])],
    )?;
    options.publish("latency", &curves.markdown(), &curves)
}

/// At how many percentiles the generator was late.
fn late(point: &Point) -> usize {
    PERCENTILES.iter().filter(|percentile| percentile.is_late(point, point)).count()
}

fn is_past_knee(point: &Point) -> bool {
    point.goodput_per_s < IN_TIME * point.due_per_s
}

fn sentence(point: &Point) -> String {
    format!(
        "{:.0} due, {:.0} accepted a second, p50 {:.0} µs, p99 {:.0} µs, p99.9 {:.0} µs, lag p99 {:.0} µs",
        point.due_per_s, point.goodput_per_s, point.p50_us, point.p99_us, point.p999_us, point.lag_p99_us
    )
}

impl Curves {
    fn panel(&self, name: &str, percentile: &Percentile) -> Panel {
        let line = |curve: &Curve| Line {
            label: curve.subject.to_owned(),
            colour: curve.colour,
            points: curve
                .points
                .iter()
                .filter(|point| !percentile.is_late(point, point))
                .map(|point| (point.due_per_s, (percentile.latency_us)(point).max(1.0)))
                .collect(),
        };
        Panel {
            title: format!("{name} from the intended moment, µs"),
            x_title: "BUY per second, open loop".to_owned(),
            is_log_y: true,
            lines: self.servers.iter().map(line).filter(|line| !line.points.is_empty()).collect(),
        }
    }

    fn markdown(&self) -> String {
        let mut text = self.machine.sentence(&self.command);
        let points = || self.servers.iter().flat_map(|curve| &curve.points);
        let late = points().map(late).sum::<usize>();
        let class = if points().all(|point| point.client_is_urgent) {
            "in the first-in-first-out class: it does not wait behind the server's threads"
        } else {
            "as an ordinary thread: it waits for its turn behind the server's"
        };
        // Writing to a string cannot fail.
        let _written = writeln!(
            text,
            "- {} s a point, 50 connections; the generator ran on a core of its own, {class}. What was \
             due while the machine stood still does not count. At {late} of {} percentiles of points the generator was \
             late, or too little counted, {ATTEMPTS_MAX} times each: they are thrown away and not in the plot.",
            self.seconds_per_point,
            PERCENTILES.len() * points().count()
        );
        // Writing to a string cannot fail.
        let _written = writeln!(
            text,
            "\n| server | due per second | accepted per second | p50 | p99 | p99.9 | lag p99 | counted | client CPU per command | |"
        );
        let _written = writeln!(text, "|---|---|---|---|---|---|---|---|---|---|");
        for curve in &self.servers {
            for point in &curve.points {
                let _written = writeln!(text, "| {} | {}", curve.subject, row(point));
            }
        }
        text
    }
}

fn row(point: &Point) -> String {
    let is_late = PERCENTILES.map(|percentile| percentile.is_late(point, point));
    let mark = match (is_late, is_past_knee(point)) {
        ([true, true], _) => "thrown away: late or too little counts",
        ([true, false], _) => "p99 thrown away: late or too little counts",
        ([false, true], true) => "past the knee; p99.9 thrown away: late or too little counts",
        ([false, true], false) => "p99.9 thrown away: late or too little counts",
        ([false, false], true) => "past the knee",
        ([false, false], false) => "",
    };
    let cpu = point.client_cpu_us_per_command.map_or_else(String::new, |cpu| format!("{cpu:.2} µs"));
    format!(
        "{:.0} | {:.0} | {:.0} µs | {:.0} µs | {:.0} µs | {:.0} µs | {:.0} % | {cpu} | {mark} |",
        point.due_per_s,
        point.goodput_per_s,
        point.p50_us,
        point.p99_us,
        point.p999_us,
        point.lag_p99_us,
        point.counted * 100.0
    )
}
