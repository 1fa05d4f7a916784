//! The tasks that look, for all who watch.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::control::{Campaign, CampaignState, ControlError};
use domain::ids::{AccountId, LaneId};
use domain::ledger::{LedgerError, Tally};
use domain::report::Standings;
use tokio::sync::watch;

use super::{Campaigns, Channels, LOOK, MOST, locked};
use crate::state::ApiState;
use crate::{campaigns, channels, json};

/// Those that are under way.
const UNDER_WAY: [CampaignState; 3] =
    [CampaignState::Running, CampaignState::Paused, CampaignState::Scheduled];
/// Looks at which one that has ended is still told, so that the slowest stream hears of its end.
const TOLD_AFTER: u32 = 30;

/// Why a look found nothing; the next one may.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What is told of the campaigns of those accounts that are watched.
pub(super) fn watch_campaigns(state: &ApiState) -> watch::Receiver<Campaigns> {
    let mut running = locked(&state.live().campaigns);
    if let Some(sender) = running.as_ref() {
        return sender.subscribe();
    }
    let (sender, receiver) = watch::channel(Campaigns::default());
    *running = Some(sender.clone());
    drop(running);
    tokio::spawn(look_at_campaigns(state.clone(), sender));
    receiver
}

/// What is told of the channels.
pub(super) fn watch_channels(state: &ApiState) -> watch::Receiver<Channels> {
    let mut running = locked(&state.live().channels);
    if let Some(sender) = running.as_ref() {
        return sender.subscribe();
    }
    let (sender, receiver) = watch::channel(None);
    *running = Some(sender.clone());
    drop(running);
    tokio::spawn(look_at_channels(state.clone(), sender));
    receiver
}

async fn look_at_channels(state: ApiState, sender: watch::Sender<Channels>) {
    loop {
        {
            let mut running = locked(&state.live().channels);
            if sender.receiver_count() == 0 {
                *running = None;
                return;
            }
        }
        match state.engine().channels().await {
            Ok(configs) => {
                let statuses = state.engine().channel_statuses();
                let seen = configs.iter().map(|config| {
                    let status = statuses.iter().find(|status| status.id == config.id).cloned();
                    channels::state_of(config, status)
                });
                let seen: Arc<[json::ChannelState]> = seen.collect();
                sender.send_if_modified(|known| {
                    let is_new = known.as_ref() != Some(&seen);
                    if is_new {
                        *known = Some(seen);
                    }
                    is_new
                });
            }
            Err(error) => tracing::warn!(%error, "channels could not be looked at; those who watch wait"),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = state.closing().cancelled() => break,
        }
    }
    *locked(&state.live().channels) = None;
}

async fn look_at_campaigns(state: ApiState, sender: watch::Sender<Campaigns>) {
    let mut ended: HashMap<(AccountId, String), u32> = HashMap::new();
    loop {
        {
            let mut running = locked(&state.live().campaigns);
            if sender.receiver_count() == 0 {
                *running = None;
                return;
            }
        }
        let before = Arc::clone(&sender.borrow());
        match look(&state, &before, &mut ended).await {
            Ok(seen) => {
                sender.send_if_modified(|known| {
                    let is_new = **known != seen;
                    if is_new {
                        *known = Arc::new(seen);
                    }
                    is_new
                });
            }
            Err(error) => tracing::warn!(%error, "campaigns could not be looked at; those who watch wait"),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = state.live().nudged.notified() => {}
            () = state.closing().cancelled() => break,
        }
    }
    *locked(&state.live().campaigns) = None;
}

/// One look: two questions for all that is under way, and one or two for each campaign that has ended since the look before.
async fn look(
    state: &ApiState,
    before: &HashMap<AccountId, Arc<[json::CampaignLive]>>,
    ended: &mut HashMap<(AccountId, String), u32>,
) -> Result<HashMap<AccountId, Arc<[json::CampaignLive]>>, LookError> {
    let wanted: HashSet<AccountId> = locked(&state.live().wanted).keys().copied().collect();
    let mut all = state.control().campaigns_in(&UNDER_WAY).await?;
    all.retain(|campaign| wanted.contains(&campaign.account));
    all.sort_by_key(|campaign| (campaign.account, std::cmp::Reverse(campaign.id)));
    let under_way: HashSet<String> = all.iter().map(|campaign| campaign.id.to_string()).collect();
    ended.retain(|(account, id), left| {
        *left = left.saturating_sub(1);
        *left > 0 && wanted.contains(account) && !under_way.contains(id)
    });
    for (account, told) in before.iter().filter(|(account, _)| wanted.contains(account)) {
        for one in told.iter().filter(|one| !under_way.contains(&one.id)) {
            let is_over = is_over(one);
            let key = (*account, one.id.clone());
            match one.id.parse() {
                Ok(id) if !is_over => {
                    if let Some(campaign) = state.control().campaign(*account, id).await? {
                        ended.insert(key, TOLD_AFTER);
                        all.push(campaign);
                    }
                }
                _ => {}
            }
        }
    }
    let tallies = tallies(state, &all).await?;
    let mut seen: HashMap<AccountId, Vec<json::CampaignLive>> =
        wanted.into_iter().map(|account| (account, Vec::new())).collect();
    for campaign in &all {
        if let Some(told) = seen.get_mut(&campaign.account).filter(|told| told.len() < MOST) {
            let own = campaign.lane_ids();
            let own = tallies.iter().filter(|(lane, _)| own.contains(lane)).flat_map(|(_, of)| of);
            let progress = campaigns::progress_of(campaign, None, &Standings::from_tallies(own));
            told.push(json::CampaignLive {
                id: campaign.id.to_string(),
                name: campaign.name.clone(),
                progress,
            });
        }
    }
    // One that had ended at an earlier look is told as it was then.
    for (account, told) in before {
        for one in told.iter().filter(|one| is_over(one)) {
            let is_kept = ended.contains_key(&(*account, one.id.clone()));
            if let Some(now) =
                seen.get_mut(account).filter(|now| is_kept && !now.iter().any(|known| known.id == one.id))
            {
                now.push(one.clone());
            }
        }
    }
    Ok(seen.into_iter().map(|(account, told)| (account, told.into())).collect())
}

/// Whether nothing more happens to a campaign.
fn is_over(one: &json::CampaignLive) -> bool {
    !UNDER_WAY.iter().any(|state| json::CampaignState::from(*state) == one.progress.state)
}

/// The counters of all lanes, in one question.
async fn tallies(state: &ApiState, all: &[Campaign]) -> Result<HashMap<LaneId, Vec<Tally>>, LookError> {
    let begun = all.iter().filter(|campaign| campaign.started_at.is_some());
    let lanes: Vec<LaneId> = begun.flat_map(Campaign::lane_ids).collect();
    let mut by_lane: HashMap<LaneId, Vec<Tally>> = HashMap::new();
    if lanes.is_empty() {
        return Ok(by_lane);
    }
    for tally in state.ledger().tallies(&lanes).await? {
        by_lane.entry(tally.lane).or_default().push(tally);
    }
    Ok(by_lane)
}
