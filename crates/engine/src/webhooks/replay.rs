//! Telling a webhook again what it was told, or should have been.

use domain::control::ControlError;
use domain::events::{Event, EventCursor, EventId, EventPlace, EventSubject};
use domain::ids::{AccountId, WebhookId};
use domain::time::Timestamp;
use domain::webhooks::{Again, Settlement, Webhook};

use super::WebhookTrouble;
use crate::Engine;
use crate::events::{EventsError, EventsFrom, Heads};

/// Events of one look.
const PAGE: u32 = 1_000;
/// Times that a place is moved when the loop moves it too: the loop writes some ten times a second at most.
const TRIES: u32 = 50;

/// What is told again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replay {
    One(EventId),
    /// All that is kept since then, in its order; what came after is told once more too.
    Since(Timestamp),
}

impl Engine {
    /// Lets a webhook be told again what is still kept.
    ///
    /// # Errors
    /// [`WebhookTrouble::NoSuchEvent`] for one that is not kept; else as storage has it.
    pub async fn replay_webhook(
        &self,
        account: AccountId,
        id: WebhookId,
        what: Replay,
    ) -> Result<(), WebhookTrouble> {
        let webhook = self.webhook(account, id).await?;
        match what {
            Replay::One(event) => self.replay_one(&webhook, event).await?,
            Replay::Since(since) => self.rewind(&webhook, since).await?,
        }
        self.webhooks.note_change();
        Ok(())
    }

    async fn replay_one(&self, webhook: &Webhook, id: EventId) -> Result<(), WebhookTrouble> {
        let partitions = self.ledger.partitions();
        let index = match id.subject().ok_or(WebhookTrouble::NoSuchEvent)? {
            EventSubject::Message(message) => Some(usize::from(partitions.of_message(message).0)),
            // The partition of an inbound message is that of its phone, which its number does not tell.
            EventSubject::Inbound(_) => None,
            _ => Some(usize::from(partitions.len())),
        };
        let (heads, places) = self.all_that_is_kept(webhook.account).await?;
        for at in places.into_iter().enumerate() {
            if index.is_none_or(|index| index == at.0)
                && let Some(event) = self.find_event(webhook.account, at, &heads, id).await?
            {
                let again = Again { event, tries: 0, due: self.clock.now() };
                return Ok(self.control.replay(webhook.id, &[again]).await?);
            }
        }
        Err(WebhookTrouble::NoSuchEvent)
    }

    async fn all_that_is_kept(&self, account: AccountId) -> Result<(Heads, Vec<EventPlace>), EventsError> {
        let heads = self.heads().await?;
        Ok((heads, self.begin_events(account, &EventsFrom::Oldest).await?))
    }

    async fn find_event(
        &self,
        account: AccountId,
        (index, mut place): (usize, EventPlace),
        heads: &Heads,
        id: EventId,
    ) -> Result<Option<Event>, EventsError> {
        while place.row <= heads[index] {
            let (events, next) = self.read_events(account, (index, place), heads[index], PAGE).await?;
            if let Some(event) = events.into_iter().find(|event| event.id() == id) {
                return Ok(Some(event));
            }
            if next <= place {
                break;
            }
            place = next;
        }
        Ok(None)
    }

    /// Moves the webhook's place back to the first event that is not older.
    async fn rewind(&self, webhook: &Webhook, since: Timestamp) -> Result<(), WebhookTrouble> {
        let (heads, mut places) = self.all_that_is_kept(webhook.account).await?;
        for (index, place) in places.iter_mut().enumerate() {
            *place = self.first_since(webhook.account, (index, *place), &heads, since).await?;
        }
        for _ in 0..TRIES {
            let mut standing = self.control.standing(webhook.id).await?.ok_or(WebhookTrouble::NoSuch)?;
            // Never forward: what was not told yet is told.
            let known = standing.cursor.places.iter().copied().chain(std::iter::repeat(EventPlace::START));
            let back = places
                .iter()
                .zip(known)
                .map(|(new, known)| if known == EventPlace::START { *new } else { (*new).min(known) });
            standing.cursor = EventCursor { places: back.collect() };
            let settlement = Settlement {
                webhook: webhook.id,
                standing,
                again: Vec::new(),
                done: Vec::new(),
                release: false,
                log: Vec::new(),
                off: None,
                now: self.clock.now(),
            };
            if self.control.settle(&settlement).await? {
                return Ok(());
            }
        }
        Err(ControlError::Changed("webhook").into())
    }

    async fn first_since(
        &self,
        account: AccountId,
        (index, mut place): (usize, EventPlace),
        heads: &Heads,
        since: Timestamp,
    ) -> Result<EventPlace, EventsError> {
        while place.row <= heads[index] {
            let (events, next) = self.read_events(account, (index, place), heads[index], PAGE).await?;
            if let Some(before) = events.iter().position(|event| event.at >= since) {
                let before = u32::try_from(before).unwrap_or(u32::MAX);
                if before == 0 {
                    return Ok(place);
                }
                return Ok(self.read_events(account, (index, place), heads[index], before).await?.1);
            }
            if next <= place {
                break;
            }
            place = next;
        }
        Ok(place)
    }
}
