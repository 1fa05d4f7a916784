//! People: inviting, changing, disabling, resetting.

use std::time::Duration;

use domain::access::{PermissionSet, RoleRef, SecretKind, read_login};
use domain::control::{AccessChange, ControlError, OneTimeLink, Secret, User};
use domain::ids::{RoleId, UserId};

use crate::Access;
use crate::identity::held_in;
use crate::{AccessTrouble, Actor, Digest, as_read, checked_name, digest_of, secret_digest};

/// How long a link is good for: an invitation over a weekend.
const LINK_KEPT: Duration = Duration::from_secs(72 * 3_600);
/// Roles of one person.
const MAX_ROLES: usize = 20;

/// Somebody to be invited.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Unique in the installation.
    pub login: String,
    /// For people.
    pub name: String,
    /// At least one.
    pub roles: Vec<RoleRef>,
}

/// What to change of a person; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// For people.
    pub name: Option<String>,
    /// All of them anew.
    pub roles: Option<Vec<RoleRef>>,
    /// Whether they are let in.
    pub disabled: Option<bool>,
    /// The revision that was read; none: whatever it is.
    pub expected: Option<u32>,
}

impl Access {
    /// Adds a person to the account, with the link by which they choose a password.
    ///
    /// # Errors
    /// [`AccessTrouble::Field`]: a login that is none or taken, roles that are not there or not the actor's to give.
    pub async fn invite_user(&self, actor: &Actor, new: NewUser) -> Result<(User, Secret), AccessTrouble> {
        let login = read_login(&new.login)
            .map_err(|error| AccessTrouble::Field { pointer: "/login", detail: error.explain() })?;
        let name = checked_name(&new.name, "/name")?;
        self.may_give_roles(actor, &new.roles).await?;
        let now = self.clock.now();
        let user = User {
            id: self.ids.fresh(now).into(),
            account: actor.id(),
            login,
            name,
            password: None,
            second_factor: None,
            roles: new.roles,
            disabled_at: None,
            created_at: now,
            revision: 0,
        };
        let (link, secret) = self.fresh_link(&user)?;
        let mut line = self.audit_line(actor, "users.create", &user.id);
        line.after = Some(digest(&user));
        let changes = [AccessChange::AddUser(user.clone()), AccessChange::AddLink(link)];
        match self.control.change_access(&changes, &line).await {
            Err(ControlError::Exists(_)) => {
                Err(AccessTrouble::field("/login", "该登录名已被使用", "Somebody else has this login"))
            }
            other => {
                other?;
                Ok((user, secret))
            }
        }
    }

    /// One of the account's people.
    ///
    /// # Errors
    /// [`AccessTrouble::NoSuch`] for any other.
    pub async fn user(&self, actor: &Actor, id: UserId) -> Result<User, AccessTrouble> {
        let user = self.control.user(actor.id(), id).await?;
        user.ok_or_else(|| AccessTrouble::no_such("用户", "user"))
    }

    /// Changes a person. Whoever is disabled is signed out everywhere.
    ///
    /// # Errors
    /// [`AccessTrouble`]: also for somebody who may do more than the actor, and for the actor's own roles.
    pub async fn change_user(
        &self,
        actor: &Actor,
        id: UserId,
        change: UserChange,
    ) -> Result<User, AccessTrouble> {
        let mut user = self.user_below(actor, id).await?;
        as_read(change.expected, user.revision, "user")?;
        let before = digest(&user);
        let is_self = actor.principal == domain::access::Principal::User(id);
        if is_self && (change.roles.is_some() || change.disabled.is_some()) {
            return Err(AccessTrouble::conflict(
                "不能修改自己的角色或停用自己，请由其他管理员操作",
                "Nobody changes their own roles or disables themselves; let another person do it",
            ));
        }
        if let Some(name) = &change.name {
            user.name = checked_name(name, "/name")?;
        }
        if let Some(roles) = change.roles {
            self.may_give_roles(actor, &roles).await?;
            user.roles = roles;
        }
        let now = self.clock.now();
        match change.disabled {
            Some(true) => user.disabled_at = user.disabled_at.or(Some(now)),
            Some(false) => user.disabled_at = None,
            None => {}
        }
        let mut changes = vec![AccessChange::ChangeUser(user.clone())];
        if user.disabled_at.is_some() {
            changes.push(AccessChange::EndSessions { user: id, but: None, at: now });
            changes.push(AccessChange::EndLinks { user: id, at: now });
        }
        let mut line = self.audit_line(actor, "users.change", &id);
        (line.before, line.after) = (Some(before), Some(digest(&user)));
        self.control.change_access(&changes, &line).await?;
        user.revision += 1;
        Ok(user)
    }

    /// A new link for somebody who was invited or forgot the password; earlier links end. The second factor stays
    /// unless it is to be taken away, for somebody who lost it.
    ///
    /// # Errors
    /// As [`Access::change_user`].
    pub async fn reset_user(
        &self,
        actor: &Actor,
        id: UserId,
        without_second_factor: bool,
    ) -> Result<Secret, AccessTrouble> {
        let mut user = self.user_below(actor, id).await?;
        if user.disabled_at.is_some() {
            return Err(AccessTrouble::conflict("该用户已停用", "The user is disabled"));
        }
        let (link, secret) = self.fresh_link(&user)?;
        let at = self.clock.now();
        let mut changes = vec![AccessChange::EndLinks { user: id, at }, AccessChange::AddLink(link)];
        let line =
            self.audit_line(actor, if without_second_factor { "users.reset" } else { "users.link" }, &id);
        if without_second_factor {
            user.second_factor = None;
            changes.push(AccessChange::ChangeUser(user));
        }
        self.control.change_access(&changes, &line).await?;
        Ok(secret)
    }

    fn fresh_link(&self, user: &User) -> Result<(OneTimeLink, Secret), AccessTrouble> {
        let now = self.clock.now();
        let secret = self.fresh_secret(SecretKind::Link)?;
        let link = OneTimeLink {
            id: self.ids.fresh(now).into(),
            account: user.account,
            user: user.id,
            secret_sha256: secret_digest(&secret.0),
            expires_at: now.plus(LINK_KEPT),
        };
        Ok((link, secret))
    }

    /// Somebody who may do no more than the actor: else changing them would be a way to more.
    pub(crate) async fn user_below(&self, actor: &Actor, id: UserId) -> Result<User, AccessTrouble> {
        let user = self.user(actor, id).await?;
        let theirs = held_in(&actor.account, self.permissions_of(&user).await?);
        let ours = held_in(&actor.account, actor.permissions);
        ours.may_grant(theirs).map_err(AccessTrouble::Missing)?;
        Ok(user)
    }

    async fn may_give_roles(&self, actor: &Actor, roles: &[RoleRef]) -> Result<(), AccessTrouble> {
        if roles.is_empty() || roles.len() > MAX_ROLES {
            let (zh, en) = (format!("应为 1 到 {MAX_ROLES} 个角色"), format!("1 to {MAX_ROLES} roles"));
            return Err(AccessTrouble::field("/roles", zh, en));
        }
        let wanted = roles.iter().filter_map(|role| match role {
            RoleRef::Custom(id) => Some(*id),
            RoleRef::Builtin(_) => None,
        });
        let wanted: Vec<RoleId> = wanted.collect();
        if !wanted.is_empty() {
            let own = self.control.roles(actor.id()).await?;
            if !wanted.iter().all(|id| own.iter().any(|role| role.id == *id)) {
                return Err(AccessTrouble::field("/roles", "没有这个角色", "There is no such role"));
            }
        }
        let asked: PermissionSet = self.permissions_of_roles(actor.id(), roles).await?;
        let ours = held_in(&actor.account, actor.permissions);
        let asked = held_in(&actor.account, asked);
        ours.may_grant(asked).map_err(|missing| AccessTrouble::not_yours_to_give("/roles", missing))
    }
}

/// Without name and login, which are personal.
pub(crate) fn digest(user: &User) -> Digest {
    let roles: Vec<String> = user.roles.iter().map(RoleRef::to_string).collect();
    let factor = user.second_factor.as_ref().is_some_and(|factor| factor.confirmed);
    digest_of(&[&roles.join(" "), &format!("{:?}", user.disabled_at), &factor.to_string()])
}
