//! A data folder with an engine on it, an account, a route, and a clock that tests move.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::control::{
    AudienceSource, ChannelConfig, Channels as _, ColumnUse, Control, Import, ImportMapping, PriceLine,
    Protocol, Quirks, RouteConfig, RouteStep, Secret,
};
use domain::ids::{AccountId, ChannelId, EntityId, GatewayId, IdGenerator, RouteId};
use domain::lane::WindowClose;
use domain::ledger::Ledger;
use domain::message::Category;
use domain::money::Money;
use domain::phone::{Carrier, Country, Phone};
use domain::policy::{LegalBasis, Policy, PolicyBuilder};
use domain::time::{Clock, Timestamp};
use engine::campaign::CampaignDraft;
use engine::import::{ImportOrder, Proposal};
use engine::{Engine, EngineParts, ImportError, Settings};
use store::control::{ControlDb, OpenControl};
use store::ledger::{OpenOptions, SqliteLedger};
use store::sealing::Sealer;

/// 2026-11-25 10:30 in Shanghai, a Wednesday: inside sending hours.
pub(crate) const NOON: Timestamp = Timestamp::from_millis(1_795_573_800_000);

pub(crate) struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn monotonic_millis(&self) -> u64 {
        self.0.load(Ordering::Relaxed).unsigned_abs()
    }
}

impl TestClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

pub(crate) struct House {
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) account: AccountId,
    pub(crate) entity: EntityId,
    pub(crate) policy: Arc<Policy>,
    pub(crate) control: Arc<ControlDb>,
    pub(crate) ledger: Arc<SqliteLedger>,
    pub(crate) ids: Arc<IdGenerator>,
}

impl House {
    /// Opens the data folder below `place`; makes account, channel, route and prices the first time.
    pub(crate) async fn open(place: &Path, policy: Policy) -> Self {
        let data = place.join("data");
        std::fs::create_dir_all(&data).unwrap();
        let sealer = Sealer::open(&place.join("key"), &data).unwrap();
        let ids = Arc::new(IdGenerator::new(1));
        let options = OpenControl { folder: data.clone(), sealer: sealer.clone(), ids: ids.clone() };
        let control = ControlDb::open(options).await.unwrap();
        let ledger =
            SqliteLedger::open(&OpenOptions { partitions: 4, ..OpenOptions::new(&data, sealer) }).unwrap();
        if let Some(newest) = ledger.newest_message().await.unwrap() {
            ids.start_after(newest);
        }
        let clock = Arc::new(TestClock(AtomicI64::new(NOON.millis())));
        let first = control.first_start(NOON, &ids, |_| Ok(())).await.unwrap();
        let account = domain::control::Accounts::accounts(&*control).await.unwrap().remove(0);
        if first.is_some() {
            furnish(&control, account.id).await;
        }
        let policy = Arc::new(policy);
        let engine = Engine::new(EngineParts {
            ledger: ledger.clone() as Arc<dyn Ledger>,
            control: control.clone() as Arc<dyn Control>,
            clock: clock.clone() as Arc<dyn Clock>,
            ids: ids.clone(),
            policy: policy.clone(),
            settings: Settings::default(),
        });
        let (account, entity) = (account.id, account.entity);
        Self { engine, clock, account, entity, policy, control, ledger, ids }
    }

    pub(crate) async fn close(self) {
        self.engine.stop().await;
        self.ledger.close().await;
        self.control.close().await.unwrap();
    }

    /// Uploads a file in small pieces, as a network does.
    pub(crate) async fn upload(&self, name: &str, bytes: &[u8]) -> Result<(Import, Proposal), ImportError> {
        let pieces: Vec<std::io::Result<Vec<u8>>> =
            bytes.chunks(64 << 10).map(|piece| Ok(piece.to_vec())).collect();
        self.engine.upload(self.account, name, futures::stream::iter(pieces)).await
    }

    /// Uploads and imports a file as proposed, with consent, and waits for the end.
    pub(crate) async fn import(&self, bytes: &[u8], tag: &str) -> Import {
        let (import, proposal) = self.upload("list.csv", bytes).await.unwrap();
        self.run_import(import, proposal.mapping(), tag).await
    }

    pub(crate) async fn run_import(&self, import: Import, mapping: ImportMapping, tag: &str) -> Import {
        let order = ImportOrder {
            mapping,
            tags: vec![tag.to_owned()],
            source: "store counter".to_owned(),
            basis: Some(LegalBasis::Consent),
        };
        self.engine.start_import(self.account, import.id, order).await.unwrap();
        self.import_ended(import.id).await
    }

    pub(crate) async fn import_ended(&self, id: domain::ids::ImportId) -> Import {
        if let Some(mut progress) = self.engine.import_progress(id) {
            while progress.changed().await.is_ok() {}
        }
        domain::control::Imports::import(&*self.control, self.account, id).await.unwrap().unwrap()
    }

    pub(crate) fn draft(&self, text: &str, audience: AudienceSource) -> CampaignDraft {
        CampaignDraft {
            name: "双十一".to_owned(),
            category: Category::Marketing,
            signature: "鸿雁".to_owned(),
            template: None,
            text: Some(text.to_owned()),
            audience,
            test_numbers: Vec::new(),
            scheduled_at: None,
            speed: None,
            window_close: WindowClose::Hold,
            valid_for: None,
            route: None,
            canary: None,
            limits: None,
        }
    }

    /// A file as an audience, with its columns as they are.
    pub(crate) async fn file_audience(&self, csv: &str) -> AudienceSource {
        let (import, proposal) = self.upload("audience.csv", csv.as_bytes()).await.unwrap();
        AudienceSource::File { upload: import.id, mapping: proposal.mapping() }
    }
}

/// Rules without consent, so that a test need not import first.
pub(crate) fn lenient() -> Policy {
    PolicyBuilder::builtin().without(&[domain::policy::RuleId::CONSENT]).build().unwrap()
}

pub(crate) fn phone(number: u64) -> Phone {
    Phone::parse(&format!("138{number:08}"), Country::CN).unwrap()
}

pub(crate) fn mapping(columns: &[(&str, ColumnUse)]) -> ImportMapping {
    ImportMapping { columns: columns.iter().map(|(name, becomes)| ((*name).to_owned(), *becomes)).collect() }
}

pub(crate) async fn furnish(control: &ControlDb, account: AccountId) {
    let (channel, route) = (ChannelId(1), RouteId(1));
    let domestic = [Carrier::Mobile, Carrier::Unicom, Carrier::Telecom, Carrier::Broadnet];
    let config = ChannelConfig {
        id: channel,
        gateway: GatewayId(1),
        name: "test".to_owned(),
        protocol: Protocol::Cmpp30,
        host: "127.0.0.1".to_owned(),
        port: 7890,
        login: "login".to_owned(),
        secret: Secret("secret".to_owned()),
        access_code: "10690000".to_owned(),
        service_id: "hongyan".to_owned(),
        connections: 1,
        window: 16,
        parts_per_second: Some(100),
        carriers: domestic.to_vec(),
        categories: Vec::new(),
        cost: Money::from_micros(30_000),
        enabled: true,
        quirks: Quirks::default(),
        provider: None,
    };
    control.put_channel(&config).await.unwrap();
    let step = RouteStep::by_weight(vec![(channel, 1)]);
    control.put_route(&RouteConfig::for_all(route, "main", vec![step])).await.unwrap();
    let price =
        |carrier, micros| PriceLine { carrier, ..PriceLine::general(account, Money::from_micros(micros)) };
    let prices = [price(None, 45_000), price(Some(Carrier::Unicom), 50_000)];
    control.put_prices(account, &prices).await.unwrap();
}
