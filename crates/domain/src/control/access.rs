//! Tenants, keys, people and their sessions, roles, one-time links, and the log of who did what.
//!
//! Every change of access is one transaction with its line of the log: what is not logged has not happened. Secrets are
//! kept as digests where they only have to be recognised, sealed where they have to be known.

use core::net::IpAddr;

use async_trait::async_trait;

use super::{Account, ApiKey, ControlError, Entity, Secret};
use crate::access::{Failures, KeyRules, Locked, PermissionSet, Principal, RoleRef};
use crate::ids::{AccountId, AuditId, KeyId, LinkId, RoleId, SessionId, UserId};
use crate::time::Timestamp;

/// What kind of account it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccountKind {
    /// Runs the installation: the account that it began with.
    Operator,
    /// Everybody else.
    Tenant,
}

/// An account with what access to it depends on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tenant {
    pub account: Account,
    pub kind: AccountKind,
    /// Of a sub-account; a parent has none itself.
    pub parent: Option<AccountId>,
    /// Since then neither key nor person of it is let in.
    pub disabled_at: Option<Timestamp>,
    /// Counts its changes from 0.
    pub revision: u32,
}

/// A key with all that it may do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyGrant {
    pub key: ApiKey,
    pub scopes: PermissionSet,
    pub rules: KeyRules,
    /// Of a key that signs its requests; nothing else opens then.
    pub signing: Option<Secret>,
    /// Requests per minute on each node; absent: the installation's.
    pub per_minute: Option<u32>,
    /// When it was used last, within a minute or two.
    pub used_at: Option<Timestamp>,
}

/// A second factor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecondFactor {
    /// What the codes are made of (RFC 6238, SHA-1, six digits, 30 s).
    pub secret: Secret,
    /// Whether its owner has shown a code: before, it is not asked for.
    pub confirmed: bool,
    /// The step of the last code that was taken: none is taken twice.
    pub last_step: u64,
    /// SHA-256 of the recovery codes that are left.
    pub recovery: Vec<[u8; 32]>,
}

/// A person who signs in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    pub id: UserId,
    pub account: AccountId,
    /// Unique in the installation, in small letters.
    pub login: String,
    pub name: String,
    /// A PHC string; absent until the invitation is taken.
    pub password: Option<Secret>,
    pub second_factor: Option<SecondFactor>,
    pub roles: Vec<RoleRef>,
    pub disabled_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// Counts its changes from 0.
    pub revision: u32,
}

/// One time that somebody signed in. Only the digest of its cookie is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    pub id: SessionId,
    pub account: AccountId,
    pub user: UserId,
    pub secret_sha256: [u8; 32],
    pub created_at: Timestamp,
    /// When it was used last, within a minute or two.
    pub seen_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A role that an account made for itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CustomRole {
    pub id: RoleId,
    pub account: AccountId,
    /// Unique in the account.
    pub name: String,
    pub permissions: PermissionSet,
    /// Counts its changes from 0.
    pub revision: u32,
}

/// An invitation or a reset: whoever holds it sets the password, once. Only its digest is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OneTimeLink {
    pub id: LinkId,
    pub account: AccountId,
    pub user: UserId,
    pub secret_sha256: [u8; 32],
    pub expires_at: Timestamp,
}

/// One line of the log: who did what, when, from where, to which object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditLine {
    pub id: AuditId,
    pub at: Timestamp,
    /// Whose object it is.
    pub account: AccountId,
    pub principal: Principal,
    /// The principal's own account: another one when somebody acts for this one.
    pub home: AccountId,
    /// A word such as `keys.create`.
    pub action: String,
    /// The object's id, or what names it; never a phone, a name or a text.
    pub object: String,
    pub address: Option<IpAddr>,
    /// The request's id.
    pub request: String,
    /// Digest of the object before, without what is personal in it.
    pub before: Option<[u8; 16]>,
    /// Digest of it after.
    pub after: Option<[u8; 16]>,
    /// How many such requests the line stands for.
    pub count: u32,
    /// What more is to be known of it, as name and value: counts, and words of closed lists.
    pub detail: Vec<(String, String)>,
}

/// Which lines; all conditions hold at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditFilter {
    pub account: AccountId,
    pub principal: Option<Principal>,
    pub action: Option<String>,
    pub object: Option<String>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Before then.
    pub until: Option<Timestamp>,
    /// Older than this line: where the next page begins.
    pub before: Option<AuditId>,
}

impl AuditFilter {
    /// Every line of an account.
    #[must_use]
    pub const fn of(account: AccountId) -> Self {
        Self { account, principal: None, action: None, object: None, since: None, until: None, before: None }
    }
}

/// One change of access. What has a revision is changed only if it still is as it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AccessChange {
    /// [`ControlError::Exists`] is not possible: names of accounts may repeat.
    AddTenant {
        tenant: Tenant,
        entity: Entity,
    },
    /// Name, `disabled_at`; the revision is the one that was read.
    ChangeTenant(Tenant),
    AddKey(KeyGrant),
    /// [`ControlError::Changed`] when the account has no such key that is not revoked.
    RevokeKey {
        account: AccountId,
        id: KeyId,
        at: Timestamp,
    },
    /// [`ControlError::Exists`]: the login is taken.
    AddUser(User),
    ChangeUser(User),
    /// [`ControlError::Exists`]: the account has a role of this name.
    AddRole(CustomRole),
    ChangeRole(CustomRole),
    RemoveRole(CustomRole),
    AddLink(OneTimeLink),
    /// [`ControlError::Changed`] when it was used meanwhile.
    UseLink {
        id: LinkId,
        at: Timestamp,
    },
    /// All links of a user that were not used.
    EndLinks {
        user: UserId,
        at: Timestamp,
    },
    AddSession(Session),
    EndSession {
        id: SessionId,
        at: Timestamp,
    },
    /// All sessions of a user but one.
    EndSessions {
        user: UserId,
        but: Option<SessionId>,
        at: Timestamp,
    },
    /// Attempts under this login are forgiven.
    Forgive {
        login: String,
    },
}

/// When keys and sessions were used: gathered and written now and then.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Uses {
    pub keys: Vec<(KeyId, Timestamp)>,
    pub sessions: Vec<(SessionId, Timestamp)>,
}

/// Who may do what, and who did.
#[async_trait]
pub trait Access: Send + Sync {
    /// All accounts, oldest first (few).
    async fn tenants(&self) -> Result<Vec<Tenant>, ControlError>;
    async fn tenant(&self, id: AccountId) -> Result<Option<Tenant>, ControlError>;
    /// The key with this digest, also when it is revoked or has expired. It is no key that signs.
    async fn bearer_key(&self, secret_sha256: &[u8; 32]) -> Result<Option<KeyGrant>, ControlError>;
    /// A key of any account, for its signature to be looked at.
    async fn signing_key(&self, id: KeyId) -> Result<Option<KeyGrant>, ControlError>;
    /// An account's keys, newest first: those older than `before`, at most `limit`. Without signing secrets.
    async fn keys(
        &self,
        account: AccountId,
        before: Option<KeyId>,
        limit: u32,
    ) -> Result<Vec<KeyGrant>, ControlError>;
    /// An account's users, newest first: those older than `before`, at most `limit`.
    async fn users(
        &self,
        account: AccountId,
        before: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<User>, ControlError>;
    async fn user(&self, account: AccountId, id: UserId) -> Result<Option<User>, ControlError>;
    /// Whoever signs in under this login, of any account.
    async fn user_by_login(&self, login: &str) -> Result<Option<User>, ControlError>;
    /// The session with this digest, unless it was ended.
    async fn session(&self, secret_sha256: &[u8; 32]) -> Result<Option<Session>, ControlError>;
    /// An account's own roles, by name (few).
    async fn roles(&self, account: AccountId) -> Result<Vec<CustomRole>, ControlError>;
    /// The link with this digest, unless it was used.
    async fn link(&self, secret_sha256: &[u8; 32]) -> Result<Option<OneTimeLink>, ControlError>;
    /// Makes all changes or none, with their line of the log, durable on return.
    async fn change_access(&self, changes: &[AccessChange], line: &AuditLine) -> Result<(), ControlError>;
    /// Adds lines to the log for what was done elsewhere.
    async fn log(&self, lines: &[AuditLine]) -> Result<(), ControlError>;
    /// The log, newest first.
    async fn audit_log(&self, filter: &AuditFilter, limit: u32) -> Result<Vec<AuditLine>, ControlError>;
    /// Counts an attempt to sign in under `login`, durable on return; refused while it is locked.
    async fn attempt(&self, login: &str, now: Timestamp) -> Result<Result<Failures, Locked>, ControlError>;
    /// Notes when keys and sessions were used.
    async fn note_uses(&self, uses: &Uses) -> Result<(), ControlError>;
    /// Removes sessions and links that ended before `now`, and attempts that are forgotten. Returns how many.
    async fn expire_access(&self, now: Timestamp) -> Result<u64, ControlError>;
    /// Bytes that nobody can guess, for a new secret.
    fn random(&self, bytes: &mut [u8]) -> Result<(), ControlError>;
}
