//! Calls to addresses that tenants named: bounded in time and size, never into a private network unless that is allowed,
//! never after a redirect.
//!
//! What a name means is looked up once per connection, and the connection goes to what was looked at: a name that means
//! something else a moment later leads nowhere else. An answer that does not end is not read to its end.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use domain::webhooks::{Call, CallFault, Called, KEPT_BODY, Outbound, URL_BYTES, is_public};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{HeaderMap, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(15);
/// Unused connections that are kept to one host: as many calls as one endpoint has under way.
const IDLE_CONNECTIONS: usize = 64;
/// How much of an answer is read, so that its connection can be used again; a longer one costs it.
const ANSWER_BYTES: usize = 64 << 10;
/// Headers of an answer that are kept.
const KEPT_HEADERS: usize = 16;
/// How much of each is kept, in bytes.
const KEPT_HEADER_BYTES: usize = 256;

/// Looks names up and leaves out what may not be called.
#[derive(Clone, Copy)]
struct Guard {
    private: bool,
}

impl tower::Service<Name> for Guard {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let private = self.private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let may: Vec<SocketAddr> = found.filter(|at| private || is_public(at.ip())).collect();
            if may.is_empty() {
                return Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    "an address in a private network",
                ));
            }
            Ok(may.into_iter())
        })
    }
}

/// Calls over HTTP and HTTPS, and keeps connections for the next call.
pub struct OutboundHttp {
    pool: Client<HttpsConnector<HttpConnector<Guard>>, Full<Bytes>>,
    private: bool,
}

impl OutboundHttp {
    /// `private`: addresses in private networks may be called.
    ///
    /// # Errors
    /// When TLS cannot be set up on this machine.
    pub fn new(private: bool) -> Result<Self, rustls::Error> {
        let mut http = HttpConnector::new_with_resolver(Guard { private });
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_WITHIN));
        let provider = rustls::crypto::ring::default_provider();
        let connector = HttpsConnectorBuilder::new().with_provider_and_webpki_roots(Arc::new(provider))?;
        let connector = connector.https_or_http().enable_http1().wrap_connector(http);
        let pool = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(connector);
        Ok(Self { pool, private })
    }

    /// Whether an address may be reached, as far as can be told without looking its name up.
    pub(crate) fn may_reach(&self, url: &str) -> Result<(), CallFault> {
        address(url, self.private).map(|_| ())
    }

    /// Asks for a file, whose body is read by whoever asked.
    pub(crate) async fn get(
        &self,
        url: &str,
        headers: Vec<(&'static str, String)>,
    ) -> Result<Response<Incoming>, CallFault> {
        let mut request = Request::get(address(url, self.private)?);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::new())).map_err(|_| CallFault::Malformed)?;
        self.pool.request(request).await.map_err(|error| fault_of(&error))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Called {
        let response = match self.pool.request(request).await {
            Ok(response) => response,
            Err(error) => return Called::Failed(fault_of(&error)),
        };
        let (head, body) = response.into_parts();
        let headers = kept_headers(&head.headers);
        Called::Answered { status: head.status.as_u16(), headers, body: kept_body(body).await }
    }
}

#[async_trait]
impl Outbound for OutboundHttp {
    fn may_call(&self, url: &str) -> Result<(), CallFault> {
        address(url, self.private).map(|_| ())
    }

    async fn call(&self, call: Call) -> Called {
        // A host that is an address is never looked up, so it is looked at here.
        let uri = match address(&call.url, self.private) {
            Ok(uri) => uri,
            Err(fault) => return Called::Failed(fault),
        };
        let mut request = Request::post(uri);
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        match request.body(Full::new(Bytes::from(call.body))) {
            Ok(request) => {
                let answered = tokio::time::timeout(call.within, self.exchange(request)).await;
                answered.unwrap_or(Called::Failed(CallFault::TimedOut))
            }
            Err(_) => Called::Failed(CallFault::Malformed),
        }
    }
}

fn fault_of(error: &hyper_util::client::legacy::Error) -> CallFault {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if one.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::PermissionDenied) {
            return CallFault::Forbidden;
        }
        cause = one.source();
    }
    if error.is_connect() { CallFault::NotConnected } else { CallFault::Broken }
}

fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let text =
        |value: &[u8]| String::from_utf8_lossy(&value[..value.len().min(KEPT_HEADER_BYTES)]).into_owned();
    let kept = headers.iter().take(KEPT_HEADERS);
    kept.map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect()
}

/// The beginning of a body. What is read of it is bounded, and so is, by whoever waits for it, the time.
async fn kept_body(mut body: Incoming) -> String {
    let (mut kept, mut read) = (Vec::new(), 0);
    while let Some(Ok(frame)) = body.frame().await {
        let Some(data) = frame.data_ref() else { continue };
        let room = KEPT_BODY.saturating_sub(kept.len()).min(data.len());
        kept.extend_from_slice(&data[..room]);
        read += data.len();
        if read > ANSWER_BYTES {
            break;
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// The address, if it is one that may be called as far as can be seen without looking its name up.
fn address(url: &str, private: bool) -> Result<Uri, CallFault> {
    let uri: Option<Uri> = (url.len() <= URL_BYTES).then(|| url.parse().ok()).flatten();
    let uri = uri.ok_or(CallFault::Malformed)?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or(CallFault::Malformed)?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let has_name = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    if !is_http || has_name {
        return Err(CallFault::Malformed);
    }
    let literal: Option<IpAddr> = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    if literal.is_some_and(|literal| !private && !is_public(literal)) {
        return Err(CallFault::Forbidden);
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_called() {
        let closed = [
            "http://127.0.0.1/",
            "http://10.1.2.3/",
            "http://192.168.0.1/",
            "http://172.16.0.1/",
            "http://169.254.169.254/",
            "http://100.64.0.1/",
            "http://0.0.0.0/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://[fd00::1]/",
            "http://[fe80::1]/",
            "http://[64:ff9b::a00:1]/",
            "http://[2002:a00:1::]/",
            "http://224.0.0.1/",
        ];
        for url in closed {
            assert_eq!(address(url, false), Err(CallFault::Forbidden), "{url}");
        }
        for url in ["ftp://example.com/", "http://user@example.com/", "/relative", "http:///", "x"] {
            assert_eq!(address(url, false), Err(CallFault::Malformed), "{url}");
        }
        for url in ["https://example.com/cb?x=1", "http://93.184.215.14:8080/", "https://[2606:2800::1]/"] {
            assert!(address(url, false).is_ok(), "{url}");
        }
        assert!(address("http://127.0.0.1:9/", true).is_ok());
        let long = format!("https://example.com/{}", "x".repeat(URL_BYTES));
        assert_eq!(address(&long, true), Err(CallFault::Malformed));
    }
}
