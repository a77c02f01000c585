//! Owns the control plane's thread: its listener, its runtime, its routes, and the upkeep of metrics.
//! Must never run on a lane's thread, nor hold up a lane.

use super::access::{Shared, refused};
use super::bounded::Bounded;
use super::plane::Plane;
use super::problem::{Problem, ProblemKind};
use super::settings::AdminSettings;
use super::tokens::Tokens;
use super::{consent, control, gdpr, health, lifts, report, restore, review, stops};

use crate::telemetry::metrics::GatewayMetrics;
use crate::telemetry::registry::Registry;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often buffered samples move into their buckets, and slow figures are read.
const UPKEEP: Duration = Duration::from_secs(5);
/// Octets of a request that is no batch.
const BODY_MAX: usize = 64 << 10;

/// The control plane at work.
#[derive(Debug)]
pub struct AdminServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: std::thread::JoinHandle<()>,
}

/// Everything it needs.
pub struct AdminParts {
    pub settings: AdminSettings,
    pub plane: Arc<dyn Plane>,
    pub registry: Registry,
    pub metrics: GatewayMetrics,
    /// Whose file system's room is measured.
    pub data_dir: PathBuf,
}

impl AdminServer {
    /// Opens the token file, listens, and begins to serve on a thread of its own.
    pub fn start(parts: AdminParts) -> Result<Self, Problem> {
        let AdminParts { settings, plane, registry, metrics, data_dir } = parts;
        let tokens = Tokens::open_or_create(&settings.tokens, &settings.local_token).map_err(|error| {
            Problem::new(
                ProblemKind::Failed,
                error.to_string(),
                "mend the file of tokens, or remove it to have a new one made",
            )
        })?;
        let unusable = |error: std::io::Error| {
            Problem::unavailable(
                format!("[admin] listen = \"{}\": {error}", settings.listen),
                "free the port, or write another in [admin] listen",
            )
        };
        let listener = std::net::TcpListener::bind(settings.listen).map_err(unusable)?;
        listener.set_nonblocking(true).map_err(unusable)?;
        let address = listener.local_addr().map_err(unusable)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unusable)?;
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared { plane, tokens, settings, registry, metrics, reports: Default::default() });
        let work = move || runtime.block_on(serve(listener, shared, data_dir, stopped));
        let thread = std::thread::Builder::new().name("admin".to_owned()).spawn(work).map_err(|error| {
            Problem::new(
                ProblemKind::Failed,
                format!("no thread for the admin API: {error}"),
                "raise the limit of threads",
            )
        })?;
        Ok(Self { address, stop, thread })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, finishes those begun, ends the thread.
    pub fn stop(self) {
        self.stop.send_replace(true);
        if self.thread.join().is_err() {
            tracing::error!(event = "admin.request", result = "failed", why = "the admin thread panicked");
        }
    }
}

/// Every route of the API.
pub fn router(shared: Arc<Shared>) -> Router {
    let batch = post(stops::add).layer(DefaultBodyLimit::max(stops::OCTETS_MAX)).get(stops::list);
    let consents =
        post(consent::endpoints::enter).layer(DefaultBodyLimit::max(stops::OCTETS_MAX)).get(consent::endpoints::list);
    Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/v1/status", get(control::status))
        .route("/v1/check", post(control::check))
        .route("/v1/why", post(control::why))
        .route("/v1/reload", post(control::reload))
        .route("/v1/drain", post(control::drain))
        .route("/v1/report/unsubscribes", get(report::unsubscribes))
        .route("/v1/stops/show", post(stops::show))
        .route("/v1/stops/review", get(review::review))
        .route("/v1/consents/show", post(consent::endpoints::show))
        .route("/v1/gdpr/access", post(gdpr::endpoints::access))
        .route("/v1/gdpr/erase", post(gdpr::endpoints::erase))
        .route("/v1/lifts", post(lifts::propose).get(lifts::list))
        .route("/v1/lifts/decide", post(lifts::decide))
        .route("/v1/restore", get(restore::endpoints::show))
        .route("/v1/restore/loss", post(restore::endpoints::record))
        .route("/v1/restore/loss/confirm", post(restore::endpoints::confirm))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .route("/v1/stops", batch)
        .route("/v1/consents", consents)
        .fallback(nothing_here)
        .with_state(shared)
}

async fn nothing_here() -> axum::response::Response {
    let problem = Problem::new(ProblemKind::NotFound, "nothing answers here", "docs/admin-api.md lists every path");
    refused(&problem)
}

async fn serve(
    listener: std::net::TcpListener,
    shared: Arc<Shared>,
    data_dir: PathBuf,
    stopped: watch::Receiver<bool>,
) {
    let connections = shared.settings.connections;
    let keeping = tokio::spawn(keep_up(Arc::clone(&shared), data_dir));
    match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => {
            let mut until = stopped;
            let end = async move {
                // A dropped sender means the same: stop.
                let ended = until.wait_for(|stop| *stop).await.map(drop);
                drop(ended);
            };
            let served = axum::serve(Bounded::new(listener, connections), router(shared));
            if let Err(error) = served.with_graceful_shutdown(end).await {
                tracing::error!(event = "admin.request", result = "failed", why = %error);
            }
        }
        Err(error) => tracing::error!(event = "admin.request", result = "failed", why = %error),
    }
    keeping.abort();
}

async fn keep_up(shared: Arc<Shared>, data_dir: PathBuf) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        ticks.tick().await;
        shared.registry.upkeep();
        let gauges = &shared.metrics.gauges;
        gauges.disk(&data_dir);
        gauges.runtime("admin", &tokio::runtime::Handle::current().metrics());
        shared.readiness();
    }
}
