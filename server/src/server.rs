//! A running server: the listeners of its fronts, before one open database.
//!
//! ```text
//!   start --> listening at address() --> stop: drain, roll back what is open, join
//! ```
//!
//! The binary, the tests and the examples all start servers through this type.

use std::net::SocketAddr;
use std::time::Duration;

use marquetry::Database;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::app::App;
use crate::auth::Gate;
use crate::bridge::{Bridge, Workers};
use crate::failure::Failure;
use crate::listener::Listener;
use crate::settings::Settings;
use crate::{http, postgres, tls};

/// A server that answers until it is stopped. Dropping it stops it too, without waiting.
pub struct Server {
    address: SocketAddr,
    encrypted: bool,
    postgres_address: Option<SocketAddr>,
    app: App,
    stop: watch::Sender<bool>,
    listening: Vec<JoinHandle<()>>,
    workers: Vec<Workers>,
}

/// Threads for transactions that wait for others to end before they begin.
const LINE_WORKERS: usize = 16;

impl Server {
    /// A server of `database` that listens as `settings` say. The caller closes the database after [`Server::stop`].
    ///
    /// # Errors
    /// The settings are unsafe or wrong, the address is taken, or the certificate cannot be read.
    pub async fn start(database: Database, settings: Settings) -> Result<Server, Failure> {
        let settings = settings.checked()?;
        let configuration = |protocols: &[&str]| -> Result<_, Failure> {
            settings.tls.as_ref().map(|files| tls::configuration(files, protocols)).transpose()
        };
        let tls = configuration(&tls::HTTP_PROTOCOLS)?.map(TlsAcceptor::from);
        let postgres_tls = configuration(&tls::POSTGRES_PROTOCOLS)?;
        let socket = TcpListener::bind(settings.address).await.map_err(|error| {
            Failure::failed(format!("cannot listen on {}: {error}; is another server running there?", settings.address))
        })?;
        let address = socket.local_addr()?;
        let limits = settings.limits;
        let (bridge, workers) = Bridge::start("marquetry-worker", limits.workers, limits.waiting_max)?;
        let (line, waiters) = Bridge::start("marquetry-line", LINE_WORKERS, limits.transactions_max)?;
        let app = App::new(database, limits, Gate::new(settings.token.clone()), bridge, line);
        let postgres = match &settings.postgres {
            Some(settings) => Some(postgres::Listener::bind(app.clone(), settings, postgres_tls).await?),
            None => None,
        };
        let router = http::routes::router(&app.limits).with_state(app.clone());
        let (stop, stopped) = watch::channel(false);
        let encrypted = tls.is_some();
        let postgres_address = postgres.as_ref().map(postgres::Listener::address);
        let listener = Listener { socket, tls, app: app.clone(), router, stop: stopped };
        tokio::spawn(sweep(app.clone(), stop.subscribe()));
        let mut listening = vec![tokio::spawn(listener.run())];
        listening.extend(postgres.map(|listener| tokio::spawn(listener.run(stop.subscribe()))));
        Ok(Server { address, encrypted, postgres_address, app, stop, listening, workers: vec![workers, waiters] })
    }

    /// The address that the server listens on for HTTP, with the port that it got.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address that the server listens on for PostgreSQL's clients, with the port that it got, unless that is off.
    pub fn postgres_address(&self) -> Option<SocketAddr> {
        self.postgres_address
    }

    /// The URL that HTTP clients on this machine use.
    pub fn url(&self) -> String {
        let scheme = if self.encrypted { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Stops taking connections, lets open requests finish within the drain time, and returns when all is quiet.
    pub async fn stop(self) {
        self.app.begin_stopping();
        // The listeners may have ended by themselves; then there is nobody to tell.
        let _ = self.stop.send(true);
        for listening in self.listening {
            let _ = listening.await;
        }
        self.app.transactions.end_all();
        drop(self.app);
        let workers = self.workers;
        // Work that has started always ends; waiting for it must not block the runtime.
        let _ = tokio::task::spawn_blocking(move || workers.into_iter().for_each(Workers::join)).await;
    }
}

/// Rolls back transactions that nobody uses any more, until the server stops.
async fn sweep(app: App, mut stop: watch::Receiver<bool>) {
    let idle = Duration::from_millis(app.limits.transaction_idle_ms);
    let pause = (idle / 4).clamp(Duration::from_millis(10), Duration::from_secs(1));
    while timeout(pause, stop.changed()).await.is_err() {
        let work = app.clone();
        // With every worker busy the sweep is late, not lost.
        let _ = app.bridge.run(move || work.transactions.sweep()).await;
    }
}
