//! A data folder with an open control database, and what the stories put into it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use control::{ControlDb, OpenControl, OpenControlError, migrate_postgres, secret_sha256};
use domain::campaign::Watch;
use domain::control::{
    Account, Accounts as _, ApiKey, AudienceSource, Campaign, CampaignState, ContactRow, Entity,
};
use domain::ids::{AccountId, EntityId, IdGenerator, RouteId};
use domain::lane::WindowClose;
use domain::message::Category;
use domain::phone::{Country, Phone};
use domain::time::Timestamp;
use pg::PostgresPlace;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, PgConnection};
use sealing::Sealer;

use crate::engines::Engine;
use crate::postgres_server::fresh_database;

/// 2026-03-01T02:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_772_330_400_000);

pub(crate) struct Stage {
    pub(crate) db: Arc<ControlDb>,
    pub(crate) ids: Arc<IdGenerator>,
    place: tempfile::TempDir,
    /// Of PostgreSQL.
    database: Option<PostgresPlace>,
}

impl Stage {
    pub(crate) async fn open(engine: Engine) -> Self {
        let place = tempfile::tempdir().unwrap();
        let ids = Arc::new(IdGenerator::new(1));
        let database = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => {
                let url = fresh_database().await;
                let name = format!("control-{}", url.rsplit("%3D").next().unwrap());
                let database = PostgresPlace { connections: 4, name, ..PostgresPlace::new(url) };
                migrate(&database).await.unwrap();
                Some(database)
            }
        };
        let db = open_at(place.path(), &ids, database.as_ref()).await;
        Self { db, ids, place, database }
    }

    /// Closes the database and opens it again, as a restart does.
    pub(crate) async fn restart(&mut self) {
        self.db.close().await.unwrap();
        self.db = open_at(self.place.path(), &self.ids, self.database.as_ref()).await;
    }

    /// Another node on the same database, with the same keys.
    pub(crate) async fn second_node(&self, node: u8) -> Arc<ControlDb> {
        open_at(self.place.path(), &Arc::new(IdGenerator::new(node)), self.database.as_ref()).await
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.place.path().join("data")
    }

    pub(crate) fn database(&self) -> &PostgresPlace {
        self.database.as_ref().expect("a stage on PostgreSQL")
    }

    /// Changes rows behind the program's back. Returns how many.
    pub(crate) async fn by_hand(&self, sql: &str) -> u64 {
        match &self.database {
            None => {
                let by_hand = rusqlite::Connection::open(ControlDb::file(&self.folder())).unwrap();
                by_hand.execute(sql, []).unwrap() as u64
            }
            Some(database) => {
                let mut by_hand = PgConnection::connect(&database.url).await.unwrap();
                let statement = sqlx::query(AssertSqlSafe(sql.to_owned()));
                statement.execute(&mut by_hand).await.unwrap().rows_affected()
            }
        }
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
            route: Some(RouteId(1)),
            routes: Vec::new(),
            canary: None,
            watch: Watch::default(),
            resend: None,
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
    open_at(place, ids, None).await
}

async fn open_at(place: &Path, ids: &Arc<IdGenerator>, database: Option<&PostgresPlace>) -> Arc<ControlDb> {
    let folder = place.join("data");
    let sealer = Sealer::open(&place.join("keys"), &folder).unwrap();
    let options = OpenControl { folder, sealer, ids: Arc::clone(ids) };
    match database {
        None => ControlDb::open(options).await.unwrap(),
        Some(database) => ControlDb::open_postgres(options, database).await.unwrap(),
    }
}

/// What keeps two nodes from migrating at once; in a whole installation it is the ledger's.
const LOCK: &str =
    "CREATE TABLE IF NOT EXISTS migration_turn (); LOCK TABLE migration_turn IN ACCESS EXCLUSIVE MODE";

pub(crate) async fn migrate(place: &PostgresPlace) -> Result<(), OpenControlError> {
    let pool = place.connect_to_migrate()?;
    let migrated = migrate_postgres(pool.clone(), LOCK).await;
    pool.close().await;
    migrated
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
