//! Webhooks: addresses that tenants name to be called with what happens, the port that calls them, and what is kept of it.
//!
//! Owns every decision about them ([`Standing`]): when a call is tried again, when an endpoint is left alone for a while,
//! and when it is disabled. Invariants: an endpoint's place moves only past events that were taken, that wait to be tried
//! again, or that were given up; what waits is bounded; an endpoint that takes nothing costs one call every few minutes.

mod address;
mod standing;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::control::{ControlError, Secret};
use crate::events::{Event, EventId, EventKind};
use crate::ids::{AccountId, MessageId, WebhookId};
use crate::message::coded_enum;
use crate::time::Timestamp;

pub use address::is_public;
pub use standing::{
    DISABLED_AFTER, Done, HELD_AFTER, MOST_WAITING, SCHEDULE, Settled, Standing, Tried, jittered, settle,
};

/// Webhooks of one account.
pub const MOST_WEBHOOKS: usize = 20;
/// Longest address.
pub const URL_BYTES: usize = 2_048;
/// Longest name, in characters.
pub const NAME_CHARS: usize = 100;
/// How long a secret is still signed with after another took its place.
pub const OVERLAP: Duration = Duration::from_secs(24 * 3_600);
/// Secrets that are signed with at once: the one in force, and those it replaced within [`OVERLAP`].
pub const MOST_SECRETS: usize = 5;
/// How long the log of calls is kept.
pub const LOG_AGE: Duration = Duration::from_secs(7 * 86_400);
/// Pages of the log that are kept of one webhook; each holds one batch of calls.
pub const LOG_PAGES: u32 = 1_000;
/// How much of an answer's body is kept, in bytes.
pub const KEPT_BODY: usize = 1_024;
/// How long a status callback is remembered: as long as a message lives at most, and the wait for its receipt.
pub const FOLLOWED_AGE: Duration = Duration::from_secs(10 * 86_400);

coded_enum! {
    /// How calls are signed.
    WebhookSigning {
        /// `v1`: HMAC-SHA-256 with a secret that both hold.
        Hmac = 1, "hmac";
        /// `v1a`: Ed25519, which the receiver checks with a public key.
        Ed25519 = 2, "ed25519";
    }
}

coded_enum! {
    /// What a call looks like.
    WebhookFormat {
        /// As Standard Webhooks has it: one event, as JSON.
        Standard = 1, "standard";
        /// As Alibaba Cloud pushes: arrays of receipts and of messages from phones.
        Aliyun = 2, "aliyun";
        /// Status callbacks of messages that named an address themselves; not a webhook that anybody sees.
        Callbacks = 3, "callbacks";
    }
}

coded_enum! {
    /// Why a webhook is not called.
    WebhookOff {
        /// Somebody switched it off.
        ByHand = 1, "by_hand";
        /// Every call failed for days.
        Failing = 2, "failing";
        /// It answered that it is gone for ever (410).
        Gone = 3, "gone";
    }
}

/// What is signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret {
    pub signing: WebhookSigning,
    /// `whsec_…` or `whsk_…`: the bytes in base64.
    pub secret: Secret,
    /// Until when, once another has taken its place.
    pub until: Option<Timestamp>,
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookSecret({}, until {:?})", self.signing, self.until)
    }
}

/// An address that is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Webhook {
    pub id: WebhookId,
    pub account: AccountId,
    pub name: String,
    /// May hold a password of the receiver's: sealed, and never logged.
    pub url: Secret,
    /// Empty: all.
    pub kinds: Vec<EventKind>,
    pub format: WebhookFormat,
    /// The one in force first.
    pub secrets: Vec<WebhookSecret>,
    /// Why and since when it is not called.
    pub off: Option<(WebhookOff, Timestamp)>,
    pub created_at: Timestamp,
    /// Grows with each change.
    pub version: i64,
}

impl Webhook {
    /// Whether it is told of this.
    #[must_use]
    pub fn wants(&self, kind: EventKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// What is signed with now.
    pub fn secrets_at(&self, now: Timestamp) -> impl Iterator<Item = &WebhookSecret> {
        self.secrets.iter().filter(move |secret| secret.until.is_none_or(|until| now < until))
    }

    /// Puts a secret in force; the one before is signed with for [`OVERLAP`] still. `false`: there are too many of these
    /// already, so that one whose time has not come would have to go.
    pub fn rotate(&mut self, signing: WebhookSigning, secret: Secret, now: Timestamp) -> bool {
        self.secrets.retain(|secret| secret.until.is_none_or(|until| now < until));
        if self.secrets.len() >= MOST_SECRETS {
            return false;
        }
        if let Some(first) = self.secrets.first_mut() {
            first.until = Some(now.plus(OVERLAP));
        }
        self.secrets.insert(0, WebhookSecret { signing, secret, until: None });
        true
    }
}

/// An event that is to be tried again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Again {
    pub event: Event,
    /// How often it was tried.
    pub tries: u8,
    pub due: Timestamp,
}

/// Why no answer came.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CallFault {
    /// The address is, or leads, where nothing may be called.
    Forbidden,
    /// There is no such address.
    Malformed,
    /// No connection was made.
    NotConnected,
    /// The answer did not come in time.
    TimedOut,
    /// The connection ended before the answer came.
    Broken,
}

impl CallFault {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Forbidden, Self::Malformed, Self::NotConnected, Self::TimedOut, Self::Broken];

    /// The word in the API and in the log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Forbidden => "forbidden_address",
            Self::Malformed => "malformed_address",
            Self::NotConnected => "not_connected",
            Self::TimedOut => "timed_out",
            Self::Broken => "broken",
        }
    }

    /// From the word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.word() == word)
    }
}

/// What came of a call. The body may quote what was sent: it is kept sealed and never logged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Called {
    Answered {
        status: u16,
        /// A few, as names and values.
        headers: Vec<(String, String)>,
        /// At most [`KEPT_BODY`] bytes of it.
        body: String,
    },
    Failed(CallFault),
}

impl Called {
    /// Whether what was sent was taken.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Answered { status: 200..300, .. })
    }

    /// Whether the endpoint says that it is gone for ever.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Answered { status: 410, .. })
    }
}

/// A call to be made: a POST.
#[derive(Clone, Debug)]
pub struct Call {
    pub url: Arc<str>,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// How long it may take, with everything.
    pub within: Duration,
}

/// Who calls addresses that tenants named: bounded in time and size, never where it may not, never after a redirect.
#[async_trait]
pub trait Outbound: Send + Sync {
    /// Whether an address may be called, as far as can be told without looking its name up.
    fn may_call(&self, url: &str) -> Result<(), CallFault>;

    /// Calls.
    async fn call(&self, call: Call) -> Called;
}

/// One line of the log of calls.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    pub event: Event,
    pub at: Timestamp,
    /// How often it was tried, this time included.
    pub tries: u8,
    /// How long it took.
    pub millis: u32,
    pub called: Called,
    /// Nothing more is tried.
    pub given_up: bool,
}

/// One batch of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogPage {
    /// Grows from page to page.
    pub number: i64,
    pub deliveries: Vec<Delivery>,
}

/// What one batch of calls came to: kept in one transaction.
#[derive(Clone, Debug)]
pub struct Settlement {
    pub webhook: WebhookId,
    /// With the revision that was read.
    pub standing: Standing,
    /// To be tried again, or tried again and to be tried once more.
    pub again: Vec<Again>,
    /// What waits no more.
    pub done: Vec<EventId>,
    /// What waits is tried at once: the endpoint works again.
    pub release: bool,
    pub log: Vec<Delivery>,
    /// The webhook is switched off.
    pub off: Option<WebhookOff>,
    pub now: Timestamp,
}

/// Where a message's news go, beside its account's webhooks: it named an address itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Followed {
    pub account: AccountId,
    pub message: MessageId,
    /// What whoever writes the calls needs, as its own document: sealed, since it holds an address and a secret.
    pub document: String,
    pub until: Timestamp,
}

impl fmt::Debug for Followed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Followed({}, until {:?})", self.message, self.until)
    }
}

/// What the control database keeps of webhooks.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Of one account, oldest first; without what nobody sees.
    async fn webhooks(&self, account: AccountId) -> Result<Vec<Webhook>, ControlError>;

    /// Of all accounts, those that are called.
    async fn live_webhooks(&self) -> Result<Vec<(AccountId, WebhookId)>, ControlError>;

    async fn webhook(&self, account: AccountId, id: WebhookId) -> Result<Option<Webhook>, ControlError>;

    /// Adds one, with where it begins.
    ///
    /// # Errors
    /// [`ControlError::Exists`] when it is there already.
    async fn add_webhook(&self, webhook: &Webhook, standing: &Standing) -> Result<(), ControlError>;

    /// Changes one, if its version is the one that was read; the next version is in it then. `release`: what waits is tried at
    /// once, and how often it failed is forgotten.
    async fn update_webhook(
        &self,
        webhook: &mut Webhook,
        release: bool,
        now: Timestamp,
    ) -> Result<(), ControlError>;

    /// Removes one with all that is kept of it. Whether it was there.
    async fn delete_webhook(&self, account: AccountId, id: WebhookId) -> Result<bool, ControlError>;

    /// Where it stands; none when it is not there.
    async fn standing(&self, id: WebhookId) -> Result<Option<Standing>, ControlError>;

    /// Keeps what came of a batch. `false`: somebody else moved it since it was read, and nothing is kept.
    async fn settle(&self, settlement: &Settlement) -> Result<bool, ControlError>;

    /// What is to be tried again by now, the earliest first.
    async fn due(&self, id: WebhookId, now: Timestamp, limit: u32) -> Result<Vec<Again>, ControlError>;

    /// Lets events wait to be told again at once; those that wait already are as they were.
    async fn replay(&self, id: WebhookId, again: &[Again]) -> Result<(), ControlError>;

    /// Pages of the log, newest first.
    async fn deliveries(
        &self,
        id: WebhookId,
        before: Option<i64>,
        pages: u32,
    ) -> Result<Vec<LogPage>, ControlError>;

    /// Adds a line to the log that belongs to no batch.
    async fn add_to_log(&self, id: WebhookId, delivery: &Delivery) -> Result<(), ControlError>;

    /// Remembers where a message's news go.
    async fn follow(&self, followed: &Followed) -> Result<(), ControlError>;

    /// Where the news of these messages go, of those of which that is known.
    async fn followed(
        &self,
        account: AccountId,
        messages: &[MessageId],
    ) -> Result<Vec<Followed>, ControlError>;

    /// Drops old pages of logs, and what was followed long enough.
    async fn expire_webhooks(&self, now: Timestamp) -> Result<(), ControlError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_was_replaced_signs_for_a_day() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let mut webhook = Webhook {
            id: WebhookId::from_raw(1),
            account: AccountId::from_raw(1),
            name: String::new(),
            url: Secret(String::new()),
            kinds: vec![EventKind::Delivered],
            format: WebhookFormat::Standard,
            secrets: Vec::new(),
            off: None,
            created_at: now,
            version: 1,
        };
        assert!(webhook.wants(EventKind::Delivered) && !webhook.wants(EventKind::Failed));
        let secret = |n: usize| Secret(format!("whsec_{n}"));
        let at =
            |webhook: &Webhook, now| webhook.secrets_at(now).map(|s| s.secret.0.clone()).collect::<Vec<_>>();
        assert!(webhook.rotate(WebhookSigning::Hmac, secret(1), now));
        assert!(webhook.rotate(WebhookSigning::Ed25519, secret(2), now));
        assert_eq!(at(&webhook, now.plus(OVERLAP).minus(Duration::from_millis(1))), ["whsec_2", "whsec_1"]);
        assert_eq!(at(&webhook, now.plus(OVERLAP)), ["whsec_2"]);
        for n in 3..=MOST_SECRETS {
            assert!(webhook.rotate(WebhookSigning::Hmac, secret(n), now));
        }
        assert!(!webhook.rotate(WebhookSigning::Hmac, secret(9), now), "none is dropped before its time");
        assert!(webhook.rotate(WebhookSigning::Hmac, secret(9), now.plus(OVERLAP)));
        assert!(!format!("{webhook:?}").contains("whsec_"), "secrets are not told");
    }

    #[test]
    fn an_answer_of_2xx_is_one_that_took_it() {
        let answered = |status| Called::Answered { status, headers: Vec::new(), body: String::new() };
        assert!(answered(204).is_taken() && !answered(302).is_taken() && !answered(500).is_taken());
        assert!(answered(410).is_gone() && !Called::Failed(CallFault::Broken).is_taken());
        for fault in CallFault::ALL {
            assert_eq!(CallFault::from_word(fault.word()), Some(fault));
        }
    }
}
