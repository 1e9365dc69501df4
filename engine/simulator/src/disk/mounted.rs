//! The disk as the engine sees it: the implementation of its traits.

use super::armed::{Call, CallFault};
use super::directory::FileNumber;
use super::{Inode, State};
use parking_lot::Mutex;
use stampede_engine::disk::{Disk, DiskFile};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The disk for one life of a process.
#[derive(Debug)]
pub(super) struct Mounted {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) life: u64,
}

#[derive(Debug)]
struct OpenFile {
    state: Arc<Mutex<State>>,
    life: u64,
    path: PathBuf,
    file: FileNumber,
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
struct Locked {
    file: OpenFile,
}

fn power_off<T>() -> io::Result<T> {
    Err(io::Error::other("the power went"))
}

impl Mounted {
    /// A change of names: takes effect, or fails without effect, or the power goes before or after it.
    fn change_names<T>(
        &self,
        path: &Path,
        change: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut state = self.state.lock();
        match state.enter(self.life, Call::Name, path)? {
            Some(CallFault::PowerOff) => {
                if state.dice.coin() {
                    let _took_effect = change(&mut state);
                }
                power_off()
            }
            _ => change(&mut state),
        }
    }

    fn open_file(&self, path: &Path, file: FileNumber) -> OpenFile {
        OpenFile { state: Arc::clone(&self.state), life: self.life, path: path.into(), file }
    }
}

impl Disk for Mounted {
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state.lock();
        match state.enter(self.life, Call::Read, dir)? {
            Some(_) => Err(read_error()),
            None => Ok(state.names.list(dir)),
        }
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.change_names(dir, |state| {
            state.names.add_directory(dir);
            Ok(())
        })
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = self.change_names(path, |state| {
            let parent = path.parent().unwrap_or(path);
            if !state.names.has_directory(parent) {
                return Err(io::Error::new(io::ErrorKind::NotFound, "no such directory"));
            }
            if let Some(file) = state.names.find(path) {
                state.files[file].set_len(0);
                return Ok(file);
            }
            state.files.push(Inode::default());
            let file = state.files.len() - 1;
            state.names.add(path, file);
            Ok(file)
        })?;
        Ok(Box::new(self.open_file(path, file)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state.lock();
        if state.enter(self.life, Call::Read, path)?.is_some() {
            return Err(read_error());
        }
        let file = state.find(path)?;
        drop(state);
        Ok(Box::new(self.open_file(path, file)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change_names(to, |state| {
            state.find(from)?;
            state.names.rename(from, to).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change_names(path, |state| {
            state.names.remove(path).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        match state.enter(self.life, Call::SyncDirectory, dir)? {
            None => {
                state.names.sync(dir);
                Ok(())
            }
            Some(CallFault::PowerOff) => {
                if state.dice.coin() {
                    state.names.sync(dir);
                }
                power_off()
            }
            Some(_) => Err(io::Error::other("the directory could not be synced")),
        }
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let mut state = self.state.lock();
        match state.enter(self.life, Call::Read, dir)? {
            Some(_) => Err(read_error()),
            None => Ok(state.free_bytes),
        }
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskFile>>> {
        if self.state.lock().locks.contains_key(path) {
            return Ok(None);
        }
        let is_there = self.state.lock().names.find(path);
        let file = match is_there {
            Some(file) => file,
            None => self.change_names(path, |state| {
                state.files.push(Inode::default());
                let file = state.files.len() - 1;
                state.names.add(path, file);
                Ok(file)
            })?,
        };
        self.state.lock().locks.insert(path.into(), self.life);
        Ok(Some(Box::new(Locked { file: self.open_file(path, file) })))
    }
}

impl OpenFile {
    /// Applies some first bytes of a write that does not take all.
    fn write_part(&self, state: &mut State, bytes: &[u8], offset: usize) -> usize {
        let some = state.dice.index(bytes.len().max(1));
        state.files[self.file].write(&bytes[..some], offset);
        some
    }

    fn fail(&self, state: &mut State) {
        state.files[self.file].has_failed = true;
    }
}

impl DiskFile for OpenFile {
    fn size(&self) -> io::Result<u64> {
        let mut state = self.state.lock();
        match state.enter(self.life, Call::Read, &self.path)? {
            Some(_) => Err(read_error()),
            None => Ok(state.files[self.file].len() as u64),
        }
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.state.lock();
        if state.enter(self.life, Call::Read, &self.path)?.is_some() {
            return Err(read_error());
        }
        let there = state.files[self.file].now();
        let from = (offset as usize).min(there.len());
        let read = bytes.len().min(there.len() - from);
        bytes[..read].copy_from_slice(&there[from..from + read]);
        Ok(read)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut state = self.state.lock();
        let offset = offset as usize;
        match state.enter(self.life, Call::Write(bytes.len()), &self.path)? {
            None => {
                state.files[self.file].write(bytes, offset);
                Ok(bytes.len())
            }
            Some(CallFault::ShortWrite) => {
                let some = self.write_part(&mut state, bytes, offset);
                self.fail(&mut state);
                Ok(some)
            }
            Some(CallFault::PowerOff) => {
                self.write_part(&mut state, bytes, offset);
                power_off()
            }
            Some(CallFault::NoSpace) => {
                self.write_part(&mut state, bytes, offset);
                self.fail(&mut state);
                Err(io::Error::from(io::ErrorKind::StorageFull))
            }
            Some(_) => {
                self.write_part(&mut state, bytes, offset);
                self.fail(&mut state);
                Err(io::Error::other("the write failed"))
            }
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state.lock();
        let struck = state.enter(self.life, Call::Sync, &self.path)?;
        let State { files, dice, sins, .. } = &mut *state;
        let file = &mut files[self.file];
        match struck {
            None => {
                if file.has_failed && is_journal(&self.path) {
                    sins.push(format!(
                        "{} was synced after a write or sync of it failed",
                        self.path.display()
                    ));
                }
                file.sync();
                Ok(())
            }
            Some(CallFault::PowerOff) => {
                if dice.coin() {
                    file.sync();
                }
                power_off()
            }
            Some(_) => {
                file.fail_sync(dice);
                Err(io::Error::other("the sync failed"))
            }
        }
    }

    fn set_size(&mut self, bytes: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        match state.enter(self.life, Call::SetLen, &self.path)? {
            None => {
                state.files[self.file].set_len(bytes as usize);
                Ok(())
            }
            Some(CallFault::PowerOff) => power_off(),
            Some(_) => {
                self.fail(&mut state);
                Err(io::Error::other("the length could not be set"))
            }
        }
    }
}

impl DiskFile for Locked {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(bytes, offset)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }

    fn set_size(&mut self, bytes: u64) -> io::Result<()> {
        self.file.set_size(bytes)
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        let mut state = self.file.state.lock();
        if state.locks.get(&self.file.path) == Some(&self.file.life) {
            state.locks.remove(&self.file.path);
        }
    }
}

fn read_error() -> io::Error {
    io::Error::other("the read failed")
}

/// Whether the file holds batches that were promised.
fn is_journal(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "journal")
}
