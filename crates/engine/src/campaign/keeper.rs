//! What happens to campaigns by itself: launching at their time, finishing at their end, going on after a restart.

use std::sync::Arc;

use domain::control::{Campaign, CampaignAction, CampaignState};
use domain::lane::LaneState;
use domain::ledger::Tally;
use domain::message::MessageState;
use domain::nodes::Duty;
use domain::report::Standings;

use super::CampaignTrouble;
use super::expand::expands;
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
            // Alone, the start has brought everything back.
            let mut is_keeper = engine.node.joined().is_none();
            loop {
                tokio::select! {
                    () = engine.stop.cancelled() => return,
                    () = tokio::time::sleep(engine.settings.tick) => {}
                }
                match engine.keep_in_turn(is_keeper).await {
                    Ok(kept) => is_keeper = kept,
                    Err(error) => {
                        tracing::warn!(%error, "looking after campaigns failed; it is tried again");
                    }
                }
            }
        });
    }

    /// One look, if that is this node's duty. `was_keeper`: it was at the last look too, so nobody else's work is to be
    /// gone on with. Returns whether it is now.
    async fn keep_in_turn(self: &Arc<Self>, was_keeper: bool) -> Result<bool, CampaignTrouble> {
        self.catch_up_lanes().await?;
        if !self.node.holds(Duty::Campaigns) || self.is_draining() {
            self.expansions.retain(|_| false);
            return Ok(false);
        }
        if !was_keeper {
            self.resume_all().await?;
        }
        self.keep_campaigns().await?;
        Ok(true)
    }

    /// One look: lets lanes follow that could not, launches what is due, expands what another node started, judges
    /// canaries, stops what goes wrong and finishes what has ended.
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
        let running = self.control.campaigns_in(&[CampaignState::Running]).await?;
        if self.node.joined().is_some() {
            self.take_over_expansions(&running).await?;
        }
        for campaign in &running {
            let tallies = self.ledger.tallies(&campaign.lane_ids()).await?;
            let changed = match self.watch(campaign, &tallies).await {
                Err(CampaignTrouble::State(_)) => true,
                outcome => outcome?,
            };
            if !changed && campaign.expanded && has_ended(&tallies) {
                unless_overtaken(self.finish_campaign(campaign).await)?;
            }
        }
        Ok(())
    }

    /// Expands what other nodes were asked to start, and stops with what they cancelled.
    async fn take_over_expansions(self: &Arc<Self>, running: &[Campaign]) -> Result<(), CampaignTrouble> {
        if self.expansions.count() > 0 {
            let paused = self.control.campaigns_in(&[CampaignState::Paused]).await?;
            self.expansions.retain(|id| running.iter().chain(&paused).any(|campaign| campaign.id == id));
        }
        for campaign in running.iter().filter(|campaign| expands(campaign)) {
            if !self.expansions.is_running(campaign.id) {
                // The node that was asked may not have opened the lane yet.
                unless_overtaken(self.follow(campaign).await)?;
            }
        }
        Ok(())
    }

    async fn finish_campaign(&self, campaign: &Campaign) -> Result<(), CampaignTrouble> {
        let now = self.clock.now();
        self.change_campaign(campaign.account, campaign.id, None, |campaign| {
            campaign.state = campaign.state.after(CampaignAction::Finish, false)?;
            campaign.finished_at = Some(now);
            Ok(())
        })
        .await?;
        Ok(())
    }
}

/// Whether nothing waits to be sent and nothing is on its way out.
fn has_ended(tallies: &[Tally]) -> bool {
    let standings = Standings::from_tallies(tallies);
    let unsent = [MessageState::Queued, MessageState::Sending].map(|state| standings.in_state(state));
    unsent.iter().all(|amount| amount.messages == 0)
}

/// A person who acted at the same moment was right.
fn unless_overtaken(outcome: Result<(), CampaignTrouble>) -> Result<(), CampaignTrouble> {
    match outcome {
        // Nor does one campaign that waits for money hold up the others.
        Err(CampaignTrouble::State(_) | CampaignTrouble::Funds { .. }) => Ok(()),
        outcome => outcome,
    }
}
