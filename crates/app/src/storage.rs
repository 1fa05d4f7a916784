//! Which engine keeps ledger and control database, and the one place where either is opened.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use domain::ids::IdGenerator;
use domain::ledger::Ledger;
use domain::nodes::{ClaimRecovery, Timing};
use domain::time::{Clock, Timestamp};
use engine::{Joining, Membership};
use serde::{Deserialize, Serialize};
use store::control::{ControlDb, NodeDb, OpenControl, is_sealed};
use store::ledger::{OpenOptions, SqliteLedger};
use store::postgres::{PostgresLedger, PostgresOptions, PostgresPlace, migrate};
use store::sealing::{KeyFileError, Sealer};

/// A claim and a settlement can then be under way at the same time; many more than partitions only wait for each other.
const CONNECTIONS: std::ops::RangeInclusive<u32> = 2..=200;

/// What keeps ledger and control database.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Engine {
    /// Files in the data folder.
    #[default]
    Sqlite,
    /// A database server.
    Postgres,
}

/// Where a database server is. It may hold a password, so it is shown nowhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DatabaseUrl(String);

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl")
    }
}

impl FromStr for DatabaseUrl {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// The section `[storage]` of the configuration.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StorageConfig {
    engine: Engine,
    url: Option<DatabaseUrl>,
    url_file: Option<PathBuf>,
    connections: u32,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self { engine: Engine::Sqlite, url: None, url_file: None, connections: 16 }
    }
}

/// What the command line and the environment say about storage.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct StorageArgs {
    /// 存储引擎 / what keeps everything: sqlite, or postgres for many machines
    #[arg(long, value_enum, env = "HONGYAN_ENGINE")]
    engine: Option<Engine>,
    /// 数据库地址；含密码时请用环境变量或文件 / the database; when it holds a password, name it in the environment or in a file
    #[arg(long, value_name = "URL", env = "HONGYAN_DATABASE_URL", hide_env_values = true)]
    database_url: Option<DatabaseUrl>,
    /// 只含数据库地址的文件 / a file that holds the database URL and nothing else
    #[arg(long, value_name = "FILE", env = "HONGYAN_DATABASE_URL_FILE")]
    database_url_file: Option<PathBuf>,
}

impl StorageArgs {
    /// Lays what was said over the configuration; the settings that were said.
    pub(crate) fn over(&self, config: &mut StorageConfig) -> Vec<&'static str> {
        let mut said = Vec::new();
        if let Some(engine) = self.engine {
            config.engine = engine;
            said.push("storage.engine");
        }
        if self.database_url.is_some() || self.database_url_file.is_some() {
            config.url.clone_from(&self.database_url);
            config.url_file.clone_from(&self.database_url_file);
            said.extend(self.database_url.is_some().then_some("storage.url"));
            said.extend(self.database_url_file.is_some().then_some("storage.url_file"));
        }
        said
    }
}

impl StorageArgs {
    /// Over the defaults, for commands that read no configuration file.
    ///
    /// # Errors
    /// As [`StorageConfig::storage`].
    pub(crate) fn storage(&self) -> anyhow::Result<Storage> {
        let mut config = StorageConfig::default();
        self.over(&mut config);
        config.storage()
    }
}

/// An engine with all that it takes to open it.
#[derive(Clone, Debug)]
pub(crate) enum Storage {
    Sqlite,
    Postgres(PostgresPlace),
}

/// What a node works on.
pub(crate) struct Workplace {
    pub(crate) ledger: Arc<dyn Ledger>,
    /// They bear the node's number, and have not begun ([`engine::begin_ids`]).
    pub(crate) ids: Arc<IdGenerator>,
    /// When the newest message was made.
    pub(crate) newest: Option<Timestamp>,
    pub(crate) membership: Membership,
}

impl StorageConfig {
    /// The engine.
    ///
    /// # Errors
    /// When something is missing or out of range; the message names it.
    pub(crate) fn storage(&self) -> anyhow::Result<Storage> {
        match self.engine {
            Engine::Sqlite => Ok(Storage::Sqlite),
            Engine::Postgres => self.server().map(Storage::Postgres),
        }
    }

    /// The server, whichever engine is in use.
    ///
    /// # Errors
    /// As [`Self::storage`].
    pub(crate) fn server(&self) -> anyhow::Result<PostgresPlace> {
        if !CONNECTIONS.contains(&self.connections) {
            let (least, most) = (CONNECTIONS.start(), CONNECTIONS.end());
            bail!("storage.connections = {}: {least} to {most}", self.connections);
        }
        Ok(PostgresPlace { connections: self.connections, ..PostgresPlace::new(self.url()?) })
    }

    fn url(&self) -> anyhow::Result<String> {
        match (&self.url, &self.url_file) {
            (Some(url), None) => Ok(url.0.clone()),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
                Ok(text.trim().to_owned())
            }
            (None, None) => bail!(
                "storage.engine = \"postgres\": say where it is with HONGYAN_DATABASE_URL, storage.url_file or storage.url"
            ),
            (Some(_), Some(_)) => bail!("storage.url and storage.url_file: only one of them"),
        }
    }
}

/// A folder with the keys that open it.
pub(crate) struct Home<'a> {
    pub(crate) data: &'a Path,
    pub(crate) key_file: &'a Path,
    /// Of a new ledger; an existing one keeps its own number.
    pub(crate) partitions: u16,
}

impl Storage {
    /// Of a measurement, whose processes have it from the environment.
    ///
    /// # Errors
    /// As [`StorageConfig::storage`].
    pub(crate) fn from_environment(engine: Engine) -> anyhow::Result<Self> {
        let database_url = std::env::var("HONGYAN_DATABASE_URL").ok().map(DatabaseUrl);
        StorageArgs { engine: Some(engine), database_url, database_url_file: None }.storage()
    }

    /// Makes the schema, or brings it up to date. Files are also brought up to date by whoever opens them.
    ///
    /// # Errors
    /// As of opening.
    pub(crate) async fn migrate(&self, home: &Home<'_>) -> anyhow::Result<()> {
        match self {
            Self::Postgres(place) => {
                migrate(place, home.partitions).await?;
            }
            Self::Sqlite => {
                let sealer = self.sealer(home).await?;
                let ledger = self.ledger(home, &sealer).await?;
                self.control(home, sealer, Arc::new(IdGenerator::new(0))).await?.close().await?;
                ledger.close().await;
            }
        }
        Ok(())
    }

    /// The keys. A database that was sealed before is never given new ones.
    ///
    /// # Errors
    /// When the key file is missing or does not fit, or the database is not this program's.
    pub(crate) async fn sealer(&self, home: &Home<'_>) -> anyhow::Result<Arc<Sealer>> {
        std::fs::create_dir_all(home.data).with_context(|| home.data.display().to_string())?;
        if let Self::Postgres(place) = self
            && is_sealed(place).await?
            && !home.key_file.exists()
        {
            return Err(KeyFileError::Missing { path: home.key_file.to_owned() }.into());
        }
        Ok(Sealer::open(home.key_file, home.data)?)
    }

    /// The ledger with a node's part in it: alone on files, among the others on a database.
    ///
    /// # Errors
    /// When it is in use, of another version, or not there, or all node numbers are in use.
    pub(crate) async fn work(
        &self,
        home: &Home<'_>,
        sealer: &Arc<Sealer>,
        clock: &Arc<dyn Clock>,
    ) -> anyhow::Result<Workplace> {
        let place = match self {
            Self::Sqlite => {
                let ledger = open_files(home, sealer).await?;
                let (ids, newest) = (Arc::new(IdGenerator::new(0)), ledger.newest_message().await?);
                return Ok(Workplace { ledger, ids, newest, membership: Membership::alone() });
            }
            Self::Postgres(place) => place,
        };
        let port = Arc::new(NodeDb::on_postgres(place)?);
        let joining = Joining::join(port, Arc::clone(clock), Timing::default()).await?;
        let node = joining.node();
        let options = PostgresOptions { place: place.clone(), node, sealer: Arc::clone(sealer) };
        let ledger = PostgresLedger::open(&options).await?;
        let ids = Arc::new(IdGenerator::new(node.number));
        ids.start_after(joining.ids_after());
        let newest = ledger.newest_message().await?;
        let membership = joining.over(Arc::clone(&ledger) as Arc<dyn ClaimRecovery>);
        Ok(Workplace { ledger, ids, newest, membership })
    }

    /// The ledger alone, for who is the only one at work on it.
    ///
    /// # Errors
    /// As [`Self::work`].
    pub(crate) async fn ledger(
        &self,
        home: &Home<'_>,
        sealer: &Arc<Sealer>,
    ) -> anyhow::Result<Arc<dyn Ledger>> {
        Ok(match self {
            Self::Sqlite => open_files(home, sealer).await?,
            Self::Postgres(place) => {
                PostgresLedger::open(&PostgresOptions::alone(place.clone(), Arc::clone(sealer))).await?
            }
        })
    }

    /// The control database.
    ///
    /// # Errors
    /// When it is of another version, was sealed with other keys, or is not there.
    pub(crate) async fn control(
        &self,
        home: &Home<'_>,
        sealer: Arc<Sealer>,
        ids: Arc<IdGenerator>,
    ) -> anyhow::Result<Arc<ControlDb>> {
        let options = OpenControl { folder: home.data.to_owned(), sealer, ids };
        Ok(match self {
            Self::Sqlite => ControlDb::open(options).await?,
            Self::Postgres(place) => ControlDb::open_postgres(options, place).await?,
        })
    }
}

/// Replaying a log blocks, so it happens on a thread of its own.
pub(crate) async fn open_files(home: &Home<'_>, sealer: &Arc<Sealer>) -> anyhow::Result<Arc<SqliteLedger>> {
    let mut options = OpenOptions::new(home.data, Arc::clone(sealer));
    options.partitions = home.partitions;
    Ok(tokio::task::spawn_blocking(move || SqliteLedger::open(&options)).await??)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(engine: Engine) -> StorageConfig {
        StorageConfig { engine, url: None, url_file: None, connections: 16 }
    }

    #[test]
    fn a_server_must_be_named_once_and_is_shown_nowhere() {
        assert!(matches!(config(Engine::Sqlite).storage(), Ok(Storage::Sqlite)));
        let missing = config(Engine::Postgres).storage().unwrap_err().to_string();
        assert!(missing.contains("HONGYAN_DATABASE_URL"), "{missing}");

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        std::fs::write(&file, "postgres://hongyan:s3cret@db/hongyan\n").unwrap();
        let mut named = config(Engine::Postgres);
        named.url_file = Some(file);
        let storage = named.storage().unwrap();
        assert!(!format!("{storage:?} {named:?}").contains("s3cret"));
        let Storage::Postgres(place) = storage else { panic!("a server") };
        assert_eq!(place.url, "postgres://hongyan:s3cret@db/hongyan");

        let said =
            StorageArgs { database_url: "postgres://other/hongyan".parse().ok(), ..StorageArgs::default() };
        let mut twice = named.clone();
        twice.url = said.database_url.clone();
        assert!(twice.storage().is_err());
        said.over(&mut named);
        let Ok(Storage::Postgres(place)) = named.storage() else { panic!("the file is overridden") };
        assert_eq!(place.url, "postgres://other/hongyan");
    }

    #[test]
    fn numbers_out_of_range_are_named() {
        let mut wrong = config(Engine::Postgres);
        wrong.url = "postgres://db/hongyan".parse().ok();
        wrong.connections = 1;
        assert!(wrong.storage().unwrap_err().to_string().contains("storage.connections"));
    }
}
