//! Signing in, and what people do to themselves.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::User;

/// What somebody shows to be let in. It has no `Debug`: all of it is secret.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"login": "zhang@example.com", "password": "correct horse battery", "code": "123456"}))]
pub struct SessionCreate {
    pub login: String,
    pub password: String,
    /// Of the second factor, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Instead of a code; good once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_code: Option<String>,
}

/// Whom of a provider of identities somebody is.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"subject": "248289761001"}))]
pub struct SubjectLink {
    /// The provider, as it writes itself; the one that is set here when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The provider's name for the person (`sub`), which never changes.
    pub subject: String,
}

/// Who the caller is and what they may do.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "principal": "usr_0d4x0k1g00000", "account": "acc_0d4x0k1g00000", "home": "acc_0d4x0k1g00000",
    "operator": false, "permissions": ["campaigns:read"],
    "user": {"id": "usr_0d4x0k1g00000", "login": "zhang@example.com", "name": "张伟", "roles": ["marketer"],
        "second_factor": true, "invited": false, "disabled": false, "created_at": "2026-11-25T10:00:00.000+08:00"}
}))]
pub struct Me {
    /// A key or a user.
    pub principal: String,
    /// For which account this request acts.
    pub account: String,
    /// The principal's own.
    pub home: String,
    /// Whether that account runs the installation.
    pub operator: bool,
    pub permissions: Vec<String>,
    /// Of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
}

/// A password chosen with a one-time link.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"token": "hyl_…", "password": "correct horse battery"}))]
pub struct PasswordCreate {
    pub token: String,
    /// 10 to 128 characters.
    pub password: String,
}

/// A password changed by its owner.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"old": "correct horse battery", "new": "staple of another horse"}))]
pub struct PasswordChange {
    pub old: String,
    /// 10 to 128 characters.
    pub new: String,
}

/// That it was done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"done": true}))]
pub struct Done {
    pub done: bool,
}

/// What an authenticator needs to know. It is shown once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"secret": "GEZDGNBVGY3TQOJQ", "uri": "otpauth://totp/Hongyan:zhang?secret=GEZDGNBVGY3TQOJQ"}))]
pub struct TotpBegun {
    /// In base 32, for typing.
    pub secret: String,
    /// For scanning.
    pub uri: String,
}

/// A code that proves that the authenticator works.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "123456"}))]
pub struct TotpConfirm {
    pub code: String,
}

/// Codes that are good once each, for whoever has lost the authenticator. They are shown once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"recovery_codes": ["0k1g0-d4x0k"]}))]
pub struct TotpConfirmed {
    pub recovery_codes: Vec<String>,
}

/// Takes the second factor away.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"password": "correct horse battery", "code": "123456"}))]
pub struct TotpRemove {
    pub password: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_code: Option<String>,
}
