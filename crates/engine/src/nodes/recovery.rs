//! What is left of nodes that ended: their claims, their imports, their numbers.

use std::sync::Arc;

use domain::nodes::{Duty, Standing};
use domain::retry::RetryPolicy;

use super::Joined;
use crate::Engine;

/// Recovers, as long as this node has the duty.
pub(crate) async fn keep_recovering(engine: Arc<Engine>, joined: Arc<Joined>, retry: Arc<RetryPolicy>) {
    loop {
        if engine.node.holds(Duty::Recovery) {
            recover(&engine, &joined, &retry).await;
        }
        tokio::select! {
            () = engine.stop.cancelled() => return,
            () = tokio::time::sleep(joined.timing.beat) => {}
        }
    }
}

/// Each step may be repeated: numbers are freed last, so that after a failure the next round does all of it again.
async fn recover(engine: &Arc<Engine>, joined: &Joined, retry: &Arc<RetryPolicy>) {
    let Some(ledger) = &joined.recovery else { return };
    let picture = joined.picture();
    let ended: Vec<_> = picture.nodes.iter().filter(|row| row.standing == Standing::Ended).collect();
    if ended.is_empty() {
        return;
    }
    for row in &ended {
        match ledger.recover_node(row.node, Arc::clone(retry), engine.clock.now()).await {
            Ok(found) => {
                tracing::warn!(node = %row.node, messages = found, "the claims of a node that ended are recovered");
            }
            Err(error) => {
                tracing::warn!(node = %row.node, %error, "the claims of a node that ended could not be recovered yet");
                return;
            }
        }
    }
    if let Err(error) = engine.fail_interrupted_imports().await {
        tracing::warn!(%error, "imports of a node that ended could not be marked as failed yet");
        return;
    }
    for row in ended {
        if !engine.node.holds(Duty::Recovery) {
            return;
        }
        if let Err(error) = joined.port.free(row.node).await {
            tracing::warn!(node = %row.node, %error, "a number could not be freed yet");
        }
    }
    if let Err(error) = joined.look().await {
        tracing::warn!(%error, "the nodes could not be looked at");
    }
}
