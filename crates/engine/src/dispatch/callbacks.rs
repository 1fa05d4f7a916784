//! What providers tell us by calling: read by the channel's own rules, made durable, then answered.
//!
//! Any node takes the call of any channel, whether or not it has one of its seats: nothing of a connection is needed.

use std::sync::{Arc, Weak};
use std::time::Duration;

use domain::channel::{Callback, CallbackAnswer, CallbackRequest};
use domain::ids::ChannelId;
use tokio::sync::oneshot;

use super::{DispatchError, settle};
use crate::Engine;

/// How long a call waits for its content to be durable: providers give up after 5 s to 15 s, and call again.
const DURABLE_WITHIN: Duration = Duration::from_secs(5);

/// Why a callback was not taken.
#[derive(Debug, thiserror::Error)]
pub enum CallbackError {
    /// There is no such channel, it takes no callbacks, or the secret part of the address is another.
    #[error("nothing is at this address")]
    Nowhere,
    /// The provider is to call again.
    #[error("what came could not be made durable now")]
    Unavailable,
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
}

impl Engine {
    /// Takes what the provider of a channel sent. Returns when all of it is durable, with what to answer.
    ///
    /// # Errors
    /// [`CallbackError`]; then nothing may have been kept, and the provider must send it again.
    pub async fn callback(
        self: &Arc<Self>,
        channel: ChannelId,
        request: &CallbackRequest,
    ) -> Result<CallbackAnswer, CallbackError> {
        let providers = self.providers.get().ok_or(CallbackError::Nowhere)?;
        let dispatch = self.dispatch().ok_or(CallbackError::Unavailable)?;
        let channels = self.channels().await.map_err(DispatchError::from)?;
        let config = channels.iter().find(|config| config.id == channel).ok_or(CallbackError::Nowhere)?;
        let (receipts, inbound, answer) = match providers.called(config, request, self.clock.now()) {
            Callback::Nowhere => return Err(CallbackError::Nowhere),
            Callback::Refused(answer) => {
                tracing::warn!(channel = %channel, status = answer.status, "a callback was refused");
                return Ok(answer);
            }
            Callback::Arrived { receipts, inbound, answer } => (receipts, inbound, answer),
        };
        if let Some(slot) = dispatch.slot(channel) {
            let codes = &dispatch.retry().codes;
            settle::arrived(&slot, codes, (&receipts, &inbound), self.clock.monotonic_millis());
        }
        if receipts.is_empty() && inbound.is_empty() {
            return Ok(answer);
        }
        let taking = dispatch.receipts.get().and_then(Weak::upgrade);
        let taking = taking.ok_or(CallbackError::Unavailable)?;
        let (durable, told) = oneshot::channel();
        let kept = async {
            let acknowledge = Box::new(move || {
                let _nobody_waits = durable.send(());
            });
            taking.take(self, receipts, inbound, acknowledge).await;
            drop(taking);
            told.await
        };
        match tokio::time::timeout(DURABLE_WITHIN, kept).await {
            Ok(Ok(())) => Ok(answer),
            _ => Err(CallbackError::Unavailable),
        }
    }
}
