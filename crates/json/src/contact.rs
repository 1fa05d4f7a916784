//! Contacts: people's records.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Moment;

/// A person's record.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "con_0d4x0k1g00000", "phone": "+86138****8000", "personal": {"姓名": "张三"}, "queryable": {"城市": "杭州"},
    "tags": ["双十一"], "created_at": "2026-11-25T10:00:00.000+08:00", "updated_at": "2026-11-25T10:00:00.000+08:00"
}))]
pub struct Contact {
    pub id: String,
    /// Masked unless asked for with `reveal=true`.
    pub phone: String,
    /// Sealed at rest, usable in texts. Masked unless revealed.
    pub personal: BTreeMap<String, String>,
    /// Plain, usable in texts and segments.
    pub queryable: BTreeMap<String, String>,
    pub tags: Vec<String>,
    /// Where the phone's range was sold; left out when it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub province: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// The import that brought it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import: Option<String>,
    pub created_at: Moment,
    pub updated_at: Moment,
}

/// A person to be added, or changed if the phone is known.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "phone": "138 0013 8000", "personal": {"姓名": "张三"}, "queryable": {"城市": "杭州"}, "tags": ["双十一"]
}))]
pub struct ContactUpsert {
    /// As people write it.
    pub phone: String,
    /// Replace attributes of the same name and leave others.
    #[serde(default)]
    pub personal: BTreeMap<String, String>,
    #[serde(default)]
    pub queryable: BTreeMap<String, String>,
    /// Added to the tags that the contact has.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// Changes of a person's record; what is left out stays.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"personal": {"姓名": "张三", "备注": null}, "tags": ["双十一"]}))]
pub struct ContactEdit {
    /// By name; `null` takes the attribute away.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub personal: BTreeMap<String, Option<String>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub queryable: BTreeMap<String, Option<String>>,
    /// All tags that the contact is to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
}

/// Up to 1,000 people.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"contacts": [{"phone": "138 0013 8000", "personal": {"姓名": "张三"}, "tags": ["双十一"]}]}))]
pub struct ContactsUpsert {
    pub contacts: Vec<ContactUpsert>,
}

/// A person who was not taken.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct ContactRejection {
    /// JSON pointer to the item.
    pub pointer: String,
    /// A stable word: `phone_too_short`, `duplicate`, …
    pub reason: String,
    /// For a person, in the language asked for.
    pub detail: String,
}

/// What became of the people.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"new": 1, "updated": 0, "rejected": []}))]
pub struct ContactsUpserted {
    pub new: u64,
    pub updated: u64,
    pub rejected: Vec<ContactRejection>,
}

/// A tag.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Tag {
    pub name: String,
    /// How many contacts have it.
    pub contacts: u64,
}

/// All tags of the account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"tags": [{"name": "双十一", "contacts": 9870}], "contacts": 10000}))]
pub struct Tags {
    pub tags: Vec<Tag>,
    /// Contacts in all, tagged or not.
    pub contacts: u64,
}
