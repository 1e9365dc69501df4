//! Asking memory for a place before it is needed. Waits for nothing that is asked for, and changes nothing.

use alloc::vec::Vec;
use prefetch_index::prefetch_index;

/// Asks memory for the line on which a place begins.
#[inline]
pub(crate) fn fetch<T>(place: &T) {
    safe_arch::prefetch_t1(place);
}

/// Asks memory for what leads to the end of a table that lies in chunks.
#[inline]
pub(super) fn fetch_way<T>(chunks: &[Vec<T>]) {
    chunks.last().into_iter().for_each(fetch);
}

/// Asks memory for the place behind the last of such a table, once what leads there is at hand.
#[inline]
pub(super) fn fetch_end<T>(chunks: &[Vec<T>]) {
    if let Some(chunk) = chunks.last() {
        chunk.last().into_iter().for_each(fetch);
        prefetch_index(chunk, chunk.len());
    }
}
