//! What the figures were measured on: processor, memory, kernel, commit, disk, load.
//!
//! Reads the system only; called once at the start of a comparison, the disk probe included, so
//! that every table carries the disk's rate of the same run. The probe is the load generator's.

use crate::process::{data_directory, output_of};
use anyhow::{Context, Result};
use serde::Serialize;
use stampede_loadgen::disk::{self, Syncs};
use std::fs;
use std::time::Duration;

/// How long the disk is probed, with each size.
const DISK_PROBE: Duration = Duration::from_secs(1);

#[derive(Serialize, Debug)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: f64,
    pub(crate) kernel: String,
    /// Processes that wanted to run in the minute before the start; above 0.5 the machine was not quiet.
    pub(crate) load_average_before: f64,
    /// 4 KiB writes over existing blocks with `fdatasync` after each, per second, in the directory that the servers used.
    pub(crate) disk_syncs_per_second: f64,
    /// The same with 64 KiB.
    pub(crate) disk_large_syncs_per_second: f64,
    /// 99 of 100 syncs of 4 KiB take less, and 999 of 1,000, in microseconds.
    pub(crate) disk_sync_p99_us: f64,
    pub(crate) disk_sync_p999_us: f64,
    pub(crate) commit: String,
}

impl Machine {
    pub(crate) fn survey() -> Result<Self> {
        let (small, large) = (disk_syncs(4 << 10)?, disk_syncs(64 << 10)?);
        Ok(Self {
            cpu: cpu_model()?,
            cores: std::thread::available_parallelism()?.get(),
            memory_gib: memory_gib()?,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            load_average_before: load_average()?,
            disk_syncs_per_second: small.per_s,
            disk_large_syncs_per_second: large.per_s,
            disk_sync_p99_us: small.p99_us,
            disk_sync_p999_us: small.p999_us,
            commit: commit(),
        })
    }
}

/// A load average from which the machine is called busy, per core.
const QUIET_LOAD_PER_CORE: f64 = 0.5;

impl Machine {
    /// Whether other work was under way when this began.
    pub(crate) fn was_busy(&self) -> bool {
        self.load_average_before > QUIET_LOAD_PER_CORE * self.cores as f64
    }

    /// What stands above a table: the machine, the commit, the command, and whether it is to be quoted.
    pub(crate) fn sentence(&self, command: &str) -> String {
        let mut text = format!(
            "- Machine: {}, {} cores, {:.1} GiB, Linux {}; commit {}; load average {:.2} before\n- Disk: {:.0} syncs \
             of 4 KiB a second, {:.0} of 64 KiB\n- Command: `{command}`\n",
            self.cpu,
            self.cores,
            self.memory_gib,
            self.kernel,
            self.commit,
            self.load_average_before,
            self.disk_syncs_per_second,
            self.disk_large_syncs_per_second
        );
        if self.was_busy() {
            text.push_str("\n**The machine was busy with other work when this began: not to be quoted.**\n");
        }
        text
    }
}

/// The load average of the last minute.
pub(crate) fn load_average() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    let first = text.split_whitespace().next().context("/proc/loadavg is empty")?;
    first.parse().with_context(|| format!("/proc/loadavg begins with {first:?}"))
}

/// Processor time of all threads of a process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CpuTimes {
    pub(crate) user: Duration,
    pub(crate) kernel: Duration,
}

/// Processor time that the process `id` has used since its start, all its threads.
pub(crate) fn cpu_time(id: u32) -> Result<Duration> {
    cpu_times(id).map(|CpuTimes { user, kernel }| user + kernel)
}

/// The same, the kernel's work for it apart.
pub(crate) fn cpu_times(id: u32) -> Result<CpuTimes> {
    // The kernel counts in hundredths of a second on every architecture that Debian ships.
    const TICK: Duration = Duration::from_millis(10);
    let path = format!("/proc/{id}/stat");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let fields = text.rsplit_once(')').with_context(|| format!("{path} has no process name"))?.1;
    let mut ticks = fields.split_whitespace().skip(11).map_while(|field| field.parse::<u32>().ok());
    let mut next = || ticks.next().map(|ticks| TICK * ticks).with_context(|| format!("{path} is too short"));
    Ok(CpuTimes { user: next()?, kernel: next()? })
}

/// The most memory that the process `id` ever had, in bytes.
pub(crate) fn peak_memory(id: u32) -> Result<u64> {
    status_bytes(id, "VmHWM:")
}

/// The memory that the process `id` has now, in bytes.
pub(crate) fn memory(id: u32) -> Result<u64> {
    status_bytes(id, "VmRSS:")
}

fn status_bytes(id: u32, name: &str) -> Result<u64> {
    let path = format!("/proc/{id}/status");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let kib: u64 = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.parse().ok())
        .with_context(|| format!("{path} has no {name}"))?;
    Ok(kib << 10)
}

fn cpu_model() -> Result<String> {
    let text = fs::read_to_string("/proc/cpuinfo")?;
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    Ok(model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned()))
}

fn memory_gib() -> Result<f64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let kib: f64 = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok())
        .context("/proc/meminfo has no MemTotal")?;
    Ok(kib / 1024.0 / 1024.0)
}

/// The commit that is measured, marked where the tree differs from it.
fn commit() -> String {
    let Ok(head) = output_of("git", &["rev-parse", "--short=12", "HEAD"]) else {
        return "not in a repository".to_owned();
    };
    let head = head.trim();
    match output_of("git", &["status", "--porcelain", "--untracked-files=no"]) {
        Ok(changes) if changes.trim().is_empty() => head.to_owned(),
        _ => format!("{head} with uncommitted changes"),
    }
}

fn disk_syncs(block_bytes: usize) -> Result<Syncs> {
    let directory = data_directory()?;
    disk::syncs(directory.path(), block_bytes, DISK_PROBE).context("the disk cannot be probed")
}

#[cfg(test)]
mod tests {
    use super::{cpu_time, load_average};
    use std::time::Duration;

    #[test]
    fn processor_time_grows_with_work() {
        let id = std::process::id();
        let before = cpu_time(id).unwrap();
        let mut sum = 0_u64;
        while cpu_time(id).unwrap() < before + Duration::from_millis(20) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(load_average().unwrap() >= 0.0);
    }
}
