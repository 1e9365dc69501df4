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

/// Makes writes of `block_bytes`, each followed by `fdatasync`, in a file of its own under `dir` for `probe_time`;
/// answers how many a second. The file is removed.
///
/// # Errors
/// No file can be made there, or it cannot be written.
pub fn syncs_per_s(dir: &Path, block_bytes: usize, probe_time: Duration) -> io::Result<f64> {
    let path = dir.join(format!("disk-probe-{}.tmp", std::process::id()));
    let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    let probed = probe(&file, block_bytes, probe_time);
    std::fs::remove_file(&path)?;
    probed
}

fn probe(file: &std::fs::File, block_bytes: usize, probe_time: Duration) -> io::Result<f64> {
    file.write_all_at(&vec![0; FILE_BYTES], 0)?;
    file.sync_all()?;
    let block = vec![0x5a; block_bytes];
    let blocks = (FILE_BYTES / block_bytes).max(1) as u64;
    let started = now();
    let mut count = 0_u64;
    while started.elapsed() < probe_time {
        file.write_all_at(&block, count % blocks * block_bytes as u64)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(count as f64 / started.elapsed().as_secs_f64())
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
            let rate = syncs_per_s(dir.path(), block_bytes, Duration::from_millis(20)).expect("it is probed");
            assert!(rate > 0.0);
        }
        assert_eq!(std::fs::read_dir(dir.path()).expect("it is there").count(), 0);
        let gone = dir.path().join("gone");
        assert!(syncs_per_s(&gone, 4 << 10, Duration::from_millis(1)).is_err());
    }
}
