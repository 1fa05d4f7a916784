//! Permissions as types, so that a handler's signature says what it asks for.

use domain::access::Permission;

/// A permission that a handler asks for.
pub trait Demand: Send + Sync + 'static {
    /// Which one.
    const PERMISSION: Permission;
}

macro_rules! demands {
    ($($name:ident),+ $(,)?) => {
        /// One type for each permission: `Allowed<can::SendMessages>`.
        pub mod can {
            use super::{Demand, Permission};
            $(
                #[doc = concat!("See [`Permission::", stringify!($name), "`].")]
                #[derive(Clone, Copy, Debug)]
                pub struct $name;
                impl Demand for $name {
                    const PERMISSION: Permission = Permission::$name;
                }
            )+
        }
    };
}

demands! {
    ReadMessages, SendMessages, ReadCampaigns, WriteCampaigns, RunCampaigns, ApproveCampaigns, ReadTemplates,
    WriteTemplates, ReadContacts, WriteContacts, ReadSuppressions, WriteSuppressions, ReadInbound, ReadPrices,
    WritePrices, ReadChannels, WriteChannels, ReadCustomers, WriteCustomers, ReadAccounts, WriteAccounts, ReadKeys,
    WriteKeys, ReadUsers, WriteUsers, WriteRoles, ReadAudit,
    ReadMoney, WriteMoney, ReadMargins,
}
