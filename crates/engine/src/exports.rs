//! When exports are written: by the node that keeps the house, one after the other. What they are, crate `exports` knows.

use std::sync::Arc;
use std::time::Duration;

use domain::nodes::Duty;

use crate::Engine;

/// Between two looks for what is asked for.
const ROUND: Duration = Duration::from_secs(1);

impl Engine {
    /// Files that people ask for.
    #[must_use]
    pub fn exports(&self) -> &::exports::Exporter {
        &self.exports
    }

    /// Writes what was asked for until the engine ends.
    pub(crate) fn start_exports(self: &Arc<Self>) {
        let engine = Arc::clone(self);
        self.tasks.spawn(async move {
            while !engine.stop.is_cancelled() {
                if engine.node.holds(Duty::Housekeeping) && !engine.is_draining() {
                    engine.run_exports().await;
                }
                tokio::select! {
                    () = engine.stop.cancelled() => return,
                    () = tokio::time::sleep(ROUND) => {}
                }
            }
        });
    }

    /// Writes the exports that wait, and those that were interrupted, each to its end.
    pub async fn run_exports(&self) {
        self.exports.run(&|| !self.stop.is_cancelled() && self.node.holds(Duty::Housekeeping)).await;
    }
}
