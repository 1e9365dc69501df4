//! The parts of the documentation that follow from the code, as Markdown tables.
//!
//! `stampede docs` prints one; the build's freshness check compares them with what stands in the documents. Owns no
//! fact: commands, statuses, keys and fields are read where they are declared.

use crate::command::table::{Spec, TABLE};
use crate::config::KEYS;
use crate::error_code::ErrorCode;
use crate::offer_text::field_rows;
use stampede_engine::core::{Refusal, Status};
use std::fmt::Write as _;

/// A generated section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Section {
    /// Every command with its arguments.
    Commands,
    /// Every status, refusal and error with its number.
    Statuses,
    /// Every key of the configuration.
    Config,
    /// Every field of an offer.
    OfferFields,
}

/// The section, without a heading, ending with a line feed.
pub fn markdown(section: Section) -> String {
    match section {
        Section::Commands => commands(),
        Section::Statuses => statuses(),
        Section::Config => config(),
        Section::OfferFields => offer_fields(),
    }
}

fn commands() -> String {
    let mut table = Table::new(["command", "for", "what it does", "statuses"]);
    for spec in TABLE.iter().flat_map(leaves) {
        let call = format!("`{} {}`", spec.full_name, spec.syntax);
        let statuses: Vec<String> = spec.statuses.iter().map(|status| format!("`{status}`")).collect();
        table.row([&call.replace(" `", "`"), spec.group.name(), spec.summary, &statuses.join(" ")]);
    }
    table.text
}

/// The subcommands of a command that has some, else the command.
fn leaves(spec: &'static Spec) -> impl Iterator<Item = &'static Spec> {
    let own = if spec.subcommands.is_empty() { Some(spec) } else { None };
    own.into_iter().chain(spec.subcommands)
}

fn statuses() -> String {
    let mut table = Table::new(["number", "word", "kind", "retry", "meaning"]);
    for status in Status::ALL {
        table.row([&status.number().to_string(), &code(status.name()), "state", "—", status.message()]);
    }
    for refusal in Refusal::ALL {
        let number = refusal.number().to_string();
        table.row([
            &number,
            &code(refusal.name()),
            "refusal",
            yes_or_no(refusal.retryable()),
            refusal.message(),
        ]);
    }
    for error in ErrorCode::ALL {
        let number = error.number().to_string();
        table.row([&number, &code(error.name()), "error", yes_or_no(error.retryable()), error.message()]);
    }
    table.text
}

fn config() -> String {
    let mut table = Table::new(["key", "unit", "default", "range", "effect"]);
    for key in KEYS {
        table.row([&code(key.name), key.unit, &key.default_words(), &key.range_words(), key.effect]);
    }
    table.text
}

fn offer_fields() -> String {
    let mut table = Table::new(["field", "value", "default", "meaning"]);
    for row in field_rows() {
        table.row([&code(&row.path), &row.value, &row.default, &row.meaning]);
    }
    table.text
}

fn code(word: &str) -> String {
    format!("`{word}`")
}

const fn yes_or_no(is_retryable: bool) -> &'static str {
    if is_retryable { "yes" } else { "no" }
}

/// A Markdown table that grows row by row.
struct Table<const N: usize> {
    text: String,
}

impl<const N: usize> Table<N> {
    fn new(heads: [&str; N]) -> Self {
        let mut table = Table { text: String::new() };
        table.row(heads);
        table.text.push_str(&"|---".repeat(N));
        table.text.push_str("|\n");
        table
    }

    /// A bar or line break inside a cell would end it.
    fn row(&mut self, cells: [&str; N]) {
        for cell in cells {
            let cell = cell.replace('|', "\\|").replace('\n', " ");
            let _ = write!(self.text, "| {cell} ");
        }
        self.text.push_str("|\n");
    }
}
