//! MULTI … EXEC: commands that were read and wait for EXEC, as the bytes of their frames.
//!
//! Nothing runs before EXEC. A batch is not atomic: its commands are decided one by one, among those of others. Bounded
//! in commands and in bytes.

use crate::resp::decode::Frame;
use bytes::BytesMut;

/// Bytes of queued commands: four of the longest, or thousands of BUYs.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// Commands between MULTI and EXEC.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: BytesMut,
    count: usize,
    is_broken: bool,
}

/// The batch is at a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchFull;

impl Batch {
    /// Queues a command that has been read without a mistake.
    pub(super) fn add(&mut self, frame: Frame<'_>, count_max: usize) -> Result<(), BatchFull> {
        if self.count == count_max || self.bytes.len() + frame.bytes().len() > BATCH_BYTES_MAX {
            self.is_broken = true;
            return Err(BatchFull);
        }
        self.bytes.extend_from_slice(frame.bytes());
        self.count += 1;
        Ok(())
    }

    /// Notes a mistake: EXEC will refuse all of it.
    pub(super) fn spoil(&mut self) {
        self.is_broken = true;
    }

    /// The frames and their count, or `None` if there was a mistake.
    pub(super) fn into_frames(self) -> Option<(BytesMut, usize)> {
        (!self.is_broken).then_some((self.bytes, self.count))
    }
}
