//! Instructions per intent, counted by callgrind: a figure that does not depend on how busy the machine is.
//!
//! ```text
//! cargo run --release -p stampede-compare -- instructions
//! ```
//!
//! # Method
//! - Each work runs twice from an empty machine, with different counts of intents; the difference of the two totals,
//!   divided by the difference of the counts, is what one intent costs. Start-up and fixed costs fall out.
//! - Writing the ids is in every work, counted by itself, and taken off. So is taking the holds that are paid.
//! - The growth of tables between the two sizes is part of the figure.
//!
//! The table goes to a file that is committed: what a change costs is seen in its diff. The figures move by a few
//! instructions between compilers; between two runs of one binary they are the same to a tenth of a percent.

use crate::alone::{self, Clock, Task};
use crate::options::InstructionsOptions;
use crate::process;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Figures of the table: what they count, the work, and the work whose cost is in it besides the ids.
const FIGURES: [(&str, Task, Option<Task>); 5] = [
    ("BUY accepted", Task::Buy, None),
    ("BUY accepted, its event encoded", Task::BuyEncoded, None),
    ("BUY refused, sold out", Task::Refused, None),
    ("PAY of a held reservation", Task::Pay, Some(Task::Buy)),
    ("group seat: open or join, and pay", Task::Groups, None),
];

/// Counts everything and writes the table.
pub(crate) fn run(options: &InstructionsOptions) -> Result<()> {
    crate::refuse_debug_build()?;
    let valgrind = process::require("valgrind", "valgrind")?;
    let directory = process::data_directory()?;
    let mut each = BTreeMap::new();
    for task in [Task::Ids, Task::Buy, Task::BuyEncoded, Task::Refused, Task::Pay, Task::Groups] {
        let small = alone::whole_batches(options.count);
        let large = 2 * small;
        let count = |intents| count(&valgrind, directory.path(), task, intents).with_context(|| task.name());
        let (before, after) = (count(small)?, count(large)?);
        let more = after.checked_sub(before).context("more intents took fewer instructions")?;
        each.insert(task.name(), more as f64 / (large - small) as f64);
        eprintln!("{}: {:.1} instructions each, ids included", task.name(), each[&task.name()]);
    }
    let table = table(&each, options.count);
    print!("{table}");
    if let Some(folder) = options.out.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(&options.out, table).with_context(|| format!("cannot write {}", options.out.display()))
}

/// Runs one task under callgrind and answers how many instructions it took.
fn count(valgrind: &Path, directory: &Path, task: Task, intents: u64) -> Result<u64> {
    let words = alone::words(task, intents, Clock::Untimed)?;
    let output = Command::new(valgrind)
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", directory.join("callgrind.out").display()))
        .args(words)
        .stdin(Stdio::null())
        .output()
        .context("cannot run valgrind")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "callgrind ended with {}: {errors}", output.status);
    collected(&errors).with_context(|| format!("callgrind told no count: {errors}"))
}

/// Reads the count from what callgrind tells at its end: `==123== Collected : 456`.
fn collected(text: &str) -> Option<u64> {
    let line = text.lines().rfind(|line| line.contains("Collected :"))?;
    line.rsplit(':').next()?.trim().parse().ok()
}

fn table(each: &BTreeMap<String, f64>, count: u64) -> String {
    let mut text = String::from("work\tinstructions per intent\n");
    for (title, task, within) in FIGURES {
        let rest = each[&Task::Ids.name()] + within.map_or(0.0, |within| each[&within.name()]);
        // Writing to a string cannot fail.
        let _written = writeln!(text, "{title}\t{:.0}", each[&task.name()] - rest);
    }
    let _written = writeln!(
        text,
        "# callgrind, the core alone, difference of {count} and {} intents; a seat is one BUY and one PAY",
        2 * count
    );
    text
}

#[cfg(test)]
mod tests {
    use super::{collected, table};

    #[test]
    fn the_count_is_read_from_the_last_lines_of_callgrind() {
        let text = "==7== Callgrind\n==7== Events    : Ir\n==7== Collected : 123456\n==7== \n";
        assert_eq!(collected(text), Some(123_456));
        assert_eq!(collected("==7== Events    : Ir\n"), None);
    }

    #[test]
    fn ids_and_the_holds_before_a_payment_are_taken_off() {
        let each = [("ids", 100.0), ("buy", 900.0), ("buy-encoded", 1_000.0), ("refused", 250.0)]
            .into_iter()
            .chain([("pay", 1_500.0), ("groups", 2_100.0)])
            .map(|(name, figure)| (name.to_owned(), figure))
            .collect();
        let text = table(&each, 64);
        for line in ["BUY accepted\t800", "sold out\t150", "held reservation\t500", "and pay\t2000"] {
            assert!(text.contains(line), "{line:?} is missing in:\n{text}");
        }
    }
}
