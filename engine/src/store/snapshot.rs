//! Snapshots: the whole state after one event, in a file that is complete or not there.
//!
//! A header, then pieces that each carry their length and hash, then an empty piece whose hash is that of all hashes.
//! The header names the event and the digest of the state. Written under a temporary name, synced, renamed. Called by
//! the follower and by recovery.

use super::new_file::NewFile;
use super::{ShardStore, StoreError};
use crate::disk::DiskFile;
use crate::journal::batch::{FORMAT_VERSION, HEADER_BYTES, u16_at, u32_at, u64_at};
use crate::journal::segment::{Window, snapshot_path};
use stampede_core::{CodecError, EventId, Machine, Seq, Settings};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

const MAGIC: [u8; 8] = *b"STPDSNAP";
/// Length and hash in front of each piece.
const PIECE_HEADER_BYTES: usize = 12;
/// The longest piece that a reader believes in.
const PIECE_BYTES_MAX: usize = 1 << 24;

/// What a snapshot says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotHeader {
    pub(crate) shard: u16,
    /// The last event in it.
    pub(crate) last: EventId,
    /// The digest of the state.
    pub(crate) digest: u128,
}

/// Why a snapshot cannot be loaded. Recovery goes on with the one before.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Flaw {
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("its header is broken")]
    Header,
    #[error("a piece of it is broken")]
    Piece,
    #[error("it is not complete")]
    Cut,
    #[error("it makes no state: {0}")]
    Content(#[from] CodecError),
    #[error("its state has another digest than it says")]
    Digest,
    #[error("it holds event {held}, and its header says {said}")]
    OtherEvent { held: EventId, said: EventId },
}

impl SnapshotHeader {
    fn bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[16..18].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[18..20].copy_from_slice(&self.shard.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.last.epoch.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.last.seq.0.to_le_bytes());
        bytes[40..56].copy_from_slice(&self.digest.to_le_bytes());
        let hash = xxh3_64(&bytes[16..]);
        bytes[8..16].copy_from_slice(&hash.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Option<SnapshotHeader> {
        let bytes: &[u8; HEADER_BYTES] = bytes.get(..HEADER_BYTES)?.try_into().ok()?;
        let is_whole = bytes[..8] == MAGIC
            && u64_at(bytes, 8) == xxh3_64(&bytes[16..])
            && u16_at(bytes, 16) == FORMAT_VERSION;
        is_whole.then(|| SnapshotHeader {
            shard: u16_at(bytes, 18),
            last: EventId { epoch: u64_at(bytes, 24), seq: Seq(u64_at(bytes, 32)) },
            digest: u128::from(u64_at(bytes, 40)) | u128::from(u64_at(bytes, 48)) << 64,
        })
    }
}

/// Writes the state of a machine; gives the file and its length.
///
/// `is_over` is looked at on the way: an engine that stops does not wait for a snapshot.
pub(crate) fn write(
    store: &ShardStore,
    machine: &Machine,
    is_over: &AtomicBool,
) -> Result<(PathBuf, u64), StoreError> {
    let header =
        SnapshotHeader { shard: store.shard.get(), last: machine.last_event(), digest: machine.digest() };
    let path = snapshot_path(&store.dir, header.last.seq);
    let temporary = path.with_extension("tmp");
    let write = || -> io::Result<u64> {
        let mut out = NewFile::begin(store.disk.as_ref(), &temporary)?;
        out.write_all(&header.bytes())?;
        let mut all = Xxh3::new();
        machine.save(|piece| {
            if is_over.load(Ordering::Relaxed) {
                return Err(io::Error::new(io::ErrorKind::Interrupted, "the engine stops"));
            }
            let hash = xxh3_64(piece);
            all.update(&hash.to_le_bytes());
            write_piece(&mut out, piece, hash)
        })?;
        write_piece(&mut out, &[], all.digest())?;
        out.finish(&path)
    };
    let bytes = write().map_err(ShardStore::io("writing", &temporary))?;
    Ok((path, bytes))
}

fn write_piece(out: &mut impl Write, piece: &[u8], hash: u64) -> io::Result<()> {
    assert!(piece.len() <= PIECE_BYTES_MAX, "a piece stays small");
    out.write_all(&(piece.len() as u32).to_le_bytes())?;
    out.write_all(&hash.to_le_bytes())?;
    out.write_all(piece)
}

/// Loads a snapshot into a machine.
pub(crate) fn load(
    store: &ShardStore,
    last: Seq,
    settings: Settings,
) -> Result<(Machine, SnapshotHeader), Flaw> {
    let path = snapshot_path(&store.dir, last);
    let (header, mut pieces) = open(store, &path)?;
    let machine = Machine::load(settings, |piece| pieces.next(piece))?;
    if !pieces.is_complete {
        // The state was complete before the pieces were: what follows has to be whole as well.
        let mut rest = Vec::new();
        while pieces.next(&mut rest)? {}
    }
    if machine.last_event() != header.last || header.last.seq != last {
        return Err(Flaw::OtherEvent { held: machine.last_event(), said: header.last });
    }
    if machine.digest() != header.digest {
        return Err(Flaw::Digest);
    }
    Ok((machine, header))
}

fn open(store: &ShardStore, path: &Path) -> Result<(SnapshotHeader, Pieces), Flaw> {
    let file = store.disk.open(path)?;
    let mut window = Window::default();
    let header = SnapshotHeader::read(window.bytes(file.as_ref(), 0, HEADER_BYTES)?)
        .filter(|header| header.shard == store.shard.get())
        .ok_or(Flaw::Header)?;
    let pieces = Pieces { file, window, at: HEADER_BYTES as u64, all: Xxh3::new(), is_complete: false };
    Ok((header, pieces))
}

/// The pieces of a snapshot being read.
struct Pieces {
    file: Box<dyn DiskFile>,
    window: Window,
    at: u64,
    all: Xxh3,
    is_complete: bool,
}

impl Pieces {
    /// Reads the next piece; no after the last one.
    fn next(&mut self, piece: &mut Vec<u8>) -> Result<bool, Flaw> {
        piece.clear();
        if self.is_complete {
            return Ok(false);
        }
        let header = self.window.bytes(self.file.as_ref(), self.at, PIECE_HEADER_BYTES)?;
        let header: [u8; PIECE_HEADER_BYTES] = header.try_into().map_err(|_| Flaw::Cut)?;
        let (length, hash) = (u32_at(&header, 0) as usize, u64_at(&header, 4));
        self.at += PIECE_HEADER_BYTES as u64;
        if length == 0 {
            self.is_complete = true;
            return if hash == self.all.digest() { Ok(false) } else { Err(Flaw::Piece) };
        }
        if length > PIECE_BYTES_MAX {
            return Err(Flaw::Piece);
        }
        let bytes = self.window.bytes(self.file.as_ref(), self.at, length)?;
        if bytes.len() < length {
            return Err(Flaw::Cut);
        }
        if xxh3_64(bytes) != hash {
            return Err(Flaw::Piece);
        }
        piece.extend_from_slice(bytes);
        self.all.update(&hash.to_le_bytes());
        self.at += length as u64;
        Ok(true)
    }
}
