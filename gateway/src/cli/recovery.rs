//! What a start tells of its recovery: a bar on a terminal, lines in the log otherwise, and at the end what was found.
//!
//! `serve` hands the watcher to the server and the findings to [`tell`].

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;
use stampede_engine::{Recovered, RecoveryProgress, ShardIndex};
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;
use tokio::time::Instant;

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(3);

/// Watches a recovery.
pub(super) struct Watcher {
    /// Hidden where there is no terminal.
    bar: ProgressBar,
    progress: Mutex<Progress>,
}

struct Progress {
    /// By shard: segments read, segments in all, events.
    shards: BTreeMap<u16, (u64, u64, u64)>,
    last_line: Instant,
}

impl Watcher {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(
            "recovering {wide_bar} {pos}/{len} segments, {msg} events, {elapsed}",
        );
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Watcher { bar, progress: Mutex::new(Progress { shards: BTreeMap::new(), last_line: Instant::now() }) }
    }

    /// The recovery is over, well or not.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

impl RecoveryProgress for Watcher {
    fn recovered(&self, shard: ShardIndex, segments: usize, of: usize, events: u64) {
        let mut progress = self.progress.lock();
        progress.shards.insert(shard.get(), (segments as u64, of as u64, events));
        let (segments, of, events) = progress
            .shards
            .values()
            .fold((0, 0, 0), |sum, shard| (sum.0 + shard.0, sum.1 + shard.1, sum.2 + shard.2));
        self.bar.set_length(of);
        self.bar.set_position(segments);
        self.bar.set_message(events.to_string());
        if !std::io::stderr().is_terminal() && progress.last_line.elapsed() >= LINE_EVERY {
            progress.last_line = Instant::now();
            tracing::info!(segments, of, events, "recovering");
        }
    }
}

/// Logs what was found, shard by shard.
pub(super) fn tell(recovered: &[Recovered]) {
    for Recovered { shard, last, snapshot, flawed, replayed, cut, took_ms, .. } in recovered {
        for (path, why) in flawed {
            tracing::warn!(%shard, snapshot = %path.display(), %why, "a snapshot could not be used; an older one or the journal was");
        }
        if let Some(cut) = cut {
            tracing::warn!(
                %shard,
                segment = %cut.segment.display(),
                offset = cut.offset,
                bytes = cut.bytes,
                why = cut.why,
                "the end of the journal was half written and was cut; unless the disk itself changed it, nothing in it had been answered as durable"
            );
        }
        let snapshot = snapshot.map_or_else(|| "none".to_owned(), |id| id.to_string());
        tracing::info!(%shard, %last, %snapshot, replayed, took_ms, "recovered");
    }
}
