//! Files that are complete or not there: written under a temporary name, synced, and only then named.
//!
//! One that is given up is removed at once; one that a crash left is removed at the next start, or written over. What
//! stands in one is the caller's business. Called by the directory's own file, snapshots and the archive.

use crate::disk::{Disk, DiskFile, write_full};
use std::io::{self, Write};
use std::path::Path;

/// Bytes gathered before they are written.
const WRITE_BYTES: usize = 1 << 20;

/// A file in the making.
pub(super) struct NewFile<'a> {
    disk: &'a dyn Disk,
    temporary: &'a Path,
    file: Box<dyn DiskFile>,
    waiting: Vec<u8>,
    written: u64,
    is_finished: bool,
}

impl<'a> NewFile<'a> {
    pub(super) fn begin(disk: &'a dyn Disk, temporary: &'a Path) -> io::Result<Self> {
        Ok(NewFile {
            disk,
            temporary,
            file: disk.create(temporary)?,
            waiting: Vec::new(),
            written: 0,
            is_finished: false,
        })
    }

    /// Makes it durable, then gives it its name in the same directory; says how long it is.
    pub(super) fn finish(mut self, path: &Path) -> io::Result<u64> {
        self.flush()?;
        self.file.sync()?;
        self.disk.rename(self.temporary, path)?;
        self.is_finished = true;
        self.disk.sync_dir(path.parent().unwrap_or(Path::new(".")))?;
        Ok(self.written)
    }
}

impl Drop for NewFile<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            // Why it was given up is what the caller is told; the next one takes the same place.
            let _best_effort = self.disk.remove(self.temporary);
        }
    }
}

impl Write for NewFile<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= WRITE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        write_full(self.file.as_mut(), &self.waiting, self.written)?;
        self.written += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }
}
