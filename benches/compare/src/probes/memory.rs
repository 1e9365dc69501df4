//! Memory per live reservation: the whole process over the reservations that it holds.
//!
//! 36-byte reservation ids, 28-byte buyers, all held. Everything counts: index, buyer, repeat check, deadline, the
//! feed's window, buffers, code. Taken after the last answer and a pause in which nothing is asked.

use crate::machine;
use crate::peers::stampede::{NO_RESERVE, Stampede};
use crate::recovery::subjects::StampedeData;
use crate::targets::Reading;
use anyhow::Result;
use std::time::Duration;

/// Lets what was allocated for the load alone go.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) async fn run(stampede: &Stampede, reservations: u64) -> Result<Vec<Reading>> {
    let data = StampedeData::create(stampede, reservations, NO_RESERVE)?;
    let server = data.start().await?;
    let before = machine::memory(server.process_id())?;
    data.sell(server.address(), 0, reservations).await?;
    tokio::time::sleep(PAUSE).await;
    let after = machine::memory(server.process_id())?;
    data.check(server.address())?;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let note = format!(
        "{reservations} reservations, {:.0} MiB of the process; {:.0} MiB before the first",
        mib(after),
        mib(before)
    );
    Ok(vec![Reading::with_note("memory", after as f64 / reservations as f64, note)])
}
