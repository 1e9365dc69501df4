//! The report for a terminal: in one glance what was sold, refused, formed, failed, how fast, and whether it is true.

use std::fmt::Write;

use super::{ClosedReport, Percentiles, Report, RunReport};
use crate::class::Class;
use crate::ledger::Judgement;
use crate::replay::{Match, ReplayReport};

/// Differences that are printed word for word; the JSON has the rest.
const PRINTED_MAX: usize = 1_000;

/// The whole report as text.
pub fn text(report: &Report) -> String {
    let mut out = String::new();
    for run in &report.runs {
        write_run(&mut out, run);
    }
    for run in &report.maximum_throughput {
        write_closed(&mut out, run);
    }
    for replay in &report.replays {
        write_replay(&mut out, replay);
    }
    let server: Vec<_> = report.server.iter().map(|(key, value)| format!("{key} {value}")).collect();
    let server =
        if server.is_empty() { "a server that says nothing of itself".into() } else { server.join(", ") };
    let _ = writeln!(out, "\nserver: {server} · seed {}", report.seed);
    let verdict = if report.is_clean {
        "Everything agrees: nothing sold twice, nothing lost, every sum holds."
    } else {
        "THE SERVER'S BOOKS AND ITS ANSWERS DO NOT AGREE. Do not trust this run."
    };
    let _ = writeln!(out, "{verdict}");
    out
}

fn write_run(out: &mut String, run: &RunReport) {
    let _ = writeln!(out, "\n── {} ──", run.title);
    let refused = run.count(Class::Refused);
    let _ = writeln!(
        out,
        "{} accepted · {} refused · {} replayed · {} busy · {} errors · {} timeouts, in {:.1} s\n\
         {} commands were due; {} follow-ups of refused purchases were left out",
        count(run.count(Class::Accepted)),
        count(refused),
        count(run.count(Class::Replayed)),
        count(run.count(Class::Busy)),
        count(run.count(Class::Error)),
        count(run.count(Class::Timeout)),
        run.elapsed_s,
        count(run.planned),
        count(run.left_out)
    );
    if let Some(judgement) = &run.judgement {
        let sums = &judgement.sums;
        let _ = writeln!(
            out,
            "{} units on sale: {} won, {} held, {} left · paid {} · owed back {}",
            count(sums.stock),
            count(sums.sold),
            count(sums.held),
            count(sums.stock.saturating_sub(sums.sold + sums.held)),
            count(sums.paid_cash.unsigned_abs()),
            count(sums.owed_cash.unsigned_abs())
        );
        if sums.groups_formed + sums.groups_open + sums.groups_failed > 0 {
            let _ = writeln!(
                out,
                "groups: {} formed · {} open · {} over",
                count(sums.groups_formed),
                count(sums.groups_open),
                count(sums.groups_failed)
            );
        }
    }
    let _ = writeln!(out, "goodput {} accepted reservations per second", count(run.goodput_per_s as u64));
    write_latency_table(out, run);
    if run.lag_matters {
        let _ = writeln!(
            out,
            "LATENCIES VOID: the generator itself was late by {} (p99); what was sold stands. Lower the rate, or give the generator its own machine.",
            duration(run.lag.p99_us)
        );
    }
    if run.broken_connections > 0 {
        let _ = writeln!(out, "{} connections broke during the run", run.broken_connections);
    }
    if let Some(judgement) = &run.judgement {
        write_judgement(out, judgement);
    }
}

fn write_latency_table(out: &mut String, run: &RunReport) {
    let _ = writeln!(
        out,
        "{:<22}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "from intended time", "count", "p50", "p90", "p99", "p99.9", "max"
    );
    for class in &run.classes {
        write_percentiles(out, class.class.name(), class.count, &class.latency);
    }
    write_percentiles(out, "all", run.classes.iter().map(|class| class.count).sum(), &run.latency);
    write_percentiles(out, "generator lag", run.planned, &run.lag);
}

fn write_percentiles(out: &mut String, name: &str, of: u64, latency: &Percentiles) {
    let _ = writeln!(
        out,
        "{name:<22}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}",
        count(of),
        duration(latency.p50_us),
        duration(latency.p90_us),
        duration(latency.p99_us),
        duration(latency.p999_us),
        duration(latency.max_us)
    );
}

fn write_closed(out: &mut String, run: &ClosedReport) {
    let _ = writeln!(out, "\n── {} · maximum throughput, closed loop ──", run.title);
    let _ = writeln!(
        out,
        "{} answers per second, of them {} accepted reservations · {} connections × pipeline {}",
        count(run.answered_per_s as u64),
        count(run.accepted_per_s as u64),
        run.connections,
        run.pipeline
    );
    let counts = &run.counts;
    let _ = writeln!(
        out,
        "{} answered in {:.2} s: {} accepted · {} refused · {} replayed · {} settled · {} busy · {} errors",
        count(counts.answered),
        counts.elapsed_s,
        count(counts.accepted),
        count(counts.refused),
        count(counts.replayed),
        count(counts.settled),
        count(counts.busy),
        count(counts.errors)
    );
    if let Some(cpu) = counts.client_cpu_s {
        let _ = writeln!(
            out,
            "client: {:.0} ns of CPU per command, {:.0} % of one core",
            cpu * 1e9 / counts.answered.max(1) as f64,
            cpu * 100.0 / counts.elapsed_s.max(1e-9)
        );
    }
    if let Some(error) = &counts.first_error {
        let _ = writeln!(out, "first error: {error}");
    }
    if let Some(events) = run.feed_events {
        let _ = writeln!(
            out,
            "three views: answers, feed, server: {} events, {} differences",
            count(events),
            count(run.faults.len() as u64)
        );
    }
    for fault in &run.faults {
        let _ = writeln!(out, "  {fault}");
    }
}

fn write_replay(out: &mut String, replay: &ReplayReport) {
    let how = match replay.matching {
        Match::Friends => "members join their leader",
        Match::Any => "strangers meet over the item",
    };
    let _ = writeln!(out, "\n── replay of group-buy records · {how} ──");
    let _ = writeln!(
        out,
        "{} groups formed · {} failed, from {} formed and {} failed lines on {} offers",
        count(replay.groups_formed),
        count(replay.groups_failed),
        count(replay.lines_formed),
        count(replay.lines_failed),
        count(replay.offers)
    );
    if replay.matching == Match::Any && replay.lines_failed > 0 {
        let _ = writeln!(
            out,
            "{} of {} failed leaders found a stranger ({:.1} %); {} could at most",
            count(replay.failed_lines_saved),
            count(replay.lines_failed),
            replay.failed_lines_saved as f64 * 100.0 / replay.lines_failed as f64,
            count(replay.failed_lines_matchable)
        );
    }
    let sums = &replay.judgement.sums;
    let _ = writeln!(
        out,
        "{} units won · {} refunded · {} released · paid {} · owed back {}",
        count(sums.sold),
        count(sums.refunded),
        count(sums.released),
        count(sums.paid_cash.unsigned_abs()),
        count(sums.owed_cash.unsigned_abs())
    );
    let _ = writeln!(
        out,
        "{} commands in {:.1} s ({} per second) · offers {:.1} s · windows {:.1} s · checks {:.1} s",
        count(replay.commands),
        replay.playing_s,
        count(replay.commands_per_s() as u64),
        replay.putting_s,
        replay.waiting_s,
        replay.checking_s
    );
    write_judgement(out, &replay.judgement);
}

fn write_judgement(out: &mut String, judgement: &Judgement) {
    let differences = &judgement.differences;
    let _ = writeln!(
        out,
        "ledger: {} differences in {} questions · AUDIT {}",
        count(differences.count()),
        count(judgement.questions),
        judgement.audit
    );
    write_three_views(out, judgement);
    if judgement.sums.unanswered > 0 {
        let _ = writeln!(out, "  {} commands were never answered", count(judgement.sums.unanswered));
    }
    for what in &judgement.unchecked {
        let _ = writeln!(out, "  not compared: {what}");
    }
    for (rule, found) in differences.by_rule() {
        let _ = writeln!(out, "  {rule}: {}", count(*found));
    }
    for difference in differences.kept().iter().take(PRINTED_MAX) {
        let _ = writeln!(out, "  {difference}");
    }
    if differences.count() > PRINTED_MAX as u64 {
        let left = differences.count() - PRINTED_MAX as u64;
        let _ = writeln!(out, "  … and {} more; --json FILE has them", count(left));
    }
}

/// In-doubt reservations that are printed by name; the JSON has more.
const DOUBTS_PRINTED_MAX: usize = 20;

fn write_three_views(out: &mut String, judgement: &Judgement) {
    let feed = &judgement.feed;
    let _ = writeln!(out, "{}", three_views(judgement));
    if feed.in_doubt > 0 {
        let _ = writeln!(
            out,
            "  in doubt: {} reservations stand on the feed and in the books, and their answers were lost",
            count(feed.in_doubt)
        );
    }
    for name in feed.in_doubt_named.iter().take(DOUBTS_PRINTED_MAX) {
        let _ = writeln!(out, "  in doubt: {name}");
    }
    for what in &feed.unread {
        let _ = writeln!(out, "  not read: {what}");
    }
}

/// What comparing answers, feed and server came to, in one line.
pub fn three_views(judgement: &Judgement) -> String {
    let feed = &judgement.feed;
    if !feed.unread.is_empty() {
        return "three views: answers and server alone, the feed does not reach back to the start".to_owned();
    }
    format!(
        "three views: answers, feed, server: {} events of {}, {} differences",
        count(feed.events),
        if feed.shards == 1 { "one feed".to_owned() } else { format!("{} feeds", feed.shards) },
        count(judgement.differences.count())
    )
}

/// A count with commas.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time in the unit that reads best.
pub fn duration(us: f64) -> String {
    match us {
        us if us < 1_000.0 => format!("{us:.0} µs"),
        us if us < 10_000.0 => format!("{:.2} ms", us / 1_000.0),
        us if us < 1_000_000.0 => format!("{:.0} ms", us / 1_000.0),
        us => format!("{:.2} s", us / 1_000_000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_commas_and_times_their_best_unit() {
        assert_eq!([count(7), count(1_234), count(100_000)], ["7", "1,234", "100,000"]);
        assert_eq!(
            [duration(12.3), duration(2_345.0), duration(45_000.0), duration(2_500_000.0)],
            ["12 µs", "2.35 ms", "45 ms", "2.50 s"]
        );
    }
}
