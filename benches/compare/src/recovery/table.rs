//! Lays out what recovery came to, for people and for programs.
//!
//! Only layout and ratios; figures come from `recovery`.

use super::Row;
use crate::figures::{Spread, rate};
use crate::machine::Machine;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// Everything that one invocation found out.
#[derive(Debug, Serialize)]
pub(super) struct Recovery {
    /// The command that repeats it.
    pub(super) command: String,
    pub(super) machine: Machine,
    pub(super) versions: BTreeMap<&'static str, String>,
    pub(super) load_average_after: f64,
    pub(super) rows: Vec<Row>,
}

impl Recovery {
    pub(super) fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _written = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let machine = &self.machine;
        writeln!(
            out,
            "- Machine: {}, {} cores, {:.1} GiB, Linux {}; commit {}",
            machine.cpu, machine.cores, machine.memory_gib, machine.kernel, machine.commit
        )?;
        writeln!(
            out,
            "- Load average of the machine: {:.2} before, {:.2} after",
            machine.load_average_before, self.load_average_after
        )?;
        for (server, version) in &self.versions {
            writeln!(out, "- {server}: {version}")?;
        }
        writeln!(out, "- Command: `{}`\n", self.command)?;
        writeln!(
            out,
            "From the spawn of a killed server's process until INFO says `loading:0`: median (least–greatest). The files \
             are in the page cache. Each start's record was checked."
        )?;
        if machine.was_busy() {
            writeln!(out, "\n**The machine was busy with other work when this began: not to be quoted.**")?;
        }
        writeln!(
            out,
            "\n| reservations | way | ready after | per second | files | peak memory | of Redis's log |"
        )?;
        writeln!(out, "|---|---|---|---|---|---|---|")?;
        self.rows.iter().try_for_each(|row| self.write_row(out, row))
    }

    fn write_row(&self, out: &mut String, row: &Row) -> fmt::Result {
        let Some(Spread { median, min, max }) = row.spread() else { return Ok(()) };
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        writeln!(
            out,
            "| {} | {} | {median:.2} s ({min:.2}–{max:.2}), {} starts | {} | {:.0} MiB | {:.0} MiB | {} |",
            row.reservations,
            row.way,
            row.seconds.len(),
            rate(row.reservations as f64 / median),
            mib(row.bytes),
            mib(row.peak_memory_bytes),
            self.of_redis_log(row).map_or_else(String::new, |ratio| format!("{ratio:.2} ×"))
        )
    }

    /// The time beside that of Redis's log of as many sales.
    fn of_redis_log(&self, row: &Row) -> Option<f64> {
        let is_log = |other: &&Row| other.reservations == row.reservations && other.way.contains("(AOF)");
        let log = self.rows.iter().find(is_log)?.spread()?;
        Some(row.spread()?.median / log.median)
    }
}

#[cfg(test)]
mod tests {
    use super::{Recovery, Row};
    use crate::machine::Machine;

    #[test]
    fn the_table_shows_medians_sizes_and_the_ratio_to_redis() {
        let row = |way, seconds: &[f64]| Row {
            way,
            reservations: 1_000_000,
            bytes: 128 << 20,
            seconds: seconds.to_vec(),
            peak_memory_bytes: 256 << 20,
        };
        let recovery = Recovery {
            command: "the command".to_owned(),
            machine: Machine {
                cpu: "a processor".to_owned(),
                cores: 2,
                memory_gib: 16.0,
                kernel: "6.1".to_owned(),
                load_average_before: 3.0,
                disk_syncs_per_second: 15_000.0,
                disk_large_syncs_per_second: 2_000.0,
                disk_sync_p99_us: 200.0,
                disk_sync_p999_us: 2_000.0,
                commit: "abc".to_owned(),
            },
            versions: [("Redis", "7.0".to_owned())].into(),
            load_average_after: 0.2,
            rows: vec![
                row("Stampede: journal alone", &[0.5, 0.4, 0.6]),
                row("Redis: log of commands (AOF)", &[2.0]),
            ],
        };
        let text = recovery.markdown();
        for part in [
            "| 1000000 | Stampede: journal alone | 0.50 s (0.40–0.60), 3 starts | 2.00 M | 128 MiB | 256 MiB | 0.25 × |",
            "2.00 s (2.00–2.00), 1 starts | 500 k",
            "not to be quoted",
            "`the command`",
        ] {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
    }
}
