//! Imports: one reading of one file into contacts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ColumnUse, ImportState, LegalBasis, Moment};

/// What became of the rows of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct ImportCounts {
    pub read: u64,
    pub new: u64,
    pub updated: u64,
    pub duplicate: u64,
    pub invalid: u64,
}

/// What a column becomes. A mapping lists the columns in the file's order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "手机号", "use": "phone"}))]
pub struct Column {
    /// Its header, or `column_N` where the file has none.
    pub name: String,
    pub r#use: ColumnUse,
}

/// A column as the importer would read it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct ProposedColumn {
    pub name: String,
    pub r#use: ColumnUse,
    /// A few cells, masked.
    pub examples: Vec<String>,
}

/// A file that is here, and what the importer would do with it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "import": {"id": "imp_0d4x0k1g00000", "file_name": "会员.xlsx", "bytes": 1048576, "state": "uploaded",
        "mapping": [{"name": "手机号", "use": "phone"}, {"name": "姓名", "use": "personal"}], "tags": [], "source": "",
        "counts": {"read": 0, "new": 0, "updated": 0, "duplicate": 0, "invalid": 0},
        "bytes_read": 0, "created_at": "2026-11-25T10:00:00.000+08:00"},
    "format": "xlsx", "has_header": true, "has_phone": true,
    "columns": [{"name": "手机号", "use": "phone", "examples": ["+86138****8000"]},
        {"name": "姓名", "use": "personal", "examples": ["张**"]}]
}))]
pub struct ImportUploaded {
    pub import: Import,
    /// `xlsx`, or the encoding of a delimited file.
    pub format: String,
    /// Whether the first row names the columns.
    pub has_header: bool,
    /// Whether a phone column was found; if not, the mapping must name one.
    pub has_phone: bool,
    pub columns: Vec<ProposedColumn>,
}

/// What you decided about a file.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({
    "mapping": [{"name": "手机号", "use": "phone"}, {"name": "姓名", "use": "personal"}],
    "tags": ["双十一"], "source": "门店会员登记 2026-10", "basis": "consent"
}))]
pub struct ImportStart {
    /// All columns in the file's order; the proposal when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mapping: Option<Vec<Column>>,
    /// Given to every row.
    pub tags: Vec<String>,
    /// Where the list came from.
    pub source: String,
    /// The legal ground for marketing to these people; without one no consent is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<LegalBasis>,
}

/// One reading of one file. Asked for while it runs, the counts are live.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "imp_0d4x0k1g00000", "file_name": "会员.xlsx", "bytes": 1048576, "bytes_read": 524288, "state": "running",
    "mapping": [{"name": "手机号", "use": "phone"}, {"name": "姓名", "use": "personal"}], "tags": ["双十一"],
    "source": "门店会员登记 2026-10", "basis": "consent",
    "counts": {"read": 5000, "new": 4800, "updated": 100, "duplicate": 40, "invalid": 60},
    "created_at": "2026-11-25T10:00:00.000+08:00"
}))]
pub struct Import {
    pub id: String,
    pub file_name: String,
    pub bytes: u64,
    /// How much of the file has been read.
    pub bytes_read: u64,
    pub mapping: Vec<Column>,
    pub tags: Vec<String>,
    pub source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<LegalBasis>,
    pub state: ImportState,
    pub counts: ImportCounts,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    pub created_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Moment>,
}
