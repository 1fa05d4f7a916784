//! Suppressions: phones that must not be sent to.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Category, Moment, Scope, SuppressionSource};

/// A phone that must not be sent to, with its proof.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "phone": "+86138****8000", "scope": "entity", "source": "opt_out", "inbound": "inb_0d4x0k1g00000",
    "at": "2026-11-25T10:00:00.000+08:00"
}))]
pub struct Suppression {
    /// Masked unless asked for with `reveal=true`.
    pub phone: String,
    pub scope: Scope,
    /// Absent: every category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    pub source: SuppressionSource,
    /// The message by which the person refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inbound: Option<String>,
    pub at: Moment,
    /// When it was lifted, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifted_at: Option<Moment>,
}

/// A phone that is not to be sent to any more.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"phone": "138 0013 8000", "category": "marketing", "source": "complaint"}))]
pub struct SuppressionCreate {
    pub phone: String,
    /// `entity` unless the operator says otherwise.
    #[serde(default = "entity")]
    pub scope: Scope,
    /// Left out: every category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    #[serde(default = "manual")]
    pub source: SuppressionSource,
}

fn entity() -> Scope {
    Scope::Entity
}

fn manual() -> SuppressionSource {
    SuppressionSource::Manual
}

/// What a lifting did.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"lifted": 1}))]
pub struct SuppressionLifted {
    pub lifted: u32,
}
