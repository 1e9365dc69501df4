//! HTTP for operators: whether the server is healthy, and which server it is.
//!
//! Answers `GET /healthz` (200 `ok`, or 503 and why) and `GET /` (a few lines of plain text). Knows the server only through
//! the two questions that it is started with. `cli` starts it after the server and stops it first.

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long an HTTP request that is under way may take once the server stops.
const STOP_WAIT: Duration = Duration::from_millis(500);

/// What the pages show.
pub trait Health: Send + Sync + 'static {
    /// What keeps the server from selling; `None`: nothing.
    fn trouble(&self) -> Option<String>;
    /// A few lines for people: version, addresses, durability.
    fn about(&self) -> String;
}

/// A running HTTP listener.
#[derive(Debug)]
pub struct Ops {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Ops {
    /// Listens on `listen`; port 0 takes a free one.
    pub async fn start(listen: SocketAddr, health: Arc<dyn Health>) -> anyhow::Result<Ops> {
        let place = || format!("ops: cannot listen on {listen}; choose another address with --ops");
        let listener = TcpListener::bind(listen).await.with_context(place)?;
        let address = listener.local_addr().with_context(place)?;
        let routes = Router::new().route("/healthz", get(healthz)).route("/", get(about)).with_state(health);
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            if let Err(error) = axum::serve(listener, routes).with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "the ops listener ended");
            }
        });
        Ok(Ops { address, stop, task })
    }

    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests and ends.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let task = self.task.abort_handle();
        if tokio::time::timeout(STOP_WAIT, self.task).await.is_err() {
            task.abort();
        }
    }
}

async fn healthz(State(health): State<Arc<dyn Health>>) -> (StatusCode, String) {
    match health.trouble() {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(trouble) => (StatusCode::SERVICE_UNAVAILABLE, format!("{trouble}\n")),
    }
}

async fn about(State(health): State<Arc<dyn Health>>) -> String {
    health.about()
}
