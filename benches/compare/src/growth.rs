//! Whether a BUY costs the same as work grows: more reservations, offers, connections, shards.
//!
//! ```text
//! cargo run --release -p stampede-compare -- growth --out docs/figures
//! ```
//!
//! # Method
//! - Cost is the server's processor time per BUY, user and system, over a timed window; the rate stands beside it.
//! - Reservations: one server is filled; at each size a window of purchases is timed. Offers, connections, shards: a
//!   server of its own for each size, the same number of purchases; three rounds over all sizes, of each the median.
//! - Everything runs in `sync`, pipeline 64 on 50 connections unless connections are what grows (then 16 in flight on
//!   each). After each the audit must be OK and every unit accounted for.

mod axes;

use crate::machine;
use crate::peers::stampede::Stampede;
use crate::plot::{self, Line, Panel};
use crate::sizes::{GrowthSizes, Sizes};
use anyhow::{Context, Result};
pub(crate) use axes::{AXES, Axis};
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// One size.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) size: u64,
    pub(crate) per_second: f64,
    /// The server's processor time per BUY.
    pub(crate) cpu_us: f64,
    /// Of it, the kernel's: sockets, the disk, memory given for the first time.
    pub(crate) kernel_us: f64,
    /// Memory of the process after the window.
    pub(crate) memory_bytes: u64,
}

/// All sizes of one thing.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Curve {
    pub(crate) name: &'static str,
    pub(crate) steps: Vec<Step>,
}

impl Curve {
    /// How many times dearer a BUY becomes on the way up: at any size over any smaller one. That a single connection
    /// pays more for its syncs than a hundred that share them is no growth.
    pub(crate) fn cost_ratio(&self) -> f64 {
        let (mut cheapest, mut ratio) = (f64::INFINITY, 1.0_f64);
        for step in &self.steps {
            cheapest = cheapest.min(step.cpu_us);
            ratio = ratio.max(step.cpu_us / cheapest);
        }
        ratio
    }

    /// Every size in words.
    pub(crate) fn sentence(&self) -> String {
        let step = |step: &Step| {
            let rate = crate::figures::rate(step.per_second);
            format!(
                "{}: {:.2} µs of CPU ({:.2} in the kernel), {rate}/s",
                step.size, step.cpu_us, step.kernel_us
            )
        };
        self.steps.iter().map(step).collect::<Vec<_>>().join("; ")
    }

    fn markdown(&self, out: &mut String) {
        // Writing to a string cannot fail.
        let _written = writeln!(
            out,
            "\n| {} | BUY per second | server CPU per BUY | of it the kernel's | memory |",
            self.name
        );
        let _written = writeln!(out, "|---|---|---|---|---|");
        for step in &self.steps {
            let _written = writeln!(
                out,
                "| {} | {} | {:.2} µs | {:.2} µs | {:.0} MiB |",
                step.size,
                crate::figures::rate(step.per_second),
                step.cpu_us,
                step.kernel_us,
                step.memory_bytes as f64 / f64::from(1 << 20)
            );
        }
        let _written =
            writeln!(out, "\nAt most {:.2} times dearer than at a smaller size", self.cost_ratio());
    }

    /// Cost over size, from zero, so that flat looks flat.
    fn draw(&self, path: &Path) -> Result<()> {
        let points = |value: fn(&Step) -> f64| -> Vec<(f64, f64)> {
            self.steps.iter().map(|step| (step.size as f64, value(step))).collect()
        };
        let line = |label: &str, colour, points| Line { label: label.to_owned(), colour, points };
        let panels = [
            Panel {
                title: "server CPU per BUY, µs".to_owned(),
                x_title: self.name.to_owned(),
                is_log_y: false,
                lines: vec![
                    line("CPU per BUY", plot::OURS, points(|step| step.cpu_us)),
                    line("of it the kernel's", plot::PART, points(|step| step.kernel_us)),
                ],
            },
            Panel {
                title: "BUY accepted per second".to_owned(),
                x_title: self.name.to_owned(),
                is_log_y: false,
                lines: vec![line("per second", plot::OURS, points(|step| step.per_second))],
            },
        ];
        plot::draw(path, &panels)
    }
}

/// Measures one axis.
pub(crate) async fn measure(stampede: &Stampede, axis: &Axis, sizes: &GrowthSizes) -> Result<Curve> {
    let steps = axis.steps(stampede, sizes).await?;
    Ok(Curve { name: axis.name, steps })
}

/// What one invocation found out.
#[derive(Debug, Serialize)]
struct Growth {
    command: String,
    machine: machine::Machine,
    curves: Vec<Curve>,
}

/// The subcommand: every axis, its table and its plot.
pub(crate) async fn run(options: &crate::options::FigureOptions, command: String) -> Result<()> {
    crate::refuse_debug_build()?;
    let stampede = options.stampede()?;
    let sizes = Sizes::of(options.quick).growth;
    let mut growth = Growth { command, machine: machine::Machine::survey()?, curves: Vec::new() };
    std::fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make {}", options.out.display()))?;
    for axis in AXES {
        let curve = measure(&stampede, axis, &sizes).await.context(axis.name)?;
        eprintln!("{}: {}", axis.name, curve.sentence());
        curve.draw(&options.out.join(format!("growth-{}.svg", axis.name)))?;
        growth.curves.push(curve);
    }
    let mut text = growth.machine.sentence(&growth.command);
    growth.curves.iter().for_each(|curve| curve.markdown(&mut text));
    options.publish("growth", &text, &growth)
}

#[cfg(test)]
mod tests {
    use super::{Curve, Step};

    fn ratio(costs: &[f64]) -> f64 {
        let step = |&cpu_us: &f64| Step { size: 1, per_second: 1.0, cpu_us, kernel_us: 0.0, memory_bytes: 0 };
        Curve { name: "things", steps: costs.iter().map(step).collect() }.cost_ratio()
    }

    #[test]
    fn a_cost_that_falls_is_flat_and_one_that_rises_later_is_not() {
        assert_eq!(ratio(&[8.0, 4.0, 2.0]).to_bits(), 1.0_f64.to_bits());
        assert_eq!(ratio(&[8.0, 2.0, 6.0]).to_bits(), 3.0_f64.to_bits());
    }
}
