//! The life of connections: ours are made again and again, the carrier's are let in.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::channel::ChannelEvent;
use rand::rngs::StdRng;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::core::Core;
use super::handover::Handover;
use crate::backoff::{AFTER_REFUSAL, Backoff};
use crate::drivers::{Driver, Duty};
use crate::socket::Socket;
use crate::tls::TlsClient;

/// How long a TCP connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that a carrier may have open towards us.
const MOST_ACCEPTED: usize = 16;
/// Pause before an address that could not be listened on is tried again.
const LISTEN_RETRY: Duration = Duration::from_secs(5);
/// Pause after a connection could not be accepted (out of file descriptors, mostly).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Keeps one connection until `stop`.
pub(super) async fn run<D: Driver>(
    core: Arc<Core<D>>,
    handover: Arc<Handover<D::Protocol>>,
    duty: Duty,
    stop: CancellationToken,
    mut rng: StdRng,
) {
    let mut backoff = Backoff::default();
    while !stop.is_cancelled() {
        let wait = match connect(&core, &handover, duty).await {
            Err(error) => {
                tracing::info!(channel = %core.config.id, kind = ?error.kind(), "could not connect");
                if error.kind() == io::ErrorKind::InvalidData {
                    // Who it is has to be settled by a person; TLS says what it did not like.
                    core.tell_connections(Some(format!("TLS: {error}"))).await;
                }
                backoff.next(&mut rng)
            }
            Ok(mut connection) => {
                let asked = connection.session.version();
                let stood = connection.carry(&stop).await;
                let refusal = connection.gathered.refusal;
                connection.end(stood).await;
                if stood {
                    backoff.reset();
                }
                match refusal {
                    None => backoff.next(&mut rng),
                    Some(refusal) if core.driver.retries(asked, &refusal) => Duration::ZERO,
                    Some(refusal) => {
                        core.tell_connections(Some(refusal.to_string())).await;
                        AFTER_REFUSAL
                    }
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    ended(&core).await;
}

async fn connect<'a, D: Driver>(
    core: &'a Core<D>,
    handover: &'a Arc<Handover<D::Protocol>>,
    duty: Duty,
) -> io::Result<Connection<'a, D>> {
    let address = (core.config.host.as_str(), core.config.port);
    let connecting = async {
        let tcp = TcpStream::connect(address).await?;
        let tls = core.tls.as_ref().map(TlsClient::begin).transpose()?;
        let mut socket = Socket::new(tcp, tls);
        socket.shake_hands().await?;
        Ok::<_, io::Error>(socket)
    };
    let socket = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await??;
    Ok(Connection::new(core, handover, socket, core.driver.open(&core.opening(duty)), duty))
}

/// Lets the carrier connect to us until `stop`.
pub(super) async fn listen<D: Driver>(core: Arc<Core<D>>, address: SocketAddr, stop: CancellationToken) {
    let mut accepted = JoinSet::new();
    let mut listener = None;
    while !stop.is_cancelled() {
        if listener.is_none() {
            listener = bind(&core, address, &stop).await;
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            Some(_) = accepted.join_next(), if !accepted.is_empty() => {}
            connection = accept(listener.as_ref()), if accepted.len() < MOST_ACCEPTED => match connection {
                Ok(stream) => {
                    accepted.spawn(receive(Arc::clone(&core), stream, stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(channel = %core.config.id, %error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    while accepted.join_next().await.is_some() {}
    ended(&core).await;
}

async fn bind<D: Driver>(
    core: &Core<D>,
    address: SocketAddr,
    stop: &CancellationToken,
) -> Option<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Some(listener),
        Err(error) => {
            core.tell_connections(Some(format!("cannot listen on {address}: {error}"))).await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LISTEN_RETRY) => {}
            }
            None
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

/// One connection that the carrier made.
async fn receive<D: Driver>(core: Arc<Core<D>>, stream: TcpStream, stop: CancellationToken) {
    let Some(session) = core.driver.awaiting(&core.opening(Duty::Receive)) else { return };
    let handover = Handover::new();
    let socket = Socket::new(stream, None);
    let mut connection = Connection::new(&core, &handover, socket, session, Duty::Receive);
    let stood = connection.carry(&stop).await;
    let refusal = connection.gathered.refusal;
    connection.end(stood).await;
    if let Some(refusal) = refusal {
        core.tell_connections(Some(refusal.to_string())).await;
    }
}

/// The last task to end says so.
async fn ended<D: Driver>(core: &Core<D>) {
    if core.running.fetch_sub(1, Ordering::AcqRel) == 1 {
        let _nobody_listens = core.events.send((core.config.id, ChannelEvent::Ended)).await;
    }
}
