//! What happens to campaigns by itself: launching at their time, finishing at their end, going on after a restart.

use std::sync::Arc;

use domain::control::{Campaign, CampaignAction, CampaignState};
use domain::lane::LaneState;
use domain::message::MessageState;
use domain::report::Standings;

use super::CampaignTrouble;
use crate::Engine;

impl Engine {
    /// Brings everything back to where the control database says it is: lanes, expansions, interrupted imports. Call
    /// once, after the ledger has recovered and before anything is dispatched.
    ///
    /// # Errors
    /// Storage's own; nothing is half done that another call would not do again.
    pub async fn resume_all(self: &Arc<Self>) -> Result<(), CampaignTrouble> {
        self.fail_interrupted_imports().await?;
        let alive = self.control.campaigns_in(&[CampaignState::Running, CampaignState::Paused]).await?;
        for campaign in &alive {
            self.follow(campaign).await?;
        }
        // A cancel that was written down but had not reached its lane.
        for lane in self.ledger.lanes().await? {
            let (Some(id), true) = (lane.campaign, lane.state != LaneState::Cancelled) else { continue };
            if alive.iter().any(|campaign| campaign.id == id) {
                continue;
            }
            if let Some(campaign) = self.control.campaign(lane.account, id).await? {
                self.follow(&campaign).await?;
            }
        }
        Ok(())
    }

    /// Starts the loop that launches and finishes campaigns.
    pub fn spawn_keeper(self: &Arc<Self>) {
        let engine = Arc::clone(self);
        self.tasks.spawn(async move {
            loop {
                tokio::select! {
                    () = engine.stop.cancelled() => return,
                    () = tokio::time::sleep(engine.settings.tick) => {}
                }
                if let Err(error) = engine.keep_campaigns().await {
                    tracing::warn!(%error, "looking after campaigns failed; it is tried again");
                }
            }
        });
    }

    /// One look: lets lanes follow that could not, launches what is due and finishes what has ended.
    ///
    /// # Errors
    /// Storage's own; the next look tries again.
    pub async fn keep_campaigns(self: &Arc<Self>) -> Result<(), CampaignTrouble> {
        self.catch_up_lanes().await?;
        let now = self.clock.now();
        for campaign in self.control.campaigns_in(&[CampaignState::Scheduled]).await? {
            if campaign.scheduled_at.is_none_or(|at| at <= now) {
                unless_overtaken(self.launch_campaign(campaign.account, campaign.id).await)?;
            }
        }
        for campaign in self.control.campaigns_in(&[CampaignState::Running]).await? {
            if campaign.expanded && self.has_ended(&campaign).await? {
                unless_overtaken(self.finish_campaign(&campaign).await)?;
            }
        }
        Ok(())
    }

    /// Whether nothing waits to be sent and nothing is on its way out.
    async fn has_ended(&self, campaign: &Campaign) -> Result<bool, CampaignTrouble> {
        let standings = Standings::from_tallies(&self.ledger.tallies(&[campaign.lane]).await?);
        let unsent = [MessageState::Queued, MessageState::Sending].map(|state| standings.in_state(state));
        Ok(unsent.iter().all(|amount| amount.messages == 0))
    }

    async fn finish_campaign(&self, campaign: &Campaign) -> Result<(), CampaignTrouble> {
        let now = self.clock.now();
        self.change_campaign(campaign.account, campaign.id, |campaign| {
            campaign.state = campaign.state.after(CampaignAction::Finish, false)?;
            campaign.finished_at = Some(now);
            Ok(())
        })
        .await?;
        Ok(())
    }
}

/// A person who acted at the same moment was right.
fn unless_overtaken(outcome: Result<(), CampaignTrouble>) -> Result<(), CampaignTrouble> {
    match outcome {
        Err(CampaignTrouble::State(_)) => Ok(()),
        outcome => outcome,
    }
}
