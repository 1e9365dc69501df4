//! The journal on disk, as its shard sees it: encodes events, hands them to the writer, asks for the watermark.
//!
//! Made by the engine from a recovered shard's writer; driven by the shard. Keeps I8 by asking the log alone what is
//! durable.

use super::handoff::{Filling, Handoff, READY_BYTES_MAX};
use super::log::Log;
use super::maker::Maker;
use super::writer::Writer;
use super::{Journal, JournalError};
use crate::wake::Wake;
use parking_lot::Mutex;
use stampede_core::{Entry, Seq, UnixMs};
use std::fmt;
use std::io;
use std::mem;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// A shard's journal on disk.
pub(crate) struct FileJournal {
    log: Arc<Log>,
    handoff: Arc<Handoff>,
    maker: Arc<Maker>,
    wake: Arc<Mutex<Option<Arc<Wake>>>>,
    turn: Filling,
    /// Whether events were handed over that the writer may not take yet.
    is_held: bool,
    /// The time of the last event.
    base: UnixMs,
    threads: Vec<JoinHandle<()>>,
}

impl fmt::Debug for FileJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileJournal").field("log", &self.log).finish_non_exhaustive()
    }
}

impl FileJournal {
    /// The shard's side of a journal whose writer is driven by somebody else.
    pub(crate) fn new(writer: &Writer) -> Self {
        FileJournal {
            log: Arc::clone(&writer.log),
            handoff: Arc::clone(&writer.handoff),
            maker: Arc::clone(&writer.maker),
            wake: Arc::clone(&writer.wake),
            turn: Filling::new(),
            is_held: false,
            base: writer.base,
            threads: Vec::new(),
        }
    }

    /// A journal whose writer has a thread, and a second one that makes segments.
    pub(crate) fn spawn(mut writer: Writer) -> io::Result<Self> {
        writer.makes_segments = false;
        let mut journal = FileJournal::new(&writer);
        let name = format!("journal-{}", writer.chain.shard);
        let maker = Arc::clone(&writer.maker);
        let guard = journal.guard("the writer panicked");
        let run = move || {
            let _guard = guard;
            writer.run();
        };
        journal.threads.push(thread::Builder::new().name(name).spawn(run)?);
        let name = format!("segments-{}", journal.log.shard);
        let guard = journal.guard("the making of segments panicked");
        let run = move || {
            let _guard = guard;
            maker.run();
        };
        journal.threads.push(thread::Builder::new().name(name).spawn(run)?);
        Ok(journal)
    }

    fn guard(&self, what: &'static str) -> Guard {
        let (log, maker, wake) = (Arc::clone(&self.log), Arc::clone(&self.maker), Arc::clone(&self.wake));
        Guard { log, maker, wake, what }
    }

    /// Ends the threads after what was handed over.
    fn end(&mut self) {
        self.maker.close();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!(shard = %self.log.shard, "a thread of the journal ended in a panic");
            }
        }
        self.log.ring();
    }
}

impl Journal for FileJournal {
    fn attach(&mut self, wake: Arc<Wake>) {
        *self.wake.lock() = Some(Arc::clone(&wake));
        *self.maker.on_space.lock() = Some(wake);
    }

    fn record(&mut self, entry: &Entry<'_>) {
        self.turn.add(entry, &mut self.base);
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        if self.turn.count > 0 {
            self.handoff.put(&mut self.turn);
            self.is_held = true;
        }
        self.durable().map(|_| ())
    }

    fn has_begun(&self) -> bool {
        !self.is_held
    }

    fn begin(&mut self) {
        if mem::take(&mut self.is_held) {
            self.handoff.begin();
        }
    }

    fn durable(&self) -> Result<Seq, JournalError> {
        match self.log.failure() {
            None => Ok(self.log.answerable()),
            Some(reason) => Err(JournalError::Failed { reason: reason.to_owned() }),
        }
    }

    fn has_room(&self) -> bool {
        self.handoff.has_room() && self.turn.bytes.len() < READY_BYTES_MAX
    }

    fn is_behind(&self) -> bool {
        self.handoff.is_behind()
    }

    fn full(&self) -> Option<u64> {
        self.log.full()
    }

    fn close(&mut self) {
        self.handoff.close();
        self.end();
    }
}

impl Drop for FileJournal {
    /// Without an orderly close nothing is sealed; the threads still end.
    fn drop(&mut self) {
        if !self.threads.is_empty() {
            self.handoff.leave();
            self.end();
        }
    }
}

/// Says of a thread that ended in a panic that the journal has failed: nobody must wait for it.
struct Guard {
    log: Arc<Log>,
    maker: Arc<Maker>,
    wake: Arc<Mutex<Option<Arc<Wake>>>>,
    what: &'static str,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        self.log.fail(self.what.to_owned());
        self.maker.close();
        if let Some(wake) = &*self.wake.lock() {
            wake.wake();
        }
    }
}
