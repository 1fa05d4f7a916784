//! The database server of a measurement, when there is one: what it promises, and the CPU of all its processes.

use anyhow::Context as _;
use store::postgres::{PostgresPlace, ServerFacts, server_facts};

use super::process::tree_cpu_us;
use crate::storage::{Engine, Storage};

/// What keeps the ledger.
pub(super) enum Database {
    Files,
    Server {
        facts: ServerFacts,
        /// The parent of all its processes, when it runs on this machine.
        parent: Option<u32>,
    },
}

impl Database {
    /// # Errors
    /// When the server is not there.
    pub(super) async fn of(engine: Engine) -> anyhow::Result<Self> {
        match Storage::from_environment(engine)? {
            Storage::Sqlite => Ok(Self::Files),
            Storage::Postgres(place) => Self::server(&place).await,
        }
    }

    async fn server(place: &PostgresPlace) -> anyhow::Result<Self> {
        let facts = server_facts(place).await.context("the server of HONGYAN_DATABASE_URL")?;
        let parent = parent_of_server(place).await?;
        Ok(Self::Server { facts, parent })
    }

    /// In words.
    pub(super) fn durability(&self) -> String {
        match self {
            Self::Files => "SQLite, WAL, synchronous=FULL".to_owned(),
            Self::Server { facts, .. } => {
                let kept = if facts.durable { "on" } else { "NOT all on" };
                let version = facts.version;
                format!("PostgreSQL {version}; fsync, full_page_writes and synchronous_commit {kept}")
            }
        }
    }

    /// What the server has used so far; unknown when it runs elsewhere.
    ///
    /// # Errors
    /// When the system does not tell (only Linux does).
    pub(super) fn cpu_us(&self) -> anyhow::Result<Option<u64>> {
        match self {
            Self::Server { parent: Some(parent), .. } => tree_cpu_us(*parent).map(Some),
            _ => Ok(None),
        }
    }
}

/// The server's main process, found while one of its children is there to be asked.
async fn parent_of_server(place: &PostgresPlace) -> anyhow::Result<Option<u32>> {
    let watch = store::postgres::ServerWatch::open(place).await?;
    let parent = super::process::parent_of(watch.process(), "postgres");
    watch.close().await;
    Ok(parent)
}
