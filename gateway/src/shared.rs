//! What all connections of one server share: the engine, the limits, who is connected, a few counters.
//!
//! Nothing here is touched per command: peers change when connections come, go or name themselves, and the counters are
//! added to once per wake of a connection. Made by the server, read by connections and INFO.

use crate::config::Limits;
use crate::readers::Readers;
use crate::snapshots::Snapshots;
use parking_lot::Mutex;
use stampede_engine::{Engine, Round};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    /// Wakes connections together.
    pub(crate) round: Arc<Round>,
    /// The tasks that run the rounds: they end when nobody shares this any more, not before the last connection.
    pub(crate) _rounds: JoinSet<()>,
    pub(crate) limits: Limits,
    /// Where the server listens.
    pub(crate) address: SocketAddr,
    pub(crate) started: Instant,
    pub(crate) peers: Peers,
    pub(crate) counts: Counts,
    pub(crate) readers: Arc<Readers>,
    pub(crate) snapshots: Arc<Snapshots>,
    /// True once the server is stopping: nobody waits any longer.
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Counters for INFO. Relaxed everywhere: they are for people and order nothing.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    connections: AtomicU64,
    connections_refused: AtomicU64,
    commands: AtomicU64,
    errors: AtomicU64,
    slow_readers: AtomicU64,
}

/// The counters at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CountsRead {
    /// Connections taken since the start.
    pub(crate) connections: u64,
    /// Connections refused because there were too many.
    pub(crate) connections_refused: u64,
    /// Commands read, mistakes included.
    pub(crate) commands: u64,
    /// Commands that were mistakes, and bytes that were no frame.
    pub(crate) errors: u64,
    /// Connections closed because they did not read their replies.
    pub(crate) slow_readers: u64,
}

impl Counts {
    pub(crate) fn add_connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_refused_connection(&self) {
        self.connections_refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_commands(&self, commands: u64) {
        self.commands.fetch_add(commands, Ordering::Relaxed);
    }

    pub(crate) fn add_error(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_slow_reader(&self) {
        self.slow_readers.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> CountsRead {
        CountsRead {
            connections: self.connections.load(Ordering::Relaxed),
            connections_refused: self.connections_refused.load(Ordering::Relaxed),
            commands: self.commands.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
            slow_readers: self.slow_readers.load(Ordering::Relaxed),
        }
    }
}

/// The number of a connection, counted from 1 and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PeerId(pub(crate) u64);

/// What a connection says of itself. Texts are short printable ASCII.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) name: String,
    pub(crate) lib_name: String,
    pub(crate) lib_version: String,
}

/// Everybody who is connected.
#[derive(Debug, Default)]
pub(crate) struct Peers {
    connected: Mutex<BTreeMap<PeerId, Peer>>,
    last: AtomicU64,
}

impl Peers {
    /// Takes a new connection in, unless `max` are in.
    pub(crate) fn enter(&self, address: SocketAddr, max: usize) -> Option<PeerId> {
        let mut connected = self.connected.lock();
        if connected.len() >= max {
            return None;
        }
        let id = PeerId(self.last.fetch_add(1, Ordering::Relaxed) + 1);
        let peer = Peer { address, name: String::new(), lib_name: String::new(), lib_version: String::new() };
        connected.insert(id, peer);
        Some(id)
    }

    /// Lets a connection go.
    pub(crate) fn leave(&self, id: PeerId) {
        self.connected.lock().remove(&id);
    }

    /// How many are in.
    pub(crate) fn count(&self) -> usize {
        self.connected.lock().len()
    }

    /// Changes what a connection says of itself.
    pub(crate) fn describe(&self, id: PeerId, change: impl FnOnce(&mut Peer)) {
        if let Some(peer) = self.connected.lock().get_mut(&id) {
            change(peer);
        }
    }

    /// A connection's name, if it has one.
    pub(crate) fn name(&self, id: PeerId) -> Option<String> {
        self.connected.lock().get(&id).map(|peer| peer.name.clone()).filter(|name| !name.is_empty())
    }

    /// One connection's own line of CLIENT LIST.
    pub(crate) fn line(&self, id: PeerId) -> String {
        self.connected.lock().get(&id).map(|peer| line(id, peer)).unwrap_or_default()
    }

    /// CLIENT LIST: a line for each connection.
    pub(crate) fn lines(&self) -> String {
        self.connected.lock().iter().map(|(id, peer)| line(*id, peer)).collect()
    }
}

fn line(id: PeerId, peer: &Peer) -> String {
    let Peer { address, name, lib_name, lib_version } = peer;
    format!("id={} addr={address} name={name} db=0 lib-name={lib_name} lib-ver={lib_version}\n", id.0)
}
