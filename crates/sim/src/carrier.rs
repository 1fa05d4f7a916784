//! The running carrier: listener, faults by time, and the handle by which its owner looks at it.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wire::{EncodeError, Millis};

use crate::books::Books;
use crate::clock::Clock;
use crate::config::{Protocol, SimConfig};
use crate::connection;
use crate::counters::Counters;
use crate::dialect::{Caller, CmppCarrier, Dialect, SgipCarrier, SmgpCarrier, SmppCarrier};
use crate::fault::FaultKind;
use crate::truth::Truth;

/// Orders that wait for a connection: far more than faults in one script strike at once.
const ORDERS: usize = 64;
/// Accounts that wait for a connection towards them: they are dialled as soon as they have logged in.
const DIALS: usize = 64;
/// Pause before a client that could not be reached, or has left, is dialled again.
const DIAL_PAUSE: Duration = Duration::from_millis(200);
/// Pause after a connection could not be accepted (out of file descriptors, mostly).
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// Why a simulator could not be started: the configuration's fault; trying again unchanged is useless, except for a port that
/// becomes free.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}")]
    Listen {
        /// What was asked for.
        addr: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A `Stat` that no report can carry.
    #[error("{stat:?} cannot be the Stat of a report: seven ASCII characters at most")]
    Stat {
        /// As given.
        stat: String,
        /// What is wrong with it.
        #[source]
        source: EncodeError,
    },
    /// A share that is none.
    #[error("{field} is {share}, a share is between 0 and 1")]
    NotAShare {
        /// The field of the configuration.
        field: &'static str,
        /// As given.
        share: f64,
    },
}

/// What a connection is told from outside.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// All connections: be cut.
    Cut,
    /// One connection: let this strike.
    Strike { connection: u32, kind: FaultKind },
}

/// A client towards which the carrier connects.
#[derive(Clone, Copy)]
pub(crate) struct DialBack {
    pub(crate) account: usize,
    pub(crate) caller: Caller,
}

/// What the tasks of one simulator share.
pub(crate) struct Carrier {
    pub(crate) config: Arc<SimConfig>,
    pub(crate) clock: Clock,
    pub(crate) stop: CancellationToken,
    books: Mutex<Books>,
    /// Open connections by number.
    live: Mutex<BTreeSet<u32>>,
    silent_until: AtomicU64,
    listening: CancellationToken,
    done: CancellationToken,
    orders: broadcast::Sender<Order>,
    /// Accounts towards which a connection is kept.
    dialled: Mutex<BTreeSet<usize>>,
    dials: mpsc::Sender<DialBack>,
}

/// A running simulator. Dropping it does not stop it; the token given to [`run`] does.
pub struct Handle {
    addr: SocketAddr,
    carrier: Arc<Carrier>,
}

/// Starts a carrier on the current runtime. It runs until `shutdown` is cancelled; its counters and truth stay readable.
///
/// # Errors
/// [`SimError`].
pub async fn run(config: SimConfig, shutdown: CancellationToken) -> Result<Handle, SimError> {
    config.validate()?;
    let wanted = config.listen;
    let failed = |source| SimError::Listen { addr: wanted, source };
    let listener = TcpListener::bind(wanted).await.map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    let clock = Clock::start();
    let config = Arc::new(config);
    let books = Books::new(&config, clock.now(), clock.started_unix_ms())?;
    let (dials, wanted_dials) = mpsc::channel(DIALS);
    let carrier = Arc::new(Carrier {
        config,
        clock,
        stop: shutdown.clone(),
        books: Mutex::new(books),
        live: Mutex::default(),
        silent_until: AtomicU64::new(0),
        listening: shutdown.child_token(),
        done: CancellationToken::new(),
        orders: broadcast::channel(ORDERS).0,
        dialled: Mutex::default(),
        dials,
    });
    tokio::spawn(serve(listener, Arc::clone(&carrier), wanted_dials));
    tracing::info!(%addr, "simulated carrier listens");
    Ok(Handle { addr, carrier })
}

/// Writes the counters as a JSON line every `every` and once more when the simulator has stopped; returns then.
///
/// # Errors
/// What `out` says.
pub async fn report_every(handle: &Handle, every: Duration, out: &mut impl io::Write) -> io::Result<()> {
    loop {
        let over = tokio::time::timeout(every, handle.stopped()).await.is_ok();
        writeln!(out, "{}", handle.counters().to_json())?;
        out.flush()?;
        if over {
            return Ok(());
        }
    }
}

impl Handle {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The counters as they are now.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.carrier.books().snapshot(self.carrier.clock.now())
    }

    /// Every message that came, and what became of it. Copies and sorts: a second for several million messages.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.carrier.books().truth()
    }

    /// Writes every message as a line of JSON (`phone`, `text_hash`, `count`, `delivered`); gives their number. The phones are
    /// simulated, yet in clear: for tests only. Read it with [`crate::read_messages`].
    ///
    /// # Errors
    /// What the file system says.
    pub fn dump_messages(&self, path: &Path) -> io::Result<u64> {
        self.truth().write(path)
    }

    /// Lets a fault strike now.
    pub fn strike(&self, kind: FaultKind) {
        self.carrier.strike(kind);
    }

    /// Waits until the simulator has stopped and all its connections are closed.
    pub async fn stopped(&self) {
        self.carrier.done.cancelled().await;
    }
}

impl Carrier {
    /// The books. A poisoned lock is taken over: the numbers of a simulator that has lost a task are still the best there are.
    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until when nothing may be sent.
    pub(crate) fn silent_until(&self) -> Millis {
        Millis(self.silent_until.load(Ordering::Relaxed))
    }

    /// Lets a fault strike; one that concerns a single connection strikes the oldest.
    pub(crate) fn strike(&self, kind: FaultKind) {
        self.books().counters.faults += 1;
        if kind.is_carrier_wide() {
            self.strike_all(kind);
        } else if let Some(connection) = self.live().first().copied() {
            self.order(Order::Strike { connection, kind });
        }
    }

    /// Lets a fault strike that concerns the whole carrier; one that does not is ignored.
    pub(crate) fn strike_all(&self, kind: FaultKind) {
        let until = |millis: u64| self.clock.now().0.saturating_add(millis);
        match kind {
            FaultKind::DisconnectAll => self.order(Order::Cut),
            FaultKind::StopListening => {
                self.listening.cancel();
                self.books().counters.listening = false;
                self.order(Order::Cut);
            }
            FaultKind::ThrottleAll { millis } => self.books().throttled_until = Millis(until(millis)),
            FaultKind::RefuseAll { millis } => self.books().refused_until = Millis(until(millis)),
            FaultKind::Silent { millis } => self.silent_until.store(until(millis), Ordering::Relaxed),
            FaultKind::Disconnect
            | FaultKind::DisconnectFullWindow
            | FaultKind::Garbage
            | FaultKind::HugeLength
            | FaultKind::UnknownReceipts { .. } => {}
        }
    }

    /// An order without a connection to hear it is no order.
    fn order(&self, order: Order) {
        let heard = self.orders.send(order).unwrap_or(0);
        tracing::debug!(?order, heard, "order given");
    }

    /// Whether reports and messages of an account go over a connection towards its client, which is then kept.
    pub(crate) fn dial_back(&self, towards: DialBack) -> bool {
        if self.config.deliver_to.is_none() || self.config.protocol != Protocol::Sgip {
            return false;
        }
        let new = self.dialled.lock().unwrap_or_else(PoisonError::into_inner).insert(towards.account);
        if new && self.dials.try_send(towards).is_err() {
            tracing::warn!("more clients wait for a connection than can be dialled");
        }
        true
    }

    fn live(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&self, connection: u32) {
        self.live().insert(connection);
        let mut books = self.books();
        books.counters.connections += 1;
        books.counters.open_connections += 1;
    }

    fn closed(&self, connection: u32) {
        self.live().remove(&connection);
        self.books().counters.open_connections -= 1;
    }
}

async fn serve(listener: TcpListener, carrier: Arc<Carrier>, mut dials: mpsc::Receiver<DialBack>) {
    let mut connections = JoinSet::new();
    let mut listener = Some(listener);
    let mut number = 0;
    loop {
        tokio::select! {
            accepted = accept(&mut listener) => match accepted {
                Ok(stream) => {
                    number += 1;
                    connections.spawn(connect(stream, Arc::clone(&carrier), number));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = carrier.listening.cancelled(), if listener.is_some() => listener = None,
            Some(towards) = dials.recv() => {
                number += 1;
                connections.spawn(dial(Arc::clone(&carrier), towards, number));
            }
            () = next_fault(&carrier) => {}
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            () = carrier.stop.cancelled() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
    carrier.books().counters.listening = false;
    carrier.done.cancel();
}

async fn accept(listener: &mut Option<TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

/// Waits for the next fault by time and lets it strike.
async fn next_fault(carrier: &Carrier) {
    let next = carrier.books().script.next_time();
    let Some(at) = next else { return std::future::pending().await };
    tokio::time::sleep_until(carrier.clock.instant(at)).await;
    loop {
        let due = carrier.books().script.due_by_time(carrier.clock.now());
        let Some(kind) = due else { return };
        carrier.strike(kind);
    }
}

async fn connect(stream: TcpStream, carrier: Arc<Carrier>, number: u32) {
    carrier.opened(number);
    let served = match carrier.config.protocol {
        Protocol::Cmpp => converse::<CmppCarrier>(stream, &carrier, number, None).await,
        Protocol::Sgip => converse::<SgipCarrier>(stream, &carrier, number, None).await,
        Protocol::Smgp => converse::<SmgpCarrier>(stream, &carrier, number, None).await,
        Protocol::Smpp => converse::<SmppCarrier>(stream, &carrier, number, None).await,
    };
    if let Err(error) = served {
        tracing::debug!(number, %error, "a connection broke");
    }
    carrier.closed(number);
}

async fn converse<D: Dialect>(
    stream: TcpStream,
    carrier: &Carrier,
    number: u32,
    towards: Option<DialBack>,
) -> io::Result<()> {
    connection::serve::<D>(stream, carrier, number, carrier.orders.subscribe(), towards).await
}

/// Keeps a connection towards a client until the simulator stops.
async fn dial(carrier: Arc<Carrier>, towards: DialBack, number: u32) {
    let Some(address) = carrier.config.deliver_to else { return };
    while !carrier.stop.is_cancelled() {
        if let Ok(stream) = TcpStream::connect(address).await {
            carrier.opened(number);
            let served = converse::<SgipCarrier>(stream, &carrier, number, Some(towards)).await;
            if let Err(error) = served {
                tracing::debug!(number, %error, "a connection towards a client broke");
            }
            carrier.closed(number);
        }
        tokio::select! {
            () = carrier.stop.cancelled() => {}
            () = tokio::time::sleep(DIAL_PAUSE) => {}
        }
    }
}
