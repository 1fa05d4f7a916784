//! Listeners for customers that connect to us: the server's side of every protocol.
//!
//! Owns sockets, log-ins, windows, paces and the order in which deliveries are written. Refuses every decision about
//! messages: what is taken, and what is told, is the engine's, behind [`Downstream`].
//!
//! Invariants: a submit is answered once, with an id only when the engine has it durable; a delivery that was taken from
//! the engine comes back to it exactly once; a connection holds at most a window of each; nobody who has not logged in
//! costs more than one small buffer for a short time.

mod caller;
mod connection;
mod delivering;
mod dialect;
mod door;
mod listener;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use domain::control::Protocol;
use domain::downstream::Downstream;
use domain::time::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use dialect::{CmppServer, SgipServer, SmgpServer, SmppServer};
use door::Door;

use crate::tls::TlsServer;

/// A protocol in all its versions: one port each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    Cmpp,
    Sgip,
    Smgp,
    Smpp,
}

impl Family {
    /// None for what nobody connects to us with.
    fn of(protocol: Protocol) -> Option<Self> {
        Some(match protocol {
            Protocol::Cmpp20 | Protocol::Cmpp30 => Self::Cmpp,
            Protocol::Sgip12 => Self::Sgip,
            Protocol::Smgp13 | Protocol::Smgp30 => Self::Smgp,
            Protocol::Smpp34 | Protocol::Smpp50 => Self::Smpp,
            Protocol::Aliyun | Protocol::Tencent | Protocol::Twilio | Protocol::Http => return None,
        })
    }
}

/// What listeners need besides the engine.
#[derive(Clone)]
pub struct DownstreamSettings {
    pub clock: Arc<dyn Clock>,
    /// Silence after which a customer is tested.
    pub active_test_interval: Duration,
    /// How long an answer may take before a delivery goes out again.
    pub response_timeout: Duration,
    /// How long a log-in may take.
    pub log_in_timeout: Duration,
    /// Connections at once, of all customers of a port.
    pub connections: usize,
}

/// The ports of one family, all of them one door.
pub struct Ports {
    /// In clear.
    pub plain: Option<TcpListener>,
    /// Over TLS.
    pub tls: Option<(TcpListener, TlsServer)>,
}

impl From<TcpListener> for Ports {
    fn from(plain: TcpListener) -> Self {
        Self { plain: Some(plain), tls: None }
    }
}

/// Serves a family's ports until `stop` is cancelled; its tasks are `tracker`'s. For SGIP also what connects to customers.
pub fn listen(
    family: Family,
    ports: impl Into<Ports>,
    settings: DownstreamSettings,
    downstream: Arc<dyn Downstream>,
    tracker: &TaskTracker,
    stop: &CancellationToken,
) {
    let door = Arc::new(Door::new(family, settings, downstream, tracker.clone(), stop.clone()));
    tracker.spawn(Arc::clone(&door).watch());
    if family == Family::Sgip {
        tracker.spawn(caller::run(Arc::clone(&door)));
    }
    let Ports { plain, tls } = ports.into();
    let enciphered = tls.map(|(listener, tls)| (listener, Some(tls)));
    for (listener, tls) in plain.map(|listener| (listener, None)).into_iter().chain(enciphered) {
        let door = Arc::clone(&door);
        match family {
            Family::Cmpp => tracker.spawn(listener::run::<CmppServer>(listener, tls, door)),
            Family::Sgip => tracker.spawn(listener::run::<SgipServer>(listener, tls, door)),
            Family::Smgp => tracker.spawn(listener::run::<SmgpServer>(listener, tls, door)),
            Family::Smpp => tracker.spawn(listener::run::<SmppServer>(listener, tls, door)),
        };
    }
}
