//! One running platform: storage, engine, channels and API put together, and taken apart in order.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use domain::carrier_code::CodeBook;
use domain::control::Secret;
use domain::currency::Currency;
use domain::downstream::Downstream;
use domain::ids::IdGenerator;
use domain::ledger::Ledger;
use domain::policy::Policy;
use domain::retry::RetryPolicy;
use domain::time::Clock;
use engine::dispatch::EVENT_BATCHES;
use engine::{Engine, EngineParts, Settings, StartChannel};
use gateway::{ChannelSettings, DownstreamSettings, Family, Ports};
use store::control::{ControlDb, FirstStart};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::SystemClock;
use crate::config::DownstreamConfig;
use crate::listeners::{self, Serving};
use crate::storage::{Home, Storage, Workplace};

/// Silence after which a carrier is tested. The specification says three minutes; half a minute notices a dead
/// connection before a customer does, and every gateway answers it.
const ACTIVE_TEST_INTERVAL: Duration = Duration::from_secs(30);

/// How long a customer may take to acknowledge a report, and to log in.
const CUSTOMER_ANSWERS: Duration = Duration::from_secs(30);
const LOG_IN: Duration = Duration::from_secs(10);

/// How long the carriers' answers are awaited at the end: less than supervisors wait before they kill.
const DRAIN: Duration = Duration::from_secs(20);

/// What a node is started with.
pub(crate) struct NodeOptions {
    pub(crate) storage: Storage,
    pub(crate) data: PathBuf,
    /// Outside the data folder, so that a copy of the folder alone opens nothing.
    pub(crate) key_file: PathBuf,
    /// Where the owner's key goes on the first start, if it is to be kept.
    pub(crate) owner_file: Option<PathBuf>,
    /// Of a new ledger; an existing one keeps its own number.
    pub(crate) partitions: u16,
    pub(crate) listen: SocketAddr,
    pub(crate) policy: Policy,
    /// What carriers' codes mean.
    pub(crate) codes: CodeBook,
    /// How long a carrier's answer may take before a message is uncertain.
    pub(crate) response_timeout: Duration,
    /// Whether what tenants name as addresses to be called may lie in private networks.
    pub(crate) private_callbacks: bool,
    /// What everything here is priced and paid in.
    pub(crate) currency: Currency,
    /// Where customers connect to us.
    pub(crate) downstream: DownstreamConfig,
    pub(crate) serving: Serving,
}

/// A running platform.
pub(crate) struct Node {
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Where the API listens.
    pub(crate) addr: SocketAddr,
    /// Where metrics are told.
    pub(crate) metrics: Option<SocketAddr>,
    /// Set when this start made the folder: the owner's key is shown once.
    pub(crate) first: Option<FirstStart>,
    /// Where customers connect to us.
    pub(crate) ports: Vec<(Family, SocketAddr)>,
    ledger: Arc<dyn Ledger>,
    control: Arc<ControlDb>,
    channels: TaskTracker,
    customers: TaskTracker,
    customers_stop: CancellationToken,
    api: TaskTracker,
    api_stop: CancellationToken,
    traces: TaskTracker,
    traces_stop: CancellationToken,
}

impl Node {
    /// Opens the storage (making a data folder on the first start) and starts everything.
    ///
    /// # Errors
    /// When the storage is in use or not there, the key file does not fit, a schema is newer or, on PostgreSQL, older,
    /// or the address is taken.
    pub(crate) async fn start(options: NodeOptions) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let home = Home { data: &options.data, key_file: &options.key_file, partitions: options.partitions };
        let storage = &options.storage;
        let sealer = storage.sealer(&home).await?;
        let Workplace { ledger, ids, newest, membership } = storage.work(&home, &sealer, &clock).await?;
        // Before anything is sent: a start that fails has done nothing.
        let listener = bind(options.listen).await?;
        let doors = open_ports(&options.downstream).await?;
        let control = storage.control(&home, sealer, Arc::clone(&ids)).await?;
        engine::begin_ids(&ids, &*control, newest).await?;
        let keep =
            |key: &Secret| options.owner_file.as_deref().map_or(Ok(()), |file| keep_owner_key(file, key));
        let first = control.first_start(clock.now(), &ids, keep).await?;
        engine::billing::keep_currency(&*control, options.currency).await?;
        let parts = EngineParts {
            ledger: Arc::clone(&ledger),
            control: Arc::clone(&control) as _,
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
            policy: Arc::new(options.policy),
            settings: Settings { private_callbacks: options.private_callbacks, ..Settings::default() },
        };
        let engine = Engine::among(parts, membership);
        let (traces, traces_stop) = (TaskTracker::new(), CancellationToken::new());
        listeners::trace(&options.serving.traces, &engine, &traces, &traces_stop)?;
        let (sender, events) = mpsc::channel(EVENT_BATCHES);
        let channels = TaskTracker::new();
        let settings = ChannelSettings {
            clock: Arc::clone(&clock),
            active_test_interval: ACTIVE_TEST_INTERVAL,
            response_timeout: options.response_timeout,
            seed: clock.now().millis().unsigned_abs(),
        };
        let tracker = channels.clone();
        let start_channel: StartChannel = Box::new(move |config, stop| {
            gateway::start(config.clone(), settings.clone(), sender.clone(), &tracker, &stop)
                .map_err(|error| error.to_string())
        });
        engine.set_providers(Arc::new(gateway::HttpProviders::default()));
        let retry = RetryPolicy { codes: options.codes, ..RetryPolicy::default() };
        engine.start_dispatch(start_channel, events, retry).await?;
        engine.spawn_keeper();
        engine.start_housekeeping();
        start_calls(&engine, options.private_callbacks)?;
        engine.start_poster();
        let (customers, customers_stop) = (TaskTracker::new(), CancellationToken::new());
        let doors = (&options.downstream, doors);
        let ports = serve_customers(&engine, &clock, doors, &customers, &customers_stop).await?;
        let (api, addr, api_stop) = (TaskTracker::new(), listener.local_addr()?, CancellationToken::new());
        let state = api_state(&options.serving, (&engine, &control), &clock, &ids)?;
        let metrics = listeners::start(options.serving, listener, (&engine, state), &api, &api_stop).await;
        Ok(Self {
            engine,
            clock,
            addr,
            metrics,
            first,
            ports,
            ledger,
            control,
            channels,
            customers,
            customers_stop,
            api,
            api_stop,
            traces,
            traces_stop,
        })
    }

    /// Claims nothing more and waits for the carriers' answers; the API still answers, and says that it drains. Logs what
    /// remains.
    pub(crate) async fn drain(&self) {
        for remaining in self.engine.drain(DRAIN).await {
            tracing::warn!(%remaining, "not finished when this node ends");
        }
    }

    /// Takes no new work, says goodbye on the channels, and closes the files.
    pub(crate) async fn stop(self) {
        self.api_stop.cancel();
        self.customers_stop.cancel();
        self.api.close();
        self.api.wait().await;
        self.customers.close();
        self.customers.wait().await;
        self.engine.stop().await;
        self.channels.close();
        self.channels.wait().await;
        self.traces_stop.cancel();
        self.traces.close();
        self.traces.wait().await;
        self.ledger.close().await;
        if let Err(error) = self.control.close().await {
            tracing::warn!(%error, "the control database did not close cleanly; it is whole all the same");
        }
    }
}

/// What the API works with.
fn api_state(
    serving: &Serving,
    (engine, control): (&Arc<Engine>, &Arc<ControlDb>),
    clock: &Arc<dyn Clock>,
    ids: &Arc<IdGenerator>,
) -> anyhow::Result<api::ApiState> {
    let statements = Arc::clone(control) as _;
    let state = api::ApiState::new(Arc::clone(engine), statements, Arc::clone(clock), Arc::clone(ids));
    listeners::sign_in_over(serving.oidc.clone(), &state, clock)?;
    Ok(state)
}

/// Starts what goes to addresses that tenants name: webhooks, and fetching of contacts; `private`: also in private networks.
fn start_calls(engine: &Arc<Engine>, private: bool) -> anyhow::Result<()> {
    engine.start_webhooks_over(Arc::new(gateway::OutboundHttp::new(private)?));
    engine.start_feeds_over(feeds::Fetchers {
        http: Arc::new(gateway::SourceHttp::new(private)?),
        sql: Arc::new(store::source::SourceSql { private }),
    });
    Ok(())
}

/// Opens the ports for customers that connect to us; what comes waits until they are served.
async fn open_ports(config: &DownstreamConfig) -> anyhow::Result<Vec<(Family, Ports)>> {
    let mut ports: Vec<(Family, Ports)> = Vec::new();
    for (family, address) in config.ports() {
        ports.push((family, bind(address).await?.into()));
    }
    if let Some((address, tls)) = config.smpp_tls()? {
        let enciphered = Some((bind(address).await?, tls));
        match ports.iter_mut().find(|(family, _)| *family == Family::Smpp) {
            Some((_, ports)) => ports.tls = enciphered,
            None => ports.push((Family::Smpp, Ports { plain: None, tls: enciphered })),
        }
    }
    Ok(ports)
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// Serves customers that connect to us.
async fn serve_customers(
    engine: &Arc<Engine>,
    clock: &Arc<dyn Clock>,
    (config, ports): (&DownstreamConfig, Vec<(Family, Ports)>),
    tracker: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<Vec<(Family, SocketAddr)>> {
    if ports.is_empty() {
        return Ok(Vec::new());
    }
    engine.start_downstream().await?;
    let mut served = Vec::new();
    for (family, ports) in ports {
        let listeners = [ports.plain.as_ref(), ports.tls.as_ref().map(|(listener, _)| listener)];
        for listener in listeners.into_iter().flatten() {
            served.push((family, listener.local_addr()?));
        }
        let settings = DownstreamSettings {
            clock: Arc::clone(clock),
            active_test_interval: ACTIVE_TEST_INTERVAL,
            response_timeout: CUSTOMER_ANSWERS,
            log_in_timeout: LOG_IN,
            connections: config.connections,
        };
        let downstream = Arc::clone(engine) as Arc<dyn Downstream>;
        gateway::listen(family, ports, settings, downstream, tracker, stop);
    }
    Ok(served)
}

/// Readable by the owner alone, as the file that holds it must be.
fn keep_owner_key(path: &Path, key: &Secret) -> io::Result<()> {
    let write = || {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
        writeln!(file, "{}", key.0)?;
        file.sync_all()
    };
    write().map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}
