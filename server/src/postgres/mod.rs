//! The PostgreSQL front: messages of its protocol, versions 3.0 and 3.2, to calls of a session of the engine, and back.
//!
//! ```text
//!   accept -- permit --> thread of the connection: startup --> conversation --> session (the engine)
//!                                                   scram      simple, extended, copy
//!   message  what clients send        output  what they are sent        value  values as text and in binary
//!   error    failures                 portal  statements and portals    registry  who is here: cancel, stop
//! ```
//!
//! - Each connection has a thread, and reads, works and writes on it. Measured with an answer that costs 5 us to make,
//!   threads answer twice as many requests as tasks of the async runtime which the other front uses, from 8 clients on,
//!   and as many from one; handing blocking work to other threads (`block_in_place`) costs half of it again. The session
//!   blocks by nature: it reads disks and waits for rows. The limit of connections bounds the threads.
//! - The codec is ours. Every length of every message is checked against what is there, since its bytes are a stranger's;
//!   of the crates that offer one, none checks all of them, nor keeps a message from reading into the next. And rows are
//!   written into the buffer that is sent, without a value of their own in between.
//! - [`error`] is the only file that knows the codes of failures.

mod channel;
mod connection;
mod conversation;
mod copy;
mod error;
mod extended;
mod format;
mod message;
mod output;
mod portal;
mod registry;
mod scram;
mod simple;
mod startup;
mod value;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

use self::registry::Registry;
use self::scram::Verifier;
use self::startup::Door;
use crate::app::App;
use crate::failure::Failure;
use crate::settings::PostgresSettings;

/// Connections over the limit that are heard so far that they can be told why they are refused.
const REFUSED_MAX: usize = 16;

/// Bytes of the stack of a connection's thread: statements nest, and only what is used takes memory.
const STACK_SIZE_BYTES: usize = 16 * 1024 * 1024;

/// How long the loop rests after the system could not give it a socket or a thread.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long connections that were cut get to notice it.
const CUT_PATIENCE: Duration = Duration::from_secs(5);

/// What all connections share.
struct Front {
    app: App,
    door: Door,
    registry: Arc<Registry>,
}

/// A socket that listens for PostgreSQL's clients.
pub(crate) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    front: Arc<Front>,
}

impl Listener {
    /// Listens as `settings` say, in front of the database of `app`.
    pub(crate) async fn bind(
        app: App,
        settings: &PostgresSettings,
        tls: Option<Arc<ServerConfig>>,
    ) -> Result<Self, Failure> {
        let socket = TcpListener::bind(settings.address).await.map_err(|error| {
            Failure::failed(format!(
                "cannot listen on {} for the PostgreSQL protocol: {error}; is a PostgreSQL running there? Choose \
                 another address with --postgres ADDR, or do without with --postgres off",
                settings.address
            ))
        })?;
        let address = socket.local_addr()?;
        let door =
            Door { tls, verifier: settings.password.as_ref().map(Verifier::of), time_max: app.limits.header_timeout() };
        Ok(Listener { socket, address, front: Arc::new(Front { app, door, registry: Arc::default() }) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until told to stop, and what runs then has ended or run out of time.
    pub(crate) async fn run(self, mut stop: watch::Receiver<bool>) {
        let connections_max = self.front.app.limits.postgres_connections_max;
        let permits = Arc::new(Semaphore::new(connections_max));
        let refusals = Arc::new(Semaphore::new(REFUSED_MAX));
        loop {
            let accepted = tokio::select! {
                stopped = stop.wait_for(|stop| *stop) => {
                    drop(stopped);
                    break;
                }
                accepted = self.socket.accept() => accepted,
            };
            let permit = permits.clone().try_acquire_owned();
            let is_over = permit.is_err();
            let Ok(permit) = permit.or_else(|_| refusals.clone().try_acquire_owned()) else { continue };
            let begun = accepted.and_then(|(socket, _)| begin(&self.front, socket, permit, is_over));
            if let Err(error) = begun {
                tracing::warn!(%error, "cannot take a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
        drop(self.socket);
        self.front.registry.stop();
        let all = u32::try_from(connections_max).unwrap_or(u32::MAX);
        if timeout(self.front.app.limits.drain_timeout(), permits.acquire_many(all)).await.is_err() {
            tracing::warn!("cutting PostgreSQL connections that did not finish in time");
            self.front.registry.cut();
            if timeout(CUT_PATIENCE, permits.acquire_many(all)).await.is_err() {
                tracing::warn!("some PostgreSQL connections do not end");
            }
        }
    }
}

/// Gives a connection its thread.
fn begin(front: &Arc<Front>, socket: TcpStream, permit: OwnedSemaphorePermit, is_over: bool) -> std::io::Result<()> {
    let socket = socket.into_std()?;
    socket.set_nonblocking(false)?;
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(front.app.limits.stall_timeout()))?;
    let front = front.clone();
    let thread = std::thread::Builder::new().name("marquetry-postgres".into()).stack_size(STACK_SIZE_BYTES);
    let spawned = thread.spawn(move || {
        let open = front.app.metrics.postgres_connection_opened();
        connection::serve(&front, Arc::new(socket), is_over);
        drop((open, front, permit));
    });
    spawned.map(drop)
}
