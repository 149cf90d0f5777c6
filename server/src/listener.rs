//! The accept loop: from a listening socket to HTTP requests, with every limit that holds before a route is known.
//!
//! ```text
//!   accept -- permit of connections_max --> TLS? --> hyper (HTTP/1.1 or 2) --> http::handle
//!                                            |         header size and time
//!                                            '-- header_timeout_ms         idle: nothing in flight for idle_timeout_ms
//!   stop --> no more accepts --> each connection finishes what it has begun --> drain_timeout_ms --> cut
//! ```
//!
//! The version detection of hyper-util waits without a limit for the first bytes, and HTTP/2 has no header timeout, so
//! each connection also has a watch of its own that ends it when it has had no request for too long.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::app::App;
use crate::http;
use crate::limits::Limits;
use crate::stall::StallGuard;

/// The streams that one HTTP/2 connection may have open.
const STREAMS_MAX: u32 = 100;

/// How long the loop rests after the system could not give it a socket, so that a lack of file handles does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Everything that a connection needs; one for the whole listener.
pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) app: App,
    pub(crate) router: Router,
    /// Turns true once, when the server stops.
    pub(crate) stop: watch::Receiver<bool>,
}

impl Listener {
    /// Serves until told to stop and the open requests have ended or run out of time.
    pub(crate) async fn run(mut self) {
        let permits = Arc::new(Semaphore::new(self.app.limits.connections_max));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stopped(&mut self.stop) => break,
                accepted = accept(&self.socket, &permits) => accepted,
                Some(_) = connections.join_next() => continue,
            };
            match accepted {
                Ok((stream, permit)) => {
                    let (app, router, stop) = (self.app.clone(), self.router.clone(), self.stop.clone());
                    let connection = Connection { app, router, stop, _permit: permit };
                    connections.spawn(connection.serve(stream, self.tls.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(self.socket);
        let drained =
            timeout(self.app.limits.drain_timeout(), async { while connections.join_next().await.is_some() {} });
        if drained.await.is_err() {
            tracing::warn!(connections = connections.len(), "cutting connections that did not finish in time");
            connections.shutdown().await;
        }
    }
}

/// Returns once the server is told to stop, or is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The guard that `wait_for` returns must not live across the select that waits for this.
    let _ = stop.wait_for(|stop| *stop).await.map(drop);
}

async fn accept(socket: &TcpListener, permits: &Arc<Semaphore>) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = permits.clone().acquire_owned().await.map_err(std::io::Error::other)?;
    let (stream, _) = socket.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, permit))
}

/// One connection; the permit is given back when it ends, however it ends.
struct Connection {
    app: App,
    router: Router,
    stop: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let open = self.app.metrics.connection_opened();
        let stream = StallGuard::new(stream, self.app.limits.stall_timeout());
        match tls {
            None => self.serve_http(stream).await,
            Some(acceptor) => match timeout(self.app.limits.header_timeout(), acceptor.accept(stream)).await {
                Ok(Ok(stream)) => self.serve_http(stream).await,
                Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
                Err(_) => tracing::debug!("TLS handshake took too long"),
            },
        }
        drop(open);
    }

    async fn serve_http<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(mut self, stream: S) {
        let activity = Arc::new(Activity::default());
        let (app, router, seen) = (self.app.clone(), self.router.clone(), activity.clone());
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let (app, router, request_seen) = (app.clone(), router.clone(), seen.begin());
            async move {
                let response = http::handle(app, router, request.map(axum::body::Body::new)).await;
                Ok::<_, Infallible>(response.map(|body| InFlight::hold(body, request_seen)))
            }
        });
        let builder = builder(&self.app.limits);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            () = activity.until_idle(&self.app.limits) => {
                connection.as_mut().graceful_shutdown();
                // What is idle has nothing to finish; a second covers the farewell of HTTP/2.
                timeout(Duration::from_secs(1), connection).await.unwrap_or(Ok(()))
            }
            () = stopped(&mut self.stop) => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    outcome = connection => outcome,
                    () = activity.until_quiet() => Ok(()),
                }
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(%error, "connection ended early");
        }
    }
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout())
        .max_buf_size(limits.header_size_max_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.header_size_max_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(limits.stall_timeout())
        .keep_alive_timeout(limits.stall_timeout());
    builder
}

/// What a connection is doing: how many requests are in flight, and how many there have been.
#[derive(Default)]
struct Activity {
    in_flight: AtomicUsize,
    begun: AtomicU64,
}

impl Activity {
    fn begin(self: &Arc<Self>) -> InFlightMark {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        InFlightMark(self.clone())
    }

    /// Returns once nothing has been in flight for the time allowed; before the first request that time is shorter.
    async fn until_idle(&self, limits: &Limits) {
        let mut seen = 0;
        let mut since = Instant::now();
        loop {
            let allowed = if seen == 0 { limits.header_timeout() } else { limits.idle_timeout() };
            sleep(allowed.saturating_sub(since.elapsed()).clamp(Duration::from_millis(20), Duration::from_secs(1)))
                .await;
            let begun = self.begun.load(Ordering::Relaxed);
            if begun != seen || self.in_flight.load(Ordering::Relaxed) > 0 {
                (seen, since) = (begun, Instant::now());
            } else if since.elapsed() >= allowed {
                return;
            }
        }
    }

    /// Returns once nothing is in flight and the last answer has had a moment to leave.
    async fn until_quiet(&self) {
        loop {
            sleep(Duration::from_millis(250)).await;
            if self.in_flight.load(Ordering::Relaxed) == 0 {
                return;
            }
        }
    }
}

/// Counts one request as in flight until it is dropped.
struct InFlightMark(Arc<Activity>);

impl Drop for InFlightMark {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body that keeps its request in flight until it is sent or given up.
struct InFlight {
    body: axum::body::Body,
    _mark: InFlightMark,
}

impl InFlight {
    fn hold(body: axum::body::Body, mark: InFlightMark) -> Self {
        InFlight { body, _mark: mark }
    }
}

impl hyper::body::Body for InFlight {
    type Data = bytes::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<bytes::Bytes>, axum::Error>>> {
        std::pin::Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}
