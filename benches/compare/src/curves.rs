//! Latency over load, open loop, on Stampede, Redis and the stub: each past its knee.
//!
//! ```text
//! cargo run --release -p stampede-compare -- curves --out docs/figures
//! ```
//!
//! # Method
//! - All of it takes less than eight minutes. One fresh server for each point; everybody gets the same schedule of the same rates, 50 connections, distinct
//!   buyers of one hot offer. Latency counts from the intended moment; timeouts and BUSY are in it.
//! - A server that is past its knee (less than nine tenths of what was due is accepted in time) gets one rate more, then
//!   no further.
//! - A point at which the generator was late is made again, three times in all. If it was late each time the point is
//!   thrown away: it stands in the table with that mark, and not in the plot. After three of them in a row a server gets
//!   no more. Where it is late on the stub, too, is the generator's own ceiling.

use crate::drive::Field;
use crate::machine::Machine;
use crate::options::FigureOptions;
use crate::plot::{self, Line, Panel};
use crate::probes::latency;
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
const ATTEMPTS_MAX: usize = 3;
/// Points in a row that are thrown away before a server gets no more.
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
    let mut curves = Curves { command, machine, seconds_per_point: sizes.curve_s, servers: Vec::new() };
    for (subject, title, colour) in SUBJECTS {
        let mut points = Vec::new();
        for rate in RATES {
            let context = || format!("{title} at {rate} a second");
            let mut point =
                latency::point(&field, subject, rate, sizes.curve_s).await.with_context(context)?;
            for _ in 1..ATTEMPTS_MAX {
                if !point.lag_matters {
                    break;
                }
                point = latency::point(&field, subject, rate, sizes.curve_s).await.with_context(context)?;
            }
            eprintln!("{title}: {}", sentence(&point));
            points.push(point);
            let past_knee = points.iter().filter(|point| is_past_knee(point)).count();
            let late = points.iter().rev().take_while(|point| point.lag_matters).count();
            if past_knee > 1 || late == LATE_MAX {
                break;
            }
        }
        curves.servers.push(Curve { subject: title, colour, points });
    }
    std::fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make {}", options.out.display()))?;
    plot::draw(
        &options.out.join("latency.svg"),
        &[curves.panel("p99", |point| point.p99_us), curves.panel("p99.9", |point| point.p999_us)],
    )?;
    options.publish("latency", &curves.markdown(), &curves)
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
    fn panel(&self, name: &str, figure: fn(&Point) -> f64) -> Panel {
        let line = |curve: &Curve| Line {
            label: curve.subject.to_owned(),
            colour: curve.colour,
            points: curve
                .points
                .iter()
                .filter(|point| !point.lag_matters)
                .map(|point| (point.due_per_s, figure(point).max(1.0)))
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
        let late = points().filter(|point| point.lag_matters).count();
        let class = if points().all(|point| point.client_is_urgent) {
            "in the first-in-first-out class: it does not wait behind the server's threads"
        } else {
            "as an ordinary thread: it waits for its turn behind the server's"
        };
        // Writing to a string cannot fail.
        let _written = writeln!(
            text,
            "- {} s a point, 50 connections; the generator ran on a core of its own, {class}. It was late, three times \
             each, at {late} of {} points: they are thrown away and not in the plot.",
            self.seconds_per_point,
            points().count()
        );
        // Writing to a string cannot fail.
        let _written = writeln!(
            text,
            "\n| server | due per second | accepted per second | p50 | p99 | p99.9 | lag p99 | client CPU per command | |"
        );
        let _written = writeln!(text, "|---|---|---|---|---|---|---|---|---|");
        for curve in &self.servers {
            for point in &curve.points {
                let _written = writeln!(text, "| {} | {}", curve.subject, row(point));
            }
        }
        text
    }
}

fn row(point: &Point) -> String {
    let mark = match (point.lag_matters, is_past_knee(point)) {
        (true, _) => "thrown away: the generator was late",
        (false, true) => "past the knee",
        (false, false) => "",
    };
    let cpu = point.client_cpu_us_per_command.map_or_else(String::new, |cpu| format!("{cpu:.2} µs"));
    format!(
        "{:.0} | {:.0} | {:.0} µs | {:.0} µs | {:.0} µs | {:.0} µs | {cpu} | {mark} |",
        point.due_per_s, point.goodput_per_s, point.p50_us, point.p99_us, point.p999_us, point.lag_p99_us
    )
}
