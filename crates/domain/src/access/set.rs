//! Sets of permissions.

use std::fmt;

use super::Permission;

/// A set of permissions: what a role holds, what a key is scoped to, what a caller may do.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct PermissionSet(u64);

impl PermissionSet {
    /// Nothing.
    pub const EMPTY: Self = Self(0);

    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Permission::ALL.iter().copied().collect()
    }

    /// Whether `permission` is in it.
    #[must_use]
    pub const fn holds(self, permission: Permission) -> bool {
        self.0 & (1 << permission.bit()) != 0
    }

    /// Whether nothing is in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What is in either.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this one and not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What of it a tenant's people and keys can hold: all that is not the operator's alone.
    #[must_use]
    pub fn of_tenant(self) -> Self {
        self.iter().filter(|permission| !permission.is_operators()).collect()
    }

    /// In the order of the list.
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.holds(*permission))
    }

    /// Whether somebody who holds this may give `asked` away: nobody gives what they do not have.
    ///
    /// # Errors
    /// The first permission that is missing.
    pub fn may_grant(self, asked: Self) -> Result<(), Permission> {
        asked.without(self).iter().next().map_or(Ok(()), Err)
    }

    /// The words, separated by blanks: as it is stored.
    #[must_use]
    pub fn words(self) -> String {
        self.iter().map(Permission::word).collect::<Vec<_>>().join(" ")
    }

    /// A set from its stored words.
    ///
    /// # Errors
    /// The place (from 0) of a word that is none.
    pub fn from_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, usize> {
        words.into_iter().enumerate().map(|(place, word)| Permission::from_word(word).ok_or(place)).collect()
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |bits, permission| bits | 1 << permission.bit()))
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
