//! `stampede snapshot`: makes a snapshot of each shard while no server runs.

use super::shown::{self, Lines};
use serde_json::json;
use stampede_engine::offline::DataDirectory;
use std::path::PathBuf;

/// The flags of `stampede snapshot`.
#[derive(Debug, clap::Args)]
pub(super) struct SnapshotArgs {
    /// The data directory. No server may be using it; a running one makes snapshots by BGSAVE.
    #[arg(long, value_name = "DIR", default_value = "./stampede-data")]
    data: PathBuf,
    /// One shard alone.
    #[arg(long, value_name = "N")]
    shard: Option<u16>,
}

/// Makes the snapshots and prints a line for each.
pub(super) fn snapshot(args: &SnapshotArgs) -> anyhow::Result<()> {
    let directory = DataDirectory::open_locked(&args.data)?;
    let mut lines = Lines::new();
    for shard in shown::shards(&directory, args.shard)? {
        let made = directory.snapshot(shard)?;
        let line = json!({
            "shard": shard.get(), "last": made.last.to_string(), "file": made.path, "bytes": made.bytes,
            "digest": format!("{:032x}", made.digest), "replayed": made.replayed, "archived": made.archived,
        });
        // Whoever reads may leave; the snapshots are made all the same.
        let _read = lines.print(&line);
    }
    lines.end()
}
