//! Refusals and complaints in answer to campaigns, counted as they come: what a campaign that stops itself is judged by.
//!
//! Invariants: an answer is counted once; only what is newer than the last look is read, with some overlap, because an
//! answer may become visible a moment after a later one.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::campaign::is_complaint;
use domain::control::Campaign;
use domain::ids::{AccountId, CampaignId, InboundId};
use domain::ledger::{InboundRecord, LedgerError};
use domain::time::Timestamp;

use crate::Engine;

/// Between two looks for new answers of an account.
const LOOK: Duration = Duration::from_secs(3);
/// How late an answer may become visible behind a later one.
const OVERLAP: Duration = Duration::from_secs(120);
/// Answers per page: few come between two looks.
const PAGE: u32 = 200;
/// Pages of one look, at most: a hundred thousand answers are more than any campaign gets.
const MOST_PAGES: usize = 500;
/// Campaigns whose answers are remembered; beyond it they are counted anew.
const MOST_CAMPAIGNS: usize = 10_000;

/// Answers to one campaign.
#[derive(Clone, Copy, Default)]
pub(super) struct Answers {
    pub opted_out: u64,
    pub complained: u64,
}

/// What was counted of each account.
#[derive(Default)]
pub(crate) struct Replies(Mutex<HashMap<AccountId, Counted>>);

#[derive(Default)]
struct Counted {
    looked_at: Option<Timestamp>,
    /// Everything up to here was counted.
    floor: Option<InboundId>,
    /// What was counted above it.
    recent: BTreeSet<InboundId>,
    campaigns: HashMap<CampaignId, Answers>,
}

impl Counted {
    fn take(&mut self, record: &InboundRecord) {
        let is_old = self.floor.is_some_and(|floor| record.id <= floor);
        if is_old || !self.recent.insert(record.id) {
            return;
        }
        let Some(campaign) = record.campaign else { return };
        let answers = self.campaigns.entry(campaign).or_default();
        answers.opted_out += u64::from(record.opted_out);
        answers.complained += u64::from(is_complaint(&record.text));
    }

    fn raise_floor(&mut self, now: Timestamp) {
        let before = now.minus(OVERLAP);
        while let Some(oldest) = self.recent.first().copied().filter(|id| id.made_at() < before) {
            self.recent.pop_first();
            self.floor = Some(oldest);
        }
    }
}

impl Replies {
    fn lock(&self) -> MutexGuard<'_, HashMap<AccountId, Counted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where to read on; `None`: it was looked at just now.
    fn begin(&self, account: AccountId, now: Timestamp) -> Option<Option<InboundId>> {
        let mut accounts = self.lock();
        let counted = accounts.entry(account).or_default();
        if counted.looked_at.is_some_and(|at| at <= now && now.since(at) < LOOK) {
            return None;
        }
        if counted.campaigns.len() > MOST_CAMPAIGNS {
            *counted = Counted::default();
        }
        Some(counted.floor)
    }

    fn answers(&self, campaign: &Campaign) -> Answers {
        let accounts = self.lock();
        let counted = accounts.get(&campaign.account);
        counted.and_then(|counted| counted.campaigns.get(&campaign.id)).copied().unwrap_or_default()
    }
}

impl Engine {
    /// The answers to a campaign so far, a few seconds old at most.
    pub(super) async fn answers(&self, campaign: &Campaign) -> Result<Answers, LedgerError> {
        let (account, now) = (campaign.account, self.clock.now());
        let started_at = campaign.started_at.unwrap_or(now);
        if let Some(floor) = self.replies.begin(account, now) {
            self.read_replies(account, floor, started_at).await?;
            let mut accounts = self.replies.lock();
            let counted = accounts.entry(account).or_default();
            counted.looked_at = Some(now);
            counted.raise_floor(now);
        }
        Ok(self.replies.answers(campaign))
    }

    /// Newest first, down to what was counted before; the first time down to the campaign's start.
    async fn read_replies(
        &self,
        account: AccountId,
        floor: Option<InboundId>,
        started_at: Timestamp,
    ) -> Result<(), LedgerError> {
        let mut before = None;
        for _ in 0..MOST_PAGES {
            let page = self.ledger.inbounds(account, before, PAGE).await?;
            {
                let mut accounts = self.replies.lock();
                let counted = accounts.entry(account).or_default();
                page.iter().for_each(|record| counted.take(record));
            }
            let Some(last) = page.last().filter(|_| page.len() == PAGE as usize) else { break };
            let is_far = match floor {
                Some(floor) => last.id <= floor,
                None => last.received_at < started_at,
            };
            if is_far {
                break;
            }
            before = Some(last.id);
        }
        Ok(())
    }
}
