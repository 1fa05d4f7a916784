//! Several nodes in one process: one control database, one ledger on PostgreSQL, one carrier. Each node has a runtime with
//! a single thread of its own, so that it can be frozen in the middle of anything, or killed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, mpsc as blocking};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use domain::channel::{
    Capacity, CarrierCode, CarrierMessageId, Channel, ChannelEvent, Outgoing, Receipt, ReceiptStatus,
    SubmitOutcome, Submitted,
};
use domain::control::{ChannelConfig, Channels as _, Control, ControlError};
use domain::ids::{AccountId, ChannelId, GatewayId, IdGenerator, MessageId};
use domain::ledger::Ledger;
use domain::message::MessageState;
use domain::nodes::{Lease, LeaseName, NodeId, NodeRow, Nodes, Picture, Timing};
use domain::pace::TokenBucket;
use domain::phone::Phone;
use domain::retry::RetryPolicy;
use domain::time::{Clock, Timestamp};
use engine::dispatch::EVENT_BATCHES;
use engine::{Engine, EngineParts, Joining, Settings};
use store::control::{ControlDb, NodeDb, OpenControl};
use store::postgres::{PostgresLedger, PostgresOptions, PostgresPlace};
use store::sealing::Sealer;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::house::{furnish, lenient};
use crate::postgres_server::fresh_database;

pub(crate) const CHANNEL: ChannelId = ChannelId(1);
/// Fast, but not faster than a busy machine.
pub(crate) const TIMING: Timing = Timing {
    beat: Duration::from_millis(100),
    valid: Duration::from_millis(1_500),
    silence: Duration::from_millis(4_000),
};
/// Within this a death must be noticed and everything taken over.
pub(crate) const TAKEN_OVER: Duration = Duration::from_secs(15);

/// The machine's.
pub(crate) struct RealClock(Instant);

impl RealClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "nodes that are frozen need time that goes on without them"
    )]
    fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for RealClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "nodes that are frozen need time that goes on without them"
    )]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
    }

    fn monotonic_millis(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

/// A message that a node wrote.
#[derive(Clone, Copy)]
pub(crate) struct Written {
    pub(crate) node: NodeId,
    pub(crate) message: MessageId,
    pub(crate) phone: Phone,
    pub(crate) carrier_id: u64,
    pub(crate) at: u64,
    /// As a possible duplicate.
    pub(crate) marked: bool,
}

/// What the carrier saw: its own truth.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) written: Vec<Written>,
    open: BTreeMap<NodeId, u32>,
    /// The most connections that were open at once.
    pub(crate) most_open: u32,
    /// Of each node, the parts per second that it may send.
    rates: BTreeMap<NodeId, u32>,
    pub(crate) most_rate: u32,
    events: BTreeMap<NodeId, mpsc::Sender<(ChannelId, ChannelEvent)>>,
}

#[derive(Default)]
pub(crate) struct Carrier {
    seen: Mutex<Seen>,
    next_id: AtomicU64,
}

impl Carrier {
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap()
    }

    pub(crate) fn open(&self) -> u32 {
        self.seen().open.values().sum()
    }

    /// A node's connections, for its whole life.
    fn opened(&self, node: NodeId, config: &ChannelConfig) {
        let mut seen = self.seen();
        *seen.open.entry(node).or_default() += u32::from(config.connections);
        seen.most_open = seen.most_open.max(seen.open.values().sum());
        seen.rates.insert(node, config.parts_per_second.unwrap_or(0));
        seen.most_rate = seen.most_rate.max(seen.rates.values().sum());
    }

    fn closed(&self, node: NodeId, config: &ChannelConfig) {
        let mut seen = self.seen();
        if let Some(open) = seen.open.get_mut(&node) {
            *open -= u32::from(config.connections);
        }
        seen.rates.remove(&node);
    }
}

/// A node's way to the carrier: takes everything at the pace of its seats.
struct Line {
    node: NodeId,
    config: ChannelConfig,
    carrier: Arc<Carrier>,
    clock: Arc<RealClock>,
    pace: Mutex<TokenBucket>,
    events: mpsc::Sender<(ChannelId, ChannelEvent)>,
}

#[async_trait]
impl Channel for Line {
    fn id(&self) -> ChannelId {
        self.config.id
    }

    fn capacity(&self) -> Capacity {
        let parts = self.pace.lock().unwrap().available(self.clock.monotonic_millis());
        Capacity { parts, open: parts, rested: false, connections_up: self.config.connections }
    }

    async fn capacity_changed(&self) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    fn submit(&self, batch: Vec<Outgoing>, write_deadline_millis: u64) {
        let now = self.clock.monotonic_millis();
        let mut answers = Vec::new();
        for outgoing in batch {
            let outcome = if now >= write_deadline_millis {
                SubmitOutcome::NotWritten { recalled: false }
            } else {
                self.pace.lock().unwrap().take(1, now);
                let carrier_id = self.carrier.next_id.fetch_add(1, Ordering::Relaxed);
                self.carrier.seen().written.push(Written {
                    node: self.node,
                    message: outgoing.ticket.message,
                    phone: outgoing.phone,
                    carrier_id,
                    at: now,
                    marked: outgoing.possible_duplicate,
                });
                SubmitOutcome::Taken(vec![CarrierMessageId::Number(carrier_id)])
            };
            answers.push(Submitted { outgoing, at: self.clock.now(), outcome });
        }
        let events = self.events.clone();
        tokio::spawn(async move { events.send((CHANNEL, ChannelEvent::Submitted(answers))).await });
    }

    fn recall(&self, _phone: Phone) -> usize {
        0
    }
}

/// A node's way to what nodes tell each other; it can be closed while everything else goes on.
pub(crate) struct Gate {
    port: NodeDb,
    is_closed: Arc<AtomicBool>,
}

impl Gate {
    fn open(&self) -> Result<&NodeDb, ControlError> {
        match self.is_closed.load(Ordering::Relaxed) {
            true => Err(ControlError::Unavailable("the test has cut the way".to_owned())),
            false => Ok(&self.port),
        }
    }
}

type Asked<T> = Result<T, ControlError>;

#[async_trait]
impl Nodes for Gate {
    async fn picture(&self) -> Asked<Picture> {
        self.open()?.picture().await
    }
    async fn join(&self, number: u8, seen: Option<&NodeRow>, clock: Timestamp) -> Asked<Option<NodeId>> {
        self.open()?.join(number, seen, clock).await
    }
    async fn beat(&self, node: NodeId, clock: Timestamp) -> Asked<bool> {
        self.open()?.beat(node, clock).await
    }
    async fn drain(&self, node: NodeId) -> Asked<()> {
        self.open()?.drain(node).await
    }
    async fn end(&self, node: NodeId, silent_at: Option<u64>) -> Asked<bool> {
        self.open()?.end(node, silent_at).await
    }
    async fn free(&self, node: NodeId) -> Asked<()> {
        self.open()?.free(node).await
    }
    async fn take(&self, name: LeaseName, seen: Option<&Lease>, node: NodeId) -> Asked<Option<Lease>> {
        self.open()?.take(name, seen, node).await
    }
    async fn give_back(&self, lease: &Lease) -> Asked<()> {
        self.open()?.give_back(lease).await
    }
    async fn set_usable(&self, lease: &Lease, usable: bool) -> Asked<()> {
        self.open()?.set_usable(lease, usable).await
    }
}

/// What all nodes share.
pub(crate) struct Town {
    place: tempfile::TempDir,
    url: String,
    pub(crate) account: AccountId,
    pub(crate) carrier: Arc<Carrier>,
    /// A look at everything that no node's freeze stops.
    pub(crate) desk: Runtime,
    pub(crate) control: Arc<ControlDb>,
    pub(crate) nodes: Arc<NodeDb>,
    pub(crate) ledger: Arc<PostgresLedger>,
    clock: Arc<RealClock>,
}

/// A node while it runs.
pub(crate) struct Resident {
    runtime: Option<Runtime>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) node: NodeId,
    is_cut_off: Arc<AtomicBool>,
}

fn sealer(place: &Path) -> Arc<Sealer> {
    Sealer::open(&place.join("keys/key"), &place.join("data")).unwrap()
}

async fn open_control(place: &Path, ids: &Arc<IdGenerator>) -> Arc<ControlDb> {
    let options = OpenControl { folder: place.join("data"), sealer: sealer(place), ids: Arc::clone(ids) };
    ControlDb::open(options).await.unwrap()
}

async fn open_ledger(place: &Path, url: &str, node: NodeId) -> Arc<PostgresLedger> {
    let database = PostgresPlace { connections: 6, ..PostgresPlace::new(url) };
    let options = PostgresOptions { place: database, node, sealer: sealer(place) };
    PostgresLedger::open(&options).await.unwrap()
}

impl Town {
    /// A channel with so many connections and parts per second.
    pub(crate) fn new(connections: u16, rate: u32) -> Self {
        // What nodes say is shown when a test fails.
        let log = tracing_subscriber::fmt().with_env_filter("info,sea_orm_migration=warn,sqlx=warn");
        let _started_by_another_test = log.with_test_writer().try_init();
        let desk = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(place.path().join("data")).unwrap();
        let clock = Arc::new(RealClock::new());
        let (url, account, control, nodes, ledger) = desk.block_on(async {
            let url = fresh_database().await;
            PostgresLedger::migrate(&url, 4).await.unwrap();
            let ids = Arc::new(IdGenerator::new(31));
            let control = open_control(place.path(), &ids).await;
            control.first_start(clock.now(), &ids, |_| Ok(())).await.unwrap();
            let account = domain::control::Accounts::accounts(&*control).await.unwrap().remove(0).id;
            furnish(&control, account).await;
            let mut channel = control.channels().await.unwrap().remove(0);
            (channel.connections, channel.parts_per_second) = (connections, Some(rate));
            control.put_channel(&channel).await.unwrap();
            let nodes = Arc::new(NodeDb::open(&place.path().join("data")).await.unwrap());
            let ledger = open_ledger(place.path(), &url, NodeId { number: 31, epoch: 1 }).await;
            (url, account, control, nodes, ledger)
        });
        Self { place, url, account, carrier: Arc::default(), desk, control, nodes, ledger, clock }
    }

    /// Starts a node.
    pub(crate) fn settle_in(&self) -> Resident {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let is_cut_off = Arc::default();
        let (engine, node) = runtime.block_on(self.start(&is_cut_off));
        Resident { runtime: Some(runtime), engine, node, is_cut_off }
    }

    async fn start(&self, is_cut_off: &Arc<AtomicBool>) -> (Arc<Engine>, NodeId) {
        let place = self.place.path();
        let port = NodeDb::open(&place.join("data")).await.unwrap();
        let port = Arc::new(Gate { port, is_closed: Arc::clone(is_cut_off) });
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let joining = Joining::join(port, Arc::clone(&clock), TIMING).await.unwrap();
        let node = joining.node();
        let ids = Arc::new(IdGenerator::new(node.number));
        ids.start_after(joining.ids_after());
        let ledger = open_ledger(place, &self.url, node).await;
        let control = open_control(place, &ids).await;
        let parts = EngineParts {
            ledger: Arc::clone(&ledger) as Arc<dyn Ledger>,
            control: control as Arc<dyn Control>,
            clock,
            ids: Arc::clone(&ids),
            policy: Arc::new(lenient()),
            settings: Settings { tick: Duration::from_millis(100), ..Settings::default() },
        };
        let engine = Engine::among(parts, joining.over(ledger));
        let (events, receiver) = mpsc::channel(EVENT_BATCHES);
        self.carrier.seen().events.insert(node, events.clone());
        let (carrier, clock) = (Arc::clone(&self.carrier), Arc::clone(&self.clock));
        let start = move |config: &ChannelConfig, stop: CancellationToken| {
            Ok(connect(node, config, stop, &carrier, &clock, &events) as Arc<dyn Channel>)
        };
        engine.start_dispatch(Box::new(start), receiver, RetryPolicy::default()).await.unwrap();
        engine.spawn_keeper();
        engine.start_housekeeping();
        engine.start_poster();
        (engine, node)
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.place.path().join("data")
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as Arc<dyn Clock>
    }

    pub(crate) fn picture(&self) -> Picture {
        self.desk.block_on(self.nodes.picture()).unwrap()
    }

    /// Looks again and again until there is something.
    #[track_caller]
    pub(crate) fn until<T>(&self, what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
        let began = self.clock.monotonic_millis();
        loop {
            if let Some(found) = look() {
                return found;
            }
            let waited = self.clock.monotonic_millis() - began;
            assert!(
                u128::from(waited) < within.as_millis(),
                "{what}: not within {within:?}; {:?}",
                self.picture()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn now_millis(&self) -> u64 {
        self.clock.monotonic_millis()
    }

    pub(crate) fn state(&self, id: MessageId) -> MessageState {
        let found = self.desk.block_on(self.ledger.message(self.account, id)).unwrap();
        found.expect("it was accepted").state
    }

    /// The carrier reports a message as delivered, over a connection of this node.
    pub(crate) fn report(&self, to: NodeId, written: &Written) {
        let receipt = Receipt {
            gateway: GatewayId(1),
            carrier_id: CarrierMessageId::Number(written.carrier_id),
            phone: Some(written.phone),
            status: ReceiptStatus::Delivered,
            code: CarrierCode::new(b"DELIVRD"),
            received_at: self.clock.now(),
        };
        let arrived = ChannelEvent::Arrived {
            receipts: vec![receipt],
            inbound: Vec::new(),
            acknowledge: Box::new(|| {}),
        };
        let events = self.carrier.seen().events[&to].clone();
        assert!(events.try_send((CHANNEL, arrived)).is_ok(), "the node takes events");
    }
}

/// Connections that open at once and close, with their last word, when they are stopped.
fn connect(
    node: NodeId,
    config: &ChannelConfig,
    stop: CancellationToken,
    carrier: &Arc<Carrier>,
    clock: &Arc<RealClock>,
    events: &mpsc::Sender<(ChannelId, ChannelEvent)>,
) -> Arc<Line> {
    let rate = config.parts_per_second.unwrap_or(0);
    let line = Arc::new(Line {
        node,
        config: config.clone(),
        carrier: Arc::clone(carrier),
        clock: Arc::clone(clock),
        pace: Mutex::new(TokenBucket::new(rate, rate / 50, clock.monotonic_millis())),
        events: events.clone(),
    });
    carrier.opened(node, config);
    let (ending, (up, id)) = (Arc::clone(&line), (config.connections, config.id));
    tokio::spawn(async move {
        let told = ChannelEvent::Connections { up, configured: up, trouble: None };
        let _closed = ending.events.send((id, told)).await;
        stop.cancelled().await;
        ending.carrier.closed(node, &ending.config);
        let _closed = ending.events.send((id, ChannelEvent::Ended)).await;
    });
    line
}

impl Resident {
    pub(crate) fn run<T>(&self, what: impl Future<Output = T>) -> T {
        self.runtime.as_ref().expect("it lives").block_on(what)
    }

    /// Stops the node's only thread, wherever it is, until the returned guard is dropped.
    pub(crate) fn freeze(&self) -> blocking::SyncSender<()> {
        let (thaw, thawed) = blocking::sync_channel::<()>(1);
        let (frozen, is_frozen) = blocking::sync_channel(1);
        self.runtime.as_ref().expect("it lives").spawn(async move {
            frozen.send(()).unwrap();
            let _dropped = thawed.recv();
        });
        is_frozen.recv().unwrap();
        thaw
    }

    /// The other nodes hear nothing of it, nor it of them; or again.
    pub(crate) fn cut_off(&self, is_cut_off: bool) {
        self.is_cut_off.store(is_cut_off, Ordering::Relaxed);
    }

    /// Everything of it ends where it is; its connections with it.
    pub(crate) fn kill(mut self, carrier: &Carrier) {
        self.runtime.take().expect("it lives").shutdown_background();
        let mut seen = carrier.seen();
        seen.events.remove(&self.node);
        seen.open.remove(&self.node);
        seen.rates.remove(&self.node);
    }

    /// Stops in order.
    pub(crate) fn stop(mut self) {
        let runtime = self.runtime.take().expect("it lives");
        runtime.block_on(self.engine.stop());
        runtime.shutdown_background();
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
