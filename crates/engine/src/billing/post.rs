//! The poster: tells the books what the ledger's counters come to, ends holds, and takes back what partitions do not use.
//!
//! One node does it. Counters say what an hour came to so far, so a posting that is repeated, by this node or the next, changes
//! nothing. What was posted through is kept in a setting, so that a start goes on there, however long nobody posted.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use domain::billing::BalanceLevel;
use domain::control::{ControlError, Posting, PostingKey};
use domain::ids::{AccountId, CampaignId, LaneId, PartitionId};
use domain::ledger::{LedgerError, Tally};
use domain::money::Money;
use domain::nodes::Duty;
use domain::time::Timestamp;

use super::costs::Costs;
use super::postings::{LaneTerms, postings};
use crate::Engine;

/// Between two rounds.
const ROUND: Duration = Duration::from_secs(3);
/// Hours before the present one that each round looks at: settlements may carry the time of an hour that has just ended.
const RECENT_HOURS: i64 = 2;
/// Hours before the present one that are looked at once an hour.
const LATE_HOURS: i64 = 96;
/// Postings of one transaction.
const POSTED_AT_ONCE: usize = 500;
/// An allowance that nothing was drawn on for so long goes back.
const IDLE: Duration = Duration::from_secs(3_600);
/// Where the last hour is kept before which everything is posted.
const POSTED_THROUGH: &str = "billing.posted_through";
/// Where it is kept what channels cost in which hours.
const COSTS: &str = "billing.costs";

/// Why a round ended early; the next one does it again.
#[derive(Debug, thiserror::Error)]
pub enum MoneyError {
    /// The books refused.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What the poster remembers between rounds; a new one looks everything up again.
#[derive(Default)]
pub struct Poster {
    lanes: HashMap<LaneId, LaneTerms>,
    /// None: to be read.
    costs: Option<Costs>,
    /// What was posted of the recent hours.
    posted: HashMap<PostingKey, Posting>,
    /// The last hour in which late hours were looked at; none: not yet.
    late_at: Option<i64>,
    /// What had been drawn on each allowance, and since when that has not changed.
    idle: HashMap<(PartitionId, AccountId), (Money, Timestamp)>,
    stray_holds: BTreeSet<CampaignId>,
    /// How balances were told last, of those that were looked at.
    told: BTreeMap<AccountId, BalanceLevel>,
}

impl Engine {
    /// Starts the poster; it ends with the engine.
    pub fn start_poster(self: &Arc<Self>) {
        let engine = Arc::clone(self);
        self.tasks.spawn(async move {
            let mut poster = Poster::default();
            loop {
                tokio::select! {
                    () = engine.stop.cancelled() => return,
                    () = tokio::time::sleep(ROUND) => {}
                }
                if !engine.node.holds(Duty::Billing) || engine.is_draining() {
                    poster = Poster::default();
                    engine.metrics.balances(std::iter::empty());
                } else if let Err(error) = engine.post_round(&mut poster).await {
                    tracing::warn!(%error, "what messages moved could not be posted; it is tried again");
                }
            }
        });
    }

    /// One round: posts, ends holds, takes back what is idle.
    ///
    /// # Errors
    /// [`MoneyError`]: the next round does what is missing.
    pub async fn post_round(&self, poster: &mut Poster) -> Result<(), MoneyError> {
        let now = self.clock.now();
        // Before the counters are read: what these campaigns had accepted is in them.
        let spent = self.spent_holds(&mut poster.stray_holds, now).await?;
        self.note_costs(poster, now.hour()).await?;
        let from = self.first_hour(poster, now.hour()).await?;
        if poster.late_at != Some(now.hour()) {
            // What another node posted meanwhile, or a power cut took back from the ledger, is put right now.
            poster.posted.clear();
            self.bring_grants().await?;
        }
        let mut moved = BTreeSet::new();
        for partition in self.ledger.partitions().all() {
            let mut gone: BTreeSet<PostingKey> = match poster.late_at {
                Some(at) if at == now.hour() => BTreeSet::new(),
                _ => self.control.posted(partition, from).await?.into_iter().collect(),
            };
            let mut before = from.saturating_sub(1);
            while let Some(hour) = self.ledger.next_hour(partition, before).await? {
                let all = self.hour_postings(poster, partition, hour).await?;
                for one in &all {
                    gone.remove(&one.key);
                }
                let new = all.into_iter().filter(|one| poster.posted.get(&one.key) != Some(one)).collect();
                self.post_some(poster, new, &mut moved, now).await?;
                before = hour;
            }
            // Settlements do not wait for the disk: a power cut may have taken back all that an hour knew of a key.
            self.post_some(poster, gone.into_iter().map(Posting::nothing).collect(), &mut moved, now).await?;
        }
        if poster.late_at != Some(now.hour()) {
            let through = now.hour() - RECENT_HOURS - 1;
            self.control.put_setting(POSTED_THROUGH, &through.to_string()).await?;
            poster.late_at = Some(now.hour());
        }
        for (account, campaign) in spent {
            self.control.end_hold(account, campaign, now).await?;
        }
        self.settle_allowances(poster, now).await?;
        self.look_at_balances(poster, moved).await
    }

    /// Takes note of what channels cost in this hour; a new poster reads first what was known.
    async fn note_costs(&self, poster: &mut Poster, hour: i64) -> Result<(), MoneyError> {
        // What cannot be written is not remembered either, and is noted again.
        let mut costs = match poster.costs.take() {
            Some(costs) => costs,
            None => self.control.setting(COSTS).await?.as_deref().map(Costs::read).unwrap_or_default(),
        };
        let mut changed = false;
        for channel in self.channels().await?.iter() {
            changed |= costs.note(channel.id, hour, channel.cost);
        }
        if changed {
            self.control.put_setting(COSTS, &costs.write()).await?;
        }
        poster.costs = Some(costs);
        Ok(())
    }

    /// A grant that was written down and never reached a ledger which knew nothing of the account there.
    async fn bring_grants(&self) -> Result<(), MoneyError> {
        for account in self.control.accounts().await? {
            for (partition, granted) in self.control.grants(account.id).await? {
                self.ledger.granted(partition, account.id, granted.granted).await?;
            }
        }
        Ok(())
    }

    /// Where a round begins: a new poster's first one where the last one's ended.
    async fn first_hour(&self, poster: &Poster, hour: i64) -> Result<i64, MoneyError> {
        Ok(match poster.late_at {
            Some(at) if at == hour => hour - RECENT_HOURS,
            // Longer ago, if the books could not be reached for days.
            Some(at) => (hour - LATE_HOURS).min(at - RECENT_HOURS),
            None => {
                let through = self.control.setting(POSTED_THROUGH).await?;
                let through = through.and_then(|text| text.parse::<i64>().ok());
                through.map_or(0, |through| through.min(hour - LATE_HOURS))
            }
        })
    }

    /// What all counters of an hour come to.
    async fn hour_postings(
        &self,
        poster: &mut Poster,
        partition: PartitionId,
        hour: i64,
    ) -> Result<Vec<Posting>, MoneyError> {
        let (mut tallies, mut after): (Vec<Tally>, Option<LaneId>) = (Vec::new(), None);
        loop {
            let (page, next) = self.ledger.hour_tallies(partition, hour, after).await?;
            tallies.extend(page);
            after = next;
            if next.is_none() {
                break;
            }
        }
        let cost = |channel| poster.costs.as_ref().map_or(Money::ZERO, |costs| costs.at(channel, hour));
        if let Ok(all) = postings((partition, hour), &tallies, &poster.lanes, cost) {
            return Ok(all);
        }
        let lanes = self.ledger.lanes().await?;
        poster.lanes = lanes.iter().map(|lane| (lane.id, LaneTerms::of(lane))).collect();
        let all = postings((partition, hour), &tallies, &poster.lanes, cost);
        all.map_err(|_| LedgerError::NoSuch("lane").into())
    }

    async fn post_some(
        &self,
        poster: &mut Poster,
        new: Vec<Posting>,
        moved: &mut BTreeSet<AccountId>,
        now: Timestamp,
    ) -> Result<(), MoneyError> {
        for some in new.chunks(POSTED_AT_ONCE) {
            self.control.post(some, now).await?;
            moved.extend(some.iter().map(|posting| posting.key.account));
            let recent = now.hour() - RECENT_HOURS;
            let kept = some.iter().filter(|posting| posting.key.hour >= recent);
            poster.posted.extend(kept.map(|posting| (posting.key, *posting)));
        }
        Ok(())
    }

    /// Brings both sides of each allowance together, whatever was killed between them, and gives back what nobody uses: after an
    /// hour, and, where a day's limit counts it, when the day ends.
    async fn settle_allowances(&self, poster: &mut Poster, now: Timestamp) -> Result<(), MoneyError> {
        let mut known: HashMap<AccountId, HashMap<PartitionId, domain::control::Granted>> = HashMap::new();
        for partition in self.ledger.partitions().all() {
            for (account, allowance) in self.ledger.allowances(partition).await? {
                let granted = match known.entry(account) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(unknown) => {
                        unknown.insert(self.control.grants(account).await?.into_iter().collect())
                    }
                };
                let books = granted.get(&partition).copied().unwrap_or_default();
                if books.granted > allowance.granted {
                    self.ledger.granted(partition, account, books.granted).await?;
                }
                let mut returned = allowance.returned;
                if allowance.left() > Money::ZERO {
                    let seen = poster.idle.entry((partition, account)).or_insert((allowance.drawn, now));
                    if seen.0 != allowance.drawn {
                        *seen = (allowance.drawn, now);
                    }
                    let since = seen.1;
                    let daily = self.terms(account).await?.limits.daily.is_some();
                    if now.since(since) >= IDLE || daily && !self.is_same_day(since, now) {
                        returned = self.ledger.give_back(partition, account, allowance.left()).await?;
                        poster.idle.remove(&(partition, account));
                    }
                } else {
                    poster.idle.remove(&(partition, account));
                }
                if returned > books.returned {
                    self.control.returned(account, partition, returned, now).await?;
                }
            }
        }
        Ok(())
    }

    fn is_same_day(&self, one: Timestamp, other: Timestamp) -> bool {
        let day = |at: Timestamp| at.to_jiff().to_zoned_datetime(self.settings.zone.clone()).date();
        day(one) == day(other)
    }

    /// Tells accounts how their balance came to be: those whose money moved, and those that were short when they were told last, for
    /// they may have paid since. A new poster asks what its predecessor told.
    async fn look_at_balances(
        &self,
        poster: &mut Poster,
        moved: BTreeSet<AccountId>,
    ) -> Result<(), MoneyError> {
        if poster.told.is_empty() {
            for account in self.control.accounts().await? {
                let told = self.control.setting(&told_setting(account.id)).await?;
                let told = told.and_then(|word| BalanceLevel::from_word(&word));
                poster.told.insert(account.id, told.unwrap_or(BalanceLevel::Enough));
            }
        }
        let short = poster.told.iter().filter(|(_, told)| **told != BalanceLevel::Enough);
        let looked_at: BTreeSet<AccountId> = short.map(|(account, _)| *account).chain(moved).collect();
        for account in looked_at {
            let before = poster.told.get(&account).copied().unwrap_or(BalanceLevel::Enough);
            let (level, available) = self.balance_level(account).await?;
            let Some(kind) = level.told_after(before) else { continue };
            tracing::info!(%account, %available, %level, "the balance of this account is told · 余额状态变化");
            self.note_balance(account, kind, available).await?;
            self.control.put_setting(&told_setting(account), level.word()).await?;
            poster.told.insert(account, level);
        }
        self.metrics.balances(poster.told.values().copied());
        Ok(())
    }

    /// How an account's balance is, and what it may still spend: funds, credit, and what partitions hold for it.
    async fn balance_level(&self, account: AccountId) -> Result<(BalanceLevel, Money), MoneyError> {
        let terms = self.terms(account).await?;
        let balance = self.control.balance(account).await?;
        let available = balance.funds + terms.credit + balance.allowance;
        let cheapest = self.prices(account).await?.cheapest(self.clock.now());
        Ok((BalanceLevel::of(&terms, available, cheapest), available))
    }
}

/// Where it is kept how an account's balance was told last.
fn told_setting(account: AccountId) -> String {
    format!("billing.told.{account}")
}
