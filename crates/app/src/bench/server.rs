//! The server under test, in a process of its own, so that its CPU and memory are exactly its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use domain::control::{
    AudienceSource, Campaign, ChannelConfig, PriceLine, Quirks, RouteConfig, RouteStep, Secret,
};
use domain::downstream::{CallBack, Customer, Signing};
use domain::ids::{AccountId, ChannelId, CustomerId, GatewayId, MessageId, RouteId};
use domain::lane::WindowClose;
use domain::ledger::TrailEvent;
use domain::message::Category;
use domain::money::Money;
use domain::phone::Carrier;
use domain::time::Clock;
use engine::Engine;
use engine::campaign::CampaignDraft;
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use super::ledger::Place;
use super::spoken::Spoken;
use super::{child, world};
use crate::config::TracesConfig;
use crate::listeners::Serving;
use crate::node::Node;

/// Pieces in which a file is handed to the engine.
const PIECE_BYTES: usize = 256 * 1024;

/// What the server is given.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ServerSetup {
    place: Place,
    /// The carrier's port on this machine; none: the channel is switched off and nothing is sent.
    carrier: Option<u16>,
    connections: u16,
    window: u16,
    parts_per_second: Option<u32>,
    /// What the channel speaks.
    protocol: Spoken,
    /// What a customer may connect with.
    customer: Option<Spoken>,
    /// Somebody asks for its metrics and takes its traces.
    #[serde(default)]
    observed: Option<Observed>,
}

/// Who looks at a server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Observed {
    /// Who takes traces.
    pub(super) otlp_endpoint: String,
    /// Of a million messages, so many are traced.
    pub(super) sample_per_million: u64,
}

impl ServerSetup {
    pub(super) fn new(
        place: Place,
        carrier: u16,
        connections: u16,
        window: u16,
        parts_per_second: Option<u32>,
    ) -> Self {
        let carrier = Some(carrier);
        Self { carrier, connections, window, parts_per_second, ..Self::without_carrier(place) }
    }

    /// The same server with a channel that speaks something else.
    pub(super) fn speaking(self, protocol: Spoken) -> Self {
        Self { protocol, ..self }
    }

    /// Where it keeps its things.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// A server that accepts and sends nothing.
    pub(super) fn without_carrier(place: Place) -> Self {
        Self {
            place,
            carrier: None,
            connections: 1,
            window: 16,
            parts_per_second: None,
            protocol: Spoken::default(),
            customer: None,
            observed: None,
        }
    }

    /// The same server, looked at.
    pub(super) fn observed(self, observed: Option<Observed>) -> Self {
        Self { observed, ..self }
    }

    /// A server that takes submits of one customer and sends nothing.
    pub(super) fn for_customer(place: Place, customer: Spoken, window: u16) -> Self {
        Self { window, customer: Some(customer), ..Self::without_carrier(place) }
    }
}

/// What it is asked.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ServerOrder {
    /// Uploads an audience, writes a campaign and counts it.
    Prepare(PathBuf),
    /// Starts what was prepared.
    Start,
    /// What has become of it.
    Report,
    /// Milliseconds from acceptance to the carrier's answer, for messages that were sent one by one.
    Latencies(Vec<String>),
    /// Imports a file into the contacts.
    Import(PathBuf),
}

struct Server {
    node: Node,
    engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    account: AccountId,
    campaign: Option<Campaign>,
}

/// Serves until its input ends.
///
/// # Errors
/// When the folder is in use or the channel cannot be made.
pub(super) async fn run(setup: &str) -> anyhow::Result<()> {
    let setup: ServerSetup = serde_json::from_str(setup)?;
    let serving = setup.observed.clone().map(serving).unwrap_or_default();
    let node = super::start_node_serving(&setup.place, setup.customer.is_some(), serving).await?;
    let engine = Arc::clone(&node.engine);
    let account = engine.control().accounts().await?.into_iter().next().context("nobody has this folder")?;
    let clock = Arc::clone(&node.clock);
    let line = PriceLine::general(account.id, Money::from_micros(45_000));
    engine.set_prices(account.id, &[line]).await?;
    let steps = vec![RouteStep::by_weight(vec![(ChannelId(1), 1)])];
    engine.set_route(&RouteConfig::for_all(RouteId(1), "bench", steps)).await?;
    engine.put_channel(&channel(&setup)).await?;
    if let Some(spoken) = setup.customer {
        engine.set_customer(&customer(&setup, spoken, account.id)).await?;
    }
    let family = |port: &&(gateway::Family, SocketAddr)| Some(port.0) == setup.customer.map(Spoken::family);
    let customers = node.ports.iter().find(family).map(|(_, address)| address.port());
    let metrics = node.metrics.map(|address| address.to_string());
    child::say(&json!({ "listen": node.addr.to_string(), "customers": customers, "metrics": metrics }));
    let mut server = Server { node, engine, clock, account: account.id, campaign: None };
    child::serve(async |order: ServerOrder| match order {
        ServerOrder::Prepare(path) => server.prepare(path).await,
        ServerOrder::Start => server.start().await,
        ServerOrder::Report => server.report().await,
        ServerOrder::Latencies(ids) => server.latencies(ids).await,
        ServerOrder::Import(path) => server.import(path).await,
    })
    .await?;
    server.node.stop().await;
    Ok(())
}

fn serving(observed: Observed) -> Serving {
    let Observed { otlp_endpoint, sample_per_million } = observed;
    let traces = TracesConfig { otlp_endpoint: Some(otlp_endpoint), sample_per_million };
    Serving { metrics: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))), traces, ..Serving::default() }
}

/// Who connects: any number, any network, as fast as it can.
fn customer(setup: &ServerSetup, spoken: Spoken, account: AccountId) -> Customer {
    Customer {
        id: CustomerId(1),
        account,
        name: "bench".to_owned(),
        protocol: spoken.configured(),
        login: "901234".to_owned(),
        secret: Secret("bench".to_owned()),
        networks: Vec::new(),
        addresses: Vec::new(),
        connections: 1,
        window: setup.window,
        parts_per_second: None,
        category: Category::Notice,
        signature: None,
        signing: Signing::Own,
        route: None,
        enabled: true,
        // Nothing is reported, so nobody has to be there.
        call_back: Some(CallBack { host: "127.0.0.1".to_owned(), port: 1 }),
    }
}

fn channel(setup: &ServerSetup) -> ChannelConfig {
    ChannelConfig {
        id: ChannelId(1),
        gateway: GatewayId(1),
        name: "bench".to_owned(),
        protocol: setup.protocol.configured(),
        host: "127.0.0.1".to_owned(),
        port: setup.carrier.unwrap_or(1),
        login: "901234".to_owned(),
        secret: Secret("bench".to_owned()),
        access_code: "10690123".to_owned(),
        service_id: "BENCH".to_owned(),
        connections: setup.connections,
        window: setup.window,
        parts_per_second: setup.parts_per_second,
        carriers: Carrier::ALL.to_vec(),
        categories: Category::ALL.to_vec(),
        cost: Money::from_micros(30_000),
        enabled: setup.carrier.is_some(),
        quirks: Quirks::default(),
        provider: None,
    }
}

impl Server {
    async fn upload(
        &self,
        path: PathBuf,
    ) -> anyhow::Result<(domain::control::Import, engine::import::Proposal)> {
        let file = tokio::fs::File::open(&path).await?;
        let pieces = futures::stream::unfold(file, |mut file| async move {
            let mut piece = vec![0; PIECE_BYTES];
            match file.read(&mut piece).await {
                Ok(0) => None,
                Ok(read) => {
                    piece.truncate(read);
                    Some((Ok(piece), file))
                }
                Err(error) => Some((Err(error), file)),
            }
        });
        Ok(self.engine.upload(self.account, "audience.csv", pieces.boxed()).await?)
    }

    async fn prepare(&mut self, path: PathBuf) -> anyhow::Result<Value> {
        let (import, proposal) = self.upload(path).await?;
        let draft = CampaignDraft {
            name: "bench".to_owned(),
            category: Category::Marketing,
            signature: world::SIGNATURE.to_owned(),
            template: None,
            text: Some(world::TEMPLATE.to_owned()),
            audience: AudienceSource::File { upload: import.id, mapping: proposal.mapping() },
            test_numbers: Vec::new(),
            scheduled_at: None,
            speed: None,
            window_close: WindowClose::Hold,
            valid_for: None,
            route: None,
            canary: None,
            limits: None,
        };
        let campaign = self.engine.create_campaign(self.account, draft, None).await?;
        let began = self.clock.monotonic_millis();
        let report = self.engine.preflight(self.account, campaign.id).await?;
        let took_ms = self.clock.monotonic_millis() - began;
        self.campaign = Some(campaign);
        Ok(json!({
            "eligible": report.eligible,
            "parts": report.parts,
            "seconds": took_ms as f64 / 1_000.0,
            "rejected": report.rejected.iter().map(|(reason, people)| (reason.word().to_owned(), Value::from(*people)))
                .collect::<serde_json::Map<_, _>>(),
        }))
    }

    async fn start(&self) -> anyhow::Result<Value> {
        let campaign = self.campaign.as_ref().context("nothing is prepared")?;
        let launched = self.clock.now();
        self.engine.start_campaign(self.account, campaign.id, None).await?;
        Ok(json!({ "launched_unix_ms": launched.millis() }))
    }

    async fn report(&self) -> anyhow::Result<Value> {
        let campaign = self.campaign.as_ref().context("nothing is prepared")?;
        let report = self.engine.campaign_report(self.account, campaign.id).await?;
        let funnel = report.funnel;
        Ok(json!({
            "accepted": funnel.accepted.messages,
            "submitted": funnel.submitted.messages,
            "delivered": funnel.delivered.messages,
            "awaiting_receipt": funnel.awaiting_receipt.messages,
            "queued": funnel.queued.messages,
            "in_flight": funnel.in_flight.messages,
            "rejected": funnel.rejected.messages,
            "failed": funnel.failed.messages,
            "uncertain": funnel.uncertain.messages,
        }))
    }

    async fn latencies(&self, ids: Vec<String>) -> anyhow::Result<Value> {
        let mut millis = Vec::with_capacity(ids.len());
        for id in ids {
            let id: MessageId = id.parse()?;
            let Some(record) = self.engine.ledger().message(self.account, id).await? else { continue };
            let at = |event| record.trail.iter().find(|entry| entry.event == event).map(|entry| entry.at);
            if let (Some(accepted), Some(submitted)) = (at(TrailEvent::Accepted), at(TrailEvent::Submitted)) {
                millis.push(submitted.since(accepted).as_millis() as u64);
            }
        }
        Ok(Value::from(millis))
    }

    async fn import(&self, path: PathBuf) -> anyhow::Result<Value> {
        let (import, proposal) = self.upload(path).await?;
        let order = engine::import::ImportOrder {
            mapping: proposal.mapping(),
            tags: vec!["bench".to_owned()],
            source: "bench".to_owned(),
            basis: Some(domain::policy::LegalBasis::Consent),
        };
        let began = self.clock.monotonic_millis();
        self.engine.start_import(self.account, import.id, order).await?;
        if let Some(mut progress) = self.engine.import_progress(import.id) {
            // A new receiver finds every state new: asking for one each time would be a busy loop.
            while progress.changed().await.is_ok() {}
        }
        let took_ms = (self.clock.monotonic_millis() - began).max(1);
        let import =
            self.engine.control().import(self.account, import.id).await?.context("it was started")?;
        if let Some(trouble) = import.trouble {
            anyhow::bail!("{trouble}");
        }
        let counts = import.counts;
        Ok(json!({
            "rows": counts.read,
            "new": counts.new,
            "updated": counts.updated,
            "seconds": took_ms as f64 / 1_000.0,
            "import_rows_per_second": counts.read * 1_000 / took_ms,
        }))
    }
}
