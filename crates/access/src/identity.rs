//! From a key, a cookie or a signature to who that is.

use std::net::IpAddr;
use std::sync::PoisonError;

use domain::access::signed_text;
use domain::access::{
    KeyRules, PermissionSet, Principal, RoleRef, SignatureError, SignatureHeader, SignedParts,
};
use domain::control::{AccountKind, KeyGrant, Tenant, User};
use domain::ids::{AccountId, SessionId};
use domain::time::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::Access;
use crate::{AccessTrouble, secret_digest};

/// Somebody who is known.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Who.
    pub principal: Principal,
    /// Their account.
    pub home: Tenant,
    /// What they may do there.
    pub permissions: PermissionSet,
    /// Of a person.
    pub session: Option<SessionId>,
    /// Of a key: where and until when it is good. Looked at with every request.
    pub rules: KeyRules,
    /// Of a key: requests per minute; absent: the installation's.
    pub per_minute: Option<u32>,
}

/// A signed request with all that the signature covers.
#[derive(Clone, Copy)]
pub struct SignedRequest<'a> {
    /// What the header says.
    pub header: &'a SignatureHeader,
    /// What it is about.
    pub parts: SignedParts<'a>,
}

impl Access {
    /// Whoever shows this bearer key.
    ///
    /// # Errors
    /// [`AccessTrouble`]: the key is not known, the account is disabled, or the database does not answer. Its rules are
    /// the caller's to look at.
    pub async fn identity_of_key(&self, secret_sha256: &[u8; 32]) -> Result<Identity, AccessTrouble> {
        let grant = self.control.bearer_key(secret_sha256).await?.ok_or(AccessTrouble::Unknown)?;
        self.identity_of_grant(grant).await
    }

    /// Whoever signed this request. The signature is good once.
    ///
    /// # Errors
    /// As [`Access::identity_of_key`], and [`AccessTrouble::Signature`].
    pub async fn identity_of_signature(&self, signed: SignedRequest<'_>) -> Result<Identity, AccessTrouble> {
        let now = self.clock.now().millis().div_euclid(1_000);
        signed.header.check_clock(now)?;
        let grant = self.control.signing_key(signed.header.key).await?.ok_or(AccessTrouble::Unknown)?;
        let secret = grant.signing.as_ref().ok_or(AccessTrouble::Unknown)?;
        let text = signed_text(signed.header.at, &signed.header.nonce, &signed.parts);
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret.0.as_bytes()).map_err(|_| AccessTrouble::Unknown)?;
        mac.update(text.as_bytes());
        // Compared in constant time.
        mac.verify_slice(&signed.header.mac).map_err(|_| SignatureError::Mismatch)?;
        self.take_signature(signed.header, now)?;
        self.identity_of_grant(grant).await
    }

    /// Whoever has this session's cookie.
    ///
    /// # Errors
    /// As [`Access::identity_of_key`]; a session that ended is not known.
    pub async fn identity_of_session(&self, secret: &str) -> Result<Identity, AccessTrouble> {
        let session = self.control.session(&secret_digest(secret)).await?.ok_or(AccessTrouble::Unknown)?;
        if crate::session::is_over(&session, self.clock.now()) {
            return Err(AccessTrouble::Unknown);
        }
        let user = self.control.user(session.account, session.user).await?.ok_or(AccessTrouble::Unknown)?;
        if user.disabled_at.is_some() {
            return Err(AccessTrouble::Unknown);
        }
        let home = self.enabled_tenant(session.account).await?;
        Ok(Identity {
            principal: Principal::User(user.id),
            permissions: held_in(&home, self.permissions_of(&user).await?),
            home,
            session: Some(session.id),
            rules: KeyRules { expires_at: Some(session.expires_at), ..KeyRules::default() },
            per_minute: None,
        })
    }

    /// Once.
    fn take_signature(&self, header: &SignatureHeader, now: i64) -> Result<(), SignatureError> {
        let mut replays = self.replays.lock().unwrap_or_else(PoisonError::into_inner);
        replays.admit(header.key, &header.nonce, header.at, now)
    }

    pub(crate) async fn identity_of_grant(&self, grant: KeyGrant) -> Result<Identity, AccessTrouble> {
        let home = self.enabled_tenant(grant.key.account).await?;
        Ok(Identity {
            principal: Principal::Key(grant.key.id),
            permissions: held_in(&home, grant.scopes),
            home,
            session: None,
            rules: grant.rules,
            per_minute: grant.per_minute,
        })
    }

    /// An account that is not disabled, nor its parent.
    pub(crate) async fn enabled_tenant(&self, id: AccountId) -> Result<Tenant, AccessTrouble> {
        let tenant = self.control.tenant(id).await?.ok_or(AccessTrouble::Unknown)?;
        let parent = match tenant.parent {
            Some(parent) => self.control.tenant(parent).await?,
            None => None,
        };
        let disabled =
            tenant.disabled_at.is_some() || parent.is_some_and(|parent| parent.disabled_at.is_some());
        if disabled { Err(AccessTrouble::AccountDisabled) } else { Ok(tenant) }
    }

    /// The account that somebody names in order to act for it.
    ///
    /// # Errors
    /// [`AccessTrouble::NoSuch`] for one they do not see, which is told as if there were none.
    pub async fn tenant_to_act_for(
        &self,
        identity: &Identity,
        id: AccountId,
    ) -> Result<Tenant, AccessTrouble> {
        let no_such = || AccessTrouble::no_such("账户", "account");
        let tenant = self.control.tenant(id).await?.ok_or_else(no_such)?;
        let home = &identity.home;
        let sees = home.kind == AccountKind::Operator || tenant.parent == Some(home.account.id);
        if sees || id == home.account.id { Ok(tenant) } else { Err(no_such()) }
    }

    /// What a person may do by their roles. A role that was removed holds nothing.
    pub(crate) async fn permissions_of(&self, user: &User) -> Result<PermissionSet, AccessTrouble> {
        self.permissions_of_roles(user.account, &user.roles).await
    }

    pub(crate) async fn permissions_of_roles(
        &self,
        account: AccountId,
        roles: &[RoleRef],
    ) -> Result<PermissionSet, AccessTrouble> {
        let has_own = roles.iter().any(|role| matches!(role, RoleRef::Custom(_)));
        let own = if has_own { self.control.roles(account).await? } else { Vec::new() };
        let held = roles.iter().map(|role| match role {
            RoleRef::Builtin(role) => role.permissions(),
            RoleRef::Custom(id) => {
                own.iter().find(|role| role.id == *id).map_or(PermissionSet::EMPTY, |role| role.permissions)
            }
        });
        Ok(held.fold(PermissionSet::EMPTY, PermissionSet::with))
    }
}

impl Identity {
    /// Whether a request from `from` at `now` is let in.
    ///
    /// # Errors
    /// [`AccessTrouble::Key`]; of a session that ended, [`AccessTrouble::Unknown`].
    pub fn admit(&self, from: Option<IpAddr>, now: Timestamp) -> Result<(), AccessTrouble> {
        match (self.rules.admit(from, now), self.session) {
            (Ok(()), _) => Ok(()),
            (Err(_), Some(_)) => Err(AccessTrouble::Unknown),
            (Err(refusal), None) => Err(refusal.into()),
        }
    }
}

/// What is held in an account: a tenant's people never hold what is the operator's.
pub(crate) fn held_in(tenant: &Tenant, permissions: PermissionSet) -> PermissionSet {
    match tenant.kind {
        AccountKind::Operator => permissions,
        AccountKind::Tenant => permissions.of_tenant(),
    }
}
