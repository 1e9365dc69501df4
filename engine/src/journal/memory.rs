//! The journal of memory mode: an event counts as durable once it took effect, and is lost with the process. For tests,
//! rehearsals, and sales that may be.
//!
//! The newest events are kept, as batches in pieces of memory that count as segments, so that the feed reads them like
//! any other. Bounded by a number of bytes; the oldest piece goes first.

use super::chain::Chain;
use super::handoff::Filling;
use super::log::{Counts, Log, Place, Segment};
use super::{Journal, JournalError};
use crate::slot::ShardIndex;
use parking_lot::RwLock;
use stampede_core::{Entry, EventId, Seq, UnixMs};
use std::sync::Arc;

/// Bytes of one piece.
const PIECE_BYTES: usize = 1 << 20;

/// Keeps the newest events, in memory.
#[derive(Debug)]
pub struct MemoryJournal {
    log: Arc<Log>,
    bytes_max: usize,
    turn: Filling,
    /// The time of the last event.
    base: UnixMs,
    chain: Chain,
    piece: Arc<RwLock<Vec<u8>>>,
    pieces: usize,
}

impl Default for MemoryJournal {
    /// One that keeps a mebibyte of events, for an engine's first shard.
    fn default() -> Self {
        MemoryJournal::new(ShardIndex::default(), 1, PIECE_BYTES)
    }
}

impl MemoryJournal {
    /// A journal that keeps about `bytes_max` bytes of the newest events, at least a mebibyte.
    pub fn new(shard: ShardIndex, epoch: u64, bytes_max: usize) -> Self {
        let log = Arc::new(Log::new(shard, Seq(0), &[EventId { epoch, seq: Seq(1) }], Vec::new()));
        let chain = Chain { shard: shard.get(), next: Seq(1), epoch, ..Chain::default() };
        let mut journal = MemoryJournal {
            log,
            bytes_max,
            turn: Filling::new(),
            base: UnixMs::new(0),
            chain,
            piece: Arc::default(),
            pieces: 0,
        };
        journal.begin_piece();
        journal
    }

    pub(crate) fn log(&self) -> &Arc<Log> {
        &self.log
    }

    fn begin_piece(&mut self) {
        self.piece = Arc::new(RwLock::new(Vec::with_capacity(PIECE_BYTES)));
        self.log
            .add_segment(Segment { first: self.chain.next, place: Place::Memory(Arc::clone(&self.piece)) });
        self.pieces += 1;
        while self.pieces > 1 && self.pieces * PIECE_BYTES > self.bytes_max {
            self.log.drop_oldest();
            self.pieces -= 1;
        }
    }
}

impl Journal for MemoryJournal {
    fn record(&mut self, entry: &Entry<'_>) {
        self.turn.add(entry, &mut self.base);
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        if self.turn.count == 0 {
            return Ok(());
        }
        let header = self.turn.header(&self.chain);
        let hash = header.seal(&mut self.turn.bytes);
        let used = self.piece.read().len();
        if used > 0 && used + self.turn.bytes.len() > PIECE_BYTES {
            self.begin_piece();
        }
        self.piece.write().extend_from_slice(&self.turn.bytes);
        let linked = self.chain.link(&header, hash);
        assert!(linked.is_ok(), "I7: the journal's own batch does not link: {linked:?}");
        Counts::add(&self.log.counts.batches, 1);
        Counts::add(&self.log.counts.bytes, self.turn.bytes.len() as u64);
        self.log.publish(self.turn.last);
        self.log.allow_answers(self.turn.last);
        self.log.ring();
        self.turn.clear();
        Ok(())
    }

    fn durable(&self) -> Result<Seq, JournalError> {
        Ok(self.log.answerable())
    }

    fn close(&mut self) {
        self.log.ring();
    }
}
