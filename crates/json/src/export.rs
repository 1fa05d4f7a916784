//! Exports.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Moment;
use super::words::{ExportFormat, ExportOf, ExportState, MessageState};

/// What to write into a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"of": "messages", "format": "xlsx", "campaign": "cmp_0d4x0k1g00000"}))]
pub struct ExportCreate {
    pub of: ExportOf,
    pub format: ExportFormat,
    /// Messages of this campaign only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// Messages in this state only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<MessageState>,
    /// Contacts with this tag only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The month of a statement, such as 2026-11.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<String>,
    /// Show phones and personal attributes as they are.
    #[serde(default)]
    pub reveal: bool,
}

/// A file, and how far it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "exp_0d4x0k1g00000", "of": "messages", "format": "xlsx", "reveal": false,
    "campaign": "cmp_0d4x0k1g00000", "status": "finished", "rows": 10000, "bytes": 412345,
    "created_at": "2026-11-25T10:00:00.000+08:00", "finished_at": "2026-11-25T10:00:02.000+08:00",
    "expires_at": "2026-12-02T10:00:00.000+08:00"}))]
pub struct Export {
    pub id: String,
    pub of: ExportOf,
    pub format: ExportFormat,
    pub reveal: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<String>,
    /// The state that messages were asked for in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<MessageState>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<String>,
    pub status: ExportState,
    /// Written so far.
    pub rows: u64,
    /// Of the whole file; 0 until it is finished.
    pub bytes: u64,
    pub created_at: Moment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Moment>,
    /// From then on the file is gone.
    pub expires_at: Moment,
}
