//! The archive: what a removed offer's reservations were, in a file beside the journal.
//!
//! The follower writes it from the state before the removal, so that it exists before the events that it sums up may
//! go. One JSON object a line; the file is complete or not there.
