//! Campaigns: one personalised message to an audience, from draft to report.

use async_trait::async_trait;
use std::fmt;
use std::time::Duration;

use super::{AudienceStats, AuditLine, ControlError, ImportMapping};
use crate::campaign::{CampaignLane, CampaignRoute, Canary, CanaryPhase, Resend, Unrouted, Watch};
use crate::ids::{AccountId, AudienceId, CampaignId, EntityId, ImportId, LaneId, RouteId, TemplateId};
use crate::lane::WindowClose;
use crate::message::{Category, Reason, coded_enum};
use crate::money::Money;
use crate::phone::Phone;
use crate::time::Timestamp;

coded_enum! {
    /// Where a campaign is in its life.
    CampaignState {
        /// May be edited.
        Draft = 1, "draft";
        /// Its audience is frozen and its numbers are known.
        Preflighted = 2, "preflighted";
        /// Will start at its time.
        Scheduled = 3, "scheduled";
        /// Messages are being queued and sent.
        Running = 4, "running";
        /// Nothing is sent; nothing is forgotten.
        Paused = 5, "paused";
        /// Every message has ended or only waits for receipts.
        Finished = 6, "finished";
        /// Stopped for good by a person.
        Cancelled = 7, "cancelled";
    }
}

coded_enum! {
    /// What may be asked of a campaign.
    CampaignAction {
        Edit = 1, "edit";
        Preflight = 2, "preflight";
        Start = 3, "start";
        Launch = 4, "launch";
        Pause = 5, "pause";
        Resume = 6, "resume";
        Cancel = 7, "cancel";
        Finish = 8, "finish";
        /// Send failures again: a campaign of its own.
        Resend = 9, "resend";
    }
}

/// An action that does not fit the campaign's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a campaign that is {from} cannot {action}")]
pub struct CampaignError {
    pub from: CampaignState,
    pub action: CampaignAction,
}

impl CampaignState {
    /// The state after an action. `Start` with a time in the future schedules; `Launch` is the scheduler's.
    ///
    /// # Errors
    /// When the action does not fit the state: the error names both.
    pub fn after(self, action: CampaignAction, starts_later: bool) -> Result<Self, CampaignError> {
        use CampaignAction as A;
        use CampaignState as S;
        match (self, action) {
            (S::Draft | S::Preflighted, A::Edit) => Ok(S::Draft),
            (S::Draft | S::Preflighted, A::Preflight) => Ok(S::Preflighted),
            (S::Preflighted, A::Start) if starts_later => Ok(S::Scheduled),
            (S::Preflighted, A::Start) | (S::Scheduled, A::Launch) => Ok(S::Running),
            (S::Running, A::Pause) => Ok(S::Paused),
            (S::Paused, A::Resume) => Ok(S::Running),
            (S::Draft | S::Preflighted | S::Scheduled | S::Running | S::Paused, A::Cancel) => {
                Ok(S::Cancelled)
            }
            (S::Running, A::Finish) => Ok(S::Finished),
            (from, action) => Err(CampaignError { from, action }),
        }
    }
}

/// Who is to get a campaign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AudienceSource {
    /// Rows of an uploaded file; other columns become variables. A phone's rows are kept once without variables, and
    /// rows with different variables both (as Aliyun does).
    File { upload: ImportId, mapping: ImportMapping },
    /// Contacts that have any of these tags.
    Tags(Vec<String>),
    /// Every contact of the account.
    All,
}

/// A campaign.
#[derive(Clone, PartialEq, Eq)]
pub struct Campaign {
    pub id: CampaignId,
    pub account: AccountId,
    pub entity: EntityId,
    pub name: String,
    pub category: Category,
    /// Without brackets.
    pub signature: String,
    /// The stored template that `text` was taken from.
    pub template: Option<TemplateId>,
    /// The template's source as it was when the campaign was written.
    pub text: String,
    pub audience: AudienceSource,
    pub test_numbers: Vec<Phone>,
    /// None: as soon as it is started.
    pub scheduled_at: Option<Timestamp>,
    /// Messages per second.
    pub speed: Option<u32>,
    pub window_close: WindowClose,
    /// Validity of each message from its start.
    pub valid_for: Duration,
    /// The route asked for; none: each phone goes over the first whose scope it fits.
    pub route: Option<RouteId>,
    /// Who goes over which route, and in which lanes; set by the preflight, and kept whatever becomes of the routes.
    pub routes: Vec<CampaignRoute>,
    /// Some get it first.
    pub canary: Option<Canary>,
    /// When it stops itself.
    pub watch: Watch,
    /// It sends failures of another campaign again.
    pub resend: Option<Resend>,
    pub held_words_approved: bool,
    pub state: CampaignState,
    /// The first lane: of its first route, and of what was refused on the way in. Expansion marks its progress there.
    pub lane: LaneId,
    /// Set by the preflight.
    pub frozen: Option<AudienceId>,
    pub preflight: Option<PreflightReport>,
    /// Whether every row of the audience is in the ledger.
    pub expanded: bool,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// Raised by every update; an update states the one it read.
    pub version: i64,
}

impl Campaign {
    /// Its lanes.
    #[must_use]
    pub fn lanes(&self) -> Vec<CampaignLane> {
        if self.routes.is_empty() {
            // Counted by a release that knew one route for each campaign.
            let whole = |route| CampaignLane { lane: self.lane, route, canary: false };
            return self.route.map(whole).into_iter().collect();
        }
        self.routes.iter().flat_map(CampaignRoute::lanes).collect()
    }

    /// The ids of its lanes; at least the first.
    #[must_use]
    pub fn lane_ids(&self) -> Vec<LaneId> {
        let mut ids: Vec<LaneId> = self.lanes().into_iter().map(|lane| lane.lane).collect();
        if !ids.contains(&self.lane) {
            ids.push(self.lane);
        }
        ids
    }

    /// Whether all but the canary is held back.
    #[must_use]
    pub fn holds_back(&self) -> bool {
        self.canary.as_ref().is_some_and(|canary| canary.phase != CanaryPhase::Released)
    }
}

impl fmt::Debug for Campaign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Campaign").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}

/// A message as one person would get it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sample {
    /// Masked.
    pub phone: String,
    pub text: String,
    pub encoding: String,
    /// Billed characters.
    pub length: u32,
    pub parts: u8,
    pub price: Money,
}

/// What of a campaign goes over one route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouteLoad {
    pub route: RouteId,
    pub people: u64,
    pub parts: u64,
    pub cost: Money,
}

/// Words of a text that stopped it, where they stand.
#[derive(Clone, PartialEq, Eq)]
pub struct HeldSample {
    pub text: String,
    /// Byte ranges in `text`, with class and severity of each.
    pub spans: Vec<(u32, u32, String, String)>,
    /// How many people get a text with the same words.
    pub people: u64,
}

/// What a preflight found: who will get the campaign, who will not and why, and what it costs.
#[derive(Clone, PartialEq, Eq)]
pub struct PreflightReport {
    /// When it was made.
    pub at: Timestamp,
    /// The instant it decided for: the scheduled time, or the moment of making.
    pub decided_for: Timestamp,
    pub audience: AudienceStats,
    /// Who will get it (held back by quiet hours included).
    pub eligible: u64,
    pub parts: u64,
    pub cost: Money,
    /// What its messages cost when they are accepted, those to test numbers and those that the claim will refuse included: what
    /// is held for it at launch.
    pub reserve: Money,
    /// Who will not, by reason, most first.
    pub rejected: Vec<(Reason, u64)>,
    /// Who will get it later than `decided_for`, because of quiet hours.
    pub deferred: u64,
    pub deferred_until: Option<Timestamp>,
    /// Held or blocked words found.
    pub held: Vec<HeldSample>,
    /// Five rendered samples.
    pub samples: Vec<Sample>,
    /// When the last message will have been handed over at the channels' speed.
    pub done_at: Option<Timestamp>,
    /// Parts by carrier word, with cost.
    pub by_carrier: Vec<(String, u64, Money)>,
    /// People who will get it, by province, most first; empty without a table of number ranges.
    pub by_province: Vec<(String, u64)>,
    /// Of each route that carries some, in the order in which they are tried.
    pub by_route: Vec<RouteLoad>,
    /// Whom no route leads to, most first.
    pub unrouted: Vec<Unrouted>,
    pub audience_checksum: [u8; 32],
}

/// Campaigns.
#[async_trait]
pub trait Campaigns: Send + Sync {
    async fn add_campaign(&self, campaign: &Campaign) -> Result<(), ControlError>;
    /// Writes a campaign whose `version` is the one that was read, and raises it. In the same transaction its account is
    /// told of the step, if it is one ([`EventKind::of_campaign`](crate::events::EventKind::of_campaign)), at `now`.
    ///
    /// # Errors
    /// [`ControlError::Changed`] when somebody was faster.
    async fn update_campaign(&self, campaign: &mut Campaign, now: Timestamp) -> Result<(), ControlError>;
    async fn campaign(&self, account: AccountId, id: CampaignId) -> Result<Option<Campaign>, ControlError>;
    /// Newest first; `before` is the last id of the page before.
    async fn campaigns(
        &self,
        account: AccountId,
        before: Option<CampaignId>,
        limit: u32,
    ) -> Result<Vec<Campaign>, ControlError>;
    /// Adds a campaign that sends failures again, and raises the version of the first of its family, which is the one
    /// that was read: of two that were chosen from the same ends, one is added.
    ///
    /// # Errors
    /// [`ControlError::Changed`] when somebody was faster; nothing is added then.
    async fn add_resend(
        &self,
        campaign: &Campaign,
        root: &mut Campaign,
        line: Option<&AuditLine>,
    ) -> Result<(), ControlError>;
    /// What was sent again of a campaign and its family, oldest first.
    async fn resends(&self, account: AccountId, root: CampaignId) -> Result<Vec<Campaign>, ControlError>;
    /// Of all accounts, those in one of these states: for the scheduler and the finisher.
    async fn campaigns_in(&self, states: &[CampaignState]) -> Result<Vec<Campaign>, ControlError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_walks_its_life_and_no_other() {
        use CampaignAction as A;
        use CampaignState as S;
        let walk = |actions: &[(A, bool)]| {
            actions.iter().try_fold(S::Draft, |state, (action, later)| state.after(*action, *later))
        };
        assert_eq!(
            walk(&[
                (A::Preflight, false),
                (A::Start, false),
                (A::Pause, false),
                (A::Resume, false),
                (A::Finish, false)
            ]),
            Ok(S::Finished)
        );
        assert_eq!(walk(&[(A::Preflight, false), (A::Start, true), (A::Launch, false)]), Ok(S::Running));
        assert!(walk(&[(A::Start, false)]).is_err(), "nothing starts unseen");
        for state in [S::Finished, S::Cancelled] {
            assert!(A::ALL.iter().all(|action| state.after(*action, false).is_err()));
        }
    }
}
