//! The server: takes connections, and ends in order.
//!
//! It starts the engine, listens, gives each connection a task, and on shutdown lets every connection answer what it has
//! read before the engine stops. What a connection does, it does not know. `main`, the load generator's demonstration and
//! the tests start it.

use crate::config::Config;
use crate::connection::Connection;
use crate::readers::Readers;
use crate::shared::{Counts, PeerId, Peers, Shared};
use anyhow::Context as _;
use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};
use stampede_engine::core::{Answer, Misuse, Offer, Refusal, Request, Text};
use stampede_engine::{Engine, EngineConfig, Recovered, RecoveryProgress, Round, Unwatched};
use std::future::poll_fn;
use std::io::Write;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep, timeout_at};

/// How long a shutdown may take, connections and the engine together: the process has to be gone within 5 s.
const SHUTDOWN: Duration = Duration::from_millis(4_500);
/// After how much silence the system asks whether the peer is still there: one that vanished must not keep its place.
const KEEPALIVE: Duration = Duration::from_mins(1);
/// Connections that the system completes before they are taken.
const BACKLOG: i32 = 4_096;
/// How often a round looks at the connections that are ready before the writers begin: twice, since clients ask again
/// while the first look answers and hears others, and on while each look finds more. Measured: fewer and more are slower.
const LOOKS: RangeInclusive<u32> = 2..=4;
/// How long to wait when the system gives no connection for want of something: a busy loop would not help it.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running server.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    /// Closed when the last task has ended: each holds a sender of it.
    tasks: mpsc::Receiver<()>,
}

impl Server {
    /// Starts the engine and listens. Must be called inside a tokio runtime; returns when connections are taken.
    pub async fn start(config: Config) -> anyhow::Result<Server> {
        Self::start_watched(config, Arc::new(Unwatched)).await
    }

    /// Like [`Server::start`]; `progress` hears how far the recovery of the data directory has come.
    pub async fn start_watched(
        config: Config,
        progress: Arc<dyn RecoveryProgress>,
    ) -> anyhow::Result<Server> {
        // The address first: one that is taken is known before a long recovery.
        let socket = bind(&config)?;
        let settings = EngineConfig {
            shards: config.shards,
            inbox_requests_max: config.limits.inbox,
            durability: config.durability,
            data: config.data.clone(),
            journal: config.journal,
        };
        let starting = move || Engine::start_watched(settings, progress.as_ref());
        let engine = tokio::task::spawn_blocking(starting).await??;
        Self::serve(&config, socket, engine)
    }

    /// Listens in front of an engine that runs already; the configuration's shards, inbox, durability and journal are not
    /// looked at. The server stops the engine at its end. Must be called inside a tokio runtime.
    pub fn start_with(config: &Config, engine: Engine) -> anyhow::Result<Server> {
        Self::serve(config, bind(config)?, engine)
    }

    fn serve(config: &Config, socket: Socket, engine: Engine) -> anyhow::Result<Server> {
        socket.listen(BACKLOG).with_context(|| cannot_listen(config))?;
        let listener = TcpListener::from_std(socket.into())?;
        let (stop, stopped) = watch::channel(false);
        let round = Round::new();
        let mut rounds = JoinSet::new();
        let is_ending = Arc::new(Notify::new());
        rounds.spawn(run_rounds(Arc::clone(&round), Arc::clone(&is_ending)));
        rounds.spawn(end_rounds(Arc::clone(&round), is_ending));
        let shared = Arc::new(Shared {
            engine,
            round,
            _rounds: rounds,
            limits: config.limits,
            address: listener.local_addr()?,
            started: Instant::now(),
            peers: Peers::default(),
            counts: Counts::default(),
            readers: Readers::new(),
            snapshots: Arc::default(),
            stopping: stopped.clone(),
        });
        let (alive, tasks) = mpsc::channel(1);
        tokio::spawn(accept(listener, Arc::clone(&shared), stopped, alive));
        Ok(Server { shared, stop, tasks })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.address
    }

    /// How many shards there are: as configured, or as the directory was made with.
    pub fn shard_count(&self) -> u16 {
        self.shared.engine.shard_count()
    }

    /// What was found in the data directory, shard by shard.
    pub fn recovered(&self) -> Vec<Recovered> {
        self.shared.engine.recovered()
    }

    /// What keeps the server from selling: shards that have stopped, a full disk; `None`: nothing.
    pub fn trouble(&self) -> Option<String> {
        let engine = &self.shared.engine;
        let trouble = |shard| {
            if engine.counters(shard).is_down {
                return Some(format!("shard {shard} has stopped; the log says why"));
            }
            let free = engine.journal(shard)?.full?;
            Some(format!("shard {shard} takes no writes: the disk is full, {free} bytes are free"))
        };
        let troubles: Vec<String> = engine.shards().filter_map(trouble).collect();
        (!troubles.is_empty()).then(|| troubles.join("\n"))
    }

    /// Puts an offer unless one of this id exists; tells whether it did.
    pub async fn put_offer(&self, id: &str, definition: Offer) -> anyhow::Result<bool> {
        let engine = self.shared.engine.clone();
        let id = id.to_owned();
        tokio::task::spawn_blocking(move || put_offer(&engine, &id, definition)).await?
    }

    /// Ends: no connection is taken, frames that were fully read are decided and answered, then the engine stops. Takes
    /// at most five seconds; what is left then is dropped.
    pub async fn shutdown(mut self) {
        let end = Instant::now() + SHUTDOWN;
        self.stop.send_replace(true);
        if timeout_at(end, self.tasks.recv()).await.is_err() {
            let count = self.shared.peers.count();
            tracing::warn!(connections = count, "some connections did not end in time");
        }
        let engine = self.shared.engine.clone();
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(100));
        match tokio::task::spawn_blocking(move || engine.stop(left)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the engine did not stop in time"),
            Err(error) => tracing::error!(%error, "stopping the engine failed"),
        }
    }
}

/// A socket whose address can be taken again at once after a restart. Nobody can connect before it listens.
fn bind(config: &Config) -> anyhow::Result<Socket> {
    let address = config.listen;
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok::<Socket, std::io::Error>(socket)
    };
    bind().with_context(|| cannot_listen(config))
}

fn cannot_listen(config: &Config) -> String {
    format!("listen: {} cannot be listened on", config.listen)
}

/// Wakes connections whose answers have come, and says when a round is to end.
async fn run_rounds(round: Arc<Round>, is_ending: Arc<Notify>) {
    loop {
        poll_fn(|context| round.poll(context)).await;
        is_ending.notify_one();
    }
}

/// Ends rounds: lets writers begin once the connections that are ready have been heard, and those that became ready
/// meanwhile, a few times. A task of its own, since what wakes a task that has yielded cuts its yield short.
async fn end_rounds(round: Arc<Round>, is_ending: Arc<Notify>) {
    loop {
        is_ending.notified().await;
        for look in 1..=*LOOKS.end() {
            yield_now().await;
            if !round.has_grown() && look >= *LOOKS.start() {
                break;
            }
        }
        round.end();
    }
}

/// Takes connections until it is told to stop.
async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
    alive: mpsc::Sender<()>,
) {
    let connection_stopped = stopped.clone();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => match shared.peers.enter(address, shared.limits.connections) {
                Some(id) => {
                    let entered = Entered { shared: Arc::clone(&shared), id };
                    tokio::spawn(serve(stream, entered, connection_stopped.clone(), alive.clone()));
                }
                None => refuse(stream, &shared),
            },
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A connection that was let in, and is let go when its task ends, however it ends.
struct Entered {
    shared: Arc<Shared>,
    id: PeerId,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.shared.peers.leave(self.id);
    }
}

async fn serve(stream: TcpStream, entered: Entered, stopped: watch::Receiver<bool>, alive: mpsc::Sender<()>) {
    let Entered { shared, id } = &entered;
    shared.counts.add_connection();
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    match stream.set_nodelay(true).and_then(|()| SockRef::from(&stream).set_tcp_keepalive(&keepalive)) {
        Ok(()) => Connection::new(stream, *id, Arc::clone(shared)).serve(stopped).await,
        Err(error) => tracing::debug!(%error, "a connection ended before it began"),
    }
    drop(entered);
    drop(alive);
}

/// Tells a connection that there are too many. Its socket is new and empty, so that the words fit without waiting.
fn refuse(stream: TcpStream, shared: &Shared) {
    shared.counts.add_refused_connection();
    let told =
        stream.into_std().and_then(|mut stream| stream.write_all(b"-ERR max number of clients reached\r\n"));
    if let Err(error) = told {
        tracing::debug!(%error, "a connection was refused and is gone");
    }
}

fn put_offer(engine: &Engine, id: &str, definition: Offer) -> anyhow::Result<bool> {
    let offer = Text::id(id.as_bytes()).with_context(|| format!("offer id '{id}'"))?;
    let mut client = engine.client();
    let known = client.call(&Request::OfferGet { offer })?;
    match known.answer() {
        Answer::Refused(Refusal::OfferUnknown) => {}
        Answer::Offer(_) => return Ok(false),
        other => anyhow::bail!(reason(&other)),
    }
    drop(known);
    let put = client.call(&Request::OfferPut { offer, definition: Box::new(definition) })?;
    match put.answer() {
        Answer::Done => Ok(true),
        other => anyhow::bail!(reason(&other)),
    }
}

fn reason(answer: &Answer<Text<'_>>) -> String {
    match answer {
        Answer::Misuse(misuse) => Misuse::to_string(misuse),
        Answer::Refused(refusal) => refusal.message().to_owned(),
        _ => "the engine gave no answer that fits".to_owned(),
    }
}
