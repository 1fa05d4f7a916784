//! Sending again what failed: a campaign of its own, to those whom the first one did not reach.
//!
//! Invariants: who gets it is decided by `domain::campaign` from the ledger as it is; of two that decide from the same
//! state of the family one is added, and the other decides anew; rows are those of the first campaign's frozen audience,
//! and caps, refusals and hours decide again when they are claimed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use domain::campaign::{Choice, RESENDABLE, Resend, ResendCount, ResendFilter, Sent, Watch};
use domain::control::{
    AUDIENCE_CHUNK_ROWS, Audience, AudienceRow, AudienceStats, AuditLine, Campaign, CampaignAction,
    CampaignError, CampaignState, ControlError, IdempotentStart, PreflightReport,
};
use domain::ids::{AccountId, AudienceId, CampaignId, LaneId, MessageId, RouteId};
use domain::lane::WindowClose;
use domain::ledger::MessageFilter;
use domain::time::Timestamp;
use tokio::sync::watch;

use super::{CampaignTrouble, MAX_NAME_CHARS, PreflightProgress};
use crate::Engine;
use crate::accept::IdempotencyKey;

/// Messages read at once.
const PAGE: u32 = 2_000;
/// Times that everything is decided anew because the family changed meanwhile.
const TRIES: usize = 3;
/// Ends that the audit log names, the most frequent ones.
const ENDS_TOLD: usize = 16;
/// What a name gets that is not given.
const AGAIN: &str = "·重发";

/// What is asked for.
#[derive(Clone, Debug)]
pub struct ResendOrder {
    pub filter: ResendFilter,
    /// Another route; that of the campaign if not given.
    pub route: Option<RouteId>,
    /// The campaign's with a mark if not given.
    pub name: Option<String>,
    /// Who asks: kept with the new campaign.
    pub asked_by: String,
    /// The line of the audit log, to be written with the new campaign; what is sent again and why is added to it.
    pub line: Option<AuditLine>,
    /// Makes the request repeatable.
    pub idempotency: Option<IdempotencyKey>,
    /// Only count.
    pub dry_run: bool,
}

/// What became of the order.
#[derive(Clone)]
pub struct Resent {
    pub count: ResendCount,
    /// Failures whose row of the audience is not certain any more; they are not sent again.
    pub unmatched: u64,
    /// Of the new campaign, as any other is counted before it starts; none when nothing is left to send.
    pub preflight: Option<PreflightReport>,
    /// The new campaign, running; none of a dry run.
    pub campaign: Option<Campaign>,
}

/// What is done with what was counted.
struct Orders {
    line: Option<AuditLine>,
    dry_run: bool,
}

/// A campaign with all that was sent again of it.
struct Family {
    of: Campaign,
    root: Campaign,
    others: Vec<CampaignId>,
}

impl Engine {
    /// Sends a campaign's failures again, or counts them.
    ///
    /// # Errors
    /// [`CampaignTrouble::State`] for a campaign that was not started, [`CampaignTrouble::ResendStates`],
    /// [`CampaignTrouble::ResendWaits`], [`CampaignTrouble::NothingToResend`], [`CampaignTrouble::KeyReused`], and what
    /// a preflight may find wrong.
    pub async fn resend(
        self: &Arc<Self>,
        account: AccountId,
        id: CampaignId,
        order: &ResendOrder,
    ) -> Result<Resent, CampaignTrouble> {
        if order.filter.states.iter().any(|state| !RESENDABLE.contains(state)) {
            return Err(CampaignTrouble::ResendStates);
        }
        if let Some(name) = &order.name {
            let chars = name.trim().chars().count();
            if chars == 0 || chars > MAX_NAME_CHARS {
                return Err(CampaignTrouble::Name { chars });
            }
        }
        let child = match self.promised(account, order).await? {
            Ok(known) => return Ok(known),
            Err(child) => child,
        };
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_resend(account, id, order, child).await {
                Err(CampaignTrouble::Control(ControlError::Changed(_))) if tries < TRIES => {}
                outcome => return outcome,
            }
        }
    }

    /// What a request with this key has made before, or the id for what it is to make.
    async fn promised(
        &self,
        account: AccountId,
        order: &ResendOrder,
    ) -> Result<Result<Resent, CampaignId>, CampaignTrouble> {
        let now = self.clock.now();
        let fresh = CampaignId::from(self.ids.fresh(now));
        let Some(IdempotencyKey { key, body_sha256 }) = order.idempotency.as_ref().filter(|_| !order.dry_run)
        else {
            return Ok(Err(fresh));
        };
        let as_kept = [MessageId::from_raw(fresh.raw())];
        let child = match self.control.begin_idempotent(account, key, *body_sha256, &as_kept, now).await? {
            IdempotentStart::Fresh => fresh,
            IdempotentStart::Replay(ids) if ids.len() == 1 => CampaignId::from_raw(ids[0].raw()),
            IdempotentStart::Replay(_) | IdempotentStart::Mismatch => return Err(CampaignTrouble::KeyReused),
        };
        Ok(match self.control.campaign(account, child).await? {
            Some(campaign) => Ok(Resent {
                count: ResendCount {
                    messages: campaign.preflight.as_ref().map_or(0, |report| report.audience.people),
                    ..ResendCount::default()
                },
                unmatched: 0,
                preflight: campaign.preflight.clone(),
                campaign: Some(campaign),
            }),
            None => Err(child),
        })
    }

    async fn try_resend(
        self: &Arc<Self>,
        account: AccountId,
        id: CampaignId,
        order: &ResendOrder,
        child: CampaignId,
    ) -> Result<Resent, CampaignTrouble> {
        let family = self.family(account, id).await?;
        let choice = self.choose(account, &family, &order.filter).await?;
        let mut resent =
            Resent { count: choice.count.clone(), unmatched: 0, preflight: None, campaign: None };
        if choice.count.messages == 0 {
            return if order.dry_run { Ok(resent) } else { Err(CampaignTrouble::NothingToResend) };
        }
        let mut campaign = self.second(&family, order, child);
        self.plan_routes(&mut campaign).await?;
        let (audience, repeated) = self.freeze_again(&family.of, &campaign, &choice).await?;
        resent.unmatched = choice.count.messages.saturating_sub(audience.stats.people);
        let line = order.line.clone().map(|line| told(line, child, order, &resent));
        let orders = Orders { line, dry_run: order.dry_run };
        let started = self.count_and_start(&mut campaign, &audience, repeated, family.root, orders).await;
        if order.dry_run || started.is_err() {
            self.control.drop_audience(account, audience.id).await?;
        }
        resent.preflight = Some(started?);
        if !order.dry_run {
            resent.campaign = Some(campaign);
        }
        Ok(resent)
    }

    async fn count_and_start(
        self: &Arc<Self>,
        campaign: &mut Campaign,
        audience: &Audience,
        repeated: HashSet<u64>,
        mut root: Campaign,
        orders: Orders,
    ) -> Result<PreflightReport, CampaignTrouble> {
        if audience.stats.people == 0 {
            return Err(CampaignTrouble::NothingToResend);
        }
        let letter = self.letter(campaign).await?;
        let (progress, _nobody_watches) = watch::channel(PreflightProgress::Freezing { people: 0 });
        let report = self.count_frozen(campaign, letter, audience, repeated, &progress).await?;
        campaign.frozen = Some(audience.id);
        campaign.preflight = Some(report.clone());
        if !orders.dry_run {
            self.hold_for(campaign).await?;
            self.control.add_resend(campaign, &mut root, orders.line.as_ref()).await?;
            tracing::info!(campaign = %campaign.id, root = %root.id, "failures are sent again");
            self.follow(campaign).await?;
        }
        Ok(report)
    }

    /// A campaign and all of its family, when it is known of each whom it reaches.
    async fn family(&self, account: AccountId, id: CampaignId) -> Result<Family, CampaignTrouble> {
        let of = self.campaign(account, id).await?;
        if of.started_at.is_none() {
            return Err(CampaignError { from: of.state, action: CampaignAction::Resend }.into());
        }
        let root = match &of.resend {
            Some(resend) => self.campaign(account, resend.root).await?,
            None => of.clone(),
        };
        let mut members = self.control.resends(account, root.id).await?;
        members.push(root.clone());
        let is_queued_still =
            |campaign: &Campaign| super::expand::expands(campaign) || campaign.started_at.is_none();
        if members.iter().any(is_queued_still) {
            return Err(CampaignTrouble::ResendWaits);
        }
        let others = members.iter().map(|member| member.id).filter(|member| *member != of.id).collect();
        Ok(Family { of, root, others })
    }

    async fn choose(
        &self,
        account: AccountId,
        family: &Family,
        filter: &ResendFilter,
    ) -> Result<Choice, CampaignTrouble> {
        let own = self.sent(account, family.of.id).await?;
        let mut others = Vec::new();
        for other in &family.others {
            others.extend(self.sent(account, *other).await?);
        }
        let filter = filter.clone();
        let choosing = self.settings.heavy_work.run(move || Choice::of(&filter, own, others));
        choosing.await.ok_or(CampaignTrouble::Interrupted)
    }

    /// All messages of a campaign; a million take 32 MiB.
    async fn sent(&self, account: AccountId, campaign: CampaignId) -> Result<Vec<Sent>, CampaignTrouble> {
        let mut filter =
            MessageFilter { account, campaign: Some(campaign), state: None, phone: None, after: None };
        let mut sent = Vec::new();
        loop {
            let (page, next) = self.ledger.messages(&filter, PAGE).await?;
            sent.extend(page.into_iter().map(|record| Sent {
                phone: record.phone.to_u64(),
                message: record.id,
                state: record.state,
                reason: record.reason,
                test: record.test,
            }));
            filter.after = next;
            if next.is_none() {
                return Ok(sent);
            }
            if self.stop.is_cancelled() {
                return Err(CampaignTrouble::Interrupted);
            }
        }
    }

    /// The campaign that sends again: as the first one was, but for what was only about its start.
    fn second(&self, family: &Family, order: &ResendOrder, id: CampaignId) -> Campaign {
        let (now, of) = (self.clock.now(), &family.of);
        let name = order.name.as_ref().map_or_else(|| again(&of.name), |name| name.trim().to_owned());
        let resend = Resend {
            of: of.id,
            root: family.root.id,
            filter: order.filter.clone(),
            asked_by: order.asked_by.clone(),
        };
        Campaign {
            id,
            name,
            test_numbers: Vec::new(),
            scheduled_at: None,
            window_close: window_close(of.window_close, now),
            route: order.route.or(of.route),
            routes: Vec::new(),
            canary: None,
            watch: Watch { limits: of.watch.limits, ..Watch::default() },
            resend: Some(resend),
            state: CampaignState::Running,
            lane: LaneId::from(self.ids.fresh(now)),
            frozen: None,
            preflight: None,
            expanded: false,
            created_at: now,
            started_at: Some(now),
            finished_at: None,
            version: 0,
            ..of.clone()
        }
    }

    /// The chosen rows of a campaign's audience as an audience of their own.
    async fn freeze_again(
        &self,
        of: &Campaign,
        campaign: &Campaign,
        choice: &Choice,
    ) -> Result<(Audience, HashSet<u64>), CampaignTrouble> {
        let account = of.account;
        let missing = || ControlError::Inconsistent { table: "campaign", column: "frozen" };
        let frozen = of.frozen.ok_or_else(missing)?;
        let first = self.control.audience(account, frozen).await?.ok_or_else(missing)?;
        let rows = self.rows_by_phone(&first, choice).await?;
        let audience = Audience {
            id: AudienceId::from(self.ids.fresh(self.clock.now())),
            campaign: campaign.id,
            stats: AudienceStats::default(),
            chunks: 0,
            checksum: None,
            ..first.clone()
        };
        self.control.begin_audience(&audience).await?;
        match self.copy_rows(&first, audience.id, choice, &rows).await {
            Ok(copied) => Ok(copied),
            Err(error) => {
                self.control.drop_audience(account, audience.id).await?;
                Err(error)
            }
        }
    }

    /// How many rows of the audience each chosen phone has.
    async fn rows_by_phone(
        &self,
        audience: &Audience,
        choice: &Choice,
    ) -> Result<HashMap<u64, u32>, CampaignTrouble> {
        let mut rows: HashMap<u64, u32> = HashMap::new();
        for number in 0..audience.chunks {
            for row in self.chunk_of(audience, number).await? {
                let phone = row.phone.to_u64();
                if choice.has(phone) {
                    *rows.entry(phone).or_default() += 1;
                }
            }
        }
        Ok(rows)
    }

    async fn copy_rows(
        &self,
        from: &Audience,
        to: AudienceId,
        choice: &Choice,
        rows: &HashMap<u64, u32>,
    ) -> Result<(Audience, HashSet<u64>), CampaignTrouble> {
        let account = from.account;
        let (mut seen, mut taken): (HashMap<u64, u32>, HashSet<u64>) = Default::default();
        let (mut repeated, mut people, mut next) = (HashSet::new(), 0, 0);
        let mut pending: Vec<AudienceRow> = Vec::new();
        for number in 0..from.chunks {
            for row in self.chunk_of(from, number).await? {
                let phone = row.phone.to_u64();
                let Some(of_phone) = rows.get(&phone) else { continue };
                let place = seen.entry(phone).or_default();
                let mine = choice.takes(phone, *place, *of_phone);
                *place += 1;
                if let Some(chosen) = mine {
                    if !taken.insert(phone) {
                        repeated.insert(phone);
                    }
                    people += 1;
                    let possible_duplicate = row.possible_duplicate || chosen.may_have_arrived;
                    pending.push(AudienceRow { possible_duplicate, ..row });
                }
            }
            while pending.len() >= AUDIENCE_CHUNK_ROWS {
                let rest = pending.split_off(AUDIENCE_CHUNK_ROWS);
                let full = std::mem::replace(&mut pending, rest);
                self.control.append_chunks(account, to, next, vec![full]).await?;
                next += 1;
            }
        }
        if !pending.is_empty() {
            self.control.append_chunks(account, to, next, vec![pending]).await?;
        }
        let stats = AudienceStats { read: people, people, ..AudienceStats::default() };
        Ok((self.control.finish_audience(account, to, stats).await?, repeated))
    }

    async fn chunk_of(&self, audience: &Audience, number: u32) -> Result<Vec<AudienceRow>, CampaignTrouble> {
        let chunk = self.control.chunk(audience.account, audience.id, number).await?;
        Ok(chunk.ok_or(ControlError::Inconsistent { table: "audience_chunk", column: "number" })?)
    }
}

/// The line of the audit log with what is sent again: closed words and numbers only.
fn told(mut line: AuditLine, child: CampaignId, order: &ResendOrder, resent: &Resent) -> AuditLine {
    let asked: Vec<_> = order.filter.reasons.iter().map(|reason| reason.word()).collect();
    let asked = if asked.is_empty() { "any".to_owned() } else { asked.join(" ") };
    let whole = [
        ("campaign", child.to_string()),
        ("reasons", asked),
        ("messages", resent.count.messages.saturating_sub(resent.unmatched).to_string()),
        ("possible_duplicates", resent.count.possible_duplicates.to_string()),
    ];
    line.detail.extend(whole.map(|(name, value)| (name.to_owned(), value)));
    let ends = resent.count.by_end.iter().take(ENDS_TOLD);
    line.detail.extend(ends.map(|(state, reason, messages)| {
        (format!("{}.{}", state.word(), reason.word()), messages.to_string())
    }));
    line
}

/// A name with its mark, within the bound.
fn again(name: &str) -> String {
    let room = MAX_NAME_CHARS - AGAIN.chars().count();
    let stem = name.strip_suffix(AGAIN).unwrap_or(name);
    stem.chars().take(room).chain(AGAIN.chars()).collect()
}

/// What has passed says nothing about the second time.
fn window_close(of: WindowClose, now: Timestamp) -> WindowClose {
    match of {
        WindowClose::DropAfter(at) if at <= now => WindowClose::Hold,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_marked_once_and_stay_within_their_bound() {
        assert_eq!(again("双十一"), "双十一·重发");
        assert_eq!(again("双十一·重发"), "双十一·重发");
        assert_eq!(again(&"长".repeat(30)).chars().count(), MAX_NAME_CHARS);
    }
}
