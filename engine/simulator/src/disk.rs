//! A disk in memory that keeps only what was synced, and fails when it is told to.
//!
//! Files and names each have a state that survives a power loss and a state that processes see ([`inode`],
//! [`directory`]). Assumed of a real disk, as docs/journal.md says: a crash changes no synced byte; names of one directory
//! reach the disk in order. Not assumed: that a failed sync can be repeated, that unsynced writes survive in order, or
//! that they survive as they were written.
//!
//! The simulator holds a [`FakeDisk`]; the engine gets it mounted, for one life of its process. Calls of an earlier life
//! fail, as those of a dead process never come.

mod armed;
mod directory;
mod inode;
mod mounted;
#[cfg(test)]
mod tests;

use crate::dice::Dice;
use crate::fault::Fault;
use armed::{Armed, Call};
pub(crate) use armed::{CallFault, Hit};
use directory::{FileNumber, Names};
use inode::Inode;
use mounted::Mounted;
use parking_lot::Mutex;
use stampede_engine::disk::Disk;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Room enough for everything.
pub(crate) const PLENTY: u64 = 1 << 44;

/// The simulator's hold on the disk.
#[derive(Clone, Debug)]
pub(crate) struct FakeDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    files: Vec<Inode>,
    names: Names,
    locks: BTreeMap<PathBuf, u64>,
    armed: Armed,
    dice: Dice,
    /// The life of the process that may call now.
    life: u64,
    is_on: bool,
    free_bytes: u64,
    /// What no process may do to a disk and expect to keep its data.
    sins: Vec<String>,
}

/// How a life of the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The machine stays up, and with it everything that was written.
    Killed,
    /// Only what was synced is sure to stay.
    PowerLost,
}

impl FakeDisk {
    pub(crate) fn new(dice: Dice) -> Self {
        FakeDisk(Arc::new(Mutex::new(State {
            files: Vec::new(),
            names: Names::default(),
            locks: BTreeMap::new(),
            armed: Armed::default(),
            dice,
            life: 1,
            is_on: true,
            free_bytes: PLENTY,
            sins: Vec::new(),
        })))
    }

    /// The disk as a process of this life sees it.
    pub(crate) fn mount(&self) -> Arc<dyn Disk> {
        let life = self.0.lock().life;
        Arc::new(Mounted { state: Arc::clone(&self.0), life })
    }

    /// Lets a fault strike the call after so many others of its kind.
    pub(crate) fn arm(&self, what: CallFault, calls: u32) {
        self.0.lock().armed.arm(what, calls);
    }

    pub(crate) fn disarm(&self) {
        self.0.lock().armed.disarm();
    }

    /// The faults that struck since the last time.
    pub(crate) fn take_hits(&self) -> Vec<Hit> {
        self.0.lock().armed.take_hits()
    }

    pub(crate) fn take_sins(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().sins)
    }

    /// Whether the power still is on.
    pub(crate) fn is_on(&self) -> bool {
        self.0.lock().is_on
    }

    pub(crate) fn set_free_bytes(&self, bytes: u64) {
        self.0.lock().free_bytes = bytes;
    }

    /// Ends the life of the process that used the disk, before that process hears of it. Tells what came of what was
    /// not synced.
    pub(crate) fn end_life(&self, end: End) -> Vec<Fault> {
        let mut state = self.0.lock();
        let State { files, names, locks, armed, dice, .. } = &mut *state;
        let mut found = Vec::new();
        if end == End::PowerLost {
            for file in files.iter_mut() {
                found.extend(file.lose(dice));
            }
            let lost = names.lose(dice);
            found.extend(std::iter::repeat_n(Fault::LostName, lost));
        }
        for file in files.iter_mut() {
            file.has_failed = false;
        }
        locks.clear();
        armed.disarm();
        state.life += 1;
        state.is_on = true;
        found
    }

    /// Every file as a process sees it, by path.
    pub(crate) fn files(&self) -> Vec<(PathBuf, usize)> {
        let state = self.0.lock();
        state.names.all().map(|(path, file)| (path.clone(), state.files[file].len())).collect()
    }

    /// The bytes that a process sees.
    pub(crate) fn bytes(&self, path: &Path) -> Vec<u8> {
        let state = self.0.lock();
        state.names.find(path).map_or_else(Vec::new, |file| state.files[file].now().to_vec())
    }

    /// The bytes that a power loss would leave.
    pub(crate) fn kept_bytes(&self, path: &Path) -> Vec<u8> {
        let state = self.0.lock();
        state.names.find_kept(path).map_or_else(Vec::new, |file| state.files[file].kept().to_vec())
    }

    /// Changes bytes behind everybody's back.
    pub(crate) fn set(&self, path: &Path, bytes: &[u8], offset: usize) {
        let mut state = self.0.lock();
        if let Some(file) = state.names.find(path) {
            state.files[file].set(bytes, offset);
        }
    }
}

impl State {
    /// Lets a call through, or says what strikes it. Calls of a life that is over fail.
    fn enter(&mut self, life: u64, call: Call, path: &Path) -> io::Result<Option<CallFault>> {
        if life != self.life || !self.is_on {
            return Err(io::Error::other("the power is off"));
        }
        let struck = self.armed.strike(call, path);
        if struck == Some(CallFault::PowerOff) {
            self.is_on = false;
        }
        Ok(struck)
    }

    fn find(&self, path: &Path) -> io::Result<FileNumber> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("no file {}", path.display()));
        self.names.find(path).ok_or_else(missing)
    }
}
