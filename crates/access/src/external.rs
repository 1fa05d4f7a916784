//! People for whom a provider of identities vouches.
//!
//! Owns who that is here. Whoever a person with `users:write` linked is found by the provider's word for them, for ever; without such a
//! link, by their e-mail address, if the provider has seen that it is theirs and it is their login here. Nobody comes into being, unless
//! the operator said so. Invariant: one subject is one person here, and whoever is linked is found by nothing else.

use domain::access::{RoleRef, SecretKind, read_login};
use domain::control::{AccessChange, AccountKind, AuditLine, ControlError, Session, User};
use domain::ids::{AccountId, UserId};
use sha2::{Digest as _, Sha256};

use crate::session::{SESSION_KEPT, SignIn, SignedIn};
use crate::users::digest;
use crate::{Access, AccessTrouble, Actor, digest_of, secret_digest};

/// Longest subject, says the standard.
const SUBJECT_BYTES: usize = 255;

/// Whom a provider vouches for.
#[derive(Clone)]
pub struct Vouched {
    /// Who says so.
    pub issuer: String,
    /// Who it is there, for ever.
    pub subject: String,
    /// Their address, if the provider has seen that it is theirs.
    pub verified_email: Option<String>,
    /// What they are called.
    pub name: Option<String>,
}

/// What the operator allows a provider's word to do.
#[derive(Clone, Debug, Default)]
pub struct Admission {
    /// Whether a verified e-mail address finds whoever has it as their login.
    pub by_email: bool,
    /// With which role of the operator's account somebody comes into being who is nobody here; none: nobody does.
    pub create_as: Option<RoleRef>,
}

/// Where it is kept who a subject is: by a digest, for it may be an address.
fn of_subject(issuer: &str, subject: &str) -> String {
    let mut hash = Sha256::new();
    hash.update((issuer.len() as u64).to_be_bytes());
    hash.update(issuer.as_bytes());
    hash.update(subject.as_bytes());
    let half: [u8; 32] = hash.finalize().into();
    let text: String = half.iter().map(|octet| format!("{octet:02x}")).collect();
    format!("oidc.subject.{text}")
}

/// Where it is kept by which subject a person is found.
fn of_user(user: UserId) -> String {
    format!("oidc.user.{user}")
}

impl Access {
    /// Lets in whom a provider vouches for. The second factor is the provider's affair.
    ///
    /// # Errors
    /// [`AccessTrouble::NotInvited`]: nobody here, or disabled.
    pub async fn sign_in_vouched(
        &self,
        vouched: &Vouched,
        admission: &Admission,
        asked: &SignIn,
    ) -> Result<SignedIn, AccessTrouble> {
        let user = match self.user_vouched_for(vouched, admission).await? {
            Some(user) => user,
            None => self.create_vouched(vouched, admission, asked).await?,
        };
        if user.disabled_at.is_some() {
            let line = self.line_of_user(&user, asked, "session.refused");
            self.control.log(&[line]).await?;
            return Err(AccessTrouble::NotInvited);
        }
        self.enabled_tenant(user.account).await?;
        let now = self.clock.now();
        let secret = self.fresh_secret(SecretKind::Session)?;
        let session = Session {
            id: self.ids.fresh(now).into(),
            account: user.account,
            user: user.id,
            secret_sha256: secret_digest(&secret.0),
            created_at: now,
            seen_at: now,
            expires_at: now.plus(SESSION_KEPT),
        };
        let line = self.line_of_user(&user, asked, "session.create");
        self.control.change_access(&[AccessChange::AddSession(session.clone())], &line).await?;
        Ok(SignedIn { user, session, secret })
    }

    async fn user_vouched_for(
        &self,
        vouched: &Vouched,
        admission: &Admission,
    ) -> Result<Option<User>, AccessTrouble> {
        let linked = self.control.setting(&of_subject(&vouched.issuer, &vouched.subject)).await?;
        if let Some((account, user)) = linked.as_deref().and_then(read_linked) {
            return Ok(self.control.user(account, user).await?);
        }
        let Some(email) = vouched.verified_email.as_deref().filter(|_| admission.by_email) else {
            return Ok(None);
        };
        let Ok(login) = read_login(email) else { return Ok(None) };
        let Some(user) = self.control.user_by_login(&login).await? else { return Ok(None) };
        // Addresses pass from one person to another; who is linked is who was meant.
        let other = self.control.setting(&of_user(user.id)).await?.is_some_and(|subject| !subject.is_empty());
        if other { Err(AccessTrouble::NotInvited) } else { Ok(Some(user)) }
    }

    async fn create_vouched(
        &self,
        vouched: &Vouched,
        admission: &Admission,
        asked: &SignIn,
    ) -> Result<User, AccessTrouble> {
        let role = admission.create_as.ok_or(AccessTrouble::NotInvited)?;
        let login = vouched.verified_email.as_deref().and_then(|email| read_login(email).ok());
        let login = login.ok_or(AccessTrouble::NotInvited)?;
        let tenants = self.control.tenants().await?;
        let operator = tenants.iter().find(|tenant| tenant.kind == AccountKind::Operator);
        let operator = operator.ok_or(AccessTrouble::NotInvited)?;
        let name = vouched.name.as_deref().and_then(|name| crate::checked_name(name, "/name").ok());
        let user = User {
            id: self.ids.fresh(self.clock.now()).into(),
            account: operator.account.id,
            name: name.unwrap_or_else(|| login.clone()),
            login,
            password: None,
            second_factor: None,
            roles: vec![role],
            disabled_at: None,
            created_at: self.clock.now(),
            revision: 0,
        };
        let line =
            AuditLine { after: Some(digest(&user)), ..self.line_of_user(&user, asked, "users.create") };
        let linked = format!("{} {}", user.account, user.id);
        match self.control.change_access(&[AccessChange::AddUser(user.clone())], &line).await {
            // Somebody has this login who may not be found by it.
            Err(ControlError::Exists(_)) => return Err(AccessTrouble::NotInvited),
            other => other?,
        }
        self.keep_link(&vouched.issuer, &vouched.subject, &user, &linked).await?;
        Ok(user)
    }

    async fn keep_link(
        &self,
        issuer: &str,
        subject: &str,
        user: &User,
        linked: &str,
    ) -> Result<(), AccessTrouble> {
        let place = of_subject(issuer, subject);
        self.control.put_setting(&of_user(user.id), &place).await?;
        Ok(self.control.put_setting(&place, linked).await?)
    }

    /// Says that a subject of a provider is this person. Who was found by another subject is found by that one no more.
    ///
    /// # Errors
    /// [`AccessTrouble`]: also for somebody who may do more than the actor, and for a subject that is somebody else here.
    pub async fn link_subject(
        &self,
        actor: &Actor,
        id: UserId,
        issuer: &str,
        subject: &str,
    ) -> Result<User, AccessTrouble> {
        let plain =
            !subject.is_empty() && subject.len() <= SUBJECT_BYTES && !subject.chars().any(char::is_control);
        if !plain {
            let (zh, en) = ("应为 1 到 255 字节，不含控制字符", "1 to 255 bytes, without control characters");
            return Err(AccessTrouble::field("/subject", zh, en));
        }
        let user = self.user_below(actor, id).await?;
        let place = of_subject(issuer, subject);
        let linked = self.control.setting(&place).await?;
        if linked.as_deref().and_then(read_linked).is_some_and(|(_, other)| other != id) {
            let (zh, en) = ("该主体已关联到另一个用户", "This subject is somebody else here");
            return Err(AccessTrouble::field("/subject", zh, en));
        }
        let mut line = self.audit_line(actor, "users.oidc.put", &id);
        line.after = Some(digest_of(&[&place]));
        self.control.log(&[line]).await?;
        self.forget_link(&user).await?;
        self.keep_link(issuer, subject, &user, &format!("{} {id}", user.account)).await?;
        Ok(user)
    }

    /// Says that nobody is this person by a subject; a verified address may find them again.
    ///
    /// # Errors
    /// As [`Self::link_subject`].
    pub async fn unlink_subject(&self, actor: &Actor, id: UserId) -> Result<User, AccessTrouble> {
        let user = self.user_below(actor, id).await?;
        let line = self.audit_line(actor, "users.oidc.remove", &id);
        self.control.log(&[line]).await?;
        self.forget_link(&user).await?;
        Ok(user)
    }

    async fn forget_link(&self, user: &User) -> Result<(), AccessTrouble> {
        let known = self.control.setting(&of_user(user.id)).await?.filter(|place| !place.is_empty());
        if let Some(place) = known {
            // The subject first: then whatever is killed in between, nobody is found by what was taken away.
            self.control.put_setting(&place, "").await?;
            self.control.put_setting(&of_user(user.id), "").await?;
        }
        Ok(())
    }
}

/// `acc_… usr_…`.
fn read_linked(text: &str) -> Option<(AccountId, UserId)> {
    let (account, user) = text.split_once(' ')?;
    Some((account.parse().ok()?, user.parse().ok()?))
}
