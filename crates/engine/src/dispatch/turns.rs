//! What happened to channels, written down: the health of a slot keeps the last turns in memory, and what of them is new goes
//! into the control database, where it outlives the process.

use std::sync::Arc;

use domain::control::{ChannelTurn, ControlError};
use domain::ids::{ChannelId, TurnId};

use super::Dispatch;
use super::slot::ChannelSlot;
use crate::Engine;

impl Engine {
    /// Writes down what happened to this node's channels since the last time. What storage refuses is tried again with the
    /// next look, as far as the slots still remember it.
    pub(super) async fn keep_turns(&self, dispatch: &Dispatch) {
        let slots = dispatch.known_slots();
        let (mut turns, mut counts) = (Vec::new(), Vec::new());
        for slot in &slots {
            let before = turns.len();
            self.turns_of(slot, &mut turns);
            counts.push(turns.len() - before);
        }
        if turns.is_empty() {
            return;
        }
        match self.control.add_turns(&turns, self.clock.now()).await {
            Ok(()) => {
                for (slot, count) in slots.iter().zip(counts) {
                    slot.health().saved(count);
                }
            }
            Err(error) => tracing::warn!(%error, "what happened to channels could not be written down"),
        }
    }

    fn turns_of(&self, slot: &ChannelSlot, turns: &mut Vec<ChannelTurn>) {
        let (now, monotonic) = (self.clock.now(), self.clock.monotonic_millis());
        let node = self.node.joined().map_or(0, |joined| joined.node.number);
        let health = slot.health();
        turns.extend(health.unsaved().map(|change| ChannelTurn {
            id: TurnId::from(self.ids.fresh(now)),
            channel: slot.config.id,
            at: now.minus(std::time::Duration::from_millis(monotonic.saturating_sub(change.at_millis))),
            node,
            turn: change.turn,
        }));
    }

    /// What happened to a channel, newest first; with `before` what is older than that.
    ///
    /// # Errors
    /// The control database's own.
    pub async fn channel_turns(
        &self,
        channel: ChannelId,
        before: Option<TurnId>,
        limit: u32,
    ) -> Result<Vec<ChannelTurn>, ControlError> {
        self.control.turns(channel, before, limit).await
    }
}

impl Dispatch {
    /// The slots that run, and behind them those that were replaced or switched off last.
    fn known_slots(&self) -> Vec<Arc<ChannelSlot>> {
        let mut slots = self.slots();
        let former = self.former.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        // What a former slot saw came first.
        let former = former.values().cloned();
        slots.splice(0..0, former);
        slots
    }
}
