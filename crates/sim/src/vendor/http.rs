//! The provider's server, and its calls of the customer.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::{RECEIPT_AFTER, Shop};

/// Largest request: a batch of the largest kind is below 200 KiB.
const REQUEST_BYTES: usize = 1 << 20;
/// Pause before a callback that was not answered as it should is tried again.
const AGAIN_AFTER: Duration = Duration::from_millis(200);
/// Tries of one callback.
const TRIES: u32 = 50;
/// How long one may take.
const CALL_WITHIN: Duration = Duration::from_secs(5);

/// A request as it came.
pub(super) struct Received {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    /// In lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The fields of a form.
    pub(super) fn form(&self) -> BTreeMap<String, String> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// What goes back.
#[derive(Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: String,
    /// Milliseconds before it goes.
    pub(super) after: u64,
    /// The connection is closed instead.
    pub(super) cut: bool,
    pub(super) pushes: Vec<Push>,
}

impl Reply {
    pub(super) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self { status, content_type: "application/json", body: body.to_string(), ..Self::default() }
    }
}

/// The header that proves a call, from the address and the body.
type Sign = fn(&Shop, &str, &str) -> (String, String);

/// A call of the customer.
#[derive(Clone)]
pub(super) struct Push {
    /// None is the address that the customer set.
    pub(super) address: Option<String>,
    pub(super) content_type: &'static str,
    pub(super) sign: Option<Sign>,
    pub(super) body: String,
    /// The answer holds this.
    pub(super) expects: &'static str,
}

pub(super) async fn serve(listener: TcpListener, shop: Arc<Shop>, stop: CancellationToken) {
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
        };
        let (shop, stop) = (Arc::clone(&shop), stop.clone());
        tokio::spawn(async move {
            let (inner, ending) = (Arc::clone(&shop), stop.clone());
            let service = service_fn(move |request| handle(Arc::clone(&inner), request, ending.clone()));
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                _closed = connection => {}
                () = stop.cancelled() => {}
            }
        });
    }
}

/// An error closes the connection without an answer.
async fn handle(
    shop: Arc<Shop>,
    request: Request<Incoming>,
    stop: CancellationToken,
) -> Result<Response<Full<Bytes>>, Box<dyn Error + Send + Sync>> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, REQUEST_BYTES).collect().await?.to_bytes().to_vec();
    let headers = parts.headers.iter().filter_map(|(name, value)| {
        value.to_str().ok().map(|value| (name.as_str().to_owned(), value.to_owned()))
    });
    let received = Received {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or("").to_owned(),
        headers: headers.collect(),
        body,
    };
    let reply = shop.answer(&received);
    for each in reply.pushes {
        push(&shop, each, stop.clone());
    }
    tokio::time::sleep(Duration::from_millis(reply.after)).await;
    if reply.cut {
        return Err("the connection is cut".into());
    }
    let response = Response::builder().status(reply.status).header("content-type", reply.content_type);
    Ok(response.body(Full::new(Bytes::from(reply.body)))?)
}

/// Calls the customer until it answers as it should.
pub(super) fn push(shop: &Arc<Shop>, push: Push, stop: CancellationToken) {
    let shop = Arc::clone(shop);
    tokio::spawn(async move {
        tokio::time::sleep(RECEIPT_AFTER).await;
        for _ in 0..TRIES {
            let address = push.address.clone().or_else(|| shop.state().callback.clone());
            let called = match address {
                Some(address) => tokio::time::timeout(CALL_WITHIN, call(&shop, &address, &push)).await,
                None => Ok(Err("nowhere to call".into())),
            };
            let answered = matches!(called, Ok(Ok(answer)) if answer.contains(push.expects));
            {
                let counters = &mut shop.state().counters;
                if answered {
                    counters.pushed += 1;
                    return;
                }
                counters.push_failures += 1;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(AGAIN_AFTER) => {}
            }
        }
    });
}

async fn call(shop: &Shop, address: &str, push: &Push) -> Result<String, Box<dyn Error + Send + Sync>> {
    let rest = address.strip_prefix("http://").ok_or("loopback is called without TLS")?;
    let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let stream = TcpStream::connect(host).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        let _closed: Result<(), hyper::Error> = connection.await;
    });
    let mut request = Request::builder().method("POST").uri(format!("/{path}")).header("host", host);
    request = request.header("content-type", push.content_type);
    if let Some(sign) = push.sign {
        let (name, value) = sign(shop, address, &push.body);
        request = request.header(name, value);
    }
    let response = sender.send_request(request.body(Full::new(Bytes::from(push.body.clone())))?).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    if status.is_success() { Ok(body) } else { Err(format!("answered {status}").into()) }
}
