//! Finds batches in the bytes of a journal, by the diagrams in docs/journal.md and by nothing else.

/// Bytes of a segment's header and of a batch's.
pub(crate) const HEADER_BYTES: usize = 64;

/// A batch, as its header describes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    /// Where its header stands.
    pub(crate) at: usize,
    pub(crate) body_bytes: usize,
    pub(crate) shard: usize,
    pub(crate) first: u64,
    pub(crate) count: u64,
}

/// The batches that follow each other from `at` on.
pub(crate) fn batches(bytes: &[u8], mut at: usize) -> Vec<Batch> {
    let mut found = Vec::new();
    while bytes.get(at..).is_some_and(|rest| rest.len() >= HEADER_BYTES && rest.starts_with(b"SBAT")) {
        let number = |from: usize, len: usize| {
            bytes[at + from..][..len].iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
        };
        let batch = Batch {
            at,
            body_bytes: number(16, 4) as usize,
            shard: number(6, 2) as usize,
            first: number(32, 8),
            count: number(20, 4),
        };
        at += (HEADER_BYTES + batch.body_bytes).next_multiple_of(8);
        found.push(batch);
    }
    found
}
