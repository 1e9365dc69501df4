//! How fast the disk under a directory makes a write durable: what a server that syncs first can at best do.
//!
//! Writes over blocks that were filled with zeros and synced before, as a journal with its space made ahead does;
//! a growing file would sync its metadata too. Called by `demo` and by the comparison harness.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Room of the file that is written over and over.
const FILE_BYTES: usize = 4 << 20;

/// How long a disk takes to make a write durable.
#[derive(Clone, Copy, Debug)]
pub struct Syncs {
    /// Writes made durable one after the other, per second.
    pub per_s: f64,
    /// 99 of 100 take less, in microseconds.
    pub p99_us: f64,
    /// 999 of 1,000 take less.
    pub p999_us: f64,
}

/// Makes writes of `block_bytes`, each followed by `fdatasync`, in a file of its own under `dir` for `probe_time`;
/// answers how long they took. The file is removed.
///
/// # Errors
/// No file can be made there, or it cannot be written.
pub fn syncs(dir: &Path, block_bytes: usize, probe_time: Duration) -> io::Result<Syncs> {
    let path = dir.join(format!("disk-probe-{}.tmp", std::process::id()));
    let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    let probed = probe(&file, block_bytes, probe_time);
    std::fs::remove_file(&path)?;
    probed
}

fn probe(file: &std::fs::File, block_bytes: usize, probe_time: Duration) -> io::Result<Syncs> {
    file.write_all_at(&vec![0; FILE_BYTES], 0)?;
    file.sync_all()?;
    let block = vec![0x5a; block_bytes];
    let blocks = (FILE_BYTES / block_bytes).max(1) as u64;
    let started = now();
    let mut each_us = Vec::new();
    while started.elapsed() < probe_time {
        let began = now();
        file.write_all_at(&block, each_us.len() as u64 % blocks * block_bytes as u64)?;
        file.sync_data()?;
        each_us.push(began.elapsed().as_secs_f64() * 1e6);
    }
    let per_s = each_us.len() as f64 / started.elapsed().as_secs_f64();
    each_us.sort_unstable_by(f64::total_cmp);
    let above = |rest: usize| each_us.iter().rev().nth(each_us.len() / rest).copied().unwrap_or(0.0);
    Ok(Syncs { per_s, p99_us: above(100), p999_us: above(1_000) })
}

#[expect(clippy::disallowed_methods, reason = "the generator measures; it has no engine clock")]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_leaves_nothing_behind_and_names_a_directory_that_is_not_there() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for block_bytes in [4 << 10, 64 << 10] {
            let found = syncs(dir.path(), block_bytes, Duration::from_millis(20)).expect("it is probed");
            assert!(found.per_s > 0.0 && found.p99_us > 0.0 && found.p99_us <= found.p999_us, "{found:?}");
        }
        assert_eq!(std::fs::read_dir(dir.path()).expect("it is there").count(), 0);
        let gone = dir.path().join("gone");
        assert!(syncs(&gone, 4 << 10, Duration::from_millis(1)).is_err());
    }
}
