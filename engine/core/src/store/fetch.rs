//! Asking memory for a place before it is needed. Waits for nothing that is asked for, and changes nothing.

use alloc::vec::Vec;
use prefetch_index::prefetch_index;

/// Asks memory for the line on which a place begins, into the second cache.
///
/// A batch asks for more lines than the first cache has places for what is under way, and some processors forget what finds
/// none free. From the second it is a dozen cycles, which the processor hides.
#[inline]
pub(crate) fn fetch<T>(place: &T) {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    safe_arch::prefetch_t1(place);
    // Elsewhere there is no such call without `unsafe`.
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64")))]
    prefetch_index(core::slice::from_ref(place), 0);
}

/// Asks memory for what leads to the end of a table that lies in chunks.
#[inline]
pub(super) fn fetch_way<T>(chunks: &[Vec<T>]) {
    chunks.last().into_iter().for_each(fetch);
}

/// Asks memory for the last of such a table and for the place behind it, once what leads there is at hand. To a place that
/// has nothing in it yet there is no reference: it is asked for by its number.
#[inline]
pub(super) fn fetch_end<T>(chunks: &[Vec<T>]) {
    if let Some(chunk) = chunks.last() {
        chunk.last().into_iter().for_each(fetch);
        prefetch_index(chunk, chunk.len());
    }
}
