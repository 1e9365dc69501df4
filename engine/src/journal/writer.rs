//! Writes batches and syncs them: the one place from which events reach the disk.
//!
//! One write and one sync are under way at most, so that a crash can damage the last batch alone. After a failed or
//! short write, or a failed sync, nothing is written again: nobody knows what is on the disk then, and a second sync
//! may report success over lost data. Driven by a thread, or step by step; called by `file.rs`.
//!
//! Keeps I8: a watermark moves only after the sync that covers it has returned.

use super::batch::{BatchHeader, HEADER_BYTES, SegmentHeader};
use super::chain::Chain;
use super::config::SEGMENT_BYTES_MIN;
use super::handoff::{Filling, Handoff, READY_BYTES_MAX, Taken};
use super::log::{Counts, Log, Place, Segment};
use super::maker::{Maker, Waits};
use super::segment::{SPARE_NAME, URGENT_NAME, segment_path};
use crate::clock::TimeSource;
use crate::disk::{Disk, DiskFile, write_full};
use crate::wake::Wake;
use parking_lot::Mutex;
use stampede_core::{EventId, Seq, UnixMs};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// When a written batch is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SyncPolicy {
    /// Before its answers leave.
    EachBatch,
    /// Its answers leave once it is written; it is synced within this time.
    Within(Duration),
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something was written or synced.
    Worked,
    /// There was nothing to do.
    Idle,
    /// Nothing will come any more, and everything is synced.
    Closed,
}

/// A write or a sync that failed, and where.
#[derive(Debug, thiserror::Error)]
#[error("{action} {} failed: {cause}", path.display())]
pub(crate) struct WriteError {
    action: &'static str,
    path: PathBuf,
    cause: io::Error,
}

/// The writer of one shard's journal.
pub(crate) struct Writer {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) log: Arc<Log>,
    pub(crate) handoff: Arc<Handoff>,
    pub(crate) maker: Arc<Maker>,
    pub(crate) policy: SyncPolicy,
    pub(crate) source: Box<dyn TimeSource>,
    pub(crate) wake: Arc<Mutex<Option<Arc<Wake>>>>,
    /// Whether segments are made in this thread's turn.
    pub(crate) makes_segments: bool,
    pub(crate) chain: Chain,
    /// The writer's own epoch.
    pub(crate) epoch: u64,
    /// A time that is not behind the next event's.
    pub(crate) base: UnixMs,
    pub(crate) current: Option<Current>,
    /// The batch being written.
    pub(crate) batch: Filling,
    /// The last event written.
    pub(crate) written: Seq,
    /// When the first unsynced batch was written, by the boot clock.
    pub(crate) unsynced_since: Option<Duration>,
    /// The directory's lock: nobody else may write while this may.
    pub(crate) lock: Option<Arc<dyn DiskFile>>,
}

/// The segment that is written to.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) path: PathBuf,
    pub(crate) file: Box<dyn DiskFile>,
    /// The first event that may stand in it.
    pub(crate) first: Seq,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

impl Writer {
    /// Begins the epoch with a batch of no events, synced: from here on no older writer's batch counts.
    pub(crate) fn open_epoch(&mut self) -> Result<(), WriteError> {
        self.chain.epoch = self.epoch;
        self.log.begin_epoch(EventId { epoch: self.epoch, seq: self.chain.next });
        self.write_empty()?;
        self.sync()?;
        self.publish();
        Ok(())
    }

    /// Writes and syncs what waits, until there is nothing more to come.
    pub(crate) fn run(mut self) {
        loop {
            let at_most = self.until_sync();
            let taken = self.handoff.take_within(at_most, &mut self.batch);
            match self.carry_out(taken) {
                Ok(Step::Closed) => break,
                Ok(Step::Worked | Step::Idle) => {}
                Err(error) => {
                    self.give_up(&error);
                    break;
                }
            }
        }
        self.ring();
    }

    /// Does what there is to do now, without waiting.
    pub(crate) fn step(&mut self) -> Step {
        if self.log.failure().is_some() {
            return Step::Closed;
        }
        if self.makes_segments {
            self.maker.turn();
        }
        let taken = self.handoff.take(&mut self.batch);
        let step = self.carry_out(taken).unwrap_or_else(|error| {
            self.give_up(&error);
            Step::Closed
        });
        self.ring();
        step
    }

    fn carry_out(&mut self, taken: Taken) -> Result<Step, WriteError> {
        if self.log.failure().is_some() {
            // The making of a segment failed: what was not written by now never will be.
            return Ok(Step::Closed);
        }
        match taken {
            Taken::Batch => {
                if self.batch.bytes.len() >= READY_BYTES_MAX {
                    // The shard had stopped for want of room, and has it again. Its own thread: this one has to write.
                    self.wake_thread();
                }
                self.write()?;
                if self.policy == SyncPolicy::EachBatch || self.until_sync() == Some(Duration::ZERO) {
                    self.sync()?;
                }
                self.publish();
                Ok(Step::Worked)
            }
            Taken::Nothing if self.until_sync() == Some(Duration::ZERO) => {
                self.sync()?;
                self.publish();
                Ok(Step::Worked)
            }
            Taken::Nothing => Ok(Step::Idle),
            Taken::Closed => {
                self.seal()?;
                Ok(Step::Closed)
            }
            Taken::Left => {
                self.sync()?;
                self.publish();
                Ok(Step::Closed)
            }
        }
    }

    /// Ends the epoch in order: everything synced, and a batch that says so.
    fn seal(&mut self) -> Result<(), WriteError> {
        self.sync()?;
        self.publish();
        self.write_empty()?;
        self.sync()
    }

    /// How long the oldest unsynced batch may still wait; `None` when there is none.
    fn until_sync(&self) -> Option<Duration> {
        let SyncPolicy::Within(length) = self.policy else { return None };
        let since = self.unsynced_since?;
        Some((since + length).saturating_sub(self.source.boot()))
    }

    /// A batch of no events: its hash vouches for everything before it.
    fn write_empty(&mut self) -> Result<(), WriteError> {
        self.batch.clear();
        self.batch.base = self.base;
        self.write()
    }

    /// One write for the whole batch.
    fn write(&mut self) -> Result<(), WriteError> {
        let is_after_sync = self.unsynced_since.is_none();
        let header = BatchHeader { is_after_sync, ..self.batch.header(&self.chain) };
        let hash = header.seal(&mut self.batch.bytes);
        self.make_room(self.batch.bytes.len() as u64)?;
        let current = self.current.as_mut().expect("room was made in a segment");
        let written = write_full(current.file.as_mut(), &self.batch.bytes, current.offset);
        written.map_err(|cause| WriteError { action: "writing", path: current.path.clone(), cause })?;
        current.offset += self.batch.bytes.len() as u64;
        let linked = self.chain.link(&header, hash);
        assert!(linked.is_ok(), "I7: the writer's own batch does not link: {linked:?}");
        if self.batch.count > 0 {
            assert!(self.batch.last.0 + 1 == header.next().0, "I7: a batch counts its events");
            self.written = self.batch.last;
            self.base = self.batch.base;
        }
        if self.unsynced_since.is_none() {
            self.unsynced_since = Some(self.source.boot());
        }
        Counts::add(&self.log.counts.batches, 1);
        Counts::add(&self.log.counts.bytes, self.batch.bytes.len() as u64);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), WriteError> {
        if self.unsynced_since.take().is_none() {
            return Ok(());
        }
        let Some(current) = &mut self.current else { return Ok(()) };
        let began = self.source.boot();
        let synced = current.file.sync();
        synced.map_err(|cause| WriteError { action: "syncing", path: current.path.clone(), cause })?;
        let took = self.source.boot().saturating_sub(began);
        Counts::add(&self.log.counts.syncs, 1);
        Counts::add(&self.log.counts.sync_nanos, took.as_nanos() as u64);
        Ok(())
    }

    /// Moves the watermarks to where they may stand, and wakes the shard.
    fn publish(&mut self) {
        // The feed first: whoever has an answer finds its event there. Its readers are woken last: they may be many, and
        // the answers must not wait for that.
        if self.unsynced_since.is_none() {
            self.log.publish(self.written);
        }
        self.log.allow_answers(self.written);
        // Even with the next batch waiting: to wake another thread for it would take longer.
        self.ring();
        self.log.ring();
    }

    /// Has the shard seen to, by this thread if the shard's own sleeps.
    fn ring(&self) {
        self.bell().as_deref().inspect(|wake| wake.ring());
    }

    fn wake_thread(&self) {
        self.bell().as_deref().inspect(|wake| wake.wake());
    }

    /// The bell, without the lock that it lies behind: whoever is rung may do much.
    fn bell(&self) -> Option<Arc<Wake>> {
        self.wake.lock().clone()
    }

    fn give_up(&mut self, error: &WriteError) {
        self.log.fail(error.to_string());
        self.maker.close();
        self.ring();
    }

    /// Makes sure that the current segment takes so many bytes more; begins the next one if not.
    fn make_room(&mut self, bytes: u64) -> Result<(), WriteError> {
        // A segment without an event grows instead: the next one would have its name.
        let next = self.chain.next;
        let fits = |current: &Current| current.offset + bytes <= current.bytes || current.first == next;
        if self.current.as_ref().is_some_and(fits) {
            return Ok(());
        }
        self.sync()?;
        let failed = |action, path: &PathBuf| {
            let path = path.clone();
            move |cause| WriteError { action, path, cause }
        };
        let needed = HEADER_BYTES as u64 + bytes;
        if self.makes_segments {
            self.maker.turn();
        }
        let uses_spare = needed <= self.maker.segment_bytes && self.maker.wait_made();
        if let Some(reason) = self.log.failure() {
            let cause = io::Error::other(reason.to_owned());
            return Err(WriteError { action: "going on in", path: self.dir.clone(), cause });
        }
        let size = if uses_spare { self.maker.segment_bytes } else { needed.max(SEGMENT_BYTES_MIN) };
        let spare = self.dir.join(if uses_spare { SPARE_NAME } else { URGENT_NAME });
        if !uses_spare {
            // What was decided already has to be kept: this takes of the reserve that decisions leave alone. It has a
            // name of its own, since the spare may be in the making.
            self.maker.make_of(&spare, size, Waits::Maker).map_err(failed("making", &spare))?;
        }
        let mut file = self.disk.open(&spare).map_err(failed("opening", &spare))?;
        let first = self.chain.next;
        let header = SegmentHeader {
            shard: self.chain.shard,
            first,
            epoch: self.epoch,
            previous: self.chain.previous,
            begun: self.base,
            made_kib: u32::try_from(size / 1_024).unwrap_or(u32::MAX),
        };
        let path = segment_path(&self.dir, first);
        write_full(file.as_mut(), &header.bytes(), 0).map_err(failed("writing", &spare))?;
        file.sync().map_err(failed("syncing", &spare))?;
        self.disk.rename(&spare, &path).map_err(failed("naming", &path))?;
        self.disk.sync_dir(&self.dir).map_err(failed("syncing", &self.dir))?;
        self.log.add_segment(Segment { first, place: Place::File(path.clone()) });
        self.current = Some(Current { path, file, first, offset: HEADER_BYTES as u64, bytes: size });
        if uses_spare {
            self.maker.want();
        }
        Ok(())
    }
}
