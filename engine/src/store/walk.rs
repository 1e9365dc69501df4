//! A walk through a shard's journal, from batch to batch, over the ends of segments.
//!
//! It tells what belongs from what does not, and a torn end from damage; it changes nothing. Used by recovery, by the
//! follower beside a running writer, and by the offline tools.

use super::{Damage, ShardStore, StoreError};
use crate::disk::DiskFile;
use crate::journal::Misfit;
use crate::journal::batch::{ALIGNMENT, BatchHeader, ChainHash, HEADER_BYTES, SegmentHeader};
use crate::journal::chain::Chain;
use crate::journal::segment::{Window, segment_path, segments};
use stampede_core::Seq;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A place in a journal.
#[derive(Clone, Debug)]
pub(crate) struct Walk {
    store: ShardStore,
    /// The segments that were there at the last look.
    segments: Vec<Seq>,
    at: usize,
    path: PathBuf,
    /// Where the next batch begins.
    offset: u64,
    chain: Chain,
}

/// What comes next on a walk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A batch that belongs, and where its header stands.
    Batch(BatchHeader, u64),
    /// The journal ends here, cleanly.
    End,
    /// The journal ends here; what stands behind was never durable.
    Torn(Torn),
}

/// The end of a journal that a crash left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Torn {
    /// Where the last byte that is not zero ends.
    pub(crate) until: u64,
    pub(crate) why: &'static str,
}

/// The open file of a walk and what was read of it.
#[derive(Debug)]
pub(crate) struct Reading {
    file: Box<dyn DiskFile>,
    window: Window,
}

impl Walk {
    /// Begins in the segment in which an event stands or would come next; `None` where there is no journal yet.
    pub(crate) fn begin(store: &ShardStore, from: Seq) -> Result<Option<(Walk, Reading)>, StoreError> {
        let found = list(store)?;
        let Some(&oldest) = found.first() else { return Ok(None) };
        let after = found.partition_point(|first| *first <= from);
        let Some(at) = after.checked_sub(1) else {
            let flaws = "there is none".to_owned();
            let (shard, dir) = (store.shard.get(), store.dir.clone());
            return Err(StoreError::Missing { shard, dir, first: oldest.0, flaws });
        };
        let path = segment_path(&store.dir, found[at]);
        let reading = Reading::open(store, &path)?;
        let mut walk = Walk {
            store: store.clone(),
            segments: found,
            at,
            path,
            offset: HEADER_BYTES as u64,
            chain: Chain::default(),
        };
        let mut reading = reading;
        let header = walk.read_header(&mut reading)?;
        walk.chain = Chain::at(&header);
        Ok(Some((walk, reading)))
    }

    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The segment that it is in, by its first event.
    pub(crate) fn segment(&self) -> Seq {
        self.segments[self.at]
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The segments from the first kept one on.
    pub(crate) fn segments(&self) -> &[Seq] {
        &self.segments
    }

    /// How many segments were passed, and how many there are.
    pub(crate) fn passed(&self) -> (usize, usize) {
        (self.at, self.segments.len())
    }

    /// Goes over the next batch.
    pub(crate) fn next(&mut self, reading: &mut Reading) -> Result<Next, StoreError> {
        loop {
            let offset = self.offset;
            if let Some((header, hash)) = reading.batch(&self.path, offset)? {
                return match self.chain.link(&header, hash) {
                    Ok(()) => {
                        self.offset += header.span() as u64;
                        Ok(Next::Batch(header, offset))
                    }
                    Err(Misfit::Epoch { .. }) => {
                        self.end(reading, "a batch of a replaced writer stood there")
                    }
                    Err(misfit) => Err(self.store.damaged(&self.path, offset, misfit)),
                };
            }
            let is_last = self.is_last()?;
            let until = reading.used_until(&self.path, offset)?;
            if !is_last && until == offset {
                self.enter_next(reading)?;
                continue;
            }
            let end = self.end(reading, "its last batch was not written wholly");
            // A writer may have been at work: what stands behind a batch that was durable leaves that batch whole.
            reading.window.clear();
            if until > offset && reading.batch(&self.path, offset)?.is_some() {
                continue;
            }
            return end;
        }
    }

    /// The journal goes no further here: cleanly, torn, or because it is damaged.
    fn end(&mut self, reading: &mut Reading, why: &'static str) -> Result<Next, StoreError> {
        let (offset, epoch) = (self.offset, self.chain.epoch);
        let until = reading.used_until(&self.path, offset)?;
        if until == offset {
            return Ok(Next::End);
        }
        if !self.is_last()? || reading.has_durable_behind(&self.path, offset..until, epoch)? {
            return Err(self.store.damaged(&self.path, offset, Damage::Broken));
        }
        Ok(Next::Torn(Torn { until, why }))
    }

    /// Whether no later segment is there, looking again.
    fn is_last(&mut self) -> Result<bool, StoreError> {
        if self.at + 1 < self.segments.len() {
            return Ok(false);
        }
        // Retention may have taken old ones away meanwhile; a writer may have begun a new one.
        let here = self.segments[self.at];
        let found = list(&self.store)?;
        if let Some(at) = found.iter().position(|first| *first == here) {
            (self.segments, self.at) = (found, at);
        }
        Ok(self.at + 1 == self.segments.len())
    }

    fn enter_next(&mut self, reading: &mut Reading) -> Result<(), StoreError> {
        self.at += 1;
        self.path = segment_path(&self.store.dir, self.segments[self.at]);
        *reading = Reading::open(&self.store, &self.path)?;
        let header = self.read_header(reading)?;
        let fits = self.chain.goes_on(&header);
        fits.map_err(|misfit| self.store.damaged(&self.path, 0, misfit))?;
        self.chain.epoch = header.epoch;
        self.offset = HEADER_BYTES as u64;
        Ok(())
    }

    fn read_header(&self, reading: &mut Reading) -> Result<SegmentHeader, StoreError> {
        let Reading { file, window } = reading;
        let bytes = window.bytes(file.as_ref(), 0, HEADER_BYTES);
        let bytes = bytes.map_err(ShardStore::io("reading", &self.path))?;
        let header =
            SegmentHeader::read(bytes).ok_or_else(|| self.store.damaged(&self.path, 0, Damage::Header))?;
        if header.shard != self.store.shard.get() {
            return Err(self.store.damaged(&self.path, 0, Misfit::Shard(header.shard)));
        }
        let size = file.size().map_err(ShardStore::io("reading", &self.path))?;
        if size / 1_024 < u64::from(header.made_kib) {
            let made = u64::from(header.made_kib) * 1_024;
            return Err(self.store.damaged(&self.path, size, Damage::Shortened { size, made }));
        }
        if header.first != self.segments[self.at] {
            let (first, expected) = (header.first.0, self.segments[self.at].0);
            return Err(self.store.damaged(&self.path, 0, Misfit::Seq { first, expected }));
        }
        Ok(header)
    }
}

impl Reading {
    fn open(store: &ShardStore, path: &Path) -> Result<Reading, StoreError> {
        let file = store.disk.open(path).map_err(ShardStore::io("opening", path))?;
        Ok(Reading { file, window: Window::default() })
    }

    /// The events of a batch that a walk went over.
    pub(crate) fn body(
        &mut self,
        path: &Path,
        header: &BatchHeader,
        offset: u64,
    ) -> Result<&[u8], StoreError> {
        let Reading { file, window } = self;
        window.body(file.as_ref(), offset, header).map_err(ShardStore::io("reading", path))
    }

    fn batch(&mut self, path: &Path, offset: u64) -> Result<Option<(BatchHeader, ChainHash)>, StoreError> {
        let found = self.window.batch(self.file.as_ref(), offset);
        found.map_err(ShardStore::io("reading", path))
    }

    fn used_until(&mut self, path: &Path, offset: u64) -> Result<u64, StoreError> {
        // A writer may have filled what was read as zeros.
        self.window.clear();
        let until = self.window.used_until(self.file.as_ref(), offset);
        until.map_err(ShardStore::io("reading", path))
    }

    /// Whether behind the beginning of `range` stands a whole batch that was written when everything before it was
    /// durable, by a writer that nobody had replaced.
    fn has_durable_behind(&mut self, path: &Path, range: Range<u64>, epoch: u64) -> Result<bool, StoreError> {
        let mut at = range.start + ALIGNMENT as u64;
        while at < range.end {
            if let Some((header, _)) = self.batch(path, at)?
                && header.is_after_sync
                && header.epoch >= epoch
            {
                return Ok(true);
            }
            at += ALIGNMENT as u64;
        }
        Ok(false)
    }
}

fn list(store: &ShardStore) -> Result<Vec<Seq>, StoreError> {
    let names = store.disk.list(&store.dir).map_err(ShardStore::io("listing", &store.dir))?;
    Ok(segments(&names))
}
