//! Shards around the core.
