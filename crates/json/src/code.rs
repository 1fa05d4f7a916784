//! Codes of carriers: what they mean, and those that nobody knows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Moment, Reason};

/// A line of the catalogue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct CodeLine {
    /// `MK:0012`, or `MK:0004-0005` for a stretch, or `NP:*` for all that begin so.
    pub code: String,
    /// Whose codes: empty is all; else a protocol or a gateway. Only of own lines.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    pub reason: Reason,
    /// From the operator's own file, which goes before the built-in tables.
    pub own: bool,
    /// In the language asked for.
    pub meaning: String,
    pub advice: String,
}

/// The catalogue: own lines first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"codes": [{
    "code": "MK:0011-0012", "reason": "unknown_number", "own": false, "meaning": "no such number",
    "advice": "check the number; after several days of this it is left out by itself"}]}))]
pub struct Codes {
    pub codes: Vec<CodeLine>,
}

/// What is to be said of a code.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "code": "MK:0012", "known": true, "own": false, "reason": "unknown_number", "meaning": "no such number",
    "said_by": "the destination's message centre, told by the gateway",
    "advice": "check the number; after several days of this it is left out by itself"}))]
pub struct CodeMeaning {
    /// As it was looked up.
    pub code: String,
    /// Whether it is in a table.
    pub known: bool,
    pub own: bool,
    pub reason: Reason,
    /// Which box on the way said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said_by: Option<String>,
    pub meaning: String,
    pub advice: String,
}

/// A code that was in no table when it came.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct UnknownCode {
    pub gateway: String,
    /// As the carrier wrote it.
    pub code: String,
    pub times: u64,
    pub first_at: Moment,
    pub last_at: Moment,
    /// It has got a line meanwhile, with this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_now: Option<Reason>,
}

/// Codes that were in no table, most frequent first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"codes": [{
    "gateway": "gwy_1", "code": "ZZ:0042", "times": 17, "first_at": "2026-11-25T10:00:00.000+08:00",
    "last_at": "2026-11-26T09:12:00.000+08:00"}]}))]
pub struct UnknownCodes {
    pub codes: Vec<UnknownCode>,
}
