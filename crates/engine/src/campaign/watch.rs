//! Campaigns under observation: canaries are judged, and what goes wrong stops by itself. The decisions are
//! `domain::campaign`'s; here they are asked for and written down.

use std::sync::Arc;

use domain::campaign::{CanaryPhase, CanaryStep, Finding, Limits, Observed, Stopped};
use domain::control::{Campaign, CampaignAction};
use domain::ledger::Tally;
use domain::report::Standings;

use super::CampaignTrouble;
use super::replies::Answers;
use crate::Engine;

impl Engine {
    /// What was counted of a campaign since its start, without its test numbers.
    pub(super) async fn observed(&self, campaign: &Campaign) -> Result<Observed, CampaignTrouble> {
        let tallies = self.ledger.tallies(&campaign.lane_ids()).await?;
        let answers = self.answers(campaign).await?;
        Ok(observed(tallies.iter(), answers))
    }

    /// One look at a running campaign. Whether it was changed by that.
    pub(super) async fn watch(
        self: &Arc<Self>,
        campaign: &Campaign,
        tallies: &[Tally],
    ) -> Result<bool, CampaignTrouble> {
        let limits = &campaign.watch.limits;
        if *limits == Limits::default() && !campaign.holds_back() {
            return Ok(false);
        }
        let listens = limits.opt_outs.is_some() || limits.complaints.is_some();
        let answers = if listens { self.answers(campaign).await? } else { Answers::default() };
        if let Some(found) = campaign.watch.look(&observed(tallies, answers)) {
            self.stop_by_itself(campaign, found, false).await?;
            return Ok(true);
        }
        let Some(canary) = campaign.canary.as_ref().filter(|_| campaign.holds_back()) else {
            return Ok(false);
        };
        let first: Vec<_> = campaign.routes.iter().filter_map(|route| route.canary).collect();
        let of_canary = tallies.iter().filter(|tally| first.contains(&tally.lane));
        let seen = observed(of_canary, answers);
        match canary.step(limits, &seen, campaign.expanded, self.clock.now()) {
            CanaryStep::Wait => return Ok(false),
            CanaryStep::Begin => self.canary_is_out(campaign).await?,
            CanaryStep::Release => self.release_rest(campaign).await?,
            CanaryStep::Stop(found) => self.stop_by_itself(campaign, found, true).await?,
        }
        Ok(true)
    }

    async fn canary_is_out(&self, campaign: &Campaign) -> Result<(), CampaignTrouble> {
        let now = self.clock.now();
        self.change_campaign(campaign.account, campaign.id, None, |campaign| {
            // Only of one that runs: whoever paused it meanwhile was right.
            campaign.state.after(CampaignAction::Pause, false)?;
            if let Some(canary) = &mut campaign.canary {
                canary.sent_at.get_or_insert(now);
            }
            Ok(())
        })
        .await?;
        Ok(())
    }

    async fn release_rest(self: &Arc<Self>, campaign: &Campaign) -> Result<(), CampaignTrouble> {
        let now = self.clock.now();
        let released = self
            .change_campaign(campaign.account, campaign.id, None, |campaign| {
                campaign.state.after(CampaignAction::Pause, false)?;
                release(campaign, now);
                Ok(())
            })
            .await?;
        tracing::info!(campaign = %campaign.id, "the canary went well; the rest follows");
        self.follow(&released).await
    }

    /// Pauses a campaign for a person, with what was found.
    async fn stop_by_itself(
        self: &Arc<Self>,
        campaign: &Campaign,
        found: Finding,
        by_canary: bool,
    ) -> Result<(), CampaignTrouble> {
        let now = self.clock.now();
        let stopped = self
            .change_campaign(campaign.account, campaign.id, None, |campaign| {
                campaign.state = campaign.state.after(CampaignAction::Pause, false)?;
                campaign.watch.stopped = Some(Stopped { at: now, found, resumed_at: None });
                if let Some(canary) = campaign.canary.as_mut().filter(|_| by_canary) {
                    canary.phase = CanaryPhase::Judged;
                }
                Ok(())
            })
            .await?;
        let Finding { rule, bad, of, per_10_000 } = found;
        tracing::warn!(campaign = %campaign.id, %rule, bad, of, per_10_000, "a campaign stopped itself");
        self.follow(&stopped).await
    }
}

/// The rest of a campaign may go.
pub(super) fn release(campaign: &mut Campaign, now: domain::time::Timestamp) {
    if let Some(canary) = &mut campaign.canary {
        canary.phase = CanaryPhase::Released;
        canary.released_at.get_or_insert(now);
    }
}

fn observed<'a>(tallies: impl IntoIterator<Item = &'a Tally>, answers: Answers) -> Observed {
    let people = tallies.into_iter().filter(|tally| !tally.test);
    Observed::of(&Standings::from_tallies(people), answers.opted_out, answers.complained)
}
