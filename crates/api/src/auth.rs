//! Who is asking: a bearer key yields its account, and nothing else does.
//!
//! Invariant: a handler can reach tenant data only through a [`Caller`], whose account scopes every read. The account
//! that the installation began with is its operator; only the operator sees channels and routes.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use domain::ids::{AccountId, EntityId, KeyId};
use sha2::{Digest as _, Sha256};

use crate::problem::{Kind, Problem};
use crate::state::ApiState;

/// Longest key looked at; ours have 55 characters.
const MAX_KEY_BYTES: usize = 256;

/// The tenant behind a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caller {
    /// Whose data may be read and changed.
    pub account: AccountId,
    /// Whose consents and suppressions count.
    pub entity: EntityId,
    /// The key that was shown.
    pub key: KeyId,
    /// Whether this account runs the installation.
    pub is_operator: bool,
}

impl FromRequestParts<ApiState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let shown = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let secret = shown.and_then(bearer).ok_or(Problem::new(Kind::Unauthorized))?;
        let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        if let Some(caller) = state.remembered(&digest) {
            return Ok(caller);
        }
        let key = state.control().key(&digest).await?.ok_or(Problem::new(Kind::Unauthorized))?;
        let accounts = state.control().accounts().await?;
        let own = accounts.iter().find(|account| account.id == key.account);
        let own = own.ok_or(Problem::new(Kind::Unauthorized))?;
        let is_operator = accounts.first().is_some_and(|first| first.id == own.id);
        let caller = Caller { account: own.id, entity: own.entity, key: key.id, is_operator };
        state.remember(digest, caller);
        Ok(caller)
    }
}

/// The credentials of `Bearer …` (RFC 6750 §2.1); the scheme's name has no case (RFC 9110 §11.1).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, secret) = header.split_once(' ')?;
    let secret = secret.trim();
    let fits = !secret.is_empty() && secret.len() <= MAX_KEY_BYTES;
    (scheme.eq_ignore_ascii_case("bearer") && fits).then_some(secret)
}

/// A caller who runs the installation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operator(pub Caller);

impl FromRequestParts<ApiState> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        if caller.is_operator { Ok(Self(caller)) } else { Err(Problem::new(Kind::Forbidden)) }
    }
}
