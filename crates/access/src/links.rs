//! Choosing a password, with a one-time link or with the old one.

use domain::access::{Principal, check_password};
use domain::control::{AccessChange, AuditLine, ControlError, User};
use domain::ids::SessionId;

use crate::Access;
use crate::session::SignIn;
use crate::users::digest;
use crate::{AccessTrouble, secret_digest};

impl Access {
    /// Sets the password of whoever holds the link, which is good once. Every session of theirs ends.
    ///
    /// # Errors
    /// [`AccessTrouble::LinkGone`], or a password that is none.
    pub async fn take_link(
        &self,
        secret: &str,
        password: String,
        asked: &SignIn,
    ) -> Result<User, AccessTrouble> {
        let now = self.clock.now();
        let link = self.control.link(&secret_digest(secret)).await?;
        let link = link.filter(|link| link.expires_at > now).ok_or(AccessTrouble::LinkGone)?;
        let user = self.control.user(link.account, link.user).await?;
        let mut user = user.filter(|user| user.disabled_at.is_none()).ok_or(AccessTrouble::LinkGone)?;
        let before = digest(&user);
        check_password(&password, &user.login)
            .map_err(|error| AccessTrouble::Field { pointer: "/password", detail: error.explain() })?;
        user.password = Some(self.hash_password(password).await?);
        let changes = [
            AccessChange::UseLink { id: link.id, at: now },
            AccessChange::EndLinks { user: user.id, at: now },
            AccessChange::EndSessions { user: user.id, but: None, at: now },
            AccessChange::ChangeUser(user.clone()),
            AccessChange::Forgive { login: user.login.clone() },
        ];
        let mut line = self.line_of_user(&user, asked, "password.create");
        (line.before, line.after) = (Some(before), Some(digest(&user)));
        match self.control.change_access(&changes, &line).await {
            Err(ControlError::Changed("link")) => Err(AccessTrouble::LinkGone),
            other => {
                other?;
                Ok(user)
            }
        }
    }

    /// Changes a person's own password; every session but this one ends. A wrong old password counts as an attempt.
    ///
    /// # Errors
    /// [`AccessTrouble`]: locked, the old password is wrong, or the new one is none.
    pub async fn change_password(
        &self,
        (user, session): (&User, SessionId),
        old: String,
        new: String,
        asked: &SignIn,
    ) -> Result<(), AccessTrouble> {
        check_password(&new, &user.login)
            .map_err(|error| AccessTrouble::Field { pointer: "/new", detail: error.explain() })?;
        self.control.attempt(&user.login, self.clock.now()).await??;
        if !self.is_password(old, user.password.clone()).await? {
            return Err(AccessTrouble::WrongPassword);
        }
        let changed = User { password: Some(self.hash_password(new).await?), ..user.clone() };
        let at = self.clock.now();
        let changes = [
            AccessChange::ChangeUser(changed),
            AccessChange::EndSessions { user: user.id, but: Some(session), at },
            AccessChange::EndLinks { user: user.id, at },
            AccessChange::Forgive { login: user.login.clone() },
        ];
        let line = self.line_of_user(user, asked, "password.change");
        Ok(self.control.change_access(&changes, &line).await?)
    }

    /// A line of what a person does to themselves.
    pub(crate) fn line_of_user(&self, user: &User, asked: &SignIn, action: &str) -> AuditLine {
        let now = self.clock.now();
        AuditLine {
            id: self.ids.fresh(now).into(),
            at: now,
            account: user.account,
            principal: Principal::User(user.id),
            home: user.account,
            action: action.to_owned(),
            object: user.id.to_string(),
            address: asked.address,
            request: asked.request.clone(),
            before: None,
            after: None,
            count: 1,
            detail: Vec::new(),
        }
    }
}
