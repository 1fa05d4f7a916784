//! What people do to campaigns once they are written: start, pause, resume, cancel, approve.
//!
//! The control database is written first and the ledger's lanes follow; after a crash between the two,
//! [`Engine::resume_all`] lets the lanes follow again, after a failure [`Engine::catch_up_lanes`].

use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard, PoisonError};

use domain::campaign::{CampaignLane, CanaryPhase};
use domain::control::{AuditLine, Campaign, CampaignAction, CampaignState, Conditions, ControlError, Edit};
use domain::ids::{AccountId, CampaignId, LaneId};
use domain::lane::{Lane, LaneState};
use domain::message::Priority;

use super::CampaignTrouble;
use super::expand::expands;
use super::watch::release;
use crate::Engine;

/// Makes the line of the audit log of a change, from the campaign as it will be; none: what this process does by itself.
pub type LineOf<'a> = Option<&'a (dyn Fn(&Campaign) -> AuditLine + Sync)>;

/// Times that a change is tried again when somebody else was faster; more means a fight, not an accident.
const TRIES: usize = 5;

impl Engine {
    /// A campaign of an account.
    ///
    /// # Errors
    /// [`CampaignTrouble::NoSuchCampaign`] and storage's own.
    pub async fn campaign(&self, account: AccountId, id: CampaignId) -> Result<Campaign, CampaignTrouble> {
        self.control.campaign(account, id).await?.ok_or(CampaignTrouble::NoSuchCampaign)
    }

    /// Starts a counted campaign: now, or at its time. Returns when that is durable; the sending follows.
    ///
    /// # Errors
    /// [`CampaignTrouble::State`] without a preflight, [`CampaignTrouble::ScheduleInPast`] when its time has passed.
    pub async fn start_campaign(
        self: &Arc<Self>,
        account: AccountId,
        id: CampaignId,
        line: LineOf<'_>,
    ) -> Result<Campaign, CampaignTrouble> {
        let now = self.clock.now();
        let started = self
            .change_campaign(account, id, line, |campaign| {
                let later = campaign.scheduled_at.is_some();
                let after = campaign.state.after(CampaignAction::Start, later)?;
                if campaign.scheduled_at.is_some_and(|at| at <= now) {
                    return Err(CampaignTrouble::ScheduleInPast);
                }
                campaign.state = after;
                if after == CampaignState::Running {
                    campaign.started_at = Some(now);
                }
                Ok(())
            })
            .await?;
        self.follow(&started).await?;
        Ok(started)
    }

    /// Launches a scheduled campaign whose time has come.
    pub(super) async fn launch_campaign(
        self: &Arc<Self>,
        account: AccountId,
        id: CampaignId,
    ) -> Result<(), CampaignTrouble> {
        let now = self.clock.now();
        let launched = self
            .change_campaign(account, id, None, |campaign| {
                campaign.state = campaign.state.after(CampaignAction::Launch, false)?;
                // Not the scheduled time: after a night without power, validity begins when sending does.
                campaign.started_at = Some(now);
                Ok(())
            })
            .await?;
        self.follow(&launched).await
    }

    /// Pauses a running campaign; when this returns, nothing more is claimed.
    ///
    /// # Errors
    /// [`CampaignTrouble::State`] unless it is running.
    pub async fn pause_campaign(
        &self,
        account: AccountId,
        id: CampaignId,
        line: LineOf<'_>,
    ) -> Result<Campaign, CampaignTrouble> {
        self.act(account, id, CampaignAction::Pause, line).await
    }

    /// Goes on with a paused campaign. Of one that stopped itself nothing that came before counts any more; the rest of
    /// one whose canary was judged is let go.
    ///
    /// # Errors
    /// [`CampaignTrouble::State`] unless it is paused.
    pub async fn resume_campaign(
        self: &Arc<Self>,
        account: AccountId,
        id: CampaignId,
        line: LineOf<'_>,
    ) -> Result<Campaign, CampaignTrouble> {
        let now = self.clock.now();
        let paused = self.campaign(account, id).await?;
        let seen = if paused.watch.stopped.is_some_and(|stopped| stopped.resumed_at.is_none()) {
            Some(self.observed(&paused).await?)
        } else {
            None
        };
        let campaign = self
            .change_campaign(account, id, line, |campaign| {
                campaign.state = campaign.state.after(CampaignAction::Resume, false)?;
                if let (Some(stopped), Some(seen)) = (&mut campaign.watch.stopped, seen) {
                    stopped.resumed_at.get_or_insert(now);
                    campaign.watch.since = seen;
                }
                if campaign.canary.as_ref().is_some_and(|canary| canary.phase == CanaryPhase::Judged) {
                    release(campaign, now);
                }
                Ok(())
            })
            .await?;
        self.lane_follows(account, id).await?;
        if expands(&campaign) {
            self.spawn_expansion(campaign.clone());
        }
        Ok(campaign)
    }

    /// Stops a campaign for good; when this returns, nothing more is claimed.
    ///
    /// # Errors
    /// [`CampaignTrouble::State`] when it has ended already.
    pub async fn cancel_campaign(
        &self,
        account: AccountId,
        id: CampaignId,
        line: LineOf<'_>,
    ) -> Result<Campaign, CampaignTrouble> {
        let now = self.clock.now();
        let campaign = self
            .change_campaign(account, id, line, |campaign| {
                campaign.state = campaign.state.after(CampaignAction::Cancel, false)?;
                campaign.finished_at = Some(now);
                Ok(())
            })
            .await?;
        self.expansions.end(id);
        self.lane_follows(account, id).await?;
        Ok(campaign)
    }

    /// A person has looked at the held words and lets the campaign go. Its numbers must be counted again.
    ///
    /// # Errors
    /// [`CampaignTrouble::State`] once it is started.
    pub async fn approve_held_words(
        &self,
        account: AccountId,
        id: CampaignId,
        line: LineOf<'_>,
    ) -> Result<Campaign, CampaignTrouble> {
        self.change_campaign(account, id, line, |campaign| {
            campaign.state = campaign.state.after(CampaignAction::Edit, false)?;
            campaign.held_words_approved = true;
            Ok(())
        })
        .await
    }

    /// The policy paused a lane of a campaign (the end of the sending window, a person is to decide): the campaign
    /// and all partitions follow. A lane without a campaign is left alone.
    ///
    /// # Errors
    /// Storage's own.
    pub async fn pause_for_human(&self, lane: LaneId) -> Result<(), CampaignTrouble> {
        let lanes = self.ledger.lanes().await?;
        let Some(lane) = lanes.into_iter().find(|known| known.id == lane) else { return Ok(()) };
        let Some(campaign) = lane.campaign else { return Ok(()) };
        match self.pause_campaign(lane.account, campaign, None).await {
            // Paused or ended already.
            Ok(_) | Err(CampaignTrouble::State(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn act(
        &self,
        account: AccountId,
        id: CampaignId,
        action: CampaignAction,
        line: LineOf<'_>,
    ) -> Result<Campaign, CampaignTrouble> {
        let campaign = self
            .change_campaign(account, id, line, |campaign| {
                campaign.state = campaign.state.after(action, false)?;
                Ok(())
            })
            .await?;
        self.lane_follows(account, id).await?;
        Ok(campaign)
    }

    /// Lets lane and expansion follow the state that the control database holds.
    pub(super) async fn follow(self: &Arc<Self>, campaign: &Campaign) -> Result<(), CampaignTrouble> {
        if lane_state(campaign).is_none() {
            return Ok(());
        }
        self.lane_follows(campaign.account, campaign.id).await?;
        if expands(campaign) {
            self.spawn_expansion(campaign.clone());
        }
        Ok(())
    }

    /// Lets the lane follow what the control database says now. Another change may be written there at any moment, by this
    /// node or another: the lane carries the version that it follows, and the ledger keeps the newest.
    async fn lane_follows(&self, account: AccountId, id: CampaignId) -> Result<(), CampaignTrouble> {
        let followed = self.try_lane_follows(account, id).await;
        if followed.is_err() {
            self.stray_lanes().insert((account, id));
        }
        followed
    }

    async fn try_lane_follows(&self, account: AccountId, id: CampaignId) -> Result<(), CampaignTrouble> {
        let campaign = self.campaign(account, id).await?;
        let Some(state) = lane_state(&campaign) else { return Ok(()) };
        for lane in campaign.lanes() {
            self.put_lane(lane_of(&campaign, lane, state)).await?;
        }
        Ok(())
    }

    /// Lets lanes and expansions follow that could not when their campaigns changed, because storage refused: the change
    /// was written down, so nobody can ask for it a second time.
    ///
    /// # Errors
    /// Storage's own; what still lags is tried again at the next call.
    pub async fn catch_up_lanes(self: &Arc<Self>) -> Result<(), CampaignTrouble> {
        let stray = std::mem::take(&mut *self.stray_lanes());
        let mut outcome = Ok(());
        for (account, id) in stray {
            let followed = match self.campaign(account, id).await {
                Ok(campaign) => self.follow(&campaign).await,
                Err(error) => {
                    self.stray_lanes().insert((account, id));
                    Err(error)
                }
            };
            outcome = outcome.and(followed);
        }
        outcome
    }

    fn stray_lanes(&self) -> MutexGuard<'_, BTreeSet<(AccountId, CampaignId)>> {
        self.stray_lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads, changes and writes a campaign with its line of the log, again when somebody else was faster.
    pub(crate) async fn change_campaign(
        &self,
        account: AccountId,
        id: CampaignId,
        line: LineOf<'_>,
        mut change: impl FnMut(&mut Campaign) -> Result<(), CampaignTrouble> + Send,
    ) -> Result<Campaign, CampaignTrouble> {
        let mut tries = 0;
        loop {
            let mut campaign = self.campaign(account, id).await?;
            change(&mut campaign)?;
            tries += 1;
            let line = line.map(|line_of| line_of(&campaign));
            let terms = Conditions { expected: None, line: line.as_ref() };
            match self.control.edit(Edit::ChangeCampaign(&campaign), terms).await {
                Err(ControlError::Changed(_)) if tries < TRIES => {}
                outcome => {
                    outcome?;
                    campaign.version += 1;
                    return Ok(campaign);
                }
            }
        }
    }
}

/// The state that a campaign's lanes should have; `None` before there is one, and when it no longer matters.
fn lane_state(campaign: &Campaign) -> Option<LaneState> {
    match campaign.state {
        CampaignState::Running => Some(LaneState::Open),
        CampaignState::Paused => Some(LaneState::Paused),
        CampaignState::Cancelled if campaign.started_at.is_some() => Some(LaneState::Cancelled),
        _ => None,
    }
}

/// One lane of a campaign, where the campaign stands so. All but the canary is held back by its pause.
pub(super) fn lane_of(campaign: &Campaign, lane: CampaignLane, state: LaneState) -> Lane {
    let is_held = state == LaneState::Open && campaign.holds_back() && !lane.canary;
    Lane {
        id: lane.lane,
        account: campaign.account,
        entity: campaign.entity,
        campaign: Some(campaign.id),
        route: lane.route,
        priority: Priority::from(campaign.category),
        category: campaign.category,
        state: if is_held { LaneState::Paused } else { state },
        speed: campaign.speed,
        window_close: campaign.window_close,
        held_words_approved: campaign.held_words_approved,
        version: campaign.version,
    }
}
