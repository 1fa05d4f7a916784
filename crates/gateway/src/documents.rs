//! Documents of a provider of identities, which the operator named: bounded in time and size, never after a redirect.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::access::{Fetch, FetchFault, Fetched};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// How long a connection may take to be made, and how long an answer may take with it.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const WITHIN: Duration = Duration::from_secs(10);
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(15);
/// Largest answer: a hundred keys have less.
const ANSWER_BYTES: usize = 256 << 10;

/// Reads over HTTPS, and over HTTP where whoever asks trusts the address.
pub struct DocumentsHttp {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl DocumentsHttp {
    /// # Errors
    /// When TLS cannot be set up on this machine.
    pub fn new() -> Result<Self, rustls::Error> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_WITHIN));
        let provider = rustls::crypto::ring::default_provider();
        let connector = HttpsConnectorBuilder::new().with_provider_and_webpki_roots(Arc::new(provider))?;
        let connector = connector.https_or_http().enable_http1().wrap_connector(http);
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Self { pool })
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Fetched, FetchFault> {
        let answered = async {
            let response = self.pool.request(request).await.map_err(|error| match error.is_connect() {
                true => FetchFault::NotConnected,
                false => FetchFault::Broken,
            })?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
            let body = body.map_err(|_| FetchFault::Broken)?.to_bytes().to_vec();
            Ok(Fetched { status, body })
        };
        tokio::time::timeout(WITHIN, answered).await.unwrap_or(Err(FetchFault::TimedOut))
    }
}

#[async_trait]
impl Fetch for DocumentsHttp {
    async fn get(&self, url: &str) -> Result<Fetched, FetchFault> {
        let uri: Uri = url.parse().map_err(|_| FetchFault::Malformed)?;
        let request = Request::get(uri).header("accept", "application/json").body(Full::default());
        self.exchange(request.map_err(|_| FetchFault::Malformed)?).await
    }

    async fn post_form(
        &self,
        url: &str,
        authorization: Option<&str>,
        form: String,
    ) -> Result<Fetched, FetchFault> {
        let uri: Uri = url.parse().map_err(|_| FetchFault::Malformed)?;
        let mut request = Request::post(uri)
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded");
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let request = request.body(Full::new(Bytes::from(form))).map_err(|_| FetchFault::Malformed)?;
        self.exchange(request).await
    }
}
