//! A data folder with an open control database, and what the stories put into it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use domain::control::{
    Account, Accounts as _, ApiKey, AudienceSource, Campaign, CampaignState, ContactRow, Entity,
};
use domain::ids::{AccountId, EntityId, IdGenerator, RouteId};
use domain::lane::WindowClose;
use domain::message::Category;
use domain::phone::{Country, Phone};
use domain::time::Timestamp;
use store::control::{ControlDb, OpenControl, secret_sha256};
use store::sealing::Sealer;

/// 2026-03-01T02:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_772_330_400_000);

pub(crate) struct Stage {
    pub(crate) db: Arc<ControlDb>,
    pub(crate) ids: Arc<IdGenerator>,
    place: tempfile::TempDir,
}

impl Stage {
    pub(crate) async fn open() -> Self {
        let place = tempfile::tempdir().unwrap();
        let ids = Arc::new(IdGenerator::new(1));
        let db = open(place.path(), &ids).await;
        Self { db, ids, place }
    }

    /// Closes the database and opens it again, as a restart does.
    pub(crate) async fn restart(&mut self) {
        self.db.close().await.unwrap();
        self.db = open(self.place.path(), &self.ids).await;
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.place.path().join("data")
    }

    /// A new tenant with an entity of its own.
    pub(crate) async fn account(&self, name: &str) -> AccountId {
        let (id, entity) = (AccountId::from(self.ids.fresh(NOW)), EntityId::from(self.ids.fresh(NOW)));
        let key = ApiKey {
            id: self.ids.fresh(NOW).into(),
            account: id,
            name: "owner".to_owned(),
            secret_sha256: secret_sha256(name),
            created_at: NOW,
            revoked_at: None,
        };
        let account = Account { id, name: name.to_owned(), entity, created_at: NOW };
        let entity = Entity { id: entity, name: name.to_owned(), group: entity };
        self.db.add_account(&account, &entity, &key).await.unwrap();
        id
    }

    pub(crate) fn campaign(&self, account: AccountId, text: &str) -> Campaign {
        Campaign {
            id: self.ids.fresh(NOW).into(),
            account,
            entity: self.ids.fresh(NOW).into(),
            name: "春季上新".to_owned(),
            category: Category::Marketing,
            signature: "鸿雁商城".to_owned(),
            template: None,
            text: text.to_owned(),
            audience: AudienceSource::All,
            test_numbers: vec![phone(13_900_139_000)],
            scheduled_at: None,
            speed: Some(500),
            window_close: WindowClose::Hold,
            valid_for: Duration::from_secs(3600),
            route: RouteId(1),
            held_words_approved: false,
            state: CampaignState::Draft,
            lane: self.ids.fresh(NOW).into(),
            frozen: None,
            preflight: None,
            expanded: false,
            created_at: NOW,
            started_at: None,
            finished_at: None,
            version: 1,
        }
    }
}

pub(crate) async fn open(place: &Path, ids: &Arc<IdGenerator>) -> Arc<ControlDb> {
    let folder = place.join("data");
    let sealer = Sealer::open(&place.join("keys"), &folder).unwrap();
    ControlDb::open(OpenControl { folder, sealer, ids: Arc::clone(ids) }).await.unwrap()
}

pub(crate) fn phone(national: u64) -> Phone {
    Phone::parse(&national.to_string(), Country::CN).unwrap()
}

/// The phone of person `number`, below 100 million: 138 0000 0000 and up.
pub(crate) fn person(number: u64) -> Phone {
    phone(13_800_000_000 + number)
}

pub(crate) fn row(phone: Phone, name: &str, city: &str, tags: &[&str]) -> ContactRow {
    ContactRow {
        phone,
        personal: pairs(&[("姓名", name)]),
        queryable: pairs(&[("城市", city)]),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
    }
}

pub(crate) fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
