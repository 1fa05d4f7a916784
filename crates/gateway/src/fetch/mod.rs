//! Files from places that tenants named, over HTTP and from object stores: guarded as calls to webhooks are, read piece by
//! piece, never after a redirect.

mod s3;

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use domain::control::{Fetch, FetchFault, Fetched, Pieces, SourceMemory, SourcePlace};
use domain::time::Timestamp;
use domain::webhooks::CallFault;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::{HeaderMap, StatusCode, header};

use crate::outbound::OutboundHttp;

/// How long a place may take until it begins to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Longest `ETag` or `Last-Modified` that is remembered.
const MARK_BYTES: usize = 512;

/// Headers of a request.
pub(crate) type Headers = Vec<(&'static str, String)>;

/// Fetches over HTTP and HTTPS, and from S3-compatible stores.
pub struct SourceHttp {
    outbound: OutboundHttp,
}

impl SourceHttp {
    /// `private`: places in private networks may be reached.
    ///
    /// # Errors
    /// When TLS cannot be set up on this machine.
    pub fn new(private: bool) -> Result<Self, rustls::Error> {
        Ok(Self { outbound: OutboundHttp::new(private)? })
    }
}

#[async_trait]
impl Fetch for SourceHttp {
    fn may_fetch(&self, place: &SourcePlace) -> Result<(), FetchFault> {
        let url = match place {
            SourcePlace::Http { url, .. } => url.clone(),
            SourcePlace::S3 { endpoint, bucket, object, .. } => {
                s3::target(endpoint, bucket, object).ok_or(FetchFault::Call(CallFault::Malformed))?.url
            }
            SourcePlace::Postgres { .. } => return Err(FetchFault::NotHere),
        };
        self.outbound.may_reach(&url).map_err(FetchFault::Call)
    }

    async fn fetch(
        &self,
        place: &SourcePlace,
        memory: &SourceMemory,
        now: Timestamp,
    ) -> Result<Fetched, FetchFault> {
        let (url, mut headers) = match place {
            SourcePlace::Http { url, authorization } => {
                let secret = authorization.iter().map(|secret| ("authorization", secret.0.clone()));
                (url.clone(), secret.collect())
            }
            SourcePlace::S3 { endpoint, region, bucket, object, key_id, secret } => {
                let target =
                    s3::target(endpoint, bucket, object).ok_or(FetchFault::Call(CallFault::Malformed))?;
                let headers = s3::signed(&target, region, (key_id, &secret.0), now);
                (target.url, headers)
            }
            SourcePlace::Postgres { .. } => return Err(FetchFault::NotHere),
        };
        headers.push(("accept-encoding", "identity".to_owned()));
        headers.extend(memory.etag.iter().map(|etag| ("if-none-match", etag.clone())));
        headers.extend(memory.modified.iter().map(|at| ("if-modified-since", at.clone())));
        let asking = tokio::time::timeout(ANSWER_WITHIN, self.outbound.get(&url, headers));
        let answer = asking.await.unwrap_or(Err(CallFault::TimedOut)).map_err(FetchFault::Call)?;
        let status = answer.status();
        match status {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED => return Ok(Fetched::Unchanged),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(FetchFault::Denied(status.as_u16()));
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => return Err(FetchFault::Missing(status.as_u16())),
            _ => return Err(FetchFault::Status(status.as_u16())),
        }
        let (head, body) = answer.into_parts();
        Ok(Fetched::File {
            etag: mark(&head.headers, header::ETAG),
            modified: mark(&head.headers, header::LAST_MODIFIED),
            body: Box::new(Body(body)),
        })
    }
}

/// What the place calls this state of the file, as it is sent back.
fn mark(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    (text.len() <= MARK_BYTES).then(|| text.to_owned())
}

struct Body(Incoming);

#[async_trait]
impl Pieces for Body {
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        while let Some(frame) = self.0.frame().await {
            // Trailers are no part of the file.
            if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
                return Ok(Some(data.to_vec()));
            }
        }
        Ok(None)
    }
}
