//! Webhooks: addresses of tenants that are called with what happens.
//!
//! Owns the use-cases of the API ([`manage`]), the loops that call ([`deliver`]), what calls say and how they are signed.
//! One node calls for all of them; each endpoint has a loop of its own, so that none waits for another. Invariants: what
//! was taken is written down in the transaction that moves the endpoint's place, and what is not written down is told
//! again; an endpoint has at most [`deliver::UNDER_WAY`] calls under way; only addresses that may be called are.

mod deliver;
mod follow;
mod manage;
mod replay;
mod sign;
mod supervise;
mod write;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use domain::control::ControlError;
use domain::events::EventKind;
use domain::ids::AccountId;
use domain::ledger::{LedgerError, MessageRecord};
use domain::text::Bilingual;
use domain::webhooks::{Call, Outbound};
use tokio::sync::watch;

pub use manage::{NewWebhook, WebhookEdit};
pub use replay::Replay;
pub use sign::public_key;

use crate::Engine;
use crate::events::EventsError;

/// Who writes status callbacks in the words of the interface that a message came over.
pub trait WritesCallbacks: Send + Sync {
    /// The call that tells of this; none when that interface tells nothing of it. The document is what
    /// [`Engine::follow_message`] was given.
    fn write(&self, document: &str, record: &MessageRecord, kind: EventKind) -> Option<Call>;
}

/// What the engine holds of webhooks.
pub(crate) struct WebhookState {
    outbound: OnceLock<Arc<dyn Outbound>>,
    writer: OnceLock<Arc<dyn WritesCallbacks>>,
    /// Grows with each change on this node, so that loops look again at once.
    changed: watch::Sender<u64>,
    /// Accounts whose status callbacks were called, and when that was looked at.
    followed: Mutex<HashMap<AccountId, u64>>,
}

impl Default for WebhookState {
    fn default() -> Self {
        let changed = watch::Sender::new(0);
        Self { outbound: OnceLock::new(), writer: OnceLock::new(), changed, followed: Mutex::default() }
    }
}

impl WebhookState {
    fn note_change(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}

/// Why something about a webhook cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum WebhookTrouble {
    #[error("{pointer}: {}", .said.en)]
    Field { pointer: &'static str, said: Bilingual },
    #[error("no such webhook")]
    NoSuch,
    /// This process calls nobody.
    #[error("this node makes no calls")]
    NoCalls,
    /// An event that is not kept any more, or never was.
    #[error("no such event")]
    NoSuchEvent,
    #[error(transparent)]
    Events(#[from] EventsError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl WebhookTrouble {
    fn field(pointer: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self::Field { pointer, said: Bilingual { zh: zh.into().into(), en: en.into().into() } }
    }
}

impl Engine {
    /// Says who makes calls; without, none are made. Once, before [`Self::start_webhooks`].
    pub fn set_outbound(&self, outbound: Arc<dyn Outbound>) {
        let _only_the_first_counts = self.webhooks.outbound.set(outbound);
    }

    /// Says who writes status callbacks. Once.
    pub fn set_callback_writer(&self, writer: Arc<dyn WritesCallbacks>) {
        let _only_the_first_counts = self.webhooks.writer.set(writer);
    }

    /// Who makes calls, if there is somebody.
    #[must_use]
    pub fn outbound(&self) -> Option<&Arc<dyn Outbound>> {
        self.webhooks.outbound.get()
    }
}
