//! `stampede inspect`: what lies in a data directory, as JSON lines; with `--verify` whether all of it is as it was written.

use super::shown::{self, EventName, Lines};
use anyhow::{anyhow, bail};
use serde_json::{Value, json};
use stampede_engine::ShardIndex;
use stampede_engine::core::{EventId, Seq, UnixMs};
use stampede_engine::offline::{DataDirectory, ShardFiles, SnapshotVerdict, WalkEnd, Walked};
use std::ops::ControlFlow;
use std::path::PathBuf;

/// The flags of `stampede inspect`.
#[derive(Debug, clap::Args)]
pub(super) struct InspectArgs {
    /// The data directory. A server may be using it.
    #[arg(long, value_name = "DIR", default_value = "./stampede-data")]
    data: PathBuf,
    /// One shard alone.
    #[arg(long, value_name = "N")]
    shard: Option<u16>,
    /// Begins with this event, <epoch>-<seq>, of which the second number decides.
    #[arg(long, value_name = "ID", conflicts_with = "verify")]
    from: Option<EventName>,
    /// At most so many events of each shard.
    #[arg(long, value_name = "N", conflicts_with = "verify")]
    count: Option<u64>,
    /// Checks the whole chain, every checksum, event and snapshot, and replays what is kept to compare the snapshots'
    /// digests. Ends with exit code 1 unless everything is good.
    #[arg(long)]
    verify: bool,
}

/// Prints what is there. Damage is printed too, and is an error at the end.
pub(super) fn inspect(args: &InspectArgs) -> anyhow::Result<()> {
    let directory = DataDirectory::open(&args.data)?;
    let shards = shown::shards(&directory, args.shard)?;
    let mut lines = Lines::new();
    let mut wrong = Vec::new();
    for shard in shards {
        let (flow, is_good) = if args.verify {
            verify(&directory, shard, &mut lines)?
        } else {
            list(&directory, shard, args, &mut lines)?
        };
        if !is_good {
            wrong.push(shard.to_string());
        }
        if flow.is_break() {
            break;
        }
    }
    lines.end()?;
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("{}: damaged: shard {}; the lines say where", args.data.display(), wrong.join(", "))
}

/// Prints files, batches and events.
fn list(
    directory: &DataDirectory,
    shard: ShardIndex,
    args: &InspectArgs,
    lines: &mut Lines,
) -> anyhow::Result<(ControlFlow<()>, bool)> {
    let ShardFiles { snapshots, .. } = directory.files(shard)?;
    for snapshot in &snapshots {
        let line = json!({"kind": "snapshot", "shard": shard.get(), "file": snapshot.file, "last": snapshot.last.0, "bytes": snapshot.bytes});
        if lines.print(&line).is_break() {
            return Ok((ControlFlow::Break(()), true));
        }
    }
    let from = args.from.map(|from| from.seq);
    let (first, mut left) = (from.unwrap_or_default(), args.count.unwrap_or(u64::MAX));
    let mut has_left = false;
    let end = directory.walk(shard, from, &mut |walked| {
        let line = match walked {
            Walked::Entry(entry) if entry.stamp.id.seq < first => return ControlFlow::Continue(()),
            Walked::Entry(_) if left == 0 => return ControlFlow::Break(()),
            Walked::Entry(entry) => {
                left -= 1;
                kinded("event", shown::entry(shard, entry))
            }
            Walked::Segment(segment) => json!({
                "kind": "segment", "shard": shard.get(), "file": segment.file, "first": segment.first.0,
                "epoch": segment.epoch, "begun": segment.begun.filter(|at| at.get() > 0).map(UnixMs::get), "bytes": segment.bytes,
            }),
            Walked::Batch(batch) if is_before(batch.first, batch.count, first) => {
                return ControlFlow::Continue(());
            }
            Walked::Batch(batch) => json!({
                "kind": "batch", "shard": shard.get(), "offset": batch.offset, "bytes": batch.bytes,
                "events": batch.count, "first": batch.first.to_string(), "base": batch.base.get(),
                "after_sync": batch.is_after_sync,
            }),
        };
        let flow = lines.print(&line);
        has_left = flow.is_break();
        flow
    })?;
    if has_left {
        return Ok((ControlFlow::Break(()), true));
    }
    let line = kinded("end", with_shard(shard, end_of(&end)));
    Ok((lines.print(&line), !matches!(end, WalkEnd::Damaged { .. })))
}

/// Whether a batch ends before the first event that is wanted.
fn is_before(first: EventId, count: u32, from: Seq) -> bool {
    first.seq.0 + u64::from(count) <= from.0
}

/// Checks a shard and prints one line of what was found.
fn verify(
    directory: &DataDirectory,
    shard: ShardIndex,
    lines: &mut Lines,
) -> anyhow::Result<(ControlFlow<()>, bool)> {
    let found = directory.verify(shard).map_err(|error| anyhow!("shard {shard}: {error}"))?;
    let line = json!({
        "kind": "verified", "shard": shard.get(), "good": found.is_good(), "events": found.entries,
        "last": found.last.to_string(), "end": end_of(&found.end),
        "snapshots": found.snapshots.iter().map(verdict).collect::<Vec<_>>(), "broken": found.broken,
    });
    Ok((lines.print(&line), found.is_good()))
}

fn verdict(found: &SnapshotVerdict) -> Value {
    let digest = |digest: Option<u128>| digest.map(|digest| format!("{digest:032x}"));
    json!({
        "file": found.file, "last": found.last.0, "digest": digest(found.digest),
        "replayed_digest": digest(found.replayed), "flaw": found.flaw,
    })
}

fn end_of(end: &WalkEnd) -> Value {
    match end {
        WalkEnd::Whole => json!({"end": "whole"}),
        WalkEnd::Stopped => json!({"end": "not looked at"}),
        WalkEnd::Torn { segment, offset, bytes } => json!({
            "end": "torn", "segment": segment, "offset": offset, "bytes": bytes,
            "what": "half written; the next start cuts it",
        }),
        WalkEnd::Damaged { segment, offset, reason } => {
            json!({"end": "damaged", "segment": segment, "offset": offset, "what": reason})
        }
    }
}

fn kinded(kind: &str, fields: Value) -> Value {
    first("kind", kind.into(), fields)
}

fn with_shard(shard: ShardIndex, fields: Value) -> Value {
    first("shard", shard.get().into(), fields)
}

/// An object with one more pair, in front.
fn first(name: &str, value: Value, fields: Value) -> Value {
    let mut object = serde_json::Map::new();
    object.insert(name.to_owned(), value);
    if let Value::Object(fields) = fields {
        object.extend(fields);
    }
    Value::Object(object)
}
