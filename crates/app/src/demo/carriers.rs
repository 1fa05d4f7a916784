//! The two carriers of the demonstration, in this process: the first breaks down for good half-way.

use std::net::SocketAddr;
use std::time::Duration;

use domain::control::{ChannelConfig, PriceLine, Protocol, Quirks, RouteConfig, RouteStep, Secret};
use domain::ids::{AccountId, ChannelId, GatewayId, RouteId};
use domain::message::Category;
use domain::money::Money;
use domain::phone::Carrier;
use sim::{
    Accounts, At, Fault, FaultKind, Handle, Latency, LogNormal, Receipts, Replies, SimConfig, SimError,
};
use tokio_util::sync::CancellationToken;

/// The first channel.
pub(super) const PRIMARY: ChannelId = ChannelId(1);
/// The one behind it.
pub(super) const BACKUP: ChannelId = ChannelId(2);
/// Connections of each.
pub(super) const CONNECTIONS: u16 = 2;
/// Unanswered submits per connection: what may be uncertain when a carrier breaks down.
pub(super) const WINDOW: u16 = 16;
/// Parts a second, so that ten thousand messages can be watched and are over in a quarter of a minute.
const PARTS_PER_SECOND: u32 = 900;
const LOGIN: &str = "901234";
/// Protects nothing: whoever may connect to this machine's loopback may read it here.
const SECRET: &str = "hongyan-demo";
/// Longer than any answer of these carriers takes.
const CARRIER_TIMEOUT: Duration = Duration::from_secs(10);

/// Both carriers.
pub(super) struct Carriers {
    /// Breaks down.
    pub(super) primary: Handle,
    /// Does not.
    pub(super) backup: Handle,
}

impl Carriers {
    /// Starts them on free ports; the first breaks down with the submit number `breaks_after`.
    ///
    /// # Errors
    /// When nothing can be listened on.
    pub(super) async fn start(breaks_after: u64, stop: &CancellationToken) -> Result<Self, SimError> {
        let mut first = carrier(1);
        first.faults = vec![Fault { at: At::AfterSubmits(breaks_after), kind: FaultKind::StopListening }];
        Ok(Self {
            primary: sim::run(first, stop.clone()).await?,
            backup: sim::run(carrier(2), stop.clone()).await?,
        })
    }
}

/// Quick, ordinary, and a little forgetful.
fn carrier(seed: u64) -> SimConfig {
    SimConfig {
        accounts: Accounts::Listed(vec![(LOGIN.to_owned(), SECRET.to_owned())]),
        seed,
        gateway_code: seed as u32,
        answer: Latency::LogNormal(LogNormal { median_ms: 8.0, p95_ms: 20.0 }),
        acceptance: 0.998,
        receipts: Receipts {
            delivered: 0.97,
            never: 0.005,
            delay: LogNormal { median_ms: 500.0, p95_ms: 1_500.0 },
            ..Receipts::default()
        },
        replies: Replies {
            opt_out: 0.004,
            ordinary: 0.002,
            delay: LogNormal { median_ms: 1_500.0, p95_ms: 4_000.0 },
            ..Replies::default()
        },
        response_timeout: CARRIER_TIMEOUT,
        ..SimConfig::ideal()
    }
}

/// The configuration of a channel to a carrier of this process.
pub(super) fn channel(id: ChannelId, name: &str, addr: SocketAddr) -> ChannelConfig {
    ChannelConfig {
        id,
        gateway: GatewayId(id.0),
        name: name.to_owned(),
        protocol: Protocol::Cmpp30,
        host: addr.ip().to_string(),
        port: addr.port(),
        login: LOGIN.to_owned(),
        secret: Secret(SECRET.to_owned()),
        access_code: format!("1069012{}", id.0),
        service_id: "DEMO".to_owned(),
        connections: CONNECTIONS,
        window: WINDOW,
        parts_per_second: Some(PARTS_PER_SECOND),
        carriers: Carrier::ALL.to_vec(),
        categories: Category::ALL.to_vec(),
        cost: Money::from_micros(32_000),
        enabled: true,
        quirks: Quirks::default(),
        provider: None,
    }
}

/// First the primary, and when it cannot, the backup.
pub(super) fn route(name: &str) -> RouteConfig {
    let step = |channel| RouteStep::by_weight(vec![(channel, 1)]);
    RouteConfig::for_all(RouteId(1), name, vec![step(PRIMARY), step(BACKUP)])
}

/// What a part costs, by network.
pub(super) fn prices(account: AccountId) -> Vec<PriceLine> {
    let line = |category, carrier, micros| PriceLine {
        category,
        carrier,
        ..PriceLine::general(account, Money::from_micros(micros))
    };
    vec![
        line(None, None, 50_000),
        line(Some(Category::Marketing), Some(Carrier::Mobile), 45_000),
        line(Some(Category::Marketing), Some(Carrier::Unicom), 43_000),
        line(Some(Category::Marketing), Some(Carrier::Telecom), 42_500),
        line(Some(Category::Marketing), Some(Carrier::Broadnet), 46_000),
    ]
}
