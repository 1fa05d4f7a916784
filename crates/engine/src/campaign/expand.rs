//! Expansion: a frozen audience becomes messages in the ledger, chunk by chunk, once, whatever is killed meanwhile.
//!
//! Each partition keeps the ordinal up to which it has taken a lane's audience, in the transaction that takes it. So
//! expansion starts at the lowest of these marks and leaves out, for each partition, what it has already.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::campaign::{Canary, lot};
use domain::control::{AUDIENCE_CHUNK_ROWS, Audience, Campaign, CampaignState, ControlError};
use domain::ids::{CampaignId, LaneId, MessageId, PartitionId};
use domain::ledger::{Entry, Expansion, LedgerError, NewMessage};
use domain::money::Money;
use domain::nodes::Duty;
use domain::policy::RuleId;
use domain::text::Encoding;
use domain::time::Timestamp;
use futures::future::{try_join, try_join_all};
use tokio_util::sync::CancellationToken;

use super::CampaignTrouble;
use super::count::Ordered;
use super::letter::Letter;
use super::preflight::Group;
use crate::Engine;

/// Wait after a failure that may pass (disk full, database busy), at first and at most.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Chunks accepted together. A single message waits for its partition's share of them: some five hundred rows.
const GROUP_CHUNKS: u32 = 4;
/// Rows of an audience chunk as a place in the audience counts them.
const CHUNK_ROWS: u64 = AUDIENCE_CHUNK_ROWS as u64;

/// Expansions that this process is running, each with the token that ends it.
#[derive(Default)]
pub(crate) struct Expansions(Mutex<HashMap<CampaignId, CancellationToken>>);

impl Expansions {
    /// A token for a new expansion, a child of `parent`; `None` when one is running.
    fn begin(&self, id: CampaignId, parent: &CancellationToken) -> Option<CancellationToken> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match running.entry(id) {
            Place::Occupied(_) => None,
            Place::Vacant(place) => Some(place.insert(parent.child_token()).clone()),
        }
    }

    /// Ends an expansion at its next group.
    pub(crate) fn end(&self, id: CampaignId) {
        self.retain(|running| running != id);
    }

    /// Ends all others than these at their next group.
    pub(crate) fn retain(&self, mut wanted: impl FnMut(CampaignId) -> bool) {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        running.extract_if(|id, _| !wanted(*id)).for_each(|(_, token)| token.cancel());
    }

    pub(crate) fn is_running(&self, id: CampaignId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&id)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// What is the same for every message of an expansion.
struct Work {
    campaign: Campaign,
    audience: Audience,
    letter: Letter,
    due_at: Timestamp,
    /// By partition, the ordinal up to which it has everything.
    marks: Vec<u64>,
}

impl Engine {
    /// Begins to expand a running or paused campaign, unless that is under way or another node's duty.
    pub(super) fn spawn_expansion(self: &Arc<Self>, campaign: Campaign) {
        if !self.may_expand() {
            return;
        }
        let Some(token) = self.expansions.begin(campaign.id, &self.stop) else { return };
        let engine = Arc::clone(self);
        self.tasks.spawn(async move {
            engine.expand_until_done(&campaign, &token).await;
            // Who was ended is not in the list any more; another one may be.
            if !token.is_cancelled() {
                engine.expansions.end(campaign.id);
            }
        });
    }

    /// Tries again after failures that may pass; what cannot be expanded is paused for a person.
    async fn expand_until_done(&self, campaign: &Campaign, token: &CancellationToken) {
        let mut wait = FIRST_WAIT;
        loop {
            let outcome = self.expand(campaign, token).await;
            let error = match outcome {
                Ok(()) => return,
                Err(_) if token.is_cancelled() || !self.may_expand() => return,
                Err(error) => error,
            };
            if !may_pass(&error) {
                tracing::error!(campaign = %campaign.id, %error, "a campaign cannot be expanded; it is paused");
                if let Err(error) = self.pause_campaign(campaign.account, campaign.id, None).await {
                    tracing::error!(campaign = %campaign.id, %error, "and it could not be paused");
                }
                return;
            }
            tracing::warn!(campaign = %campaign.id, %error, "expansion waits and tries again");
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = token.cancelled() => return,
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Whether this node is the one that expands campaigns.
    fn may_expand(&self) -> bool {
        self.node.holds(Duty::Campaigns) && !self.is_draining()
    }

    async fn expand(&self, campaign: &Campaign, token: &CancellationToken) -> Result<(), CampaignTrouble> {
        let missing = || ControlError::Inconsistent { table: "campaign", column: "frozen" };
        let frozen = campaign.frozen.ok_or_else(missing)?;
        let audience = self.control.audience(campaign.account, frozen).await?.ok_or_else(missing)?;
        let marks = self.ledger.partitions().all().map(|partition| {
            let lane = campaign.lane;
            async move { self.ledger.expanded_through(partition, lane).await }
        });
        let marks = try_join_all(marks).await?;
        let lowest = marks.iter().copied().min().unwrap_or(0);
        let work = Work {
            letter: self.letter(campaign).await?,
            due_at: campaign.started_at.unwrap_or_else(|| self.clock.now()),
            campaign: campaign.clone(),
            audience,
            marks,
        };
        let work = Arc::new(work);
        let mut next = u32::try_from(lowest / CHUNK_ROWS).unwrap_or(u32::MAX);
        let mut group = self.read_group(&work.audience, next, GROUP_CHUNKS).await?;
        while group.rows > 0 {
            // Before each write: a node that was frozen may find another one at it. What it has begun changes nothing,
            // since the marks in the ledger are further.
            if token.is_cancelled() || !self.may_expand() {
                return Err(CampaignTrouble::Interrupted);
            }
            next += GROUP_CHUNKS;
            let accepting = self.accept_group(&work, group);
            let reading = self.read_group(&work.audience, next, GROUP_CHUNKS);
            ((), group) = try_join(accepting, reading).await?;
        }
        self.change_campaign(campaign.account, campaign.id, None, |campaign| {
            campaign.expanded = true;
            Ok(())
        })
        .await?;
        Ok(())
    }

    async fn accept_group(&self, work: &Arc<Work>, group: Group) -> Result<(), CampaignTrouble> {
        let through = group.through;
        let now = self.clock.now();
        let parts = group.parted.into_iter().enumerate().map(|(place, rows)| async move {
            let mark = work.marks.get(place).copied().unwrap_or(0);
            if through <= mark {
                return Ok(());
            }
            let composing = {
                let (work, ids) = (Arc::clone(work), Arc::clone(&self.ids));
                self.settings.heavy_work.run(move || {
                    let news = rows.into_iter().filter(|ordered| ordered.ordinal >= mark);
                    news.map(|ordered| {
                        let id = ids.next(now, ordered.row.phone.slot()).into();
                        work.message(id, &ordered)
                    })
                    .collect::<Result<Vec<_>, _>>()
                })
            };
            let messages = composing.await.ok_or(CampaignTrouble::Interrupted)??;
            let partition = PartitionId(u16::try_from(place).unwrap_or(u16::MAX));
            let expansion = Expansion { lane: work.campaign.lane, through };
            self.accept_counted(partition, messages, Some(expansion), now).await?;
            Ok::<(), CampaignTrouble>(())
        });
        try_join_all(parts).await?;
        Ok(())
    }

    /// The rows of the next `count` chunks, by partition; no rows is the end.
    pub(super) async fn read_group(
        &self,
        audience: &Audience,
        first: u32,
        count: u32,
    ) -> Result<Group, CampaignTrouble> {
        let map = self.ledger.partitions();
        let mut parted: Vec<Vec<Ordered>> = map.all().map(|_| Vec::new()).collect();
        let last = first.saturating_add(count).min(audience.chunks);
        let chunks = (first..last).map(|number| self.control.chunk(audience.account, audience.id, number));
        let mut rows = 0;
        for (number, chunk) in (first..).zip(try_join_all(chunks).await?) {
            let chunk =
                chunk.ok_or(ControlError::Inconsistent { table: "audience_chunk", column: "number" })?;
            for (place, row) in chunk.into_iter().enumerate() {
                let ordinal = u64::from(number) * CHUNK_ROWS + place as u64;
                parted[usize::from(map.of(row.phone.slot()).0)].push(Ordered { ordinal, row });
                rows += 1;
            }
        }
        Ok(Group { rows, parted, through: u64::from(last) * CHUNK_ROWS })
    }
}

impl Work {
    fn message(&self, id: MessageId, ordered: &Ordered) -> Result<NewMessage, ControlError> {
        let (campaign, row) = (&self.campaign, &ordered.row);
        let written = self.letter.for_row(row, &self.audience.columns);
        let composed = written.text;
        let entry = match &composed {
            Ok(composed) => Entry::Queue { due_at: self.due_at, by_carrier: composed.by_carrier },
            Err(reason) => Entry::Reject { reason: *reason, rule: RuleId::NONE },
        };
        let mut message = NewMessage {
            id,
            lane: self.lane(written.place, ordered)?,
            account: campaign.account,
            entity: campaign.entity,
            campaign: Some(campaign.id),
            contact: row.contact,
            category: campaign.category,
            phone: row.phone,
            text: String::new(),
            encoding: Encoding::Ucs2,
            parts: 0,
            price: Money::ZERO,
            carrier: row.phone.carrier(),
            valid_until: self.due_at.plus(campaign.valid_for),
            test: row.test,
            possible_duplicate: row.possible_duplicate,
            entry,
            origin: None,
        };
        if let Ok(composed) = composed {
            message.text = composed.text;
            message.encoding = composed.encoding;
            message.parts = composed.parts;
            message.price = composed.price;
            message.carrier = composed.carrier;
        }
        Ok(message)
    }

    /// Where a row waits: with the canary of its route, or with the rest. Test numbers are of the canary: testers look
    /// first.
    fn lane(&self, place: Option<usize>, Ordered { ordinal, row }: &Ordered) -> Result<LaneId, ControlError> {
        let route = self.letter.route(place)?;
        let canary = self.campaign.canary.as_ref().zip(route.canary);
        let is_first =
            |canary: &Canary| row.test || canary.has(row.phone.carrier(), lot(self.campaign.id, *ordinal));
        Ok(canary.filter(|(canary, _)| is_first(canary)).map_or(route.lane, |(_, lane)| lane))
    }
}

/// Whether waiting may help: the disk may get space, the database may come back, the clock may be set right.
fn may_pass(error: &CampaignTrouble) -> bool {
    match error {
        CampaignTrouble::Control(error) => {
            matches!(error, ControlError::Full | ControlError::Unavailable(_) | ControlError::Changed(_))
        }
        CampaignTrouble::Ledger(error) => {
            error.is_retryable() || matches!(error, LedgerError::ClockBehind { .. })
        }
        CampaignTrouble::Interrupted => true,
        _ => false,
    }
}

/// Whether a campaign in this state is to be expanded.
pub(super) fn expands(campaign: &Campaign) -> bool {
    !campaign.expanded && matches!(campaign.state, CampaignState::Running | CampaignState::Paused)
}
