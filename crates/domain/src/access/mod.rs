//! Who may do what: permissions, roles as sets of them, and the pure rules of keys, passwords, links and signatures.
//!
//! Owns every decision about access that needs no I/O: what a role holds, whether a key is let in from an address, when
//! somebody who guesses passwords has to wait, what a signature covers. Refuses hashing, randomness and storage.
//! Invariants: the list of permissions is closed; nobody can give what they do not have ([`PermissionSet::may_grant`]);
//! a tenant's people never hold what belongs to the operator alone ([`PermissionSet::of_tenant`]).

mod fetch;
mod key;
mod lockout;
mod password;
mod permission;
mod role;
mod secret;
mod set;
mod signing;
#[cfg(test)]
mod tests;

pub use fetch::{Fetch, FetchFault, Fetched};
pub use key::{KeyRefusal, KeyRules, MAX_NETWORKS};
pub use lockout::{FREE_ATTEMPTS, Failures, Locked};
pub use password::{
    LoginError, MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS, PasswordError, check_password, read_login,
};
pub use permission::Permission;
pub use role::{Role, RoleRef};
pub use secret::{SECRET_BYTES, SecretKind};
pub use set::PermissionSet;
pub use signing::{
    SIGNATURE_SCHEME, SIGNATURE_WINDOW_SECONDS, SignatureError, SignatureHeader, SignedParts, signed_text,
};

use std::fmt;
use std::str::FromStr;

use crate::ids::{KeyId, UserId};

/// Who acts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Principal {
    /// A program, by its key.
    Key(KeyId),
    /// A person, by their session.
    User(UserId),
    /// The installation itself: the first start, or whoever holds a one-time link.
    System,
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => id.fmt(f),
            Self::User(id) => id.fmt(f),
            Self::System => f.write_str("system"),
        }
    }
}

/// Neither a key's id, nor a user's, nor `system`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not of the form key_…, usr_… or system")]
pub struct NoSuchPrincipal;

impl FromStr for Principal {
    type Err = NoSuchPrincipal;

    fn from_str(text: &str) -> Result<Self, NoSuchPrincipal> {
        let key = || text.parse().map(Self::Key).ok();
        let user = || text.parse().map(Self::User).ok();
        let system = (text == "system").then_some(Self::System);
        system.or_else(key).or_else(user).ok_or(NoSuchPrincipal)
    }
}
