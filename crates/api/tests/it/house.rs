//! A data folder with an engine and its API, two accounts, and a clock that stands still.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use api::{ApiState, ClientAddress};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use domain::control::{
    Account, Accounts as _, ApiKey, ChannelConfig, Channels as _, Control, Entity, PriceLine, Protocol,
    Quirks, RouteConfig, RouteStep, Secret,
};
use domain::ids::{AccountId, ChannelId, EntityId, GatewayId, IdGenerator, KeyId, RouteId};
use domain::ledger::Ledger;
use domain::money::Money;
use domain::policy::{Policy, PolicyBuilder};
use domain::time::{Clock, Timestamp};
use engine::{Engine, EngineParts, Settings};
use serde_json::Value;
use store::control::{ControlDb, OpenControl, secret_sha256};
use store::ledger::{OpenOptions, SqliteLedger};
use store::sealing::Sealer;
use tower::ServiceExt as _;

/// 2026-11-25 10:30 in Shanghai, a Wednesday: inside sending hours.
pub(crate) const NOON: Timestamp = Timestamp::from_millis(1_795_573_800_000);
/// The password of the channel, which nothing may show.
pub(crate) const CHANNEL_SECRET: &str = "channel-pass-word";
const STRANGER_KEY: &str = "hy_stranger";

/// Stands still until a test lets time pass. Beside its time: how far it was set back in all.
#[derive(Default)]
struct StillClock(AtomicI64, AtomicI64);

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(NOON.millis() + self.0.load(Ordering::Relaxed))
    }

    fn monotonic_millis(&self) -> u64 {
        (self.now().millis() + self.1.load(Ordering::Relaxed)).unsigned_abs()
    }
}

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Who {
    /// The first account: the operator.
    Owner,
    /// Another tenant.
    Stranger,
    /// Nobody.
    Nobody,
}

pub(crate) struct House {
    router: Router,
    pub(crate) state: ApiState,
    pub(crate) owner_key: String,
    /// The owner's one-time link.
    pub(crate) owner_link: String,
    /// Of the owner and of the stranger.
    pub(crate) accounts: (AccountId, AccountId),
    still: Arc<StillClock>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) ledger: Arc<SqliteLedger>,
    pub(crate) control: Arc<ControlDb>,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    /// The JSON of an answer that must have this status.
    #[track_caller]
    pub(crate) fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self.json()
    }

    /// The problem of an answer that must be refused so.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, word: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.headers[header::CONTENT_TYPE], api::PROBLEM_MEDIA_TYPE);
        let problem = self.json();
        assert_eq!(problem["type"], format!("urn:hongyan:problem:{word}"));
        assert_eq!(problem["status"], status);
        problem
    }
}

impl House {
    pub(crate) async fn open(place: &Path) -> Self {
        Self::open_with(place, lenient()).await
    }

    pub(crate) async fn open_with(place: &Path, policy: Policy) -> Self {
        let data = place.join("data");
        std::fs::create_dir_all(&data).unwrap();
        let sealer = Sealer::open(&place.join("key"), &data).unwrap();
        let ids = Arc::new(IdGenerator::new(1));
        let options = OpenControl { folder: data.clone(), sealer: sealer.clone(), ids: ids.clone() };
        let control = ControlDb::open(options).await.unwrap();
        let ledger =
            SqliteLedger::open(&OpenOptions { partitions: 2, ..OpenOptions::new(&data, sealer) }).unwrap();
        let first = control.first_start(NOON, &ids, |_| Ok(())).await.unwrap().unwrap();
        furnish(&control, first.account.id).await;
        let stranger = add_stranger(&control, &ids).await;
        let still = Arc::new(StillClock::default());
        let clock = Arc::clone(&still) as Arc<dyn Clock>;
        let engine = Engine::new(EngineParts {
            ledger: ledger.clone() as Arc<dyn Ledger>,
            control: control.clone() as Arc<dyn Control>,
            clock: Arc::clone(&clock),
            ids: ids.clone(),
            policy: Arc::new(policy),
            // Callbacks of these tests go to this machine.
            settings: Settings { private_callbacks: true, ..Settings::default() },
        });
        engine.set_outbound(Arc::new(gateway::OutboundHttp::new(true).unwrap()));
        let state = ApiState::new(engine.clone(), control.clone() as _, clock, ids);
        let router = api::router(state.clone(), crate::beside(&state));
        let (owner_key, owner_link) = (first.key.0, first.link.0);
        let accounts = (first.account.id, stranger);
        Self { router, state, owner_key, owner_link, accounts, still, engine, ledger, control }
    }

    /// For a listener.
    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    pub(crate) async fn send(&self, who: Who, mut request: Request<Body>) -> Answer {
        let key = match who {
            Who::Owner => Some(self.owner_key.as_str()),
            Who::Stranger => Some(STRANGER_KEY),
            Who::Nobody => None,
        };
        if let Some(key) = key {
            request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {key}").parse().unwrap());
        }
        self.send_as_is(request).await
    }

    /// With what the request shows itself, from an address of ours.
    pub(crate) async fn send_as_is(&self, mut request: Request<Body>) -> Answer {
        if request.extensions().get::<ClientAddress>().is_none() {
            request.extensions_mut().insert(ClientAddress("10.0.0.7".parse().unwrap()));
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        // A stream goes on; who wants to hear it asks the router.
        let goes_on = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        let bytes = if goes_on { Vec::new() } else { to_bytes(body, usize::MAX).await.unwrap().to_vec() };
        Answer { status: parts.status, headers: parts.headers, bytes }
    }

    /// With another key.
    pub(crate) async fn send_key(&self, key: &str, mut request: Request<Body>) -> Answer {
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {key}").parse().unwrap());
        self.send_as_is(request).await
    }

    /// The secret of a new key of the owner's account.
    pub(crate) async fn key(&self, scopes: &[&str]) -> String {
        let made = self.post("/v1/keys", serde_json::json!({"name": "test", "scopes": scopes})).await.ok(201);
        made["secret"].as_str().unwrap().to_owned()
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.still.0.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// Sets the clock back; what counts how long something took goes on.
    pub(crate) fn set_back(&self, time: Duration) {
        let millis = i64::try_from(time.as_millis()).unwrap();
        self.still.0.fetch_sub(millis, Ordering::Relaxed);
        self.still.1.fetch_add(millis, Ordering::Relaxed);
    }

    /// What shows the time here.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.still) as Arc<dyn Clock>
    }

    /// What the clock shows, in seconds since 1970.
    pub(crate) fn seconds(&self) -> i64 {
        self.still.now().millis() / 1_000
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Who::Owner, request("GET", path, Body::empty())).await
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        self.send(Who::Owner, json_request(method, path, &body)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path, body).await
    }

    /// Uploads a file and returns the answer.
    pub(crate) async fn upload(&self, name: &str, bytes: &[u8]) -> Answer {
        let path = format!("/v1/imports?file_name={name}");
        self.send(Who::Owner, request("POST", &path, Body::from(bytes.to_vec()))).await
    }
}

pub(crate) fn request(method: &str, path: &str, body: Body) -> Request<Body> {
    Request::builder().method(method).uri(path).body(body).unwrap()
}

pub(crate) fn json_request(method: &str, path: &str, body: &Value) -> Request<Body> {
    let mut request = request(method, path, Body::from(body.to_string()));
    request.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
    request
}

/// Rules without consent, so that a test need not import first.
pub(crate) fn lenient() -> Policy {
    PolicyBuilder::builtin().without(&[domain::policy::RuleId::CONSENT]).build().unwrap()
}

async fn furnish(control: &ControlDb, account: AccountId) {
    let (channel, route) = (ChannelId(1), RouteId(1));
    let config = ChannelConfig {
        id: channel,
        gateway: GatewayId(1),
        name: "test".to_owned(),
        protocol: Protocol::ALL[0],
        host: "127.0.0.1".to_owned(),
        port: 7890,
        login: "login".to_owned(),
        secret: Secret(CHANNEL_SECRET.to_owned()),
        access_code: "10690000".to_owned(),
        service_id: "hongyan".to_owned(),
        connections: 1,
        window: 16,
        parts_per_second: Some(100),
        carriers: Vec::new(),
        categories: Vec::new(),
        cost: Money::from_micros(30_000),
        enabled: true,
        quirks: Quirks::default(),
        provider: None,
    };
    control.put_channel(&config).await.unwrap();
    let step = RouteStep::by_weight(vec![(channel, 1)]);
    control.put_route(&RouteConfig::for_all(route, "main", vec![step])).await.unwrap();
    let price = PriceLine::general(account, Money::from_micros(45_000));
    control.put_prices(account, &[price]).await.unwrap();
}

async fn add_stranger(control: &ControlDb, ids: &IdGenerator) -> AccountId {
    let (id, entity) = (AccountId::from(ids.fresh(NOON)), EntityId::from(ids.fresh(NOON)));
    let made = id;
    let account = Account { id, name: "stranger".to_owned(), entity, created_at: NOON };
    let entity = Entity { id: entity, name: "stranger".to_owned(), group: entity };
    let key = ApiKey {
        id: KeyId::from(ids.fresh(NOON)),
        account: id,
        name: "key".to_owned(),
        secret_sha256: secret_sha256(STRANGER_KEY),
        created_at: NOON,
        revoked_at: None,
    };
    control.add_account(&account, &entity, &key).await.unwrap();
    made
}
