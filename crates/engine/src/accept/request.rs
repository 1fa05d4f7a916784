//! What a request to send holds, and what it is answered.

use std::fmt;
use std::time::Duration;

use domain::ids::{MessageId, RouteId, TemplateId};
use domain::message::{Category, Priority};
use domain::money::Money;
use domain::time::Timestamp;

use super::RefusedItem;

/// What a message says.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// The text itself, without signature.
    Text(String),
    /// A stored template and its values by name.
    Template { id: TemplateId, values: Vec<(String, String)> },
}

/// One message asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct SendItem {
    /// As written by the caller.
    pub phone: String,
    pub content: Content,
    /// With or without brackets; may be absent when the text begins with one.
    pub signature: Option<String>,
    /// The template's category, or `notice`, if not given.
    pub category: Option<Category>,
    /// The category's if not given.
    pub priority: Option<Priority>,
    /// Not before this instant.
    pub send_at: Option<Timestamp>,
    /// The setting's default for the category if not given.
    pub valid_for: Option<Duration>,
}

impl fmt::Debug for SendItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendItem").field("category", &self.category).finish_non_exhaustive()
    }
}

/// What makes a request repeatable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdempotencyKey {
    /// The caller's key, unique within the account.
    pub key: String,
    /// The digest of the request's body: another body under the same key is refused.
    pub body_sha256: [u8; 32],
}

/// One request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SendRequest {
    /// 1 to 1,000.
    pub items: Vec<SendItem>,
    pub idempotency: Option<IdempotencyKey>,
    /// The first route if not given.
    pub route: Option<RouteId>,
    /// Whether an account that cannot pay for all of it pays for nothing of it: for calls that are answered once for all their phones.
    pub whole: bool,
}

/// What became of one item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ItemOutcome {
    /// Durable, and on its way.
    Accepted { id: MessageId, parts: u8, price: Money },
    /// Not taken.
    Refused(RefusedItem),
}
