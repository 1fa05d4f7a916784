//! Who is asking, and whether they may: a key, a signature or a session yields its account, and nothing else does.
//!
//! Invariants: a handler can reach tenant data only through an [`Allowed`], which names the permission that was looked
//! at and whose account scopes every read; a session changes nothing without the header that only our own pages send;
//! whoever acts for another account says so in a header, sees that account, and is logged.

mod demand;
mod identify;

pub use demand::{Demand, can};

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use access::{Actor, Identity};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::access::Permission;
use domain::control::AccountKind;
use domain::ids::{AccountId, EntityId, SessionId};

use crate::context::Context;
use crate::problem::{Kind, Problem, say};
use crate::state::ApiState;

/// The header by which somebody acts for another account that they see.
pub(crate) const ACCOUNT_HEADER: &str = "hongyan-account";
/// The cookie of a session. The prefix makes browsers refuse it from other hosts and without TLS (but on localhost).
pub(crate) const COOKIE: &str = "__Host-hongyan";
/// What our own pages send with everything that changes something: no other site's page can add a header of its own
/// without asking first (CORS), which is never allowed here. So there is no token to keep, to renew or to leak.
pub(crate) const CSRF_HEADER: &str = "hongyan-csrf";

/// The tenant behind a request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whose data may be read and changed.
    pub account: AccountId,
    /// Whose consents and suppressions count.
    pub entity: EntityId,
    /// Whether the caller's own account runs the installation.
    pub is_operator: bool,
    /// Of a person.
    pub session: Option<SessionId>,
    actor: Actor,
}

impl Caller {
    /// Who acts, as use-cases want it.
    pub(crate) fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Whether they hold a permission; the operator's are held in the operator's account alone.
    ///
    /// # Errors
    /// A problem that names what is missing.
    pub(crate) fn demand(&self, permission: Permission) -> Result<(), Problem> {
        let holds =
            self.actor.permissions.holds(permission) && (self.is_operator || !permission.is_operators());
        if holds {
            return Ok(());
        }
        let (zh, en) = (permission.chinese(), permission.word());
        Err(Problem::new(Kind::Forbidden)
            .with(say(format!("需要权限“{zh}”（{en}）"), format!("This needs the permission {en}"))))
    }

    /// Whether people may be shown as they are, when that was asked for.
    ///
    /// # Errors
    /// As [`Self::demand`].
    pub(crate) fn reveal(&self, asked: bool) -> Result<bool, Problem> {
        if asked {
            self.demand(Permission::RevealPeople)?;
        }
        Ok(asked)
    }

    async fn from_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let context = Context::of(parts);
        let identity = identify::identify(parts, state, &context).await?;
        identity.admit(context.address, state.now())?;
        state.take_turn(&identity, &context)?;
        let home = identity.home.account.id;
        let account = match acted_for(parts)? {
            Some(account) if account != home => state.access().tenant_to_act_for(&identity, account).await?,
            _ => identity.home.clone(),
        };
        let acting = account.account.id != home;
        let caller = Self {
            account: account.account.id,
            entity: account.account.entity,
            is_operator: identity.home.kind == AccountKind::Operator,
            session: identity.session,
            actor: actor(&identity, account, &context),
        };
        if acting {
            caller.demand(Permission::ActForAccounts)?;
        }
        context.entered(&caller, acting);
        Ok(caller)
    }
}

fn actor(identity: &Arc<Identity>, account: domain::control::Tenant, context: &Context) -> Actor {
    Actor {
        principal: identity.principal,
        home: identity.home.account.id,
        account,
        permissions: identity.permissions,
        address: context.address,
        request: context.request.clone(),
    }
}

fn acted_for(parts: &Parts) -> Result<Option<AccountId>, Problem> {
    let Some(value) = parts.headers.get(ACCOUNT_HEADER) else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    id.map(Some).ok_or_else(|| Problem::no_such("账户", "account"))
}

/// A caller who holds the permission that `D` names.
pub struct Allowed<D> {
    caller: Caller,
    demand: PhantomData<fn() -> D>,
}

impl<D> Deref for Allowed<D> {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

impl<D: Demand> FromRequestParts<ApiState> for Allowed<D> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let caller = Caller::from_parts(parts, state).await?;
        caller.demand(D::PERMISSION)?;
        Ok(Self { caller, demand: PhantomData })
    }
}

/// Anybody who is known: for what concerns nobody but the caller.
pub(crate) struct Anyone(pub(crate) Caller);

impl FromRequestParts<ApiState> for Anyone {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        Caller::from_parts(parts, state).await.map(Self)
    }
}
