//! Who is let in, said in no vendor's words yet.

use std::net::IpAddr;

use access::{AccessTrouble, VendorKey};
use axum::http::request::Parts;
use domain::access::{Permission, SignatureError};
use domain::control::Secret;
use domain::ids::{AccountId, KeyId};

use api::ApiState;
use api::ClientAddress;

/// Somebody who was let in.
#[derive(Clone)]
pub(super) struct Guest {
    /// Whose messages.
    pub account: AccountId,
    /// What they sign with.
    pub secret: Secret,
    /// Whether they see phones as they are.
    pub reveals: bool,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shut {
    /// No such key.
    Unknown,
    /// The signature does not fit.
    Mismatch,
    /// It is too old or of the future.
    Clock,
    /// It was used before.
    Replayed,
    /// Known, but not from there, not any more, or not for this.
    Forbidden,
    /// More requests than its limit.
    Throttled,
    /// Storage does not answer.
    Unavailable,
}

impl From<AccessTrouble> for Shut {
    fn from(trouble: AccessTrouble) -> Self {
        match trouble {
            AccessTrouble::Unknown => Self::Unknown,
            AccessTrouble::Signature(error) => error.into(),
            AccessTrouble::Control(error) => {
                tracing::warn!(%error, "a key of a vendor's SDK could not be looked up");
                Self::Unavailable
            }
            _ => Self::Forbidden,
        }
    }
}

impl From<SignatureError> for Shut {
    fn from(error: SignatureError) -> Self {
        match error {
            SignatureError::Clock => Self::Clock,
            SignatureError::Replayed => Self::Replayed,
            SignatureError::Form | SignatureError::Mismatch => Self::Mismatch,
        }
    }
}

/// Whether a key whose secret was shown, or whose signature fits, opens this.
///
/// # Errors
/// [`Shut::Forbidden`].
pub(super) fn admit(
    state: &ApiState,
    known: VendorKey,
    peer: Option<IpAddr>,
    needed: Permission,
) -> Result<Guest, Shut> {
    let VendorKey { identity, secret, .. } = known;
    identity.admit(peer, state.now())?;
    if !state.takes(&identity) {
        return Err(Shut::Throttled);
    }
    if !identity.permissions.holds(needed) {
        return Err(Shut::Forbidden);
    }
    let reveals = identity.permissions.holds(Permission::RevealPeople);
    Ok(Guest { account: identity.home.account.id, secret, reveals })
}

/// Whence a request came, as far as proxies that are trusted tell.
pub(super) fn peer(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<ClientAddress>().map(|client| client.0)
}

/// The id in a vendor's words for it: our text without its kind, or 32 hex digits, after a prefix of theirs.
pub(super) fn number(text: &str) -> Option<i64> {
    let hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hex { i64::from_str_radix(text, 16).ok() } else { format!("key_{text}").parse().map(KeyId::raw).ok() }
}
