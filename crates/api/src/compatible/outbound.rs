//! Calls to addresses that tenants named: bounded in time and size, never into a private network unless that is allowed,
//! never after a redirect.
//!
//! What a name means is looked up once per connection, and the connection goes to what was looked at: a name that means
//! something else a moment later leads nowhere else.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::http::Uri;
use futures::future::BoxFuture;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// How long one call may take, as Twilio allows it.
const WITHIN: Duration = Duration::from_secs(15);
/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(15);
/// How much of an answer is read: nothing in it matters.
const ANSWER_BYTES: usize = 64 << 10;
/// Longest address.
pub(super) const URL_BYTES: usize = 2_048;

/// Looks names up and leaves out what may not be called.
#[derive(Clone, Copy)]
struct Guard {
    private: bool,
}

impl tower::Service<Name> for Guard {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
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

/// Calls. Cheap to clone.
#[derive(Clone)]
pub(super) struct Caller {
    pool: Client<HttpsConnector<HttpConnector<Guard>>, Full<Bytes>>,
    private: bool,
}

impl Caller {
    /// `None` when TLS cannot be set up.
    pub(super) fn new(private: bool) -> Option<Self> {
        let mut http = HttpConnector::new_with_resolver(Guard { private });
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT_WITHIN));
        let provider = rustls::crypto::ring::default_provider();
        let connector =
            HttpsConnectorBuilder::new().with_provider_and_webpki_roots(Arc::new(provider)).ok()?;
        let connector = connector.https_or_http().enable_http1().wrap_connector(http);
        let pool = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(2)
            .build(connector);
        Some(Self { pool, private })
    }

    /// Posts, and says whether it was answered with 2xx.
    pub(super) async fn post(&self, url: &str, headers: &[(&'static str, String)], body: String) -> bool {
        // A host that is an address is never looked up, so it is looked at here.
        let Some(uri) = may_be_called(url, self.private) else { return false };
        let mut request = Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let Ok(request) = request.body(Full::new(Bytes::from(body))) else { return false };
        let answered = async {
            let response = self.pool.request(request).await.ok()?;
            let status = response.status();
            // Read, so that the connection can be used again; an answer that is too long costs it.
            let _content = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
            Some(status.is_success())
        };
        tokio::time::timeout(WITHIN, answered).await.ok().flatten().unwrap_or(false)
    }
}

/// The address, if it is one that may be called as far as can be seen without looking its name up.
pub(super) fn may_be_called(url: &str, private: bool) -> Option<Uri> {
    let uri: Uri = (url.len() <= URL_BYTES).then(|| url.parse().ok()).flatten()?;
    let host = uri.host()?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let has_name = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    let address = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
    let forbidden = address.is_some_and(|address| !private && !is_public(address));
    (is_http && !has_name && !forbidden).then_some(uri)
}

/// Whether an address is one of the public internet (RFC 6890 and what came since).
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let special = (a == 192 && b == 0 && c == 0) || (a == 198 && (b == 18 || b == 19)) || a == 0 || a >= 224;
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || shared
        || special)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // 2000::/3 is all that is given out; of it, Teredo, documentation and 6to4 lead, or may lead, elsewhere.
    let [a, b, ..] = address.segments();
    let given_out = a & 0xE000 == 0x2000;
    given_out && a != 0x2002 && !(a == 0x2001 && (b == 0 || b == 0x0DB8))
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
            "ftp://example.com/",
            "http://user@example.com/",
            "/relative",
            "http:///",
        ];
        for url in closed {
            assert!(may_be_called(url, false).is_none(), "{url}");
        }
        for url in ["https://example.com/cb?x=1", "http://93.184.215.14:8080/", "https://[2606:2800::1]/"] {
            assert!(may_be_called(url, false).is_some(), "{url}");
        }
        assert!(may_be_called("http://127.0.0.1:9/", true).is_some());
        let long = format!("https://example.com/{}", "x".repeat(URL_BYTES));
        assert!(may_be_called(&long, true).is_none());
    }

    #[tokio::test]
    async fn a_name_of_a_private_address_leads_nowhere() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
        assert!(!Caller::new(false).unwrap().post(&url, &[], String::new()).await);
        let nobody = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(nobody.is_err(), "a connection was made");
    }
}
