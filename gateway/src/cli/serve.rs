//! `stampede serve`: starts the server, says that it is ready, and stops it in order.

use super::offers_file;
use super::recovery::{self, Watcher};
use crate::config::{Config, Durability};
use crate::memory;
use crate::ops::{Health, Ops};
use crate::server::Server;
use anyhow::Context;
use stampede_engine::core::Offer;
use stampede_engine::offline::DataDirectory;
use stampede_engine::{cores, shards_default};
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Serves until SIGTERM or SIGINT.
pub(super) fn serve(config: Config) -> anyhow::Result<()> {
    start_log();
    // Before huge pages are refused: what is touched now may lie in them, nobody waits yet.
    reserve(config.reserve_bytes)?;
    if let Err(error) = stampede_engine::take_small_pages() {
        tracing::warn!(%error, "cannot refuse huge pages; a shard may stand still for milliseconds where one is cleared");
    }
    warn_of_unread_directory(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers(&config))
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let served = runtime.block_on(serve_until_told(config));
    // A recovery or a snapshot that was under way ends with the process: both leave the directory as it was.
    runtime.shutdown_background();
    served
}

fn reserve(bytes: u64) -> anyhow::Result<()> {
    if bytes > 0 {
        tracing::info!(bytes, "taking memory");
        memory::reserve(bytes)?;
        tracing::info!(bytes, "memory taken");
    }
    Ok(())
}

/// In memory the data directory is not looked at otherwise: whoever named one that a server has used may believe that its
/// sale is the one that goes on.
fn warn_of_unread_directory(config: &Config) {
    // A directory that cannot be listed is no reason not to start: nothing of it is needed.
    let is_used = || DataDirectory::is_used(&config.data).unwrap_or(false);
    if config.durability == Durability::Memory && is_used() {
        tracing::warn!(
            data = %config.data.display(),
            "the data directory was used by a server, and with durability memory it is not read and not written; start with durability sync or async to go on with what it holds"
        );
    }
}

/// Threads for connections: one for each core that no shard needs, and at least one. More would take the cores from the
/// shards and from each other.
fn workers(config: &Config) -> usize {
    // A directory's own number of shards is not known yet; where none is asked for, the default stands for it.
    let shards = config.shards.unwrap_or_else(shards_default);
    cores().saturating_sub(usize::from(shards)).max(1)
}

async fn serve_until_told(config: Config) -> anyhow::Result<()> {
    // Signals first: one that comes during the start must end it in order too.
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let mut told = pin!(async {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    });
    let offers = config.offers.as_deref().map(offers_file::read).transpose()?.unwrap_or_default();
    let running = tokio::select! {
        running = Running::start(&config, offers) => running?,
        signal = &mut told => {
            tracing::info!(signal, "stopped before it was ready");
            return Ok(());
        }
    };
    println!("{}", running.ready_line(&config));
    let signal = told.await;
    tracing::info!(signal, "stopping");
    running.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// The server and its HTTP listener.
struct Running {
    shared: Arc<Shared>,
    listen: SocketAddr,
    ops: Ops,
    shards: u16,
}

/// What the HTTP pages ask of the server; empty once it is stopping.
struct Shared {
    server: Mutex<Option<Server>>,
    about: String,
}

impl Running {
    async fn start(config: &Config, offers: Vec<(String, Offer)>) -> anyhow::Result<Running> {
        let watcher = Arc::new(Watcher::new());
        let server = Server::start_watched(config.clone(), Arc::<Watcher>::clone(&watcher)).await;
        watcher.end();
        let server = server?;
        recovery::tell(&server.recovered());
        let listen = server.local_addr();
        if let Err(error) = put_offers(&server, offers).await {
            server.shutdown().await;
            return Err(error);
        }
        let shards = server.shard_count();
        let about = about(config, listen, shards);
        let shared = Arc::new(Shared { server: Mutex::new(Some(server)), about });
        match Ops::start(config.ops, Arc::<Shared>::clone(&shared)).await {
            Ok(ops) => Ok(Running { shared, listen, ops, shards }),
            Err(error) => {
                shared.stop().await;
                Err(error)
            }
        }
    }

    fn ready_line(&self, config: &Config) -> String {
        format!(
            "stampede ready on {} (ops {}, shards {}, durability {})",
            self.listen,
            self.ops.local_addr(),
            self.shards,
            config.durability.name()
        )
    }

    /// /healthz answers 503 while the connections are let go, then goes too.
    async fn stop(self) {
        self.shared.stop().await;
        self.ops.stop().await;
    }
}

impl Shared {
    async fn stop(&self) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(server) = server {
            server.shutdown().await;
        }
    }
}

impl Health for Shared {
    fn trouble(&self) -> Option<String> {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        match server.as_ref() {
            Some(server) => server.trouble(),
            None => Some("the server is stopping".to_owned()),
        }
    }

    fn about(&self) -> String {
        self.about.clone()
    }
}

fn about(config: &Config, listen: SocketAddr, shards: u16) -> String {
    format!(
        "stampede {}\nRESP on {listen}\n{shards} shards, durability {}\nhealth: /healthz\n",
        env!("CARGO_PKG_VERSION"),
        config.durability.name()
    )
}

async fn put_offers(server: &Server, offers: Vec<(String, Offer)>) -> anyhow::Result<()> {
    for (id, offer) in offers {
        let is_new =
            server.put_offer(&id, offer).await.with_context(|| format!("cannot put the offer {id}"))?;
        if is_new {
            tracing::info!(offer = id, "offer put");
        } else {
            tracing::info!(offer = id, "offer exists and is left alone");
        }
    }
    Ok(())
}

/// The log goes to standard error; `RUST_LOG` chooses what, warnings and the server's own lines by default.
fn start_log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,stampede=info"));
    let is_terminal = std::io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(is_terminal)
        .init();
}
