//! Shards, queues, clock and journal around the core of Stampede: the embeddable engine.
//!
//! ```
//! use stampede_engine::core::{Money, Offer, Request, Text};
//! use stampede_engine::{Engine, EngineConfig};
//!
//! let engine = Engine::start(EngineConfig::in_memory())?;
//! let mut client = engine.client();
//! let offer = Text::id(b"sku")?;
//! let definition = Box::new(Offer::with_stock(Money::cash(1990), 100));
//! client.call(&Request::OfferPut { offer, definition })?;
//! let reply = client.call(&Request::buy(offer, Text::id(b"alice")?, Text::id(b"order-1")?))?;
//! println!("{:?}", reply.answer());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Client`] waits for each answer. Whoever serves many connections fills [`Run`]s, submits them
//! ([`Engine::submit`]) and takes them back from an [`Outbox`], from async code or from a thread:
//!
//! ```
//! # use stampede_engine::core::{Request, Text};
//! # use stampede_engine::{Engine, EngineConfig, Outbox};
//! # let engine = Engine::start(EngineConfig::in_memory())?;
//! let outbox = Outbox::new(16);
//! let offer = Text::id(b"sku")?;
//! let mut run = engine.run();
//! run.push(&Request::buy(offer, Text::id(b"alice")?, Text::id(b"order-1")?))?;
//! run.push(&Request::buy(offer, Text::id(b"bob")?, Text::id(b"order-2")?))?;
//! engine.submit(engine.shard_of(offer), run, &outbox)?;
//! if let Some(run) = outbox.take_blocking() {
//!     for answer in run.answers() {
//!         println!("{answer:?}");
//!     }
//!     engine.recycle(run);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The straight line of one intent: [`Engine::submit`] → inbox → shard (stamps the time, lets the machine decide,
//! hands the events to the [`Journal`]) → [`Outbox`].
//!
//! Layers, lowest first; a file uses only what stands before it:
//! `slot, clock, wake, counters, disk, pages, panics` → `journal` → `round` → `outbox + run` → `inbox, store, feed` →
//! `shard, config` → `opening, keeping, submit` → `engine + client, stepped, offline`.

pub use stampede_core as core;

mod client;
mod clock;
mod config;
mod counters;
pub mod disk;
mod engine;
mod feed;
mod inbox;
mod journal;
mod keeping;
pub mod offline;
mod opening;
mod outbox;
mod pages;
mod panics;
mod round;
mod run;
mod shard;
mod slot;
pub mod stepped;
mod store;
mod submit;
mod wake;

pub use client::{CallError, Client, Reply};
pub use clock::{Clock, SLEW_PPM, SystemTimeSource, TimeSource};
pub use config::{
    Durability, EngineConfig, INBOX_REQUESTS_DEFAULT, INBOX_REQUESTS_MAX, StartError, cores, shards_default,
};
pub use counters::Counters;
pub use engine::{Engine, StopError};
pub use feed::{Feed, FeedBounds, FeedError, FeedFrom, FeedPage, JournalStatus};
pub use journal::{
    Journal, JournalConfig, JournalError, MemoryJournal, Misfit, OutOfRange, SEGMENT_BYTES_MAX,
    SEGMENT_BYTES_MIN,
};
pub use outbox::Outbox;
pub use pages::take_small_pages;
pub use round::Round;
pub use run::{Outcome, PlainBuy, RUN_BYTES_MAX, RUN_ENTRIES_MAX, RUN_REQUESTS_MAX, Run, RunFull};
pub use slot::{SHARDS_MAX, SLOT_COUNT, ShardIndex, Slot};
pub use store::{
    Cut, Damage, Recovered, RecoveryProgress, SnapshotError, SnapshotReport, StoreError, Unwatched,
};
pub use submit::{Reject, Rejected};
pub use wake::Wake;
