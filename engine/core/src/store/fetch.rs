//! Asking memory for a place before it is needed. Waits for nothing that is asked for, and changes nothing.

use prefetch_index::prefetch_index;

/// Asks memory for the line on which a place begins.
#[inline]
pub(crate) fn fetch<T>(place: &T) {
    fetch_at(core::slice::from_ref(place), 0);
}

/// The same for a place among others, or for the one behind the last.
#[inline]
pub(super) fn fetch_at<T>(places: &[T], at: usize) {
    prefetch_index(places, at);
}
