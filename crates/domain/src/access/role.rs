//! The roles that come with the product, and how roles are named.

use std::fmt;
use std::str::FromStr;

use super::Permission as P;
use super::PermissionSet;
use crate::ids::RoleId;

/// A built-in role. The word is stored and never changes; what a role holds may grow with the product.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// Everything that the account may do.
    Owner,
    /// Runs channels, routes and customers.
    Operator,
    /// Writes and sends campaigns.
    Marketer,
    /// Approves what marketers wrote.
    Approver,
    /// Answers people who ask about a message.
    Support,
    /// Sees what is paid.
    Finance,
    /// Sees everything, the audit log included, and changes nothing.
    Auditor,
    /// Sees the daily work and changes nothing.
    ReadOnly,
}

impl Role {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Owner,
        Self::Operator,
        Self::Marketer,
        Self::Approver,
        Self::Support,
        Self::Finance,
        Self::Auditor,
        Self::ReadOnly,
    ];

    /// As it is written everywhere.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Operator => "operator",
            Self::Marketer => "marketer",
            Self::Approver => "approver",
            Self::Support => "support",
            Self::Finance => "finance",
            Self::Auditor => "auditor",
            Self::ReadOnly => "read_only",
        }
    }

    /// Its name in Chinese and English.
    #[must_use]
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Owner => ("所有者", "Owner"),
            Self::Operator => ("运维", "Operator"),
            Self::Marketer => ("营销", "Marketer"),
            Self::Approver => ("审批", "Approver"),
            Self::Support => ("客服", "Support"),
            Self::Finance => ("财务", "Finance"),
            Self::Auditor => ("审计", "Auditor"),
            Self::ReadOnly => ("只读", "Read-only"),
        }
    }

    /// The role of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.word() == word)
    }

    /// What it holds, in the operator's account; elsewhere less ([`PermissionSet::of_tenant`]).
    #[must_use]
    pub fn permissions(self) -> PermissionSet {
        let list: &[P] = match self {
            Self::Owner => return PermissionSet::all(),
            Self::Operator => &[
                P::ReadMessages,
                P::ReadCampaigns,
                P::RunCampaigns,
                P::ReadInbound,
                P::ReadSuppressions,
                P::WriteSuppressions,
                P::ReadPrices,
                P::ReadChannels,
                P::WriteChannels,
                P::ReadCustomers,
                P::WriteCustomers,
                P::ReadAccounts,
                P::ReadMoney,
                P::ReadMargins,
            ],
            Self::Marketer => &[
                P::ReadMessages,
                P::SendMessages,
                P::ReadCampaigns,
                P::WriteCampaigns,
                P::RunCampaigns,
                P::ReadTemplates,
                P::WriteTemplates,
                P::ReadContacts,
                P::WriteContacts,
                P::ReadSuppressions,
                P::WriteSuppressions,
                P::ReadInbound,
                P::ReadPrices,
            ],
            Self::Approver => {
                &[P::ReadMessages, P::ReadCampaigns, P::RunCampaigns, P::ApproveCampaigns, P::ReadTemplates]
            }
            Self::Support => &[
                P::ReadMessages,
                P::ReadCampaigns,
                P::ReadContacts,
                P::RevealPeople,
                P::ReadInbound,
                P::ReadSuppressions,
                P::WriteSuppressions,
            ],
            Self::Finance => &[
                P::ReadCampaigns,
                P::ReadMessages,
                P::ReadPrices,
                P::WritePrices,
                P::ReadAccounts,
                P::ActForAccounts,
                P::ReadMoney,
                P::WriteMoney,
                P::ReadMargins,
            ],
            Self::Auditor => return reads(),
            Self::ReadOnly => {
                let staff = [P::ReadAudit, P::ReadUsers, P::ReadKeys, P::ReadCustomers];
                return reads().without(staff.into_iter().collect());
            }
        };
        list.iter().copied().collect()
    }
}

/// All that only looks, at masked people.
fn reads() -> PermissionSet {
    P::ALL.iter().copied().filter(|permission| permission.word().ends_with(":read")).collect()
}

/// A role as a user has it: built in, or the account's own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RoleRef {
    /// One of ours.
    Builtin(Role),
    /// One of the account's.
    Custom(RoleId),
}

impl fmt::Display for RoleRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(role) => f.write_str(role.word()),
            Self::Custom(id) => id.fmt(f),
        }
    }
}

/// Neither a built-in role's word nor an id of the form `rol_…`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a role: owner, operator, marketer, approver, support, finance, auditor, read_only, or rol_…")]
pub struct NoSuchRole;

impl FromStr for RoleRef {
    type Err = NoSuchRole;

    fn from_str(text: &str) -> Result<Self, NoSuchRole> {
        if let Some(role) = Role::from_word(text) {
            return Ok(Self::Builtin(role));
        }
        text.parse().map(Self::Custom).map_err(|_| NoSuchRole)
    }
}
