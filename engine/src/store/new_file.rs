//! Files that are complete or not there: written under a temporary name, synced, and only then named.
//!
//! What stands in one is the caller's business. Called by the directory's own file, snapshots and the archive.

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
}

impl<'a> NewFile<'a> {
    pub(super) fn begin(disk: &'a dyn Disk, temporary: &'a Path) -> io::Result<Self> {
        Ok(NewFile { disk, temporary, file: disk.create(temporary)?, waiting: Vec::new(), written: 0 })
    }

    /// Makes it durable, then gives it its name in the same directory; says how long it is.
    pub(super) fn finish(mut self, path: &Path) -> io::Result<u64> {
        self.flush()?;
        self.file.sync()?;
        self.disk.rename(self.temporary, path)?;
        self.disk.sync_dir(path.parent().unwrap_or(Path::new(".")))?;
        Ok(self.written)
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
