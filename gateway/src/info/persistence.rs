//! INFO persistence: what is on disk, up to where, and how that goes.
//!
//! Redis's names stand where what they say is true; `journal<shard>` has the numbers of each shard.

use crate::shared::Shared;
use stampede_engine::core::UnixMs;
use stampede_engine::{Durability, JournalStatus};
use std::fmt::Write as _;

/// Writes the section.
pub(super) fn persistence(shared: &Shared, text: &mut String) -> std::fmt::Result {
    let engine = &shared.engine;
    let durability = engine.config().durability;
    let journals: Vec<JournalStatus> =
        engine.shards().map(|shard| engine.journal(shard).unwrap_or_default()).collect();
    let snapshots = shared.snapshots.state();
    let is_saving = snapshots.is_running || journals.iter().any(|journal| journal.is_snapshotting);
    write!(
        text,
        "loading:0\r\ndurability:{}\r\naof_enabled:{}\r\nrdb_bgsave_in_progress:{}\r\nrdb_last_save_time:{}\r\n\
         rdb_last_bgsave_status:{}\r\nrdb_last_bgsave_time_sec:{}\r\n",
        durability.name(),
        u8::from(durability != Durability::Memory),
        u8::from(is_saving),
        last_save(shared),
        if snapshots.has_failed { "err" } else { "ok" },
        snapshots.took.as_secs(),
    )?;
    sums(shared, &journals, text)?;
    for (shard, journal) in engine.shards().zip(&journals) {
        write!(text, "journal{shard}:")?;
        one(journal, text)?;
    }
    Ok(())
}

/// When the state of every shard was last saved, in Unix seconds; the start of the server, where that was not in its time.
pub(crate) fn last_save(shared: &Shared) -> u64 {
    let engine = &shared.engine;
    let saved = |shard| {
        let at = engine.journal(shard).and_then(|journal| journal.last_snapshot_at);
        at.map_or(engine.epoch(), UnixMs::get)
    };
    engine.shards().map(saved).min().unwrap_or_default() / 1_000
}

fn sums(shared: &Shared, journals: &[JournalStatus], text: &mut String) -> std::fmt::Result {
    let sum = |of: fn(&JournalStatus) -> u64| journals.iter().map(of).sum::<u64>();
    let recovered = shared.engine.recovered();
    let replayed: u64 = recovered.iter().map(|recovered| recovered.replayed).sum();
    let took_ms = recovered.iter().map(|recovered| recovered.took_ms).max().unwrap_or_default();
    let syncs = sum(|journal| journal.syncs);
    let sync_usec = (sum(|journal| journal.sync_nanos) / 1_000).checked_div(syncs).unwrap_or_default();
    write!(
        text,
        "recovered_ms:{took_ms}\r\nrecovered_events:{replayed}\r\nsyncs:{syncs}\r\nsync_usec:{sync_usec}\r\n\
         journal_batches:{}\r\njournal_bytes:{}\r\njournal_segments:{}\r\ndisk_full:{}\r\n",
        sum(|journal| journal.batches),
        sum(|journal| journal.bytes),
        sum(|journal| journal.segments),
        u8::from(journals.iter().any(|journal| journal.full.is_some())),
    )?;
    match journals.iter().find_map(|journal| journal.free_bytes) {
        Some(free) => write!(text, "disk_free_bytes:{free}\r\n"),
        None => Ok(()),
    }
}

fn one(journal: &JournalStatus, text: &mut String) -> std::fmt::Result {
    let sync_usec = (journal.sync_nanos / 1_000).checked_div(journal.syncs).unwrap_or_default();
    write!(
        text,
        "synced={},syncs={},sync_usec={sync_usec},batches={},bytes={},segments={},full={},failed={},last_snapshot={}\r\n",
        journal.synced,
        journal.syncs,
        journal.batches,
        journal.bytes,
        journal.segments,
        u8::from(journal.full.is_some()),
        u8::from(journal.has_failed),
        journal.last_snapshot.unwrap_or_default(),
    )
}
