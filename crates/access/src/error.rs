//! Why access was refused, or a change of it.

use domain::access::{KeyRefusal, Locked, Permission, SignatureError};
use domain::control::ControlError;
use domain::text::Bilingual;

/// Why somebody is not let in, or may not do what they asked.
#[derive(Debug, thiserror::Error)]
pub enum AccessTrouble {
    /// No key, no session, or one that is not known.
    #[error("not known")]
    Unknown,
    /// A key that is known and not let in.
    #[error(transparent)]
    Key(#[from] KeyRefusal),
    /// A signed request whose signature is not good.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The account, or its parent, is disabled.
    #[error("the account is disabled")]
    AccountDisabled,
    /// Login, password or code are wrong; which, is not told.
    #[error("login, password or code are wrong")]
    WrongPassword,
    /// The password was right; a code is needed too.
    #[error("a second factor is needed")]
    SecondFactorNeeded,
    /// Too many attempts.
    #[error(transparent)]
    Locked(#[from] Locked),
    /// A provider vouches for somebody who is nobody here.
    #[error("nobody here is known by this")]
    NotInvited,
    /// A one-time link that was used, has ended, or never was.
    #[error("the link is not good any more")]
    LinkGone,
    /// The permission is missing.
    #[error("the permission {0} is missing")]
    Missing(Permission),
    /// Nothing there for this account.
    #[error("no such {}", .0.en)]
    NoSuch(Bilingual),
    /// A field is not as it should be.
    #[error("{pointer}: {}", .detail.en)]
    Field {
        /// RFC 6901.
        pointer: &'static str,
        /// What is wrong.
        detail: Bilingual,
    },
    /// It does not fit the state of things.
    #[error("{}", .0.en)]
    Conflict(Bilingual),
    /// The control database.
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl AccessTrouble {
    pub(crate) fn field(pointer: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self::Field { pointer, detail: Bilingual { zh: zh.into().into(), en: en.into().into() } }
    }

    pub(crate) fn no_such(zh: &'static str, en: &'static str) -> Self {
        Self::NoSuch(Bilingual { zh: zh.into(), en: en.into() })
    }

    pub(crate) fn conflict(zh: &'static str, en: &'static str) -> Self {
        Self::Conflict(Bilingual { zh: zh.into(), en: en.into() })
    }

    /// Somebody wants to give what they do not have.
    pub(crate) fn not_yours_to_give(pointer: &'static str, permission: Permission) -> Self {
        Self::field(
            pointer,
            format!("您没有“{}”（{permission}）权限，不能授予他人", permission.chinese()),
            format!("You do not have {permission} yourself, so you cannot give it"),
        )
    }
}
