//! Reads a text file of bounded length; every failure names the file.
//!
//! Used for the configuration and for files of offers, at start only.

use anyhow::{Context, ensure};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The text of the file at `path`, at most `bytes_max` long.
pub(crate) fn read(path: &Path, bytes_max: u64) -> anyhow::Result<String> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut bytes = Vec::new();
    file.take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(bytes.len() as u64 <= bytes_max, "{}: longer than {bytes_max} bytes", path.display());
    String::from_utf8(bytes).with_context(|| format!("{}: not UTF-8", path.display()))
}
