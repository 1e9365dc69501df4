//! Runs the scenario files: sales written as text, read top to bottom, each line with what it must answer.
//!
//! The format is described at the head of `scenarios/lifecycle.txt`. One test per file; a failure names the
//! file, the line and what was answered instead. After every scenario the audit must hold and the replayed
//! journal must give the same digest. It owns no rule: what is right stands in the files.

#[path = "support/driver.rs"]
#[allow(dead_code, reason = "the twin and the snapshot tests ask the driver for more")]
mod driver;
#[path = "scenario/expect.rs"]
mod expect;
#[path = "support/journal.rs"]
#[allow(dead_code, reason = "the property tests read more of a journal than the scenarios do")]
mod journal;
#[path = "scenario/line.rs"]
mod line;
#[path = "support/names.rs"]
mod names;
#[path = "scenario/offer.rs"]
mod offer;
#[path = "support/seen.rs"]
mod seen;

use driver::Driver;
use line::{Clock, Line, Step};
use seen::Seen;
use stampede_core::{Swept, UnixMs};

/// Midnight of the scenarios: `@0`.
const START: UnixMs = UnixMs::new(1_700_000_000_000);
/// Sweeps between lines go in slices as small as this, so that every scenario also tests slicing.
const SLICE: usize = 3;

/// Runs every scenario of a file and reports all that fail.
fn check(file: &str, text: &str) {
    let mut failures = Vec::new();
    let mut passed = 0;
    for scenario in scenarios(text) {
        match run(&scenario) {
            Ok(()) => passed += 1,
            Err(failure) => failures.push(format!("{file}: \"{}\": {failure}", scenario.title)),
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {}:\n{}",
        failures.len(),
        failures.len() + passed,
        failures.join("\n")
    );
    assert!(passed > 0, "{file} holds no scenario");
    println!("{file}: {passed} scenarios");
}

struct Scenario<'a> {
    title: &'a str,
    lines: Vec<(usize, &'a str)>,
}

/// A scenario begins with `scenario TITLE`; blank lines and lines that begin with `#` are for the reader.
fn scenarios(text: &str) -> Vec<Scenario<'_>> {
    let mut found: Vec<Scenario<'_>> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(title) = line.strip_prefix("scenario ") {
            found.push(Scenario { title, lines: Vec::new() });
        } else if !line.is_empty() && !line.starts_with('#') {
            let scenario = found.last_mut().unwrap_or_else(|| panic!("line {}: no scenario yet", index + 1));
            scenario.lines.push((index + 1, line));
        }
    }
    found
}

fn run(scenario: &Scenario<'_>) -> Result<(), String> {
    let mut driver = Driver::new(START);
    for &(number, text) in &scenario.lines {
        for text in line::unrolled(text) {
            let clock = Clock { start: START, now: driver.now() };
            let line =
                line::parse(&text, clock).map_err(|error| format!("line {number}: {error}: {text}"))?;
            // A scenario that panics says where, like one that fails.
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| perform(&mut driver, &line)));
            let seen =
                done.map_err(|panic| format!("line {number}: {text}\n    panicked: {}", words(&panic)))?;
            expect::check(line.expected.as_deref(), &seen, Clock { start: START, now: driver.now() })
                .map_err(|error| format!("line {number}: {text}\n    {error}\n    got {seen}"))?;
        }
    }
    driver.sweep_all(SLICE);
    let audit = driver.audit();
    if audit.status != "OK" {
        return Err(format!("at its end: {audit}"));
    }
    driver.check_replay().map_err(|error| format!("at its end: {error}"))
}

fn words(panic: &Box<dyn std::any::Any + Send>) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "without words".to_owned())
}

fn perform(driver: &mut Driver, line: &Line) -> Seen {
    match &line.step {
        Step::Ask(request) => driver.ask(request),
        Step::Look(request) => driver.look(request).unwrap_or_else(|| Seen::word("NONE")),
        Step::Advance(to) => {
            driver.advance_to(*to);
            driver.sweep_all(SLICE);
            driver.checkpoint();
            Seen::word("DONE")
        }
        Step::AdvanceUnswept(to) => {
            driver.advance_to(*to);
            Seen::word("DONE")
        }
        Step::Sweep(slice) => {
            let before = driver.journal().entries().len();
            let swept = driver.sweep(*slice);
            let events = driver.journal().entries().len() - before;
            let word = if swept == Swept::More { "MORE" } else { "DONE" };
            let mut seen = Seen::word(word);
            seen.pairs.push(("events", events.to_string()));
            seen
        }
        Step::Count(kind) => {
            let count = driver.journal().entries().iter().filter(|(_, entry)| entry.kind() == *kind).count();
            Seen::word(count.to_string())
        }
        Step::NextDue => Seen::word(driver.next_due().map_or("NONE".to_owned(), |due| due.to_string())),
        Step::Audit => driver.audit(),
        Step::Restart => {
            driver.restart();
            Seen::word("DONE")
        }
    }
}

/// One test per scenario file.
macro_rules! scenario_files {
    ($($test:ident: $file:literal;)*) => {$(
        #[test]
        fn $test() {
            check($file, include_str!(concat!("scenarios/", $file)));
        }
    )*};
}

scenario_files! {
    lifecycle: "lifecycle.txt";
    repeats: "repeats.txt";
    refusals: "refusals.txt";
    windows: "windows.txt";
    admission: "admission.txt";
    limits: "limits.txt";
    payments: "payments.txt";
    late_payments: "late_payments.txt";
    cancels_and_returns: "cancels_and_returns.txt";
    operators: "operators.txt";
    offers: "offers.txt";
    pools: "pools.txt";
    restarts: "restarts.txt";
    deadlines: "deadlines.txt";
    groups: "groups.txt";
    group_members: "group_members.txt";
    group_any: "group_any.txt";
    group_merge: "group_merge.txt";
    group_reserve: "group_reserve.txt";
    reads: "reads.txt";
    looks: "looks.txt";
    removals: "removals.txt";
    large_settlements: "large_settlements.txt";
}
