//! One request, one try: what came back, or whether the provider may have it.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower::Service;

use super::dialect::HttpRequest;

/// How long a connection may take to be made, TLS included. What waits for one is written afterwards, so a batch is taken
/// only when its write deadline is further away than this.
pub(super) const CONNECT_WITHIN: Duration = Duration::from_millis(1_000);
/// How long an unused connection is kept: shorter than providers keep theirs.
const IDLE: Duration = Duration::from_secs(15);
/// Largest answer: 200 results of some 200 bytes, with room.
const ANSWER_BYTES: usize = 1 << 20;

/// What became of a request.
pub(super) enum Exchange {
    Answered {
        status: u16,
        body: Vec<u8>,
    },
    /// There is no such request: nothing was written, and it is the message's fault.
    Malformed,
    /// No connection was made, so nothing was written.
    NotSent,
    /// It may have been written, and no whole answer came.
    Unknown,
}

pub(super) struct Client {
    pool: Pool<Timed<HttpsConnector<HttpConnector>>, Full<Bytes>>,
    /// `https://host:port`
    base: String,
}

/// Why no request can be made.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub(super) struct TlsError(#[from] rustls::Error);

impl Client {
    /// `most_idle` connections are kept for later requests.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(super) fn new(host: &str, port: u16, tls: bool, most_idle: usize) -> Result<Self, TlsError> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        let provider = rustls::crypto::ring::default_provider();
        let connector = HttpsConnectorBuilder::new().with_provider_and_webpki_roots(Arc::new(provider))?;
        let connector = if tls { connector.https_only() } else { connector.https_or_http() };
        let connector = connector.enable_http1().wrap_connector(http);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(most_idle)
            .build(Timed(connector));
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        Ok(Self { pool, base: format!("{}://{host}:{port}", if tls { "https" } else { "http" }) })
    }

    /// Redirects are not followed: they are answers like others.
    pub(super) async fn exchange(&self, request: HttpRequest, within: Duration) -> Exchange {
        let HttpRequest { method, target, headers, body } = request;
        let mut builder = Request::builder().method(method.as_str()).uri(format!("{}{target}", self.base));
        for (name, value) in headers {
            builder = builder.header(name, value);
        }
        let Ok(request) = builder.body(Full::new(Bytes::from(body))) else { return Exchange::Malformed };
        let answered = async {
            let response = match self.pool.request(request).await {
                Ok(response) => response,
                Err(error) if error.is_connect() => return Exchange::NotSent,
                Err(_) => return Exchange::Unknown,
            };
            let status = response.status().as_u16();
            match Limited::new(response.into_body(), ANSWER_BYTES).collect().await {
                Ok(body) => Exchange::Answered { status, body: body.to_bytes().to_vec() },
                Err(_) => Exchange::Unknown,
            }
        };
        tokio::time::timeout(within, answered).await.unwrap_or(Exchange::Unknown)
    }
}

/// A connector that gives up after [`CONNECT_WITHIN`], TLS included.
#[derive(Clone)]
struct Timed<C>(C);

type BoxError = Box<dyn Error + Send + Sync>;

impl<C> Service<Uri> for Timed<C>
where
    C: Service<Uri>,
    C::Future: Send + 'static,
    C::Error: Into<BoxError>,
    C::Response: 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.call(uri);
        Box::pin(async move {
            match tokio::time::timeout(CONNECT_WITHIN, connecting).await {
                Ok(connected) => connected.map_err(Into::into),
                Err(late) => Err(late.into()),
            }
        })
    }
}
