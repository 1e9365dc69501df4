//! The report as one HTML file: no script, no font, no picture from elsewhere.
//!
//! It is mailed around and opened years later, so everything it needs is inside it. All text from outside
//! (the command line, what a server said) is escaped.

use std::fmt::Write;

use anyhow::Result;
use plotters::style::RGBColor;

use super::terminal::{count, duration, three_views};
use super::{ClosedReport, Percentiles, Report, RunReport, plot};
use crate::class::Class;
use crate::ledger::Judgement;
use crate::replay::{Match, ReplayReport};

const STYLE: &str = include_str!("page.css");
/// Differences that the page lists; the JSON has the rest.
const LISTED_MAX: usize = 200;

/// The whole page.
pub fn page(report: &Report) -> Result<String> {
    let mut out = String::with_capacity(256 << 10);
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Stampede load report</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
    );
    write_head(&mut out, report);
    for run in &report.runs {
        write_run(&mut out, run)?;
    }
    for run in &report.maximum_throughput {
        write_closed(&mut out, run);
    }
    for replay in &report.replays {
        write_replay(&mut out, replay);
    }
    out.push_str("</main>\n</body>\n</html>\n");
    Ok(out)
}

/// Text that is safe between tags and in attributes.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

fn write_head(out: &mut String, report: &Report) {
    let server: Vec<_> = report.server.iter().map(|(key, value)| format!("{key} {value}")).collect();
    let (class, verdict) = if report.is_clean {
        ("verdict", "Everything agrees: nothing sold twice, nothing lost, every sum holds.")
    } else {
        ("verdict bad", "The server's books and its answers do not agree. Do not trust this run.")
    };
    let _ = write!(
        out,
        "<h1>Stampede load report</h1>\n<p><code>{}</code></p>\n<p>{} · seed {}</p>\n\
         <section class=\"{class}\">{verdict}</section>\n",
        escape(&report.command),
        escape(&server.join(" · ")),
        report.seed
    );
}

fn card(out: &mut String, value: &str, label: &str) {
    let _ = write!(out, "<div class=\"card\"><b>{}</b><span>{}</span></div>", escape(value), escape(label));
}

fn write_run(out: &mut String, run: &RunReport) -> Result<()> {
    let _ = write!(out, "<h2>{}</h2>\n<section>\n<div class=\"cards\">", escape(&run.title));
    card(out, &count(run.count(Class::Accepted)), "accepted");
    card(out, &count(run.count(Class::Refused)), "refused");
    card(out, &count(run.count(Class::Replayed)), "replayed");
    card(out, &count(run.goodput_per_s as u64), "accepted per second");
    card(out, &duration(run.latency.p50_us), "median");
    card(out, &duration(run.latency.p99_us), "p99");
    card(out, &duration(run.latency.p999_us), "p99.9");
    card(out, &format!("{:.1} s", run.elapsed_s), "elapsed");
    out.push_str("</div>\n");
    if run.lag_matters {
        let _ = writeln!(
            out,
            "<p class=\"warning\">Throw this run away: the generator itself was late by {} (p99).</p>",
            duration(run.lag.p99_us)
        );
    }
    out.push_str("<h3>Latency from the intended time</h3>\n");
    write_latency_table(out, run);
    let classes: Vec<_> = run.classes.iter().map(|class| class.class).collect();
    let classes: Vec<_> = classes.iter().map(|class| (class.name(), plot::colour(*class))).collect();
    let plots = [
        ("Latency by percentile", &classes[..], plot::percentiles(&run.recorder)?),
        ("Answers per second", &classes[..], plot::answers_over_time(run)?),
        ("Latency over time", &plot::LATENCY_LEGEND[..], plot::latency_over_time(run)?),
    ];
    for (title, legend, svg) in plots {
        let _ = write!(out, "<h3>{title}</h3>\n<p class=\"legend\">");
        for &(name, colour) in legend {
            let _ = write!(out, "<span>{}{name}</span>", dot(colour));
        }
        let _ = writeln!(out, "</p>\n{svg}");
    }
    out.push_str(
        "<h3>Answers by status</h3>\n<div class=\"scroll\"><table><tr><th>status</th><th>answers</th></tr>",
    );
    for (status, answers) in &run.statuses {
        let _ = write!(out, "<tr><td>{}</td><td>{}</td></tr>", escape(status), count(*answers));
    }
    out.push_str("</table></div>\n");
    if let Some(judgement) = &run.judgement {
        write_judgement(out, judgement);
    }
    out.push_str("</section>\n");
    Ok(())
}

fn write_latency_table(out: &mut String, run: &RunReport) {
    out.push_str(
        "<div class=\"scroll\"><table><tr><th></th><th>count</th><th>p50</th><th>p90</th><th>p99</th>\
         <th>p99.9</th><th>max</th></tr>",
    );
    for class in &run.classes {
        let name = format!("{}{}", dot(plot::colour(class.class)), class.class.name());
        write_percentiles(out, &name, class.count, &class.latency);
    }
    write_percentiles(out, "all", run.classes.iter().map(|class| class.count).sum(), &run.latency);
    write_percentiles(out, "generator lag", run.planned, &run.lag);
    out.push_str("</table></div>\n");
}

/// A spot of a colour.
fn dot(colour: RGBColor) -> String {
    let RGBColor(red, green, blue) = colour;
    format!("<i class=\"dot\" style=\"background:rgb({red},{green},{blue})\"></i>")
}

fn write_percentiles(out: &mut String, name: &str, of: u64, latency: &Percentiles) {
    let _ = write!(
        out,
        "<tr><td>{name}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
        count(of),
        duration(latency.p50_us),
        duration(latency.p90_us),
        duration(latency.p99_us),
        duration(latency.p999_us),
        duration(latency.max_us)
    );
}

fn write_closed(out: &mut String, run: &ClosedReport) {
    let _ =
        write!(out, "<h2>{} · maximum throughput</h2>\n<section>\n<div class=\"cards\">", escape(&run.title));
    card(out, &count(run.answered_per_s as u64), "answers per second");
    card(out, &count(run.accepted_per_s as u64), "accepted per second");
    card(out, &count(run.counts.answered), "answered");
    card(out, &format!("{:.2} s", run.counts.elapsed_s), "elapsed");
    card(out, &format!("{} × {}", run.connections, run.pipeline), "connections × pipeline");
    out.push_str("</div>\n<p>Closed loop: what the server can take, not how long a buyer waits.</p>\n");
    if let Some(events) = run.feed_events {
        let _ = writeln!(
            out,
            "<p>three views: answers, feed, server: {} events, {} differences</p>",
            count(events),
            count(run.faults.len() as u64)
        );
    }
    for fault in &run.faults {
        let _ = writeln!(out, "<p class=\"warning\">{}</p>", escape(fault));
    }
    out.push_str("</section>\n");
}

fn write_replay(out: &mut String, replay: &ReplayReport) {
    let how = match replay.matching {
        Match::Friends => "members join their leader",
        Match::Any => "strangers meet over the item",
    };
    let _ = write!(out, "<h2>Replay of group-buy records · {how}</h2>\n<section>\n<div class=\"cards\">");
    card(out, &count(replay.groups_formed), "groups formed");
    card(out, &count(replay.groups_failed), "groups failed");
    card(out, &count(replay.lines_formed), "formed lines");
    card(out, &count(replay.lines_failed), "failed lines");
    card(out, &count(replay.failed_lines_saved), "failed leaders saved");
    card(out, &count(replay.offers), "offers");
    card(out, &count(replay.commands_per_s() as u64), "commands per second");
    card(out, &format!("{:.1} s", replay.playing_s), "playing");
    out.push_str("</div>\n");
    write_judgement(out, &replay.judgement);
    out.push_str("</section>\n");
}

fn write_judgement(out: &mut String, judgement: &Judgement) {
    let sums = &judgement.sums;
    let _ = write!(
        out,
        "<h3>The books</h3>\n<p>{} units on sale: {} won, {} held, {} reservations refunded, {} released. Paid {}, owed back {}. \
         {} differences in {} questions; AUDIT {}.</p>\n",
        count(sums.stock),
        count(sums.sold),
        count(sums.held),
        count(sums.refunded),
        count(sums.released),
        count(sums.paid_cash.unsigned_abs()),
        count(sums.owed_cash.unsigned_abs()),
        count(judgement.differences.count()),
        count(judgement.questions),
        escape(&judgement.audit)
    );
    let feed = &judgement.feed;
    let _ = writeln!(out, "<p>{}</p>", escape(&three_views(judgement)));
    if feed.in_doubt > 0 {
        let named = feed.in_doubt_named.iter().take(LISTED_MAX).map(String::as_str).collect::<Vec<_>>();
        let _ = writeln!(
            out,
            "<p>In doubt: {} reservations stand on the feed and in the books, and their answers were lost: {}</p>",
            count(feed.in_doubt),
            escape(&named.join(" · "))
        );
    }
    for what in &feed.unread {
        let _ = writeln!(out, "<p class=\"warning\">Not read: {}</p>", escape(what));
    }
    if judgement.differences.count() == 0 {
        return;
    }
    out.push_str(
        "<div class=\"scroll\"><table><tr><th>rule</th><th>where</th><th>expected</th><th>found</th></tr>",
    );
    for difference in judgement.differences.kept().iter().take(LISTED_MAX) {
        let _ = write!(
            out,
            "<tr><td>{}</td><td class=\"wide\">{}</td><td class=\"wide\">{}</td><td class=\"wide\">{}</td></tr>",
            escape(difference.rule),
            escape(&difference.subject),
            escape(&difference.expected),
            escape(&difference.found)
        );
    }
    out.push_str("</table></div>\n");
}
