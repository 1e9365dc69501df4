//! Segments: the files of a journal, their names, and how batches are found in them.
//!
//! A segment begins with a header, then batches follow without a gap, then zeros to the end of the file. Nothing here
//! judges whether a batch belongs; see `chain.rs`. Called by the writer, recovery, the feed and the offline tools.

use super::batch::{BatchHeader, ChainHash, HEADER_BYTES, is_whole};
use crate::disk::{DiskFile, read_full};
use stampede_core::Seq;
use std::io;
use std::path::{Path, PathBuf};

/// Bytes read ahead at once.
const READ_BYTES: usize = 1 << 20;
const SEGMENT_SUFFIX: &str = ".journal";
const SNAPSHOT_SUFFIX: &str = ".snapshot";
/// The file that becomes the next segment.
pub(crate) const SPARE_NAME: &str = "next.tmp";
/// The file that becomes a segment where none could be made ahead.
pub(crate) const URGENT_NAME: &str = "urgent.tmp";

/// Where the segment that begins with this event lies.
pub(crate) fn segment_path(dir: &Path, first: Seq) -> PathBuf {
    dir.join(format!("{:020}{SEGMENT_SUFFIX}", first.0))
}

/// Where the snapshot of the state after this event lies.
pub(crate) fn snapshot_path(dir: &Path, last: Seq) -> PathBuf {
    dir.join(format!("{:020}{SNAPSHOT_SUFFIX}", last.0))
}

/// Where the reservations lie that this event removed.
pub(crate) fn archive_path(dir: &Path, removal: Seq) -> PathBuf {
    dir.join("archive").join(format!("{:020}.jsonl", removal.0))
}

/// The segments among these names, in order.
pub(crate) fn segments(names: &[String]) -> Vec<Seq> {
    numbered(names, SEGMENT_SUFFIX)
}

/// The snapshots among these names, in order.
pub(crate) fn snapshots(names: &[String]) -> Vec<Seq> {
    numbered(names, SNAPSHOT_SUFFIX)
}

fn numbered(names: &[String], suffix: &str) -> Vec<Seq> {
    let number = |name: &String| {
        let digits = name.strip_suffix(suffix).filter(|digits| digits.len() == 20)?;
        digits.parse().ok().map(Seq)
    };
    let mut found: Vec<Seq> = names.iter().filter_map(number).collect();
    found.sort_unstable();
    found
}

/// A moving window over a segment, so that neighbouring batches come with one read.
#[derive(Debug)]
pub(crate) struct Window {
    bytes: Vec<u8>,
    /// Where in the file the window begins.
    start: u64,
    /// Bytes read at once, at least.
    read_bytes: usize,
}

impl Default for Window {
    fn default() -> Self {
        Window::new(READ_BYTES)
    }
}

impl Window {
    pub(crate) fn new(read_bytes: usize) -> Self {
        Window { bytes: Vec::new(), start: 0, read_bytes }
    }

    /// Forgets what was read: for another file, or one that has grown.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The bytes from `offset` on: `wanted` of them unless the file ends before.
    pub(crate) fn bytes(&mut self, file: &dyn DiskFile, offset: u64, wanted: usize) -> io::Result<&[u8]> {
        if !self.holds(offset, wanted) {
            self.bytes.resize(wanted.max(self.read_bytes), 0);
            let filled = read_full(file, &mut self.bytes, offset)?;
            self.bytes.truncate(filled);
            self.start = offset;
        }
        let from = (offset - self.start) as usize;
        let to = self.bytes.len().min(from + wanted);
        Ok(&self.bytes[from..to])
    }

    /// Like [`Window::bytes`], where a header says how many are wanted: what a damaged one says must not make us hold
    /// more than the file has.
    pub(crate) fn bytes_there(
        &mut self,
        file: &dyn DiskFile,
        offset: u64,
        wanted: usize,
    ) -> io::Result<&[u8]> {
        let most =
            if self.holds(offset, wanted) { wanted } else { file.size()?.saturating_sub(offset) as usize };
        self.bytes(file, offset, wanted.min(most))
    }

    fn holds(&self, offset: u64, wanted: usize) -> bool {
        self.start <= offset && offset + wanted as u64 <= self.start + self.bytes.len() as u64
    }

    /// The header at `offset`, if the whole batch stands there as it was written.
    pub(crate) fn batch(
        &mut self,
        file: &dyn DiskFile,
        offset: u64,
    ) -> io::Result<Option<(BatchHeader, ChainHash)>> {
        let Some((header, hash)) = BatchHeader::read(self.bytes(file, offset, HEADER_BYTES)?) else {
            return Ok(None);
        };
        let batch = self.bytes_there(file, offset, header.span())?;
        Ok(is_whole(&header, hash, batch).then_some((header, hash)))
    }

    /// The events of the batch whose header stands at `offset`.
    pub(crate) fn body(
        &mut self,
        file: &dyn DiskFile,
        offset: u64,
        header: &BatchHeader,
    ) -> io::Result<&[u8]> {
        let batch = self.bytes(file, offset, header.span())?;
        let body = batch.get(HEADER_BYTES..HEADER_BYTES + header.body_bytes as usize);
        body.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Where the last byte that is not zero ends, from `offset` on; `offset` itself when all are zero.
    pub(crate) fn used_until(&mut self, file: &dyn DiskFile, offset: u64) -> io::Result<u64> {
        let (mut at, mut used) = (offset, offset);
        loop {
            let bytes = self.bytes(file, at, READ_BYTES)?;
            if bytes.is_empty() {
                return Ok(used);
            }
            if let Some(last) = bytes.iter().rposition(|&byte| byte != 0) {
                used = at + last as u64 + 1;
            }
            at += bytes.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{segment_path, segments, snapshots};
    use stampede_core::Seq;
    use std::path::Path;

    #[test]
    fn names_sort_by_number_and_others_are_left_alone() {
        let path = segment_path(Path::new("d"), Seq(7));
        assert_eq!(path, Path::new("d/00000000000000000007.journal"));
        let names = ["00000000000000000200.journal", "00000000000000000031.journal", "7.journal", "next.tmp"];
        let names = names.map(String::from);
        assert_eq!(segments(&names), [Seq(31), Seq(200)]);
        assert_eq!(snapshots(&names), []);
    }
}
