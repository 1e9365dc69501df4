//! Where latency is measured, the generator has a core of its own and the server has the others.
//!
//! Buyers do not share a processor with the shop. On shared cores the scheduler now and then puts a thread of the server
//! behind the generator's, which runs ahead of all ordinary ones, and leaves it there for milliseconds while another core
//! idles: that would be counted as the server's. All peers are measured alike. On a machine of one core there is nothing
//! to set apart.

use anyhow::{Context, Result};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::fs;

/// Keeps a server that runs off the generator's core.
pub(crate) fn keep_off(process_id: u32) -> Result<()> {
    let (mut all, Some(last)) = cores()? else { return Ok(()) };
    all.unset(last);
    let tasks = format!("/proc/{process_id}/task");
    for task in fs::read_dir(&tasks).with_context(|| format!("cannot read {tasks}"))? {
        let id = task?.file_name().to_string_lossy().parse::<i32>().ok().and_then(Pid::from_raw);
        sched_setaffinity(id, &all).with_context(|| format!("cannot choose the cores of {tasks}"))?;
    }
    Ok(())
}

/// Does work on the generator's core, with every thread that it starts.
pub(crate) fn alone<T>(work: impl FnOnce() -> T) -> Result<T> {
    let (all, Some(last)) = cores()? else { return Ok(work()) };
    let mut own = CpuSet::new();
    own.set(last);
    sched_setaffinity(None, &own).context("cannot choose the generator's core")?;
    let done = work();
    sched_setaffinity(None, &all).context("cannot give the other cores back")?;
    Ok(done)
}

/// The cores that this program may use, and the last of them if there are several.
fn cores() -> Result<(CpuSet, Option<usize>)> {
    let all = sched_getaffinity(None).context("cannot ask for the cores")?;
    let last = (0..CpuSet::MAX_CPU).rev().find(|&core| all.is_set(core)).filter(|_| all.count() > 1);
    Ok((all, last))
}
