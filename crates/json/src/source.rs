//! Sources of contacts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Column, ImportCounts, LegalBasis, Moment, RunState};

/// Where the rows are. Secrets are never shown; left out in a change, the one that is kept stays.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SourcePlace {
    /// A file over HTTP or HTTPS; redirects are not followed.
    Http {
        url: String,
        /// The whole `Authorization` header, such as `Bearer …`; empty: none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authorization: Option<String>,
    },
    /// An object of an S3-compatible store, addressed by path and signed with AWS Signature Version 4.
    S3 {
        /// Scheme, host and perhaps a port.
        endpoint: String,
        region: String,
        bucket: String,
        object: String,
        key_id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<String>,
    },
    /// What one query says in a PostgreSQL database; its columns are those of a file.
    Postgres {
        host: String,
        #[serde(default = "postgres_port")]
        port: u16,
        database: String,
        user: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<String>,
        /// Encrypted; the server's certificate is not checked.
        #[serde(default = "yes")]
        tls: bool,
        query: String,
    },
}

const fn postgres_port() -> u16 {
    5432
}

const fn yes() -> bool {
    true
}

/// A place that contacts are fetched from.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "src_0d4x0k1g00000", "name": "CRM", "place": {"kind": "http", "url": "https://crm.example.com/members.csv"},
    "schedule": "0 3 * * 1-5", "time_zone": "Asia/Shanghai", "mapping": [], "tags": ["会员"], "source": "CRM",
    "enabled": true, "next_at": "2026-11-26T03:00:00.000+08:00", "created_at": "2026-11-25T10:00:00.000+08:00"
}))]
pub struct ImportSource {
    pub id: String,
    pub name: String,
    pub place: SourcePlace,
    /// `every 30` (minutes) or five fields of cron; empty: only by hand.
    pub schedule: String,
    /// By whose clock.
    pub time_zone: String,
    /// What becomes of columns, by name; empty: as recognised, for each file.
    pub mapping: Vec<Column>,
    /// Given to every contact.
    pub tags: Vec<String>,
    /// Where the list came from: proof of consent.
    pub source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<LegalBasis>,
    pub enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Moment>,
    pub created_at: Moment,
}

/// All sources of the account, oldest first.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"sources": []}))]
pub struct ImportSources {
    pub sources: Vec<ImportSource>,
}

/// A source to be added.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "CRM", "place": {"kind": "http", "url": "https://crm.example.com/members.csv", "authorization": "Bearer secret"},
    "schedule": "0 3 * * 1-5", "tags": ["会员"], "source": "CRM", "basis": "consent"
}))]
pub struct ImportSourceCreate {
    pub name: String,
    pub place: SourcePlace,
    #[serde(default)]
    pub schedule: String,
    /// IANA name; the account's own when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    #[serde(default)]
    pub mapping: Vec<Column>,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub source: String,
    /// The ground on which marketing may be sent to these people; without, no consent is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<LegalBasis>,
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// Changes of a source; what is left out stays.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"enabled": false}))]
pub struct ImportSourceEdit {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<SourcePlace>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<Vec<Column>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<LegalBasis>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// The report of one time that a source was fetched.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "srn_0d4x0k1g00000", "source": "src_0d4x0k1g00000", "state": "finished", "by_hand": false, "tries": 1,
    "bytes": 1048576, "import": "imp_0d4x0k1g00000",
    "counts": {"read": 10000, "new": 12, "updated": 9980, "duplicate": 3, "invalid": 5},
    "created_at": "2026-11-25T03:00:00.000+08:00", "finished_at": "2026-11-25T03:00:05.000+08:00"
}))]
pub struct SourceRun {
    pub id: String,
    pub source: String,
    pub state: RunState,
    /// Somebody asked for it.
    pub by_hand: bool,
    /// How often it was begun.
    pub tries: u32,
    /// Fetched.
    pub bytes: u64,
    /// The import that it became: its rejected rows are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<String>,
    /// `updated` counts those too whom the file tells nothing new about; they are not written.
    pub counts: ImportCounts,
    /// Why it failed, and what to do, in both languages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    pub created_at: Moment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Moment>,
}
