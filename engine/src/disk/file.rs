//! The machine's own disk, through the standard library.

use super::{Disk, DiskFile};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// The file system of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileDisk;

impl Disk for FileDisk {
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.extend(entry.file_name().into_string());
            }
        }
        Ok(names)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let here = |dir: &Path| dir.as_os_str().is_empty() || dir.is_dir();
        let new: Vec<&Path> = dir.ancestors().take_while(|above| !here(above)).collect();
        fs::create_dir_all(dir)?;
        // The name of each new directory is durable once the one above it is synced.
        // That of one that exists may not be: whoever made it may have been killed before.
        for above in new.into_iter().chain([dir]).filter_map(Path::parent) {
            self.sync_dir(if above.as_os_str().is_empty() { Path::new(".") } else { above })?;
        }
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(0o600);
        Ok(Box::new(options.open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let opened = OpenOptions::new().read(true).write(true).open(path);
        let may_not_write = [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem];
        match opened {
            // A copy that may only be read can still be looked at; writing to it fails when somebody tries.
            Err(error) if may_not_write.contains(&error.kind()) => Ok(Box::new(File::open(path)?)),
            opened => Ok(Box::new(opened?)),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let system = rustix::fs::statvfs(dir)?;
        Ok(system.f_bavail.saturating_mul(system.f_frsize))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskFile>>> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl DiskFile for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        retried(|| FileExt::read_at(self, bytes, offset))
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        retried(|| FileExt::write_at(self, bytes, offset))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn set_size(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }
}

/// A signal that interrupted a call before it did anything is no answer of the disk.
fn retried(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            answer => return answer,
        }
    }
}
