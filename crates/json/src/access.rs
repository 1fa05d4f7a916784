//! Accounts, keys, users, roles, and the audit log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Moment;

/// An account.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(title = "Account", example = json!({
    "id": "acc_0d4x0k1g00000", "name": "杭州分公司", "kind": "tenant", "entity": "ent_0d4x0k1g00000",
    "parent": "acc_0d4x0k1g00001", "disabled": false, "created_at": "2026-11-25T10:00:00.000+08:00"
}))]
pub struct Account {
    pub id: String,
    pub name: String,
    /// `operator` runs the installation, everybody else is a `tenant`.
    pub kind: String,
    /// The legal entity whose consents and suppressions count.
    pub entity: String,
    /// Of a sub-account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Whether neither keys nor people of it, nor of its sub-accounts, are let in.
    pub disabled: bool,
    pub created_at: Moment,
}

/// An account to be opened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "杭州分公司", "parent": "acc_0d4x0k1g00001", "entity": "杭州某某有限公司"}))]
pub struct AccountCreate {
    pub name: String,
    /// Only the operator names it; a tenant's new account is always its own sub-account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The name of a legal entity of its own. Absent: a sub-account shares its parent's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
}

/// What to change of an account; what is absent stays.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"disabled": true}))]
pub struct AccountChange {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// A key. Its secret is shown once, when it is made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(title = "Key", example = json!({
    "id": "key_0d4x0k1g00000", "name": "shop", "scopes": ["messages:send"], "networks": ["10.0.0.0/8"],
    "signs": false, "created_at": "2026-11-25T10:00:00.000+08:00", "expires_at": "2027-11-25T10:00:00.000+08:00"
}))]
pub struct Key {
    pub id: String,
    pub name: String,
    /// The permissions that it holds.
    pub scopes: Vec<String>,
    /// Where it may be used from; empty: anywhere.
    pub networks: Vec<String>,
    /// Whether it signs its requests instead of being shown.
    pub signs: bool,
    /// Requests per minute on each node; absent: the installation's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u32>,
    pub created_at: Moment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Moment>,
    /// Within a minute or two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Moment>,
}

/// A key to be made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "shop", "scopes": ["messages:send", "messages:read"], "networks": ["10.0.0.0/8"],
    "expires_at": "2027-11-25T10:00:00+08:00"
}))]
pub struct KeyCreate {
    pub name: String,
    /// Permissions, none that the caller does not hold.
    pub scopes: Vec<String>,
    /// As `10.0.0.0/8` or `2001:db8::/32`; empty: anywhere.
    #[serde(default)]
    pub networks: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Moment>,
    /// Whether it signs its requests (docs/access.md) instead of being shown.
    #[serde(default)]
    pub signs: bool,
    /// Requests per minute on each node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u32>,
}

/// A new key with its secret, which is shown here and never again.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "key": {"id": "key_0d4x0k1g00000", "name": "shop", "scopes": ["messages:send"], "networks": [], "signs": false,
        "created_at": "2026-11-25T10:00:00.000+08:00"},
    "secret": "hy_…"
}))]
pub struct KeyCreated {
    pub key: Key,
    pub secret: String,
}

/// A person who signs in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(title = "User", example = json!({
    "id": "usr_0d4x0k1g00000", "login": "zhang@example.com", "name": "张伟", "roles": ["marketer"],
    "second_factor": true, "invited": false, "disabled": false, "created_at": "2026-11-25T10:00:00.000+08:00"
}))]
pub struct User {
    pub id: String,
    pub login: String,
    pub name: String,
    /// Built-in roles by their word, the account's own by their id.
    pub roles: Vec<String>,
    /// Whether a code is asked for when they sign in.
    pub second_factor: bool,
    /// Whether they have not chosen a password yet.
    pub invited: bool,
    pub disabled: bool,
    pub created_at: Moment,
}

/// Somebody to be invited.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"login": "zhang@example.com", "name": "张伟", "roles": ["marketer"]}))]
pub struct UserInvite {
    /// Unique in the installation, such as an e-mail address.
    pub login: String,
    pub name: String,
    /// None that holds what the caller does not.
    pub roles: Vec<String>,
}

/// A person with the one-time link by which they choose a password. It is shown here and never again.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "user": {"id": "usr_0d4x0k1g00000", "login": "zhang@example.com", "name": "张伟", "roles": ["marketer"],
        "second_factor": false, "invited": true, "disabled": false, "created_at": "2026-11-25T10:00:00.000+08:00"},
    "token": "hyl_…", "path": "/welcome#hyl_…"
}))]
pub struct UserInvited {
    pub user: User,
    /// For `POST /v1/password`; good once, for 72 hours.
    pub token: String,
    /// The page of this server that takes it.
    pub path: String,
}

/// What to change of a person; what is absent stays.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"roles": ["approver"]}))]
pub struct UserEdit {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// Whoever is disabled is signed out everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// A new link for somebody.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"remove_second_factor": false}))]
pub struct UserReset {
    /// For somebody who lost it.
    #[serde(default)]
    pub remove_second_factor: bool,
}

/// A role.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(title = "Role", example = json!({
    "id": "rol_0d4x0k1g00000", "name": "值班", "permissions": ["messages:read", "channels:read"], "built_in": false
}))]
pub struct Role {
    /// Of a built-in role its word.
    pub id: String,
    pub name: String,
    pub permissions: Vec<String>,
    pub built_in: bool,
}

/// All roles of the account, the built-in ones first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"roles": [
    {"id": "approver", "name": "审批", "permissions": ["campaigns:approve"], "built_in": true}
]}))]
pub struct Roles {
    pub roles: Vec<Role>,
}

/// A role to be made.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "值班", "permissions": ["messages:read"]}))]
pub struct RoleCreate {
    pub name: String,
    /// None that the caller does not hold.
    pub permissions: Vec<String>,
}

/// What to change of a role; what is absent stays.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"permissions": ["messages:read", "campaigns:read"]}))]
pub struct RoleEdit {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<String>>,
}

/// One line of the audit log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(title = "AuditLine", example = json!({
    "id": "adt_0d4x0k1g00000", "at": "2026-11-25T10:00:00.000+08:00", "principal": "usr_0d4x0k1g00000",
    "home": "acc_0d4x0k1g00000", "action": "campaigns.start", "object": "cmp_0d4x0k1g00000", "address": "10.0.0.7",
    "request": "req_1a2b", "after": "6fb1…", "count": 1
}))]
pub struct AuditLine {
    pub id: String,
    pub at: Moment,
    /// Who: a key, a user, or `system`.
    pub principal: String,
    /// The principal's own account: another one when somebody acted for this one.
    pub home: String,
    pub action: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub object: String,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The request's id.
    pub request: String,
    /// Digest of the object before: what changed twice to the same is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Digest of it after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// How many such requests the line stands for.
    pub count: u32,
    /// What more is to be known: of `campaigns.resend` the new campaign, the reasons asked for, how many messages, how many
    /// of them are possible duplicates, and how many ended how (`failed.carrier_system`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub detail: BTreeMap<String, String>,
}
