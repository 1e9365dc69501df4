//! Idle, then ten times what the server can take, in one step.
//!
//! The server runs on a small processor quota (a control group), so that one client can offer ten times its capacity.
//! Its capacity under the quota is measured first, by a closed loop on a server of its own. Then the open loop offers a
//! trickle, and for one second ten times the capacity; everything is answered in the end, and how long that took is set
//! against how long it would take at full capacity. The books are compared afterwards.

use super::latency::{CONNECTIONS, PREFIX, play};
use crate::cores;
use crate::drive::Field;
use crate::machine::peak_memory;
use crate::peers::stampede::{Measurable, Mode, NO_RESERVE};
use crate::sizes::Sizes;
use crate::targets::Reading;
use anyhow::{Context, Result};
use stampede_loadgen::closed::{self, ClosedLoop, Work};
use stampede_loadgen::compare::point::{Drive, Target};
use stampede_loadgen::schedule::Shape;
use stampede_loadgen::setup;
use stampede_loadgen::wire::client::Client;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The server's share of one core: so much of each period. The kernel takes no quota below a millisecond.
const PERIOD_US: u64 = 25_000;
const QUOTA_US: u64 = 1_000;
/// The step over the capacity.
const STEP: f64 = 10.0;
const STEP_STARTS: Duration = Duration::from_secs(1);
const STEP_LASTS: Duration = Duration::from_secs(1);
/// BUYs per second before the step: nearly nobody.
const TRICKLE: f64 = 100.0;
/// Nothing may be lost: the last waits ten times the step's length, and more on a slow day.
const PATIENCE: Duration = Duration::from_mins(1);

pub(super) async fn run(field: &Field, sizes: &Sizes) -> Result<Vec<Reading>> {
    let group = Group::make()?;
    let capacity = capacity(&group.start(field).await?, sizes.calibration).await?;
    let server = group.start(field).await?;
    let shape = Shape::Spike { base: TRICKLE, peak: STEP * capacity, starts: STEP_STARTS, lasts: STEP_LASTS };
    let seconds = (STEP_STARTS + STEP_LASTS).as_secs_f64();
    let drive = Drive { shape, seconds, connections: CONNECTIONS, timeout: PATIENCE, prefix: PREFIX };
    let point = play(server.address, server.process_id, Target::Stampede, drive).await?;
    let took = point.elapsed_s - STEP_STARTS.as_secs_f64();
    let offered = point.due_per_s * seconds - TRICKLE * STEP_STARTS.as_secs_f64();
    let goodput = (point.goodput_per_s * point.elapsed_s - TRICKLE * STEP_STARTS.as_secs_f64()) / took;
    let memory = server.process_id.map(peak_memory).transpose()?.unwrap_or(0);
    let note = format!(
        "{} % of a core: {capacity:.0} a second at most; {:.0} offered in one second, answered in {took:.1} s, \
         {} BUSY, {} late; the server's peak {:.0} MiB",
        QUOTA_US * 100 / PERIOD_US,
        offered,
        point.busy,
        point.timeouts,
        memory as f64 / f64::from(1 << 20)
    );
    Ok(vec![
        Reading::with_note("spike-goodput", goodput / capacity, note),
        Reading::alone("spike-drain", took / (offered / capacity)),
    ])
}

/// The most that a server under the quota accepts, per second.
async fn capacity(server: &Measurable, requests: u64) -> Result<f64> {
    let address = server.address.to_string();
    setup::put_offer(&mut Client::connect_plain(&address)?, "sku", &setup::plain_offer(requests + 1, 1_990))?;
    let plan = ClosedLoop::new(&address, Work::Buy { offer: "sku".to_owned() }, requests);
    let report = tokio::task::spawn_blocking(move || cores::alone(|| closed::run(&plan))).await???;
    Ok(report.accepted_per_s())
}

/// A control group with a processor quota; removed with this value, once its processes are gone.
struct Group {
    path: PathBuf,
}

impl Group {
    fn make() -> Result<Self> {
        let name = format!("stampede-compare-{}", std::process::id());
        let (old, new) = (Path::new("/sys/fs/cgroup/cpu"), Path::new("/sys/fs/cgroup"));
        let path = if old.is_dir() { old.join(name) } else { new.join(name) };
        fs::create_dir(&path).context(
            "no control group with a processor quota can be made here: run as root, outside a container",
        )?;
        let group = Self { path };
        if old.is_dir() {
            group.write("cpu.cfs_period_us", &PERIOD_US.to_string())?;
            group.write("cpu.cfs_quota_us", &QUOTA_US.to_string())?;
        } else {
            group.write("cpu.max", &format!("{QUOTA_US} {PERIOD_US}"))?;
        }
        Ok(group)
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.path.join(file);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// A server under the quota, kept off the generator's core.
    async fn start(&self, field: &Field) -> Result<Measurable> {
        let server = field.stampede().start(Mode::Sync, NO_RESERVE).await?;
        let id = server.process_id.context("a server that runs already gets no quota")?;
        self.write("cgroup.procs", &id.to_string())?;
        cores::keep_off(id)?;
        Ok(server)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir(&self.path) {
            eprintln!("{} could not be removed: {error}", self.path.display());
        }
    }
}
