//! Small steps that keep the house in order: cancelled lanes, messages without word, kept receipts, retention.

use std::sync::Arc;
use std::time::Duration;

use domain::control::ControlError;
use domain::ledger::Retention;
use domain::nodes::Duty;
use domain::time::Timestamp;

use crate::Engine;

/// Between two rounds over all partitions when nothing waits.
const ROUND: Duration = Duration::from_secs(2);
/// Sending records are kept a year: Order 74/2026 wants at least six months.
const MESSAGES_KEPT: Duration = Duration::from_secs(365 * 86_400);
/// Hand-overs are kept for attribution of answers (30 days), longer than any cap looks back.
const RECENTS_KEPT: Duration = Duration::from_secs(31 * 86_400);
/// Uploaded files are kept this long.
const UPLOADS_KEPT: Duration = Duration::from_secs(7 * 86_400);
/// An audience that no campaign holds after so long was left by a preflight that was killed; one takes seconds.
const PREFLIGHT_TAKES: Duration = Duration::from_secs(86_400);
/// Such audiences removed in one round of expiry.
const FORGOTTEN_AT_ONCE: u64 = 100;
/// Rounds between two looks for what has expired in the control database and the uploads.
const ROUNDS_TO_EXPIRY: u32 = 300;
/// Rounds between two writings of who was here: a minute.
const ROUNDS_TO_USES: u32 = 30;

impl Engine {
    /// Starts housekeeping; it ends with the engine.
    pub fn start_housekeeping(self: &Arc<Self>) {
        self.tasks.spawn(keep_house(Arc::clone(self)));
        self.start_exports();
    }

    /// One bounded step of housekeeping in every partition; nothing before dispatch runs. Returns whether more waits.
    pub async fn sweep_round(&self) -> bool {
        let retention = Retention { messages: MESSAGES_KEPT, recents: RECENTS_KEPT };
        let Some(dispatch) = self.dispatch() else { return false };
        let mut more = false;
        for partition in self.ledger.partitions().all() {
            if !self.node.holds(Duty::Housekeeping) {
                return false;
            }
            let retry = dispatch.retry();
            match self.ledger.sweep(partition, retention, retry, self.clock.now()).await {
                Ok(swept) => more |= swept.more,
                Err(error) => tracing::warn!(partition = partition.0, %error, "a sweep failed"),
            }
        }
        more
    }
}

async fn keep_house(engine: Arc<Engine>) {
    for round in 0u32.. {
        let mut more = false;
        if engine.node.holds(Duty::Housekeeping) && !engine.is_draining() {
            more = engine.sweep_round().await;
        }
        if round.is_multiple_of(ROUNDS_TO_EXPIRY) {
            expire(&engine).await;
        }
        if round % ROUNDS_TO_USES == ROUNDS_TO_USES - 1 {
            write_uses(&engine).await;
        }
        let pause = if more { ROUND / 100 } else { ROUND };
        tokio::select! {
            () = engine.stop.cancelled() => return write_uses(&engine).await,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// On every node: each knows who was here.
async fn write_uses(engine: &Engine) {
    if let Err(error) = engine.access.write_uses().await {
        tracing::warn!(%error, "who used keys and sessions, and who sent, could not be written");
    }
}

async fn expire(engine: &Arc<Engine>) {
    let now = engine.clock.now();
    if engine.node.holds(Duty::Housekeeping)
        && let Err(error) = engine.control.expire_idempotent(now).await
    {
        tracing::warn!(%error, "old idempotency records could not be removed");
    }
    if engine.node.holds(Duty::Housekeeping)
        && let Err(error) = engine.control.expire_access(now).await
    {
        tracing::warn!(%error, "sessions and links that ended could not be removed");
    }
    if engine.node.holds(Duty::Housekeeping)
        && let Err(error) = forget_audiences(engine, now.minus(PREFLIGHT_TAKES)).await
    {
        tracing::warn!(%error, "audiences that no campaign holds could not be removed");
    }
    if engine.node.holds(Duty::Housekeeping)
        && let Err(error) = engine.exports.expire().await
    {
        tracing::warn!(%error, "old exports could not be removed");
    }
    if engine.node.holds(Duty::Housekeeping)
        && let Err(error) = engine.feeds.expire().await
    {
        tracing::warn!(%error, "old reports of sources could not be removed");
    }
    // On every node: each has a folder, where an earlier version kept uploads on a database too.
    let control = Arc::clone(&engine.control);
    let removed = tokio::task::spawn_blocking(move || control.expire_uploads(now.minus(UPLOADS_KEPT))).await;
    if let Ok(Err(error)) = removed {
        tracing::warn!(kind = ?error.kind(), "old uploads could not be removed");
    }
}

async fn forget_audiences(engine: &Engine, before: Timestamp) -> Result<(), ControlError> {
    for (account, audience) in engine.control.forgotten_audiences(before, FORGOTTEN_AT_ONCE).await? {
        engine.control.drop_audience(account, audience).await?;
    }
    Ok(())
}
