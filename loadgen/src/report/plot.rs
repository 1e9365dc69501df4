//! Draws the plots of a report as SVG text, to stand inside the page.
//!
//! Latency by percentile on two logarithmic scales (the tail is the point), answers over time stacked by
//! class, latency over time. Text stays text: the SVG takes the page's fonts and can be searched.

use anyhow::{Result, anyhow};
use hdrhistogram::Histogram;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;

use super::terminal::{count, duration};
use super::{RunReport, SliceReport};
use crate::class::Class;
use crate::record::Recorder;

/// Size of every plot; the page scales it.
const SIZE: (u32, u32) = (900, 320);
const INK: RGBColor = RGBColor(71, 85, 105);
const GRID: RGBColor = RGBColor(226, 232, 240);

/// The lines of latency over time, with their colours.
pub const LATENCY_LEGEND: [(&str, RGBColor); 3] = [
    ("slowest", RGBColor(203, 213, 225)),
    ("p99", RGBColor(245, 158, 11)),
    ("median", RGBColor(22, 163, 74)),
];

/// The colour of a class, in plots and in the page.
pub fn colour(class: Class) -> RGBColor {
    match class {
        Class::Accepted => RGBColor(22, 163, 74),
        Class::Replayed => RGBColor(14, 165, 233),
        Class::Refused => RGBColor(148, 163, 184),
        Class::Settled => RGBColor(99, 102, 241),
        Class::Read => RGBColor(203, 213, 225),
        Class::Busy => RGBColor(245, 158, 11),
        Class::Error => RGBColor(220, 38, 38),
        Class::Timeout => RGBColor(127, 29, 29),
    }
}

/// One line.
struct Curve {
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

/// How many nines: 0 is the median's 0 %, 1 is 90 %, 2 is 99 %.
#[derive(Clone)]
struct Nines(f64);

impl Ranged for Nines {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        limit.0 + ((value / self.0) * f64::from(limit.1 - limit.0)) as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        (0..=self.0.floor() as u32).map(f64::from).collect()
    }

    fn range(&self) -> std::ops::Range<f64> {
        0.0..self.0
    }
}

impl ValueFormatter<f64> for Nines {
    fn format_ext(&self, value: &f64) -> String {
        match value.round() as usize {
            0 => "0 %".into(),
            1 => "90 %".into(),
            2 => "99 %".into(),
            more => format!("99.{} %", "9".repeat(more - 2)),
        }
    }
}

fn draw_failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("cannot draw a plot: {error}")
}

/// Latency by percentile: one line per class that has answers.
pub fn percentiles(recorder: &Recorder) -> Result<String> {
    let curves: Vec<Curve> = Class::ALL
        .into_iter()
        .filter(|&class| recorder.count(class) > 0)
        .map(|class| Curve {
            colour: colour(class),
            points: percentile_points(&recorder.latency_ns[class.index()]),
        })
        .collect();
    let nines = curves.iter().filter_map(|curve| curve.points.last()).map(|point| point.0);
    let nines = nines.fold(1.0_f64, f64::max);
    let (low, high) = bounds(&curves);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin(12)
            .x_label_area_size(34)
            .y_label_area_size(64)
            .build_cartesian_2d(Nines(nines), (low..high).log_scale())
            .map_err(draw_failed)?;
        chart
            .configure_mesh()
            .axis_style(INK)
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .label_style(("sans-serif", 13, &INK))
            .y_label_formatter(&|us| duration(*us))
            .draw()
            .map_err(draw_failed)?;
        for curve in &curves {
            let style = curve.colour.stroke_width(2);
            let line = LineSeries::new(curve.points.iter().copied(), style);
            chart.draw_series(line).map_err(draw_failed)?;
        }
        root.present().map_err(draw_failed)?;
    }
    Ok(svg)
}

/// From the median's left end to the slowest answer, evenly in nines.
fn percentile_points(histogram: &Histogram<u64>) -> Vec<(f64, f64)> {
    let nines_max = (histogram.len() as f64).log10().max(1.0);
    (0..=160)
        .map(|step| {
            let nines = nines_max * f64::from(step) / 160.0;
            let quantile = 1.0 - 10_f64.powf(-nines);
            (nines, histogram.value_at_quantile(quantile) as f64 / 1_000.0)
        })
        .collect()
}

/// The range of latencies of all curves, rounded outward to powers of ten.
fn bounds(curves: &[Curve]) -> (f64, f64) {
    let values = || curves.iter().flat_map(|curve| &curve.points).map(|point| point.1.max(1.0));
    let low = values().fold(f64::MAX, f64::min).min(1e6);
    let high = values().fold(10.0, f64::max);
    let low = 10_f64.powf(low.log10().floor());
    (low, (10_f64.powf(high.log10().ceil())).max(low * 10.0))
}

/// Answers per second over time, stacked by class.
pub fn answers_over_time(run: &RunReport) -> Result<String> {
    let slices = &run.timeline;
    let classes: Vec<Class> = run.classes.iter().map(|class| class.class).collect();
    let stacks = stack(slices, &classes);
    let top = stacks.last().into_iter().flatten().map(|point| point.1).fold(1.0, f64::max) * 1.08;
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin(12)
            .x_label_area_size(34)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..end_s(slices), 0.0..top)
            .map_err(draw_failed)?;
        draw_time_mesh(&mut chart, &|rate| count(*rate as u64))?;
        // From the highest stack down: each covers the lower part of the one before.
        for (class, points) in classes.iter().zip(&stacks).rev() {
            let area = AreaSeries::new(points.iter().copied(), 0.0, colour(*class));
            chart.draw_series(area).map_err(draw_failed)?;
        }
        root.present().map_err(draw_failed)?;
    }
    Ok(svg)
}

/// Per class the running sum of rates, as steps.
fn stack(slices: &[SliceReport], classes: &[Class]) -> Vec<Vec<(f64, f64)>> {
    let mut sums = vec![0.0; slices.len()];
    classes
        .iter()
        .map(|class| {
            let mut points = Vec::with_capacity(slices.len() * 2);
            for (slice, sum) in slices.iter().zip(&mut sums) {
                let answers = slice.answers.get(class.name()).copied().unwrap_or(0);
                *sum += answers as f64 / slice.length_s;
                points.push((slice.at_s, *sum));
                points.push((slice.at_s + slice.length_s, *sum));
            }
            points
        })
        .collect()
}

fn end_s(slices: &[SliceReport]) -> f64 {
    slices.last().map_or(1.0, |slice| slice.at_s + slice.length_s)
}

/// Latency over time: median, 99 %, the slowest.
pub fn latency_over_time(run: &RunReport) -> Result<String> {
    let filled = || run.timeline.iter().filter(|slice| !slice.answers.is_empty());
    let curve = |colour, value: fn(&SliceReport) -> f64| Curve {
        colour,
        points: filled().map(|slice| (slice.at_s + slice.length_s / 2.0, value(slice).max(1.0))).collect(),
    };
    let curves = [
        curve(LATENCY_LEGEND[0].1, |slice| slice.latency.max_us),
        curve(LATENCY_LEGEND[1].1, |slice| slice.latency.p99_us),
        curve(LATENCY_LEGEND[2].1, |slice| slice.latency.p50_us),
    ];
    let (low, high) = bounds(&curves);
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin(12)
            .x_label_area_size(34)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..end_s(&run.timeline), (low..high).log_scale())
            .map_err(draw_failed)?;
        draw_time_mesh(&mut chart, &|us| duration(*us))?;
        for curve in &curves {
            let line = LineSeries::new(curve.points.iter().copied(), curve.colour.stroke_width(2));
            chart.draw_series(line).map_err(draw_failed)?;
        }
        root.present().map_err(draw_failed)?;
    }
    Ok(svg)
}

type TimeChart<'a, Y> =
    ChartContext<'a, SVGBackend<'a>, Cartesian2d<plotters::coord::types::RangedCoordf64, Y>>;

fn draw_time_mesh<'a, Y>(chart: &mut TimeChart<'a, Y>, y_label: &dyn Fn(&f64) -> String) -> Result<()>
where
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    chart
        .configure_mesh()
        .disable_x_mesh()
        .axis_style(INK)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .label_style(("sans-serif", 13, &INK))
        .x_label_formatter(&|second| format!("{second:.1} s"))
        .y_label_formatter(y_label)
        .draw()
        .map_err(draw_failed)
}
