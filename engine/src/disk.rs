//! What the journal asks of a disk: a handful of file operations, each of which may fail.
//!
//! Everything that is kept goes through [`Disk`], so that a simulator can stand in for the machine's own and lose, tear
//! and flip what a real disk may. [`FileDisk`] is the real one. Nothing here knows journals. Called by the data
//! directory, the journal's writer, recovery, snapshots and the feed.
//!
//! What is assumed of an implementation: bytes that [`DiskFile::sync`] covered survive a crash unchanged; bytes that it
//! did not cover may survive wholly, in part or not at all; a name made by [`Disk::create`] or [`Disk::rename`] survives
//! once [`Disk::sync_dir`] has returned; a rename is seen wholly or not at all.

mod file;

pub use file::FileDisk;

use std::fmt::Debug;
use std::io;
use std::path::Path;

/// A disk.
pub trait Disk: Debug + Send + Sync {
    /// The names of the files in a directory, in no order; none where there is no such directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Makes a directory and its parents, durably; one that exists is left alone.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// A new, empty file; one that exists is emptied.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// A file that exists, to read and write.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Gives a file another name, in place of one that has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// How many bytes may still be written below a directory.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
    /// Makes the file if need be and locks it until the handle is dropped or the process ends; `None` where somebody
    /// else holds it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskFile>>>;
}

/// An open file. Positions are given with each call, so that nothing depends on the calls before.
pub trait DiskFile: Debug + Send + Sync {
    /// How long it is.
    fn size(&self) -> io::Result<u64>;
    /// Reads at most as much as fits; 0 at the end.
    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes, possibly less than was given.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Makes everything written so far durable, with the file's length.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts or lengthens the file; what is added reads as zeros.
    fn set_size(&mut self, bytes: u64) -> io::Result<()>;
}

/// Fills the buffer from `offset` on, and says how much there was before the end of the file.
pub(crate) fn read_full(file: &dyn DiskFile, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], offset + filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

/// Writes everything. A disk that takes only a part has something to say: that is an error, and nothing is tried again.
pub(crate) fn write_full(file: &mut dyn DiskFile, bytes: &[u8], offset: u64) -> io::Result<()> {
    let count = file.write_at(bytes, offset)?;
    if count == bytes.len() {
        return Ok(());
    }
    let wanted = bytes.len();
    Err(io::Error::new(io::ErrorKind::WriteZero, format!("{count} of {wanted} bytes were taken")))
}
