//! The bytes of one segment, in a file or in memory, as a reader goes through them.
//!
//! A batch is believed only once it is whole and is the one whose header was read. Called by the feed.

use super::{FeedError, FeedPage};
use crate::disk::{Disk, DiskFile};
use crate::journal::batch::{BatchHeader, HEADER_BYTES, is_whole};
use crate::journal::log::{Place, Segment};
use crate::journal::segment::Window;
use parking_lot::RwLock;
use stampede_core::Seq;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes read from a file at once: thousands may read, each with a window of its own.
const READ_BYTES: usize = 256 * 1024;

/// One segment.
pub(super) enum Source {
    File { path: PathBuf, file: Box<dyn DiskFile>, window: Window },
    Memory(Arc<RwLock<Vec<u8>>>),
}

impl Source {
    pub(super) fn open(disk: &dyn Disk, segment: &Segment) -> Result<Source, FeedError> {
        match &segment.place {
            Place::Memory(piece) => Ok(Source::Memory(Arc::clone(piece))),
            Place::File(path) => {
                let file = disk.open(path).map_err(|source| io_error(path, source))?;
                Ok(Source::File { path: path.clone(), file, window: Window::new(READ_BYTES) })
            }
        }
    }

    /// Where the first batch begins.
    pub(super) fn begin(&self) -> u64 {
        match self {
            Source::File { .. } => HEADER_BYTES as u64,
            Source::Memory(_) => 0,
        }
    }

    /// The header at a place; `None` behind the last batch.
    pub(super) fn header(&mut self, offset: u64) -> Result<Option<BatchHeader>, FeedError> {
        self.with(offset, HEADER_BYTES, |bytes| BatchHeader::read(bytes).map(|(header, _)| header))
    }

    /// Takes entries of the batch at a place.
    pub(super) fn body(
        &mut self,
        offset: u64,
        header: &BatchHeader,
        next: Seq,
        count_max: usize,
        page: &mut FeedPage,
    ) -> Result<(), FeedError> {
        let taken = self.with(offset, header.span(), |batch| {
            let (read, hash) = BatchHeader::read(batch)?;
            if read != *header || !is_whole(header, hash, batch) {
                return None;
            }
            let end = HEADER_BYTES + header.body_bytes as usize;
            Some(page.take(&batch[HEADER_BYTES..end], header, next, count_max))
        })?;
        match taken {
            Some(taken) => Ok(taken?),
            None => Err(FeedError::Damaged { place: self.path().to_owned(), offset }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Source::File { path, .. } => path,
            Source::Memory(_) => Path::new("memory"),
        }
    }

    /// Shows `look` the bytes at a place, fewer where they end.
    fn with<T>(&mut self, offset: u64, wanted: usize, look: impl FnOnce(&[u8]) -> T) -> Result<T, FeedError> {
        match self {
            Source::Memory(piece) => {
                let piece = piece.read();
                let from = piece.len().min(offset as usize);
                Ok(look(&piece[from..piece.len().min(from + wanted)]))
            }
            Source::File { path, file, window } => {
                let bytes = window.bytes_there(file.as_ref(), offset, wanted);
                Ok(look(bytes.map_err(|source| io_error(path, source))?))
            }
        }
    }
}

fn io_error(path: &Path, cause: io::Error) -> FeedError {
    FeedError::Io { path: path.to_owned(), cause }
}
