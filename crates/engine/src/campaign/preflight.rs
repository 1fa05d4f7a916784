//! Preflight: before anything is sent, who will get it, who will not and why, how many parts, what it costs, and
//! when it will be done.
//!
//! The audience is frozen first; then every partition counts its own people in the order of the audience, in
//! parallel, a group of chunks at a time, while the next group is being read.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use domain::billing::{Charge, Purse};
use domain::campaign::{Canary, Lots};
use domain::control::{Audience, Campaign, CampaignAction, PreflightReport};
use domain::ids::{AccountId, CampaignId, PartitionId};
use domain::lane::LaneState;
use domain::money::Money;
use domain::numbers::PrefixTable;
use domain::phone::Carrier;
use domain::time::Timestamp;
use futures::future::{try_join, try_join_all};
use tokio::sync::watch;

use super::CampaignTrouble;
use super::count::{Count, Counted, Ordered};
use super::eta::{Load, Way, carrying, carrying_time, done_at};
use super::letter::Letter;
use super::life::lane_of;
use crate::Engine;
use crate::audience::Frozen;

/// Chunks counted together: sixteen thousand people, some megabytes.
const GROUP_CHUNKS: u32 = 16;

/// How far a preflight is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PreflightProgress {
    /// The audience is being frozen; so many people are in.
    Freezing { people: u64 },
    /// People are being counted.
    Counting { done: u64, total: u64 },
    /// The report is in the campaign.
    Done,
    /// There is no report; the call that waited for it says why.
    Failed,
}

/// Preflights that this process is running.
#[derive(Default)]
pub(crate) struct RunningPreflights(Mutex<HashMap<CampaignId, watch::Receiver<PreflightProgress>>>);

impl RunningPreflights {
    fn change<T>(
        &self,
        with: impl FnOnce(&mut HashMap<CampaignId, watch::Receiver<PreflightProgress>>) -> T,
    ) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn count(&self) -> usize {
        self.change(|running| running.len())
    }
}

impl Engine {
    /// Counts a campaign. Goes on when the caller stops waiting, and is watched by [`Engine::preflight_progress`].
    ///
    /// # Errors
    /// [`CampaignTrouble`]: the state does not allow it, the audience cannot be read, nobody is in it, or somebody
    /// edited the campaign meanwhile.
    pub async fn preflight(
        self: &Arc<Self>,
        account: AccountId,
        id: CampaignId,
    ) -> Result<PreflightReport, CampaignTrouble> {
        let campaign = self.campaign(account, id).await?;
        campaign.state.after(CampaignAction::Preflight, false)?;
        let (progress, receiver) = watch::channel(PreflightProgress::Freezing { people: 0 });
        let first = self.preflights.change(|running| {
            let first = !running.contains_key(&id);
            running.entry(id).or_insert(receiver);
            first
        });
        if !first {
            return Err(CampaignTrouble::PreflightRuns);
        }
        let engine = Arc::clone(self);
        let counting = self.tasks.spawn(async move {
            let outcome = engine.freeze_and_count(campaign, &progress).await;
            engine.preflights.change(|running| running.remove(&id));
            progress.send_replace(if outcome.is_ok() {
                PreflightProgress::Done
            } else {
                PreflightProgress::Failed
            });
            outcome
        });
        counting.await.map_err(|_| CampaignTrouble::Interrupted)?
    }

    /// The live progress of a preflight that runs in this process.
    #[must_use]
    pub fn preflight_progress(&self, id: CampaignId) -> Option<watch::Receiver<PreflightProgress>> {
        self.preflights.change(|running| running.get(&id).cloned())
    }

    async fn freeze_and_count(
        &self,
        mut campaign: Campaign,
        progress: &watch::Sender<PreflightProgress>,
    ) -> Result<PreflightReport, CampaignTrouble> {
        let now = self.clock.now();
        if campaign.scheduled_at.is_some_and(|at| at <= now) {
            return Err(CampaignTrouble::ScheduleInPast);
        }
        self.plan_routes(&mut campaign).await?;
        let letter = self.letter(&campaign).await?;
        let frozen = self
            .freeze_audience(&campaign, &letter.template, &|people| {
                progress.send_replace(PreflightProgress::Freezing { people });
            })
            .await?;
        let Frozen { audience, repeated } = frozen;
        let counted = self.count_frozen(&mut campaign, letter, &audience, repeated, progress).await;
        let saved = match counted {
            Ok(report) => self.save_preflight(&campaign, &audience, report).await,
            Err(error) => Err(error),
        };
        if saved.is_err() {
            self.control.drop_audience(campaign.account, audience.id).await?;
        }
        saved
    }

    /// Counts a frozen audience, and draws the canary's bounds.
    pub(super) async fn count_frozen(
        &self,
        campaign: &mut Campaign,
        letter: Letter,
        audience: &Audience,
        repeated: HashSet<u64>,
        progress: &watch::Sender<PreflightProgress>,
    ) -> Result<PreflightReport, CampaignTrouble> {
        if audience.stats.people == 0 {
            return Err(CampaignTrouble::NobodyThere);
        }
        let now = self.clock.now();
        let decided_for = campaign.scheduled_at.unwrap_or(now);
        let first = campaign.lanes().into_iter().next().ok_or(CampaignTrouble::NoSuchRoute)?;
        let count = Count {
            campaign: campaign.id,
            canary: campaign.canary.as_ref().map(|canary| canary.plan.share),
            letter,
            columns: audience.columns.clone(),
            lane: lane_of(campaign, first, LaneState::Open, (Charge::Submitted, Purse::Open)),
            category: campaign.category,
            entity: campaign.entity,
            policy: self.policy(),
            decided_for,
            valid_until: decided_for.plus(campaign.valid_for),
            repeated,
        };
        let mut counted = self.count_people(audience, Arc::new(count), progress).await?;
        if let Some(canary) = &mut campaign.canary {
            let (bounds, people) = counted.lots.take().map(Lots::bounds).unwrap_or_default();
            *canary = Canary { bounds, people, ..Canary::planned(canary.plan) };
        }
        self.report_of(campaign, audience, counted, now, decided_for).await
    }

    async fn count_people(
        &self,
        audience: &Audience,
        count: Arc<Count>,
        progress: &watch::Sender<PreflightProgress>,
    ) -> Result<Counted, CampaignTrouble> {
        let partitions = usize::from(self.ledger.partitions().len());
        let mut counted: Vec<Counted> = (0..partitions).map(|_| Counted::default()).collect();
        let total = audience.stats.people;
        let mut done = 0;
        let mut group = self.read_group(audience, 0, GROUP_CHUNKS).await?;
        let mut next = GROUP_CHUNKS;
        while group.rows > 0 {
            let rows = group.rows;
            let counting = try_join_all(counted.into_iter().zip(group.parted).enumerate().map(
                |(partition, (counted, rows))| {
                    self.count_partition(partition, Arc::clone(&count), counted, rows)
                },
            ));
            (counted, group) = try_join(counting, self.read_group(audience, next, GROUP_CHUNKS)).await?;
            next += GROUP_CHUNKS;
            done += rows;
            progress.send_replace(PreflightProgress::Counting { done, total });
            if self.stop.is_cancelled() {
                return Err(CampaignTrouble::Interrupted);
            }
        }
        let mut sum = Counted::default();
        for partition in counted {
            sum.merge(partition);
        }
        Ok(sum)
    }

    async fn count_partition(
        &self,
        partition: usize,
        count: Arc<Count>,
        mut counted: Counted,
        rows: Vec<Ordered>,
    ) -> Result<Counted, CampaignTrouble> {
        if rows.is_empty() {
            return Ok(counted);
        }
        let partition = PartitionId(u16::try_from(partition).unwrap_or(u16::MAX));
        let phones = rows.iter().map(|ordered| ordered.row.phone).collect();
        let facts = self.ledger.facts(partition, phones).await?;
        let counting = tokio::task::spawn_blocking(move || {
            count.take(&mut counted, &rows, facts);
            counted
        });
        counting.await.map_err(|_| CampaignTrouble::Interrupted)
    }

    async fn report_of(
        &self,
        campaign: &Campaign,
        audience: &Audience,
        counted: Counted,
        at: Timestamp,
        decided_for: Timestamp,
    ) -> Result<PreflightReport, CampaignTrouble> {
        let policy = self.policy();
        let routes = self.routes().await?;
        let channels = self.channels().await?;
        let way = |(&(place, carrier), &(_, parts, _)): (&(usize, Carrier), &(u64, u64, Money))| {
            let id = campaign.routes.get(place).map(|route| route.route);
            let route = routes.iter().find(|route| Some(route.id) == id);
            let able = route.map(|route| carrying(route, &channels, campaign.category, carrier));
            Way { channels: able.unwrap_or_default(), parts }
        };
        let ways: Vec<_> = counted.loads.iter().map(way).collect();
        let by_route = counted.by_route(campaign.routes.iter().map(|route| route.route));
        let (by_carrier, unrouted) = (counted.by_carrier(), counted.unrouted());
        let load = Load {
            messages: counted.eligible,
            carrying: carrying_time(&ways),
            messages_per_second: campaign.speed,
        };
        let mut rejected: Vec<_> = counted.rejected.into_iter().collect();
        rejected.sort_by_key(|(reason, people)| (std::cmp::Reverse(*people), *reason));
        let mut held: Vec<_> = counted.held.into_values().collect();
        held.sort_by(|one, two| two.people.cmp(&one.people).then_with(|| one.text.cmp(&two.text)));
        let by_carrier =
            by_carrier.into_iter().map(|(carrier, parts, cost)| (carrier.as_str().to_owned(), parts, cost));
        Ok(PreflightReport {
            at,
            decided_for,
            audience: audience.stats,
            eligible: counted.eligible,
            parts: counted.parts,
            cost: counted.cost,
            reserve: counted.reserve,
            rejected,
            deferred: counted.deferred,
            deferred_until: counted.deferred_until,
            held,
            samples: counted.samples.into_iter().map(|(_, sample)| sample).collect(),
            done_at: done_at(&load, &policy, campaign.category, decided_for),
            by_carrier: by_carrier.collect(),
            by_province: by_province(&*self.numbers().await?, &counted.by_place),
            by_route,
            unrouted,
            audience_checksum: audience.checksum.unwrap_or_default(),
        })
    }

    async fn save_preflight(
        &self,
        counted: &Campaign,
        audience: &Audience,
        report: PreflightReport,
    ) -> Result<PreflightReport, CampaignTrouble> {
        let mut forgotten = None;
        self.change_campaign(counted.account, counted.id, None, |campaign| {
            if campaign.version != counted.version {
                return Err(CampaignTrouble::ChangedMeanwhile);
            }
            campaign.state = campaign.state.after(CampaignAction::Preflight, false)?;
            forgotten = campaign.frozen.replace(audience.id);
            campaign.preflight = Some(report.clone());
            campaign.routes.clone_from(&counted.routes);
            campaign.canary.clone_from(&counted.canary);
            Ok(())
        })
        .await?;
        if let Some(audience) = forgotten {
            self.control.drop_audience(counted.account, audience).await?;
        }
        Ok(report)
    }
}

/// People by province, most first; those of ranges that the table does not know have the empty one. Nothing without a table.
fn by_province(table: &PrefixTable, by_place: &HashMap<Option<usize>, u64>) -> Vec<(String, u64)> {
    if table.is_empty() {
        return Vec::new();
    }
    let mut sums: HashMap<&str, u64> = HashMap::new();
    for (place, people) in by_place {
        let place = place.and_then(|place| table.places().get(place));
        *sums.entry(place.map_or("", |place| &place.province)).or_default() += people;
    }
    let mut sums: Vec<(String, u64)> =
        sums.into_iter().map(|(province, people)| (province.to_owned(), people)).collect();
    sums.sort_by(|one, two| two.1.cmp(&one.1).then_with(|| one.0.cmp(&two.0)));
    sums
}

/// Rows of a group of chunks, by partition, each with its place in the audience.
pub(super) struct Group {
    pub rows: u64,
    pub parted: Vec<Vec<Ordered>>,
    /// One more than the highest place in the group.
    pub through: u64,
}
