//! What is measured besides maximum throughput: the core alone, latency, sweeps, memory, allocations, recovery,
//! growth, and the generator's own ceiling.
//!
//! The way to each probe that `rows` declares; what one does is in a file of its own. A probe answers with
//! readings, each by name, some with the peer's reading of the same run beside it; `report` judges them. A probe that
//! fails does not end the comparison: the report says which one and why.

pub(crate) mod allocations;
mod ceiling;
pub(crate) mod latency;
mod memory;
mod spike;
mod sweeps;

use crate::alone::{self, Task};
use crate::drive::Field;
use crate::growth;
use crate::recovery;
use crate::rows::{Kind, Probe};
use crate::sizes::Sizes;
use crate::targets::Reading;
use anyhow::{Context, Result};

/// Runs a probe once.
pub(crate) async fn run(probe: &Probe, field: &Field, sizes: &Sizes, round: u32) -> Result<Vec<Reading>> {
    match probe.kind {
        Kind::Core => core(sizes),
        Kind::CoreGrowing => core_growing(sizes),
        Kind::CoreJournal => core_and_journal(sizes),
        Kind::Latency => latency::run(field, sizes, round).await,
        Kind::Allocations => allocations::run(),
        Kind::Memory => memory::run(field.stampede(), sizes.memory).await,
        Kind::Growth => growth_ratios(field, sizes).await,
        Kind::Recovery => recovery_of(field, sizes).await,
        Kind::Spike => spike::run(field, sizes).await,
        Kind::SweptHolds => sweeps::holds(field, sizes).await,
        Kind::SweptGroups => sweeps::groups(field, sizes).await,
        Kind::Ceiling => ceiling::run(field, sizes).await,
    }
}

fn core(sizes: &Sizes) -> Result<Vec<Reading>> {
    let accepted = alone::run(Task::Buy, sizes.core)?;
    let refused = alone::run(Task::Refused, sizes.core_refused)?;
    Ok(vec![
        Reading::alone("core-accepted", accepted.count as f64 / accepted.seconds),
        Reading::alone("core-refused", refused.seconds * 1e9 / refused.count as f64),
    ])
}

fn core_growing(sizes: &Sizes) -> Result<Vec<Reading>> {
    let done = alone::run(Task::Growing, sizes.core_growing)?;
    let batches = done.batches.context("batches were not timed")?;
    let note = format!(
        "batches of 64, over 64; up to {} reservations: p50 {:.0} ns, p99 {:.0} ns, longest {:.0} ns",
        done.count, batches.p50, batches.p99, batches.longest
    );
    Ok(vec![Reading::with_note("core-growing-p999", batches.p999, note)])
}

fn core_and_journal(sizes: &Sizes) -> Result<Vec<Reading>> {
    let done = alone::run(Task::Journal, sizes.core_journal)?;
    let note = format!("{:.0} events per sync", done.events_per_sync);
    Ok(vec![Reading::with_note("core-journal", done.count as f64 / done.seconds, note)])
}

/// How many times the dearest BUY costs the cheapest, over each thing that grows.
async fn growth_ratios(field: &Field, sizes: &Sizes) -> Result<Vec<Reading>> {
    let mut readings = Vec::new();
    for axis in growth::AXES {
        let Some(name) = axis.reading else { continue };
        let curve = growth::measure(field.stampede(), axis, &sizes.growth).await.context(axis.name)?;
        readings.push(Reading::with_note(name, curve.cost_ratio(), curve.sentence()));
    }
    Ok(readings)
}

async fn recovery_of(field: &Field, sizes: &Sizes) -> Result<Vec<Reading>> {
    let redis = field.redis()?;
    let (ours, theirs) = recovery::brief(field.stampede(), redis, sizes.recovery).await?;
    let note = format!("{} reservations, snapshot at 90 % and the journal behind it", sizes.recovery);
    Ok(vec![
        Reading::with_note("recovery", ours, note),
        Reading { name: "recovery-per-entry", ours, peer: Some(theirs), note: None },
        Reading::alone("recovery-per-million", ours * 1e6 / sizes.recovery as f64),
    ])
}
