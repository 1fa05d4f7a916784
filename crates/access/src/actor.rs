//! Whoever changes something, as the log tells of them.

use std::net::IpAddr;

use domain::access::{PermissionSet, Principal};
use domain::control::{AccountKind, AuditLine, Tenant};
use domain::ids::AccountId;
use sha2::{Digest as _, Sha256};

use crate::Access;

/// Half of a SHA-256: enough to tell two states of one object apart.
pub type Digest = [u8; 16];

/// Who acts, for whom, from where, within which request.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Who.
    pub principal: Principal,
    /// Their own account.
    pub home: AccountId,
    /// For whom: their own account, or one they act for.
    pub account: Tenant,
    /// What they may do there.
    pub permissions: PermissionSet,
    /// From where.
    pub address: Option<IpAddr>,
    /// The request's id.
    pub request: String,
}

impl Actor {
    pub(crate) fn id(&self) -> AccountId {
        self.account.account.id
    }

    pub(crate) fn is_operators(&self) -> bool {
        self.account.kind == AccountKind::Operator
    }

    /// Whether they see this account: all of them from the operator's, else itself and its sub-accounts.
    #[must_use]
    pub fn sees(&self, tenant: &Tenant) -> bool {
        self.is_operators() || tenant.account.id == self.id() || tenant.parent == Some(self.id())
    }
}

/// The digest of what stands in `parts`, in their order. For what is not personal.
#[must_use]
pub fn digest_of(parts: &[&str]) -> Digest {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    let whole: [u8; 32] = hash.finalize().into();
    let mut half = Digest::default();
    half.copy_from_slice(&whole[..16]);
    half
}

impl Access {
    /// A line of the log of what `actor` does now.
    #[must_use]
    pub fn audit_line(&self, actor: &Actor, action: &str, object: &impl ToString) -> AuditLine {
        let now = self.clock.now();
        AuditLine {
            id: self.ids.fresh(now).into(),
            at: now,
            account: actor.id(),
            principal: actor.principal,
            home: actor.home,
            action: action.to_owned(),
            object: object.to_string(),
            address: actor.address,
            request: actor.request.clone(),
            before: None,
            after: None,
            count: 1,
            detail: Vec::new(),
        }
    }
}
