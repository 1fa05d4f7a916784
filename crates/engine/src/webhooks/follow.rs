//! Status callbacks: messages that named an address of their own.
//!
//! Their accounts have an endpoint that nobody sees. It reads the account's events like any other, one second late, and
//! calls for those messages of which it is written down where their news go. Invariant: what is followed before the
//! sender is answered is told at least once.

use std::collections::{HashMap, HashSet};
use std::sync::PoisonError;

use domain::control::{ControlError, Secret};
use domain::events::{Event, EventKind, EventSubject};
use domain::ids::{AccountId, MessageId, WebhookId};
use domain::ledger::LedgerError;
use domain::webhooks::{Again, Call, FOLLOWED_AGE, Followed, Webhook, WebhookFormat};

use super::WebhookTrouble;
use crate::Engine;

/// When following a message takes longer than this, its events may have been read before.
const IN_TIME_MILLIS: u64 = 800;
/// Accounts that are remembered to have the endpoint, and for how long: another node may have taken it away meanwhile.
const REMEMBERED: usize = 10_000;
const REMEMBERED_MILLIS: u64 = 10_000;

/// The endpoint of an account that nobody sees: ids of all kinds are made by one generator, so no webhook has this one.
fn endpoint(account: AccountId) -> WebhookId {
    WebhookId::from_raw(account.raw())
}

impl Engine {
    /// Makes an account ready for status callbacks: before the first message that asks for them is taken.
    ///
    /// # Errors
    /// [`WebhookTrouble`].
    pub async fn prepare_callbacks(&self, account: AccountId) -> Result<(), WebhookTrouble> {
        let at = self.clock.monotonic_millis();
        let known = self.followed_accounts().get(&account).copied();
        if known.is_some_and(|known| at.saturating_sub(known) < REMEMBERED_MILLIS) {
            return Ok(());
        }
        let id = endpoint(account);
        if self.control.webhook(account, id).await?.is_none() {
            let now = self.clock.now();
            let webhook = Webhook {
                id,
                account,
                name: String::new(),
                url: Secret(String::new()),
                kinds: vec![
                    EventKind::Submitted,
                    EventKind::Delivered,
                    EventKind::Undelivered,
                    EventKind::Failed,
                    EventKind::Rejected,
                    EventKind::Cancelled,
                    EventKind::Expired,
                ],
                format: WebhookFormat::Callbacks,
                secrets: Vec::new(),
                off: None,
                created_at: now,
                version: 1,
            };
            match self.begin_webhook(&webhook).await {
                // Another request was faster.
                Err(WebhookTrouble::Control(ControlError::Exists(_))) => {}
                outcome => outcome?,
            }
        }
        let mut known = self.followed_accounts();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(account, at);
        Ok(())
    }

    /// Writes down where a message's news go. `taken_at`: when it was handed to `send`, on the monotonic clock.
    ///
    /// # Errors
    /// [`WebhookTrouble`]: it is not followed then.
    pub async fn follow_message(
        &self,
        account: AccountId,
        message: MessageId,
        document: String,
        taken_at: u64,
    ) -> Result<(), WebhookTrouble> {
        let until = self.clock.now().plus(FOLLOWED_AGE);
        self.control.follow(&Followed { account, message, document, until }).await?;
        if self.clock.monotonic_millis().saturating_sub(taken_at) < IN_TIME_MILLIS {
            return Ok(());
        }
        // What happened until now may have been read before it was known that somebody wants it; rather twice than never.
        let Some(record) = self.ledger.message(account, message).await? else { return Ok(()) };
        let last = EventKind::of_state(record.state);
        let sent = record.attempts > 0 && last.is_some() && last != Some(EventKind::Submitted);
        let kinds = sent.then_some(EventKind::Submitted).into_iter().chain(last);
        let now = self.clock.now();
        let again = |kind| {
            let event = Event::plain(kind, EventSubject::Message(message), now);
            Again { event: Event { attempts: record.attempts, ..event }, tries: 0, due: now }
        };
        let again: Vec<Again> = kinds.map(again).collect();
        Ok(self.control.replay(endpoint(account), &again).await?)
    }

    /// Whether somebody is called with the account's events, besides for messages that named an address of their own.
    ///
    /// # Errors
    /// Storage's own.
    pub async fn has_webhooks(&self, account: AccountId) -> Result<bool, ControlError> {
        Ok(!self.control.webhooks(account).await?.is_empty())
    }

    /// Ends the status callbacks of an account: nothing more is told of the messages that asked for them. The next one that asks begins
    /// anew; on another node, one of the next ten seconds may be told nothing of.
    ///
    /// # Errors
    /// Storage's own.
    pub async fn end_callbacks(&self, account: AccountId) -> Result<(), ControlError> {
        self.followed_accounts().remove(&account);
        if self.control.webhook(account, endpoint(account)).await?.is_some() {
            self.control.delete_webhook(account, endpoint(account)).await?;
            self.webhooks.note_change();
        }
        Ok(())
    }

    fn followed_accounts(&self) -> std::sync::MutexGuard<'_, HashMap<AccountId, u64>> {
        self.webhooks.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those events whose messages are followed.
    pub(super) async fn only_followed(
        &self,
        account: AccountId,
        events: Vec<Event>,
    ) -> Result<Vec<Event>, ControlError> {
        let mut messages: Vec<MessageId> = events.iter().filter_map(message_of).collect();
        messages.sort_unstable();
        messages.dedup();
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let followed = self.control.followed(account, &messages).await?;
        let followed: HashSet<MessageId> = followed.into_iter().map(|followed| followed.message).collect();
        let is_followed = |event: &Event| message_of(event).is_some_and(|id| followed.contains(&id));
        Ok(events.into_iter().filter(is_followed).collect())
    }

    /// The call that tells of an event of a followed message; none when there is nothing to tell.
    pub(super) async fn write_callback(
        &self,
        account: AccountId,
        event: &Event,
    ) -> Result<Option<Call>, WebhookTrouble> {
        let (Some(writer), Some(message)) = (self.webhooks.writer.get(), message_of(event)) else {
            return Ok(None);
        };
        let followed = self.control.followed(account, &[message]).await?;
        let Some(followed) = followed.first() else { return Ok(None) };
        let record: Result<_, LedgerError> = self.ledger.message(account, message).await;
        // One that was retired has no news any more.
        Ok(record?.and_then(|record| writer.write(&followed.document, &record, event.kind)))
    }
}

fn message_of(event: &Event) -> Option<MessageId> {
    match event.subject {
        EventSubject::Message(id) => Some(id),
        _ => None,
    }
}
