//! Makes the next segment ahead of its need: full of zeros and synced, so that writing into it changes no file's length
//! and a sync has nothing but data to write.
//!
//! This is also where space is checked, before anything is decided that would need it: while a made segment waits,
//! there is room for a segment's worth of events whatever else fills the disk. Called by the writer; on a thread of
//! its own, or in the writer's turn where there are no threads.

use super::log::Log;
use super::segment::SPARE_NAME;
use crate::disk::{Disk, write_full};
use crate::wake::Wake;
use parking_lot::{Condvar, Mutex};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of zeros written at once; beside a writer also synced at once: a sync of the journal that comes meanwhile waits
/// behind so many, and not behind a whole segment of them.
const CHUNK_BYTES: usize = 256 << 10;
/// How long a full disk is left alone before it is looked at again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Makes segments for one shard.
#[derive(Debug)]
pub(crate) struct Maker {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) segment_bytes: u64,
    /// Free bytes below which no segment is made.
    pub(crate) free_bytes_min: u64,
    pub(crate) log: Arc<Log>,
    pub(crate) state: Mutex<Spare>,
    pub(crate) changed: Condvar,
    /// Who wants to hear that there is space again, or that there never will be.
    pub(crate) on_space: Mutex<Option<Arc<Wake>>>,
}

/// Who waits while a segment is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// Whoever makes it: the sooner the better.
    Maker,
    /// A writer whose syncs go to the same disk.
    Others,
}

/// Whether the next segment is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spare {
    /// It has to be made.
    Wanted,
    /// It has to be made, and the writer waits for it.
    Awaited,
    /// It waits under its temporary name.
    Made,
    /// Nobody will ask any more.
    Closed,
}

impl Spare {
    fn is_missing(self) -> bool {
        matches!(self, Spare::Wanted | Spare::Awaited)
    }
}

impl Maker {
    /// Makes the next segment, unless there is too little space; the log then says how much.
    fn make(&self, waits: Waits) -> io::Result<bool> {
        let free = self.disk.free_bytes(&self.dir)?;
        if free < self.segment_bytes.saturating_add(self.free_bytes_min) {
            self.log.set_full(Some(free));
            return Ok(false);
        }
        let path = self.dir.join(SPARE_NAME);
        match self.make_of(&path, self.segment_bytes, waits) {
            Ok(()) => {}
            Err(error) if is_want_of_space(&error) => {
                // What was made of it would take the space that is waited for.
                self.disk.remove(&path)?;
                self.log.set_full(Some(free));
                return Ok(false);
            }
            Err(error) => return Err(error),
        }
        let was_full = self.log.full().is_some();
        self.log.set_full(None);
        if was_full && let Some(wake) = &*self.on_space.lock() {
            wake.wake();
        }
        Ok(true)
    }

    /// Makes a segment of this size under a temporary name, whatever space is left.
    pub(crate) fn make_of(&self, path: &Path, bytes: u64, waits: Waits) -> io::Result<()> {
        let mut file = self.disk.create(path)?;
        let zeros = vec![0; CHUNK_BYTES];
        let mut at = 0;
        while at < bytes {
            let state = *self.state.lock();
            if path.ends_with(SPARE_NAME) && state == Spare::Closed {
                return Err(io::Error::new(io::ErrorKind::Interrupted, "nobody wants it any more"));
            }
            let count = (bytes - at).min(CHUNK_BYTES as u64);
            write_full(file.as_mut(), &zeros[..count as usize], at)?;
            if waits == Waits::Others && state == Spare::Wanted {
                file.sync()?;
            }
            at += count;
        }
        file.sync()
    }

    /// One attempt in the caller's turn, if one is due.
    pub(crate) fn turn(&self) {
        if self.state.lock().is_missing() {
            self.attempt(Waits::Maker);
        }
    }

    /// Whether the attempt got further than a full disk.
    fn attempt(&self, waits: Waits) -> bool {
        match self.make(waits) {
            Ok(is_made) => {
                let mut state = self.state.lock();
                if is_made && state.is_missing() {
                    *state = Spare::Made;
                }
                self.changed.notify_all();
                is_made
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
            Err(error) => {
                self.log
                    .fail(format!("the next segment in {} could not be made: {error}", self.dir.display()));
                self.close();
                if let Some(wake) = &*self.on_space.lock() {
                    wake.wake();
                }
                true
            }
        }
    }

    /// The life of a thread that makes segments when they are wanted.
    pub(crate) fn run(&self) {
        loop {
            let mut state = self.state.lock();
            while *state == Spare::Made {
                self.changed.wait(&mut state);
            }
            if *state == Spare::Closed {
                return;
            }
            drop(state);
            if !self.attempt(Waits::Others) {
                let mut state = self.state.lock();
                if state.is_missing() {
                    self.changed.wait_for(&mut state, RETRY_AFTER);
                }
            }
        }
    }

    /// Asks for the next segment.
    pub(crate) fn want(&self) {
        let mut state = self.state.lock();
        if *state == Spare::Made {
            *state = Spare::Wanted;
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Waits for the segment that is being made; says no where none will come soon.
    pub(crate) fn wait_made(&self) -> bool {
        let mut state = self.state.lock();
        if *state == Spare::Wanted {
            *state = Spare::Awaited;
        }
        while state.is_missing() && self.log.full().is_none() {
            self.changed.wait(&mut state);
        }
        if *state == Spare::Awaited {
            *state = Spare::Wanted;
        }
        *state == Spare::Made
    }

    pub(crate) fn close(&self) {
        *self.state.lock() = Spare::Closed;
        self.changed.notify_all();
    }
}

/// A disk that is full answers the last write with a part of it, and the next with an error.
fn is_want_of_space(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull, WriteZero};
    matches!(error.kind(), QuotaExceeded | StorageFull | WriteZero)
}
