//! Signing in and out.

use std::net::IpAddr;
use std::time::Duration;

use domain::access::{SecretKind, read_login};
use domain::control::{AccessChange, Secret, Session, User};
use domain::ids::SessionId;
use domain::time::Timestamp;

use crate::Access;
use crate::{AccessTrouble, secret_digest};

/// A session ends so long after it began, whatever is done with it.
pub const SESSION_KEPT: Duration = Duration::from_secs(7 * 86_400);
/// And so long after it was used last: a working day with a long lunch.
const SESSION_IDLE: Duration = Duration::from_secs(12 * 3_600);

/// Where a person asks from.
#[derive(Clone, Debug, Default)]
pub struct SignIn {
    /// From where.
    pub address: Option<IpAddr>,
    /// The request's id.
    pub request: String,
}

/// What somebody shows to be let in. It has no `Debug`: all of it is secret.
#[derive(Clone)]
pub struct Proof {
    /// As they write it.
    pub login: String,
    /// As they know it.
    pub password: String,
    /// Of the second factor.
    pub code: Option<String>,
    /// Instead of a code.
    pub recovery_code: Option<String>,
}

/// Somebody who was let in.
#[derive(Debug)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// Until when.
    pub session: Session,
    /// For the cookie; shown once.
    pub secret: Secret,
}

/// Whether nothing is let in by this session any more.
pub(crate) fn is_over(session: &Session, now: Timestamp) -> bool {
    session.expires_at <= now || now.since(session.seen_at) >= SESSION_IDLE
}

impl Access {
    /// Lets somebody in. The attempt is counted before anything is looked at, and forgiven when it succeeds.
    ///
    /// # Errors
    /// [`AccessTrouble`]: locked, wrong, or a second factor is needed. A login that nobody has is told and timed as a
    /// wrong password.
    pub async fn sign_in(&self, proof: Proof, asked: &SignIn) -> Result<SignedIn, AccessTrouble> {
        let login = read_login(&proof.login).map_err(|_| AccessTrouble::WrongPassword)?;
        let now = self.clock.now();
        self.control.attempt(&login, now).await??;
        let user = self.control.user_by_login(&login).await?;
        let known = user.as_ref().and_then(|user| user.password.clone());
        let is_right = self.is_password(proof.password, known).await?;
        let Some(mut user) = user else { return Err(AccessTrouble::WrongPassword) };
        if !is_right || user.disabled_at.is_some() {
            let line = self.line_of_user(&user, asked, "session.refused");
            self.control.log(&[line]).await?;
            return Err(AccessTrouble::WrongPassword);
        }
        self.enabled_tenant(user.account).await?;
        let mut changes = Vec::new();
        if user.second_factor.as_ref().is_some_and(|factor| factor.confirmed) {
            if let Err(trouble) = self.use_second_factor(&mut user, proof.code, proof.recovery_code) {
                if matches!(trouble, AccessTrouble::WrongPassword) {
                    let line = self.line_of_user(&user, asked, "session.refused");
                    self.control.log(&[line]).await?;
                }
                return Err(trouble);
            }
            changes.push(AccessChange::ChangeUser(user.clone()));
        }
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
        changes.push(AccessChange::AddSession(session.clone()));
        changes.push(AccessChange::Forgive { login });
        let line = self.line_of_user(&user, asked, "session.create");
        self.control.change_access(&changes, &line).await?;
        Ok(SignedIn { user, session, secret })
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sign_out(
        &self,
        user: &User,
        session: SessionId,
        asked: &SignIn,
    ) -> Result<(), AccessTrouble> {
        let change = AccessChange::EndSession { id: session, at: self.clock.now() };
        let line = self.line_of_user(user, asked, "session.remove");
        Ok(self.control.change_access(&[change], &line).await?)
    }
}
