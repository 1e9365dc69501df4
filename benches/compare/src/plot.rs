//! Line plots as SVG files: the figures of the documentation.
//!
//! A horizontal axis by powers of ten, a vertical one from zero or by powers of ten. Text stays text. Called by
//! `curves` and `growth`.

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;
use std::path::Path;

/// Our lines, the peer's, the stub's.
pub(crate) const OURS: RGBColor = RGBColor(22, 163, 74);
pub(crate) const PEER: RGBColor = RGBColor(220, 38, 38);
pub(crate) const PEER_SYNCING: RGBColor = RGBColor(245, 158, 11);
pub(crate) const LIMIT: RGBColor = RGBColor(148, 163, 184);
/// A part of one of our lines.
pub(crate) const PART: RGBColor = RGBColor(134, 239, 172);

const INK: RGBColor = RGBColor(71, 85, 105);
const GRID: RGBColor = RGBColor(226, 232, 240);
/// Size of one panel.
const SIZE: (u32, u32) = (560, 380);

/// One line.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) label: String,
    pub(crate) colour: RGBColor,
    pub(crate) points: Vec<(f64, f64)>,
}

/// One pair of axes.
#[derive(Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) x_title: String,
    /// By powers of ten; otherwise from zero.
    pub(crate) is_log_y: bool,
    pub(crate) lines: Vec<Line>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws the panels side by side.
pub(crate) fn draw(path: &Path, panels: &[Panel]) -> Result<()> {
    let size = (SIZE.0 * panels.len().max(1) as u32, SIZE.1);
    let root = SVGBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE).map_err(failed)?;
    for (area, panel) in root.split_evenly((1, panels.len().max(1))).iter().zip(panels) {
        panel.draw(area)?;
    }
    root.present().map_err(|error| anyhow!("cannot write {}: {error}", path.display()))
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("cannot draw a plot: {error}")
}

impl Panel {
    fn draw(&self, area: &Area<'_>) -> Result<()> {
        let xs = || self.lines.iter().flat_map(|line| &line.points).map(|point| point.0);
        let ys = || self.lines.iter().flat_map(|line| &line.points).map(|point| point.1);
        let x = (lowest(xs()) * 0.9)..(highest(xs()) * 1.1);
        let mut builder = ChartBuilder::on(area);
        builder
            .caption(&self.title, ("sans-serif", 15, &INK))
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(64);
        // The two kinds of axis are two types: what is drawn on them is the same.
        macro_rules! draw_on {
            ($chart:expr) => {{
                let mut chart = $chart.map_err(failed)?;
                chart
                    .configure_mesh()
                    .axis_style(INK)
                    .bold_line_style(GRID)
                    .light_line_style(TRANSPARENT)
                    .label_style(("sans-serif", 12, &INK))
                    .x_desc(&self.x_title)
                    .x_label_formatter(&|value| short(*value))
                    .y_label_formatter(&|value| short(*value))
                    .draw()
                    .map_err(failed)?;
                for line in &self.lines {
                    let colour = line.colour;
                    chart
                        .draw_series(
                            LineSeries::new(line.points.iter().copied(), colour.stroke_width(2))
                                .point_size(3),
                        )
                        .map_err(failed)?
                        .label(&line.label)
                        .legend(move |(x, y)| {
                            PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2))
                        });
                }
                let mut labels = chart.configure_series_labels();
                labels.position(SeriesLabelPosition::UpperLeft).border_style(GRID).background_style(WHITE);
                labels.label_font(("sans-serif", 12, &INK)).draw().map_err(failed)?;
            }};
        }
        if self.is_log_y {
            let low = 10_f64.powf(lowest(ys()).log10().floor());
            let high = 10_f64.powf(highest(ys()).log10().ceil()).max(low * 10.0);
            draw_on!(builder.build_cartesian_2d(x.log_scale(), (low..high).log_scale()));
        } else {
            draw_on!(builder.build_cartesian_2d(x.log_scale(), 0.0..highest(ys()) * 1.25));
        }
        Ok(())
    }
}

/// The least value above zero, for a logarithm.
fn lowest(values: impl Iterator<Item = f64>) -> f64 {
    values.filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min).min(1e12)
}

fn highest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(1e-9, f64::max)
}

/// A number in a few characters.
fn short(value: f64) -> String {
    let (value, unit) = match value {
        large if large >= 1e6 => (large / 1e6, " M"),
        large if large >= 1e3 => (large / 1e3, " k"),
        small => (small, ""),
    };
    let text = format!("{value:.2}");
    format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::{Line, OURS, Panel, draw, short};

    #[test]
    fn numbers_are_short() {
        assert_eq!([short(0.5), short(12_500.0), short(50e6), short(0.0)], ["0.5", "12.5 k", "50 M", "0"]);
    }

    #[test]
    fn a_plot_has_its_titles_and_lines_as_text() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plot.svg");
        for is_log_y in [false, true] {
            let points = vec![(1e3, 40.0), (1e6, 4_000.0)];
            let lines = vec![Line { label: "a line".to_owned(), colour: OURS, points }];
            let (title, x_title) = ("a title".to_owned(), "an axis".to_owned());
            draw(&path, &[Panel { title, x_title, is_log_y, lines }]).unwrap();
            let svg = std::fs::read_to_string(&path).unwrap();
            for part in ["a line", "a title", "an axis", "polyline", "1 M"] {
                assert!(svg.contains(part), "{part:?} is missing");
            }
        }
    }
}
