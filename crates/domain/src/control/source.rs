//! Sources of contacts: places that files are fetched from by a schedule, and the report of each time. The port that
//! fetches is here too; what is done with a file is the imports' business.

use std::fmt;
use std::io;

use async_trait::async_trait;

use super::{ControlError, ImportCounts, ImportMapping, Secret};
use crate::ids::{AccountId, ImportId, SourceId, SourceRunId};
use crate::message::coded_enum;
use crate::policy::{LegalBasis, Zone};
use crate::time::Timestamp;
use crate::webhooks::CallFault;
use text::Bilingual;

/// Sources of one account.
pub const MOST_SOURCES: usize = 50;

/// Where the rows are.
#[derive(Clone, PartialEq, Eq)]
pub enum SourcePlace {
    /// A file over HTTP or HTTPS; the secret is the whole `Authorization` header.
    Http { url: String, authorization: Option<Secret> },
    /// An object of an S3-compatible store, addressed by path.
    S3 { endpoint: String, region: String, bucket: String, object: String, key_id: String, secret: Secret },
    /// What a query says in a PostgreSQL database.
    Postgres {
        host: String,
        port: u16,
        database: String,
        user: String,
        password: Secret,
        /// Encrypted; the server's certificate is not looked at.
        tls: bool,
        query: String,
    },
}

impl SourcePlace {
    /// The word in the API.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Http { .. } => "http",
            Self::S3 { .. } => "s3",
            Self::Postgres { .. } => "postgres",
        }
    }
}

impl fmt::Debug for SourcePlace {
    /// An address may hold a password, and a query may name people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourcePlace({})", self.kind())
    }
}

/// A place that contacts are fetched from.
#[derive(Clone, PartialEq, Debug)]
pub struct ImportSource {
    pub id: SourceId,
    pub account: AccountId,
    pub name: String,
    pub place: SourcePlace,
    /// `every 30`, a line of cron, or empty: only by hand. Crate `feeds` reads it.
    pub schedule: String,
    /// By whose clock.
    pub zone: Zone,
    /// What becomes of the columns; empty: as proposed for each file.
    pub mapping: ImportMapping,
    /// Given to every row.
    pub tags: Vec<String>,
    /// Where the list came from, in words: proof of consent.
    pub origin: String,
    /// `None`: no consent is recorded.
    pub basis: Option<LegalBasis>,
    pub enabled: bool,
    pub created_at: Timestamp,
    /// When it is fetched next by itself.
    pub next_at: Option<Timestamp>,
}

/// What the last file that was imported was, so that the same one is not imported again.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SourceMemory {
    pub etag: Option<String>,
    pub modified: Option<String>,
    pub digest: Option<[u8; 32]>,
}

coded_enum! {
    /// How a run is.
    RunState {
        Waiting = 1, "waiting";
        /// Fetching or importing; after a crash, from its beginning.
        Running = 2, "running";
        /// Imported.
        Finished = 3, "finished";
        /// The file is the one that was imported last.
        Unchanged = 4, "unchanged";
        /// `trouble` says why.
        Failed = 5, "failed";
    }
}

/// One time that a source was fetched: its report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceRun {
    pub id: SourceRunId,
    pub account: AccountId,
    pub source: SourceId,
    pub state: RunState,
    /// Somebody asked for it.
    pub by_hand: bool,
    /// How often it was begun.
    pub tries: u32,
    /// Fetched.
    pub bytes: u64,
    /// The import that it became.
    pub import: Option<ImportId>,
    pub counts: ImportCounts,
    /// In two languages, with advice.
    pub trouble: Option<String>,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

/// Sources and their runs. (Sources are changed by [`super::Edits`].)
#[async_trait]
pub trait Sources: Send + Sync {
    /// In order of id.
    async fn sources(&self, account: AccountId) -> Result<Vec<ImportSource>, ControlError>;
    async fn source(&self, account: AccountId, id: SourceId) -> Result<Option<ImportSource>, ControlError>;
    /// Of all accounts, those whose time has come, most overdue first.
    async fn due_sources(&self, now: Timestamp, limit: u32) -> Result<Vec<ImportSource>, ControlError>;
    async fn source_memory(&self, id: SourceId) -> Result<SourceMemory, ControlError>;
    /// Adds a run and says when the next one is, if the source is still due at the time that was read; `false`: somebody
    /// else was faster.
    async fn begin_due(
        &self,
        run: &SourceRun,
        was_due: Timestamp,
        next: Option<Timestamp>,
    ) -> Result<bool, ControlError>;
    /// Replaces a run; with a memory, the source's as well, in one transaction.
    async fn put_run(&self, run: &SourceRun, memory: Option<&SourceMemory>) -> Result<(), ControlError>;
    /// Of all accounts, those that have not ended, oldest first.
    async fn unfinished_runs(&self, limit: u32) -> Result<Vec<SourceRun>, ControlError>;
    /// Newest first.
    async fn runs(
        &self,
        account: AccountId,
        source: SourceId,
        limit: u32,
    ) -> Result<Vec<SourceRun>, ControlError>;
    /// Forgets those that were made before.
    async fn expire_runs(&self, before: Timestamp) -> Result<u64, ControlError>;
}

/// A file on its way, piece by piece.
#[async_trait]
pub trait Pieces: Send {
    /// The next piece; none at the end.
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>>;
}

/// What fetching came to.
pub enum Fetched {
    /// The place says that nothing has changed since.
    Unchanged,
    /// The file, with what the place says about it.
    File { etag: Option<String>, modified: Option<String>, body: Box<dyn Pieces> },
}

/// Why nothing was fetched.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FetchFault {
    /// The place was not reached.
    #[error("the place was not reached: {}", .0.word())]
    Call(CallFault),
    /// It does not let us in.
    #[error("the place refuses our credentials ({0})")]
    Denied(u16),
    /// There is no such file.
    #[error("there is no such file ({0})")]
    Missing(u16),
    /// It answered something else than a file.
    #[error("the place answered {0} instead of a file")]
    Status(u16),
    /// The database refused; its code of five characters (SQLSTATE).
    #[error("the database refused the query ({0})")]
    Query(String),
    /// This node fetches nothing of this kind.
    #[error("this node fetches nothing")]
    NotHere,
}

impl FetchFault {
    /// Whether another try soon may succeed.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Call(fault) => !matches!(fault, CallFault::Forbidden | CallFault::Malformed),
            Self::Status(status) => *status >= 500 || *status == 429,
            Self::Denied(_) | Self::Missing(_) | Self::Query(_) | Self::NotHere => false,
        }
    }

    /// What to tell people, with what to do about it.
    #[must_use]
    pub fn explain(&self) -> Bilingual {
        let (zh, en) = match self {
            Self::Call(CallFault::Forbidden) => (
                "地址位于内网，不允许访问：请改用公网地址，或由运营者允许内网地址".to_owned(),
                "the address lies in a private network: use a public one, or let the operator allow private ones"
                    .to_owned(),
            ),
            Self::Call(fault) => (
                format!("无法连接到数据源（{}）：请检查地址、端口和网络", fault.word()),
                format!("the source was not reached ({}): check address, port and network", fault.word()),
            ),
            Self::Denied(status) => (
                format!("数据源拒绝了凭据（{status}）：请更新密钥或权限"),
                format!("the source refuses the credentials ({status}): renew the secret or its rights"),
            ),
            Self::Missing(status) => (
                format!("数据源中没有该文件（{status}）：请检查路径"),
                format!("there is no such file at the source ({status}): check its path"),
            ),
            Self::Status(status) => (
                format!("数据源返回 {status} 而不是文件：请检查地址（不跟随跳转）"),
                format!("the source answered {status} instead of a file: check the address (redirects are not followed)"),
            ),
            Self::Query(code) => (
                format!("数据库拒绝了查询（SQLSTATE {code}）：请检查查询、账号和权限；只能读取"),
                format!("the database refused the query (SQLSTATE {code}): check query, login and rights; it may only read"),
            ),
            Self::NotHere => {
                ("本节点没有启用定时导入".to_owned(), "this node fetches nothing by itself".to_owned())
            }
        };
        Bilingual { zh: zh.into(), en: en.into() }
    }
}

/// Who fetches from places that tenants named: bounded in time, never where it may not, never after a redirect.
#[async_trait]
pub trait Fetch: Send + Sync {
    /// Whether a place may be reached, as far as can be told without looking its name up.
    fn may_fetch(&self, place: &SourcePlace) -> Result<(), FetchFault>;

    /// Begins to fetch, unless the place says that it has what `memory` knows.
    async fn fetch(
        &self,
        place: &SourcePlace,
        memory: &SourceMemory,
        now: Timestamp,
    ) -> Result<Fetched, FetchFault>;
}
