//! Faults that wait for their call to the disk.

use crate::fault::Fault;
use std::path::{Path, PathBuf};

/// What a process asks of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Bytes into a file; how many.
    Write(usize),
    SetLen,
    Sync,
    SyncDirectory,
    /// Create, rename or remove.
    Name,
    Read,
}

/// A fault that strikes one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallFault {
    PowerOff,
    WriteError,
    ShortWrite,
    NoSpace,
    SyncError,
    ReadError,
}

impl CallFault {
    pub(crate) const fn fault(self) -> Fault {
        match self {
            CallFault::PowerOff => Fault::PowerLostInCall,
            CallFault::WriteError => Fault::WriteError,
            CallFault::ShortWrite => Fault::ShortWrite,
            CallFault::NoSpace => Fault::NoSpace,
            CallFault::SyncError => Fault::SyncError,
            CallFault::ReadError => Fault::ReadError,
        }
    }

    fn strikes(self, call: Call) -> bool {
        match (self, call) {
            (CallFault::PowerOff, call) => call != Call::Read,
            (CallFault::ShortWrite, Call::Write(bytes)) => bytes > 1,
            (CallFault::WriteError, Call::Write(_) | Call::SetLen)
            | (CallFault::NoSpace, Call::Write(_))
            | (CallFault::SyncError, Call::Sync | Call::SyncDirectory)
            | (CallFault::ReadError, Call::Read) => true,
            _ => false,
        }
    }
}

/// A fault that struck, and the file.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    pub(crate) what: CallFault,
    pub(crate) path: PathBuf,
}

/// The faults that wait.
#[derive(Debug, Default)]
pub(super) struct Armed {
    waiting: Vec<(CallFault, u32)>,
    hits: Vec<Hit>,
}

impl Armed {
    /// Strikes the call after `calls` others of its kind.
    pub(super) fn arm(&mut self, what: CallFault, calls: u32) {
        self.waiting.push((what, calls));
    }

    pub(super) fn disarm(&mut self) {
        self.waiting.clear();
    }

    /// The fault that strikes this call, if one does.
    pub(super) fn strike(&mut self, call: Call, path: &Path) -> Option<CallFault> {
        let mut struck = None;
        for (at, (what, left)) in self.waiting.iter_mut().enumerate() {
            if !what.strikes(call) {
                continue;
            }
            if *left == 0 && struck.is_none() {
                struck = Some(at);
            } else {
                *left = left.saturating_sub(1);
            }
        }
        let (what, _) = self.waiting.remove(struck?);
        self.hits.push(Hit { what, path: path.into() });
        Some(what)
    }

    pub(super) fn take_hits(&mut self) -> Vec<Hit> {
        std::mem::take(&mut self.hits)
    }
}
