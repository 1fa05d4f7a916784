//! The running system: accept, dispatch, settle, receipts, inbound, campaigns, imports, preflight.
//!
//! Owns the use-cases that the API calls and the loops behind them. Refuses to know SQL, carrier protocols and HTTP:
//! it sees only the ports of `domain`. Invariants: what a use-case acknowledged is durable; decisions are made by
//! pure code of `domain`, so every loop here is thin; nothing is spawned that [`Engine::stop`] does not end.

pub mod accept;
pub mod billing;
pub mod campaign;
pub mod codes;
pub mod dispatch;
mod downstream;
pub mod import;
pub mod metrics;
pub mod numbers;
pub mod reports;
pub mod traces;
pub mod webhooks;

mod audience;
mod catalog;
mod compose;
mod drain;
mod events;
mod exports;
mod fault;
mod housekeeping;
mod ids;
mod inbound;
mod nodes;
mod orders;
mod settings;
mod sources;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use ::exports::{Exporter, ExporterParts};
use access::Access;
use domain::channel::Providers;
use domain::control::Control;
use domain::ids::{AccountId, CampaignId, IdGenerator};
use domain::ledger::Ledger;
use domain::policy::Policy;
use domain::time::Clock;
use feeds::Feeds;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use accept::SendError;
pub use campaign::CampaignTrouble;
pub use catalog::{PriceTable, Prices};
pub use dispatch::{CallbackError, ChannelStatus, DispatchError, RouteAnswer, RouteQuestion, StartChannel};
pub use downstream::DownstreamError;
pub use drain::{Readiness, Remaining};
pub use events::{EventStream, EventsAnswer, EventsError, EventsFrom, EventsQuestion};
pub use fault::Whose;
pub use ids::begin_ids;
pub use import::ImportError;
pub use nodes::{JoinError, Joining, Membership};
pub use settings::{HeavyWork, Settings};

/// What an engine is made of.
pub struct EngineParts {
    /// Where messages live.
    pub ledger: Arc<dyn Ledger>,
    /// Everything else.
    pub control: Arc<dyn Control>,
    /// Where instants come from.
    pub clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub ids: Arc<IdGenerator>,
    /// The rules in force at start.
    pub policy: Arc<Policy>,
    /// What the operator set.
    pub settings: Settings,
}

/// The running system. One per process, shared by everything that acts.
pub struct Engine {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) control: Arc<dyn Control>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<IdGenerator>,
    pub(crate) settings: Settings,
    pub(crate) node: Membership,
    pub(crate) draining: AtomicBool,
    policy: RwLock<Arc<Policy>>,
    pub(crate) catalog: catalog::Catalog,
    pub(crate) held_numbers: numbers::HeldTable,
    pub(crate) imports: import::RunningImports,
    pub(crate) preflights: campaign::RunningPreflights,
    pub(crate) expansions: campaign::Expansions,
    pub(crate) replies: campaign::Replies,
    /// Campaigns whose lane lags behind them after a failure of storage.
    pub(crate) stray_lanes: Mutex<BTreeSet<(AccountId, CampaignId)>>,
    pub(crate) api_lanes: accept::ApiLanes,
    pub(crate) funding: billing::Funding,
    pub(crate) providers: OnceLock<Arc<dyn Providers>>,
    /// The operator's account, once it was read.
    pub(crate) operator: OnceLock<AccountId>,
    pub(crate) counter: downstream::Counter,
    pub(crate) metrics: metrics::Metrics,
    pub(crate) tracer: OnceLock<traces::Tracer>,
    pub(crate) dispatch: RwLock<Option<Arc<dispatch::Dispatch>>>,
    pub(crate) access: Access,
    pub(crate) exports: Exporter,
    pub(crate) feeds: Feeds,
    pub(crate) heads: events::HeadWatch,
    pub(crate) hubs: events::Hubs,
    pub(crate) webhooks: webhooks::WebhookState,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl Engine {
    /// Puts the parts together, as the only process on its storage; nothing runs yet.
    #[must_use]
    pub fn new(parts: EngineParts) -> Arc<Self> {
        Self::among(parts, Membership::alone())
    }

    /// Puts the parts together, as one of several nodes on the same storage.
    #[must_use]
    pub fn among(parts: EngineParts, node: Membership) -> Arc<Self> {
        let EngineParts { ledger, control, clock, ids, policy, settings } = parts;
        let access = Access::new(Arc::clone(&control), Arc::clone(&clock), Arc::clone(&ids));
        let feeds = Feeds::new(Arc::clone(&control), Arc::clone(&clock), Arc::clone(&ids));
        let exports = Exporter::new(ExporterParts {
            ledger: Arc::clone(&ledger),
            control: Arc::clone(&control),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
            zone: settings.zone.clone(),
        });
        Arc::new(Self {
            access,
            exports,
            feeds,
            heads: events::HeadWatch::default(),
            hubs: events::Hubs::default(),
            webhooks: webhooks::WebhookState::default(),
            ledger,
            control,
            clock,
            ids,
            settings,
            node,
            draining: AtomicBool::new(false),
            policy: RwLock::new(policy),
            catalog: catalog::Catalog::default(),
            held_numbers: numbers::HeldTable::default(),
            imports: import::RunningImports::default(),
            preflights: campaign::RunningPreflights::default(),
            expansions: campaign::Expansions::default(),
            replies: campaign::Replies::default(),
            stray_lanes: Mutex::default(),
            api_lanes: accept::ApiLanes::default(),
            funding: billing::Funding::default(),
            providers: OnceLock::new(),
            operator: OnceLock::new(),
            counter: downstream::Counter::default(),
            metrics: metrics::Metrics::default(),
            tracer: OnceLock::new(),
            dispatch: RwLock::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
    }

    /// The rules in force: an immutable snapshot.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the rules; decisions made from now on follow them.
    pub fn set_policy(&self, policy: Arc<Policy>) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = policy;
    }

    /// Says who knows the channels over providers; without, none takes callbacks. Once, before dispatch starts.
    pub fn set_providers(&self, providers: Arc<dyn Providers>) {
        let _only_the_first_counts = self.providers.set(providers);
    }

    /// The control database, for reads that need no use-case.
    #[must_use]
    pub fn control(&self) -> &Arc<dyn Control> {
        &self.control
    }

    /// The ledger, for reads that need no use-case.
    #[must_use]
    pub fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.ledger
    }

    /// Who may do what.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Ends all loops and waits for them, then gives back what this node held. What was not finished goes on after the
    /// next start, or on another node.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if let Some(joined) = self.node.joined() {
            joined.leave().await;
        }
    }

    /// Returns when other nodes took this one for dead: it acts no more, and whoever runs it stops it and starts another
    /// life. Never when alone.
    pub async fn replaced(&self) {
        self.node.ended().await;
    }
}
