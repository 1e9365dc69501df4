//! What happened in a run, line by line, for whoever replays a seed. Costs nothing where nobody listens.

use std::fmt::Display;

/// The lines of a run so far.
#[derive(Debug, Default)]
pub(crate) struct Story {
    lines: Option<Vec<String>>,
    step: u32,
}

/// Whether a run tells its story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// Nobody listens.
    Off,
    /// Every step is told.
    On,
}

impl Story {
    pub(crate) fn new(trace: Trace) -> Self {
        Story { lines: (trace == Trace::On).then(Vec::new), step: 0 }
    }

    pub(crate) fn begin_step(&mut self, step: u32) {
        self.step = step;
    }

    /// Adds a line; it is made only if somebody listens.
    pub(crate) fn tell<D: Display>(&mut self, line: impl FnOnce() -> D) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{:>4}  {}", self.step, line()));
        }
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}
