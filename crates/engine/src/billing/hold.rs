//! Holds: what a campaign will cost is put aside before its start is acknowledged, so that it never stops half-way.

use std::collections::BTreeSet;

use domain::billing::{Charge, Mode, Purse};
use domain::control::{Campaign, CampaignState, ControlError, Short};
use domain::ids::{AccountId, CampaignId};
use domain::money::Money;
use domain::time::Timestamp;

use crate::Engine;
use crate::campaign::CampaignTrouble;

/// After a cancel, a group of messages may still be on its way into the ledger, on this node or another.
const CANCELLED_FOR: std::time::Duration = std::time::Duration::from_secs(600);

/// How a campaign of a bounded account that has not begun is paid for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CampaignFunding {
    /// What is held for it at its start: of all its messages, those to test numbers and those that will be refused included.
    pub needed: Money,
    /// It is held already.
    pub held: bool,
    /// How much more the account would need for that at this moment, and what stands against it.
    pub lacking: Option<(Money, Short)>,
    /// Its time has come, and it waits until the account can pay for it.
    pub waits: bool,
}

impl Engine {
    /// How a counted campaign that has not begun would be paid for now; `None`: nothing bounds its account, or it is not counted, or
    /// it has begun.
    ///
    /// # Errors
    /// When the control database refuses.
    pub async fn campaign_funding(
        &self,
        campaign: &Campaign,
    ) -> Result<Option<CampaignFunding>, ControlError> {
        let waiting = matches!(campaign.state, CampaignState::Preflighted | CampaignState::Scheduled);
        let Some(report) = campaign.preflight.as_ref().filter(|_| waiting) else { return Ok(None) };
        if self.terms(campaign.account).await?.mode != Mode::Bounded {
            return Ok(None);
        }
        let (needed, now) = (report.reserve, self.clock.now());
        let held = self.control.holds().await?.contains(&(campaign.account, campaign.id));
        let lacking = match held {
            true => None,
            false => self.control.room(campaign.account, now).await?.lacks(needed),
        };
        let is_due = campaign.state == CampaignState::Scheduled && campaign.scheduled_at <= Some(now);
        Ok(Some(CampaignFunding { needed, held, lacking, waits: is_due && lacking.is_some() }))
    }

    /// Holds what a campaign will cost, where its account is bounded. Once per campaign.
    pub(crate) async fn hold_for(&self, campaign: &Campaign) -> Result<(), CampaignTrouble> {
        if self.terms(campaign.account).await?.mode != Mode::Bounded {
            return Ok(());
        }
        let reserve = campaign.preflight.as_ref().map_or(Money::ZERO, |report| report.reserve);
        if reserve <= Money::ZERO {
            return Ok(());
        }
        let now = self.clock.now();
        let held = self.control.hold(campaign.account, campaign.id, reserve, now).await?;
        held.map_err(|short| CampaignTrouble::Funds { needed: reserve, short })
    }

    /// How a campaign's messages are paid for, when its lanes are opened. What was held for it decides, not what its account has
    /// agreed since.
    pub(crate) async fn campaign_money(&self, campaign: &Campaign) -> Result<(Charge, Purse), ControlError> {
        let terms = self.terms(campaign.account).await?;
        let held = (campaign.account, campaign.id);
        let purse = if self.control.holds().await?.contains(&held) { Purse::Hold } else { Purse::Open };
        Ok((terms.charge, purse))
    }

    /// Campaigns that need nothing more of what is held for them. `stray`: those that were not started when they were looked at
    /// last; a start takes less than the time in between.
    pub(super) async fn spent_holds(
        &self,
        stray: &mut BTreeSet<CampaignId>,
        now: Timestamp,
    ) -> Result<Vec<(AccountId, CampaignId)>, ControlError> {
        let (mut spent, mut seen) = (Vec::new(), BTreeSet::new());
        for (account, id) in self.control.holds().await? {
            let campaign = self.control.campaign(account, id).await?;
            let is_spent = match &campaign {
                Some(campaign) if campaign.expanded => true,
                Some(campaign) if campaign.state == CampaignState::Cancelled => {
                    campaign.finished_at.is_none_or(|at| now.since(at) >= CANCELLED_FOR)
                }
                Some(campaign) if campaign.started_at.is_some() => false,
                Some(campaign) if campaign.state == CampaignState::Scheduled => false,
                _ => {
                    seen.insert(id);
                    stray.contains(&id)
                }
            };
            if is_spent {
                spent.push((account, id));
            }
        }
        *stray = seen;
        Ok(spent)
    }
}
