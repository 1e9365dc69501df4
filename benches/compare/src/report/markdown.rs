//! Lays a report out as Markdown: machine, table of figures, table of ratios.
//!
//! Only layout; nothing is computed here that the JSON does not carry. Each figure stands beside
//! its durability mode, its spread and the processor time of its server.

use super::join::Joined;
use super::judged::{Judged, Verdict};
use super::{Cell, Circumstances, Report};
use crate::figures::{Spread, rate};
use crate::peers::stampede::{MEMORY_FEED_BYTES, RESERVE_BYTES};
use crate::rows::Subject;
use std::fmt::{self, Write};

/// Medians of fewer rounds are for trying the harness out.
const ROUNDS_MIN: usize = 5;

impl Report {
    /// The whole report as one Markdown text.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _written = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        self.write_circumstances(out)?;
        self.write_targets(out)?;
        self.write_figures(out)?;
        super::scale::write(self, out)
    }

    fn write_circumstances(&self, out: &mut String) -> fmt::Result {
        let Circumstances { command, machine, versions, .. } = &self.circumstances;
        writeln!(
            out,
            "- Machine: {}, {} cores, {:.1} GiB, Linux {}; client and server share it, and for latency \
             its cores: the last one is the client's",
            machine.cpu, machine.cores, machine.memory_gib, machine.kernel
        )?;
        let (small, large) = (machine.disk_syncs_per_second, machine.disk_large_syncs_per_second);
        writeln!(
            out,
            "- Disk under the servers' data: {} syncs per second of 4 KiB (p99 {:.0} µs, p99.9 {:.0} µs), {} of 64 KiB \
             ({:.0} MB a second); each is written over existing blocks of zeros, with `fdatasync` after it",
            rate(small),
            machine.disk_sync_p99_us,
            machine.disk_sync_p999_us,
            rate(large),
            large * 65_536.0 / 1e6
        )?;
        let (before, after) = (machine.load_average_before, self.load_average_after);
        writeln!(out, "- Load average of the machine: {before:.2} before, {after:.2} after")?;
        writeln!(out, "- Commit: {}", machine.commit)?;
        for (server, version) in versions {
            writeln!(out, "- {server}: {version}")?;
        }
        writeln!(out, "- Command: `{command}`")?;
        writeln!(out, "- Rounds: {}, in {:.1} minutes\n", self.rounds, self.minutes)?;
        writeln!(
            out,
            "Maximum throughput (closed loop). Each figure: median per second (least–greatest), processor cores that \
             the server + the client kept busy. Each server that was started served one timed run, alone with the \
             client, and its record agreed with the answers. Stampede was started with --reserve-bytes {RESERVE_BYTES}, in the \
             growth of reservations with as much as they need, and without it where memory, allocations, recovery and the spike \
             are measured; in `memory` with journal.feed_bytes = {MEMORY_FEED_BYTES}, so that the record is whole. Not to be read \
             as latency."
        )?;
        if self.rounds < ROUNDS_MIN {
            writeln!(out, "\n**Rounds: {}, fewer than {ROUNDS_MIN}. Not to be quoted.**", self.rounds)?;
        }
        for Joined { file, command, commit, load_average_before } in &self.joined {
            let is_other = *commit != machine.commit;
            let mark = if is_other { "**of another commit, " } else { "" };
            let end = if is_other { "**" } else { "" };
            writeln!(
                out,
                "\nWhat was not measured now is of the run in {file}: {mark}commit {commit}{end}, load average \
                 {load_average_before:.2} before, `{command}`."
            )?;
        }
        for why in self.failures() {
            writeln!(out, "\n**A timed run failed and is left out. {why}**")?;
        }
        if machine.was_busy() {
            writeln!(out, "\n**The machine was busy with other work when this began: not to be quoted.**")?;
        }
        Ok(())
    }

    fn write_figures(&self, out: &mut String) -> fmt::Result {
        if self.cells.is_empty() {
            return Ok(());
        }
        let shown: Vec<Subject> =
            Subject::ALL.into_iter().filter(|s| self.cells.iter().any(|cell| cell.subject == *s)).collect();
        write!(out, "\n| row | counts | requests |")?;
        for subject in &shown {
            write!(out, " {} |", self.subject_title(*subject))?;
        }
        write!(out, "\n|---|---|---|")?;
        for _ in &shown {
            write!(out, "---|")?;
        }
        for row in self.rows() {
            let requests =
                self.cells.iter().find(|cell| cell.row.name == row.name).map_or(0, |cell| cell.requests);
            write!(out, "\n| {} | {} | {requests} |", row.title, row.counts)?;
            for subject in &shown {
                write!(out, " {} |", self.cell(row.name, *subject).map_or_else(String::new, figure))?;
            }
        }
        writeln!(out)
    }

    fn write_targets(&self, out: &mut String) -> fmt::Result {
        if self.judged.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n| target | median (least–greatest in a round) | wanted | | |")?;
        writeln!(out, "|---|---|---|---|---|")?;
        for Judged { title, shown, target, verdict, note, .. } in &self.judged {
            writeln!(out, "| {title} | {shown} | {target} | {} | {note} |", word(*verdict))?;
        }
        Ok(())
    }

    /// The subject with its durability, where it has any.
    fn subject_title(&self, subject: Subject) -> String {
        let (title, key) = match subject {
            Subject::Stampede => ("Stampede", "stampede"),
            Subject::Memory => ("Stampede", "memory"),
            Subject::Stub => ("stub", "stub"),
            Subject::Redis => ("Redis + Lua", "redis"),
            Subject::RedisAlways => ("Redis + Lua", "redis-always"),
            Subject::RedisOff => ("Redis + Lua", "redis-off"),
            Subject::Postgres => ("PostgreSQL", "postgres"),
            Subject::PostgresAsync => ("PostgreSQL", "postgres-async"),
        };
        self.circumstances
            .durability
            .get(key)
            .map_or_else(|| title.to_owned(), |mode| format!("{title} ({mode})"))
    }
}

fn figure(cell: &Cell) -> String {
    let Some(Spread { median, min, max }) = cell.per_second else { return String::new() };
    let mut text = format!("{} ({}–{})", rate(median), rate(min), rate(max));
    let _written = match (cell.server_cores(), cell.client_cores()) {
        (Some(server), Some(client)) => write!(text, ", {server:.1} + {client:.1} cores"),
        (Some(server), None) => write!(text, ", {server:.1} cores"),
        _ => Ok(()),
    };
    if let Some(events) = cell.events_per_sync() {
        let _written = write!(text, ", {events:.0} events per sync");
    }
    if cell.other_answers() > 0 {
        let _written = write!(text, ", {} other answers", cell.other_answers());
    }
    text
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Missed => "**missed**",
        Verdict::NotRun => "**not run**",
        Verdict::Reached => "reached",
        Verdict::NotJudged => "not judged: stated for `sync`",
        Verdict::Shown => "",
    }
}
