//! Where latency is measured, the generator has a core of its own and the server has the others.
//!
//! Buyers do not share a processor with the shop. On shared cores the scheduler now and then puts a thread of the server
//! behind the generator's, which may run ahead of all ordinary ones, and leaves it there for milliseconds while another
//! core idles: that would be counted as the server's. Every server that the harness starts is treated alike; one that
//! runs already stays where it is. A server counts its cores before it is kept off one. On a machine of one core there is
//! nothing to set apart.

use anyhow::{Context, Result};
use rustix::io::Errno;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::collections::BTreeSet;
use std::fs;
use std::panic::resume_unwind;
use std::thread;

/// Keeps a server that runs off the generator's core, with every thread that it has.
pub(crate) fn keep_off(process_id: u32) -> Result<()> {
    let Some(split) = Split::of_the_machine()? else { return Ok(()) };
    let tasks = format!("/proc/{process_id}/task");
    let mut kept_off = BTreeSet::new();
    loop {
        let before = kept_off.len();
        for task in fs::read_dir(&tasks).with_context(|| format!("cannot read {tasks}"))? {
            let name = task?.file_name();
            let id = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
            let id = id.with_context(|| format!("{tasks} holds {}, no thread", name.display()))?;
            if kept_off.insert(id.as_raw_nonzero()) {
                match sched_setaffinity(Some(id), &split.servers) {
                    // It has ended meanwhile.
                    Err(Errno::SRCH) => {}
                    set => set.with_context(|| format!("cannot choose the cores of {tasks}"))?,
                }
            }
        }
        // A thread may have been started by one that was not kept off yet.
        if kept_off.len() == before {
            return Ok(());
        }
    }
}

/// Does work on the generator's core, on a thread made for it and those that it starts.
pub(crate) fn alone<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    let split = Split::of_the_machine()?;
    let on_its_core = || {
        if let Some(split) = split {
            stay_on(split.generator)?;
        }
        Ok(work())
    };
    thread::scope(|scope| scope.spawn(on_its_core).join()).unwrap_or_else(|panic| resume_unwind(panic))
}

/// The cores that this program may use.
pub(crate) fn allowed() -> Result<Vec<usize>> {
    let cores = sched_getaffinity(None).context("cannot ask for the cores")?;
    Ok((0..CpuSet::MAX_CPU).filter(|&core| cores.is_set(core)).collect())
}

/// Keeps the calling thread on one core.
pub(crate) fn stay_on(core: usize) -> Result<()> {
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only).with_context(|| format!("cannot stay on core {core}"))
}

/// Who runs where.
struct Split {
    servers: CpuSet,
    generator: usize,
}

impl Split {
    /// The last core that this program may use for the generator, if there are several.
    fn of_the_machine() -> Result<Option<Self>> {
        let cores = allowed()?;
        let Some((&generator, others @ [_, ..])) = cores.split_last() else { return Ok(None) };
        let mut servers = CpuSet::new();
        for &core in others {
            servers.set(core);
        }
        Ok(Some(Self { servers, generator }))
    }
}
