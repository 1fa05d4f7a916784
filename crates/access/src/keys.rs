//! Keys for programs.

use domain::access::{KeyRules, MAX_NETWORKS, PermissionSet, SecretKind};
use domain::control::{AccessChange, ApiKey, ControlError, KeyGrant, Secret};
use domain::ids::KeyId;

use crate::Access;
use crate::identity::held_in;
use crate::{AccessTrouble, Actor, checked_name, digest_of, secret_digest};

/// A key to be made.
#[derive(Clone, Debug, Default)]
pub struct NewKey {
    /// For people.
    pub name: String,
    /// What it may do; never more than whoever makes it.
    pub scopes: PermissionSet,
    /// From where, and until when.
    pub rules: KeyRules,
    /// Whether it signs its requests instead of being shown.
    pub signs: bool,
    /// Requests per minute.
    pub per_minute: Option<u32>,
}

impl Access {
    /// Makes a key. Its secret is returned here and never again.
    ///
    /// # Errors
    /// [`AccessTrouble::Field`] for what cannot be, such as scopes that are not the actor's to give.
    pub async fn create_key(&self, actor: &Actor, new: NewKey) -> Result<(KeyGrant, Secret), AccessTrouble> {
        let now = self.clock.now();
        let NewKey { name, scopes, rules, signs, per_minute } = new;
        let name = checked_name(&name, "/name")?;
        if scopes.is_empty() {
            return Err(AccessTrouble::field("/scopes", "至少需要一个权限", "At least one"));
        }
        let may_give = held_in(&actor.account, actor.permissions);
        may_give.may_grant(scopes).map_err(|missing| AccessTrouble::not_yours_to_give("/scopes", missing))?;
        if rules.networks.len() > MAX_NETWORKS {
            let (zh, en) =
                (format!("最多 {MAX_NETWORKS} 个网段"), format!("At most {MAX_NETWORKS} networks"));
            return Err(AccessTrouble::field("/networks", zh, en));
        }
        if rules.expires_at.is_some_and(|end| end <= now) {
            return Err(AccessTrouble::field("/expires_at", "该时间已过", "That time has passed"));
        }
        if per_minute == Some(0) {
            return Err(AccessTrouble::field("/per_minute", "至少为 1", "At least 1"));
        }
        let secret = self.fresh_secret(if signs { SecretKind::Signing } else { SecretKind::Bearer })?;
        // A key that signs is opened by no digest: this one belongs to a secret that nobody was given.
        let opens = if signs { self.fresh_secret(SecretKind::Bearer)? } else { secret.clone() };
        let key = ApiKey {
            id: self.ids.fresh(now).into(),
            account: actor.id(),
            name,
            secret_sha256: secret_digest(&opens.0),
            created_at: now,
            revoked_at: None,
        };
        let signing = signs.then(|| secret.clone());
        let grant = KeyGrant { key, scopes, rules, signing, per_minute, used_at: None };
        let mut line = self.audit_line(actor, "keys.create", &grant.key.id);
        line.after = Some(digest_of(&[&grant.scopes.words(), &format!("{:?}", grant.rules)]));
        self.control.change_access(&[AccessChange::AddKey(grant.clone())], &line).await?;
        Ok((grant, secret))
    }

    /// Takes a key back. It opens nothing from now on; on other nodes within two seconds.
    ///
    /// # Errors
    /// [`AccessTrouble::NoSuch`] when the account has no such key that is not revoked.
    pub async fn revoke_key(&self, actor: &Actor, id: KeyId) -> Result<(), AccessTrouble> {
        let change = AccessChange::RevokeKey { account: actor.id(), id, at: self.clock.now() };
        let line = self.audit_line(actor, "keys.revoke", &id);
        match self.control.change_access(&[change], &line).await {
            Err(ControlError::Changed(_)) => {
                Err(AccessTrouble::no_such("有效密钥", "key that is not revoked"))
            }
            other => Ok(other?),
        }
    }
}
