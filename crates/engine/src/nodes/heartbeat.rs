//! The heartbeat: says that this node lives, looks who else does, takes duties that nobody has.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::control::ControlError;
use domain::nodes::{Duty, LeaseName, Lookout, Picture};

use super::{Joined, millis};
use crate::Engine;

impl Engine {
    /// Starts the heartbeat; it ends when the node leaves. Returns after the first one, so that whoever starts next
    /// knows the others.
    pub(crate) async fn start_heartbeat(self: &Arc<Self>, joined: &Arc<Joined>) -> Result<(), ControlError> {
        let mut lookout = Lookout::default();
        self.beat(joined, &mut lookout).await?;
        let (engine, joined) = (Arc::clone(self), Arc::clone(joined));
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = joined.over.cancelled() => return,
                    () = joined.ended.cancelled() => return,
                    () = tokio::time::sleep(joined.timing.beat) => {}
                }
                // What takes longer than a heartbeat is valid has failed: the next one may do better.
                let beat = tokio::time::timeout(joined.timing.valid, engine.beat(&joined, &mut lookout));
                match beat.await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!(%error, "a heartbeat failed"),
                    Err(_) => tracing::warn!("a heartbeat took too long"),
                }
            }
        });
        Ok(())
    }

    async fn beat(&self, joined: &Joined, lookout: &mut Lookout) -> Result<(), ControlError> {
        let began = self.clock.monotonic_millis();
        if !joined.port.beat(joined.node, self.clock.now()).await? {
            joined.fence();
            return Ok(());
        }
        joined.valid_until.store(began + millis(joined.timing.valid), Ordering::Release);
        let picture = joined.port.picture().await?;
        if joined.configuration.swap(picture.configuration, Ordering::AcqRel) != picture.configuration {
            self.catalog.forget();
        }
        let judged = self.judge(joined, lookout, &picture).await?;
        let taken = take_duties(joined, &picture).await?;
        if judged || taken {
            tracing::debug!(node = %joined.node, judged, taken, "what nodes hold has changed");
        }
        joined.look().await?;
        Ok(())
    }

    /// Ends the lives of those who have been silent. Whether there were some.
    async fn judge(
        &self,
        joined: &Joined,
        lookout: &mut Lookout,
        picture: &Picture,
    ) -> Result<bool, ControlError> {
        let now = self.clock.monotonic_millis();
        let silent = lookout.look(&picture.nodes, now, joined.timing.silence);
        let mut ended = false;
        for row in silent.into_iter().filter(|row| row.node != joined.node) {
            if joined.port.end(row.node, Some(row.beat)).await? {
                tracing::warn!(node = %row.node, "a node was silent for too long and is taken for dead");
                ended = true;
            }
        }
        Ok(ended)
    }
}

/// Takes what nobody living does; who drains gives back. Whether anything changed.
async fn take_duties(joined: &Joined, picture: &Picture) -> Result<bool, ControlError> {
    let draining = joined.draining.load(Ordering::Acquire);
    let mut changed = false;
    for duty in Duty::ALL {
        let name = LeaseName::Duty(*duty);
        let holder = picture.holder(name);
        if holder.is_none() && !draining {
            if joined.port.take(name, picture.lease(name), joined.node).await?.is_some() {
                tracing::info!(node = %joined.node, %duty, "this node has a duty");
                changed = true;
            }
        } else if draining
            && holder == Some(joined.node)
            && let Some(lease) = picture.lease(name)
        {
            joined.port.give_back(lease).await?;
            changed = true;
        }
    }
    Ok(changed)
}
