//! Changes of what people edit: with the edition that they were decided on, and with their line of the audit log, in one
//! transaction. (What concerns access has [`super::AccessChange`], which works likewise.)

use std::fmt;

use async_trait::async_trait;

use super::{
    AuditLine, Campaign, ChannelConfig, Contact, ControlError, ImportSource, PriceLine, RouteConfig,
    SourceRun, TemplateRecord,
};
use crate::downstream::Customer;
use crate::ids::{AccountId, ChannelId, ContactId, CustomerId, RouteId, SourceId, TemplateId};
use crate::time::Timestamp;

/// What is replaced as a whole by somebody who has read it. (Campaigns, tenants, people and roles carry their versions
/// themselves.)
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Editable {
    Channel(ChannelId),
    Route(RouteId),
    /// All prices of an account.
    Prices(AccountId),
    Customer(CustomerId),
    Template(TemplateId),
    Contact(ContactId),
    Source(SourceId),
}

impl Editable {
    /// Whether nodes hold it in memory, and have to be told of a change.
    #[must_use]
    pub const fn is_configuration(self) -> bool {
        match self {
            Self::Channel(_) | Self::Route(_) | Self::Prices(_) | Self::Customer(_) => true,
            Self::Template(_) | Self::Contact(_) | Self::Source(_) => false,
        }
    }
}

impl fmt::Display for Editable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Channel(id) => write!(f, "channel {id}"),
            Self::Route(id) => write!(f, "route {id}"),
            Self::Prices(account) => write!(f, "prices {account}"),
            Self::Customer(id) => write!(f, "customer {id}"),
            Self::Template(id) => write!(f, "template {id}"),
            Self::Contact(id) => write!(f, "contact {id}"),
            Self::Source(id) => write!(f, "source {id}"),
        }
    }
}

/// One change.
#[derive(Clone, Copy)]
pub enum Edit<'a> {
    /// Adds or replaces.
    Channel(&'a ChannelConfig),
    Route(&'a RouteConfig),
    /// Replaces all of an account's prices.
    Prices(AccountId, &'a [PriceLine]),
    Customer(&'a Customer),
    DeleteCustomer(CustomerId),
    AddTemplate(&'a TemplateRecord),
    /// Name, category and text of one that is there. Campaigns have copies of the text, and keep them.
    ChangeTemplate(&'a TemplateRecord),
    /// Attributes and tags of one whose last change was at that time; an import that was faster is not overwritten.
    ChangeContact(&'a Contact, Timestamp),
    /// Adds or replaces; what was remembered of its last file goes when its place is another.
    Source(&'a ImportSource),
    /// With its runs.
    DeleteSource(AccountId, SourceId),
    /// Asks for a source to be fetched.
    AddRun(&'a SourceRun),
    AddCampaign(&'a Campaign),
    /// One whose version is the one that was read, and when. What is stored has the next; its account is told of the step, if
    /// it is one ([`EventKind::of_campaign`](crate::events::EventKind::of_campaign)).
    ChangeCampaign(&'a Campaign, Timestamp),
}

impl Edit<'_> {
    /// What it is a new edition of, where editions are counted.
    #[must_use]
    pub fn of(&self) -> Option<Editable> {
        match self {
            Self::Channel(channel) => Some(Editable::Channel(channel.id)),
            Self::Route(route) => Some(Editable::Route(route.id)),
            Self::Prices(account, _) => Some(Editable::Prices(*account)),
            Self::Customer(customer) => Some(Editable::Customer(customer.id)),
            Self::DeleteCustomer(id) => Some(Editable::Customer(*id)),
            Self::ChangeTemplate(template) => Some(Editable::Template(template.id)),
            Self::ChangeContact(contact, _) => Some(Editable::Contact(contact.id)),
            Self::Source(source) => Some(Editable::Source(source.id)),
            Self::DeleteSource(_, id) => Some(Editable::Source(*id)),
            Self::AddTemplate(_) | Self::AddCampaign(_) | Self::ChangeCampaign(..) | Self::AddRun(_) => None,
        }
    }
}

/// On what terms a change is made.
#[derive(Clone, Copy, Default)]
pub struct Conditions<'a> {
    /// The edition that was read; none: whatever it is by now.
    pub expected: Option<u64>,
    /// Written in the same transaction.
    pub line: Option<&'a AuditLine>,
}

/// Changes of what people edit.
#[async_trait]
pub trait Edits: Send + Sync {
    /// How often a thing was changed. Read before the thing itself, it may be too old, which the change then says, but
    /// never too new.
    async fn edition(&self, of: Editable) -> Result<u64, ControlError>;
    /// Makes a change and writes its line; neither without the other. `false`: what was to be deleted is not there.
    ///
    /// # Errors
    /// [`ControlError::Changed`] when the edition is another than expected; nothing is changed then. And what the port
    /// of the thing itself says: [`ControlError::Exists`], [`ControlError::Gone`].
    async fn edit(&self, edit: Edit<'_>, terms: Conditions<'_>) -> Result<bool, ControlError>;
}
