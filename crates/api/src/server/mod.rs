//! The listener's loop, and what it asks of clients: how many there may be, how long they may take, over TLS or not.
//!
//! Invariants: every connection has a place among a bounded number, of all and of one address; every wait for a client has
//! an end; a client that is slow, silent or rude costs others nothing but its place.

mod address;
mod body;
mod places;
mod stall;
mod tls;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use engine::Engine;
use engine::metrics::{Metrics, RefusedConnection};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service as _;

pub use address::{ClientAddress, Networks};
pub(crate) use body::read_body;
pub use tls::{Tls, TlsError};

use self::body::Timely;
use self::places::{Place, Places};
use self::stall::Stalling;
use crate::{ApiState, router};

/// Header fields of a request at most: browsers behind two proxies send some thirty.
const HEADER_FIELDS: usize = 100;
/// Largest head of a request, and what is read ahead of a body.
const HEAD_BYTES: usize = 64 << 10;
/// After the system refused a connection (no more file descriptors) it is asked again only then.
const AFTER_ERROR: Duration = Duration::from_millis(100);
/// How long requests under way may go on after the stop; longer than any handler but an upload works.
const FAREWELL: Duration = Duration::from_secs(35);

/// What is asked of clients.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Connections at once of one IPv4 address or IPv6 /64; trusted proxies have no such bound.
    pub connections_per_address: usize,
    /// How long a request's head may take, and a connection stay without a request; also the TLS handshake.
    pub head: Duration,
    /// How long the next piece of a body may take.
    pub body: Duration,
    /// How long a client may take nothing of what is written to it.
    pub write: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4_096,
            connections_per_address: 512,
            head: Duration::from_secs(30),
            body: Duration::from_secs(10),
            write: Duration::from_secs(30),
        }
    }
}

/// How a listener serves.
#[derive(Clone, Debug, Default)]
pub struct ServeOptions {
    pub limits: Limits,
    /// Proxies whose word about a client's address is believed.
    pub trusted_proxies: Networks,
    /// Certificate and key; without, connections are plain.
    pub tls: Option<Arc<Tls>>,
}

/// Serves the API, and `beside` it other interfaces, until `stop`, then lets requests under way end.
pub async fn serve(
    listener: TcpListener,
    (state, beside): (ApiState, Router),
    options: ServeOptions,
    stop: CancellationToken,
) {
    let engine = Arc::clone(state.engine());
    let (told, closing) = (stop.clone(), state.closing().clone());
    tokio::spawn(async move {
        told.cancelled().await;
        closing.cancel();
    });
    serve_router(listener, router(state, beside), Some(engine), options, stop).await;
}

/// The same for any router; what happens is counted by the engine, if one is given.
pub(crate) async fn serve_router(
    listener: TcpListener,
    router: Router,
    engine: Option<Arc<Engine>>,
    options: ServeOptions,
    stop: CancellationToken,
) {
    let places = Places::new(options.limits.connections, options.limits.connections_per_address);
    let server = Arc::new(Server { router, engine, options, stop });
    let tracker = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = server.stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(AFTER_ERROR).await;
                continue;
            }
        };
        let is_proxy = server.options.trusted_proxies.contain(peer.ip());
        match places.take(peer.ip(), is_proxy) {
            Ok(place) => {
                let server = Arc::clone(&server);
                tracker.spawn(async move { server.connection(stream, peer, place).await });
            }
            // Closed at once: an answer would cost more than the connection.
            Err(why) => server.count(|metrics| metrics.connection_refused(why)),
        }
    }
    drop(listener);
    tracker.close();
    if tokio::time::timeout(FAREWELL, tracker.wait()).await.is_err() {
        tracing::warn!("requests were still under way when the API stopped");
    }
}

struct Server {
    router: Router,
    engine: Option<Arc<Engine>>,
    options: ServeOptions,
    stop: CancellationToken,
}

impl Server {
    fn count(&self, what: impl FnOnce(&Metrics)) {
        if let Some(engine) = &self.engine {
            what(engine.metrics());
        }
    }

    async fn connection(&self, stream: TcpStream, peer: SocketAddr, _place: Place) {
        self.count(Metrics::connection_opened);
        // Answers are small and written whole: waiting for more to send only delays them.
        let _the_system_may_refuse = stream.set_nodelay(true);
        match &self.options.tls {
            None => self.talk(stream, peer.ip()).await,
            Some(tls) => match tokio::time::timeout(self.options.limits.head, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.talk(stream, peer.ip()).await,
                Ok(Err(_)) | Err(_) => {
                    self.count(|metrics| metrics.connection_refused(RefusedConnection::Tls));
                }
            },
        }
        self.count(Metrics::connection_closed);
    }

    async fn talk<I: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, io: I, peer: IpAddr) {
        let limits = &self.options.limits;
        let service = service_fn(|request| self.answer(request, peer));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .max_headers(HEADER_FIELDS)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(Stalling::new(io, limits.write)), service);
        let mut connection = std::pin::pin!(connection);
        // What a client did wrong on its connection is its own affair: nothing is logged, or a rude one fills the disk.
        tokio::select! {
            _ended = connection.as_mut() => {}
            () = self.stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                let _ended = connection.await;
            }
        }
    }

    async fn answer(
        &self,
        request: hyper::Request<Incoming>,
        peer: IpAddr,
    ) -> Result<axum::response::Response, Infallible> {
        let client = self.options.trusted_proxies.client(peer, request.headers());
        let wait = self.options.limits.body;
        let mut request = request.map(|body| Body::new(Timely::new(body, wait)));
        request.extensions_mut().insert(client);
        let answered = self.router.clone().call(request).await;
        if let Ok(response) = &answered {
            self.count(|metrics| metrics.answered(response.status().as_u16()));
        }
        answered
    }
}

fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}
