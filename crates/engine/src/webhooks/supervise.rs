//! One loop for each webhook, on the node that has the duty; and channels that go down or come back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::control::AccountKind;
use domain::events::{Event, EventKind, EventSubject, Notice};
use domain::ids::{ChannelId, WebhookId};
use domain::nodes::Duty;
use domain::webhooks::Outbound;
use tokio::task::JoinHandle;

use super::WebhookTrouble;
use super::deliver::Endpoint;
use crate::Engine;

/// Between two looks for webhooks that are not called yet.
const LOOK: Duration = Duration::from_secs(1);
/// Looks between two rounds that remove what has expired.
const LOOKS_TO_EXPIRY: u32 = 300;
/// Looks that must see a channel the same before that is told.
const LOOKS_TO_BELIEVE: u8 = 5;

/// What was seen of a channel.
#[derive(Default)]
struct Seen {
    /// What was told; at first, that it is up.
    is_down: bool,
    /// How often the opposite was seen.
    otherwise: u8,
}

impl Engine {
    /// Starts what calls webhooks; it ends with the engine. Nothing is called without [`Self::set_outbound`].
    pub fn start_webhooks(self: &Arc<Self>) {
        self.tasks.spawn(supervise(Arc::clone(self)));
    }

    /// [`Self::set_outbound`] and [`Self::start_webhooks`].
    pub fn start_webhooks_over(self: &Arc<Self>, outbound: Arc<dyn Outbound>) {
        self.set_outbound(outbound);
        self.start_webhooks();
    }

    async fn call_webhooks(
        self: &Arc<Self>,
        running: &mut HashMap<WebhookId, JoinHandle<()>>,
    ) -> Result<(), WebhookTrouble> {
        running.retain(|_, task| !task.is_finished());
        if !self.node.holds(Duty::Webhooks) || self.is_draining() {
            return Ok(());
        }
        let Some(outbound) = self.outbound() else { return Ok(()) };
        for (account, id) in self.control.live_webhooks().await? {
            running
                .entry(id)
                .or_insert_with(|| self.tasks.spawn(Endpoint::new(self, outbound, (account, id)).run()));
        }
        Ok(())
    }

    /// Tells the operator of channels of this node that went down or came back.
    async fn watch_channels(&self, seen: &mut HashMap<ChannelId, Seen>) -> Result<(), WebhookTrouble> {
        let now = self.clock.now();
        let mut events = Vec::new();
        for status in self.channel_statuses() {
            let is_down = !status.condition.is_usable();
            let seen = seen.entry(status.id).or_default();
            if is_down == seen.is_down {
                seen.otherwise = 0;
                continue;
            }
            seen.otherwise += 1;
            if seen.otherwise >= LOOKS_TO_BELIEVE {
                *seen = Seen { is_down, otherwise: 0 };
                let kind = if is_down { EventKind::ChannelDown } else { EventKind::ChannelUp };
                let event = Event::plain(kind, EventSubject::Channel(status.id), now);
                events.push(Event { channel: Some(status.id), ..event });
            }
        }
        if events.is_empty() {
            return Ok(());
        }
        let mut notices = Vec::new();
        for tenant in self.control.tenants().await? {
            if tenant.kind == AccountKind::Operator {
                let account = tenant.account.id;
                notices.extend(events.iter().map(|event| Notice { account, event: *event }));
            }
        }
        Ok(self.control.add_notices(&notices).await?)
    }

    async fn expire_events(&self) -> Result<(), WebhookTrouble> {
        if self.node.holds(Duty::Webhooks) {
            let now = self.clock.now();
            self.control.expire_notices(now).await?;
            self.control.expire_webhooks(now).await?;
        }
        Ok(())
    }
}

async fn supervise(engine: Arc<Engine>) {
    let mut changed = engine.webhooks.changed.subscribe();
    let (mut running, mut seen) = (HashMap::new(), HashMap::new());
    for round in 0u32.. {
        if let Err(error) = engine.call_webhooks(&mut running).await {
            tracing::warn!(%error, "it is not known which webhooks there are; it is tried again");
        }
        if let Err(error) = engine.watch_channels(&mut seen).await {
            tracing::warn!(%error, "the state of channels could not be told");
        }
        if round.is_multiple_of(LOOKS_TO_EXPIRY)
            && let Err(error) = engine.expire_events().await
        {
            tracing::warn!(%error, "old notices and calls could not be removed");
        }
        tokio::select! {
            () = engine.stop.cancelled() => return,
            _ = changed.changed() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
