//! Message texts with variables.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Category, Encoding, Moment, Money};

/// What the template rules of carriers would say; a warning.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct TemplateAdvice {
    /// A stable word: `brackets_in_body`, …
    pub kind: String,
    /// Line of the source, from 1.
    pub line: usize,
    /// For a person, in the language asked for.
    pub detail: String,
}

/// A stored text with variables.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "tpl_0d4x0k1g00000", "name": "双十一", "category": "marketing",
    "text": "{{ 姓名 }}您好，您的专属券已到账。", "variables": ["姓名"], "advice": [],
    "created_at": "2026-11-25T10:00:00.000+08:00"
}))]
pub struct Template {
    pub id: String,
    /// Unique within the account.
    pub name: String,
    pub category: Category,
    /// The source: `{{ name }}`, `{% if … %}`.
    pub text: String,
    /// What a recipient may have to supply.
    pub variables: Vec<String>,
    pub advice: Vec<TemplateAdvice>,
    pub created_at: Moment,
}

/// A text to be stored.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "双十一", "category": "marketing", "text": "{{ 姓名 }}您好，您的专属券已到账。"
}))]
pub struct TemplateCreate {
    pub name: String,
    pub category: Category,
    pub text: String,
}

/// A text to be looked at: as it would be sent to somebody with these values.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "text": "{{ 姓名 }}您好，您的专属券已到账。", "values": {"姓名": "张三"}, "signature": "鸿雁", "category": "marketing"
}))]
pub struct PreviewRequest {
    pub text: String,
    /// Values of the variables.
    #[serde(default)]
    pub values: BTreeMap<String, String>,
    /// With or without 【】.
    pub signature: String,
    pub category: Category,
}

/// A text as it would be sent, with its count and price.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "text": "【鸿雁】张三您好，您的专属券已到账。拒收请回复R", "encoding": "ucs2", "length": 26, "parts": 1,
    "billed_parts": 1, "variables": ["姓名"], "advice": [], "cost": {"micros": 45000, "currency": "CNY"}
}))]
pub struct Preview {
    /// Signature and opt-out words included.
    pub text: String,
    pub encoding: Encoding,
    /// As carriers count: an emoji is two characters.
    pub length: u16,
    /// Messages on the wire.
    pub parts: u8,
    /// Messages on the invoice.
    pub billed_parts: u8,
    pub variables: Vec<String>,
    pub advice: Vec<TemplateAdvice>,
    /// Of the dearest carrier at home.
    pub cost: Money,
}
