//! The demonstration's campaign from import to report, through the use-cases that the API calls.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use domain::control::{
    AudienceSource, Campaign, CampaignState, ContactFilter, ImportCounts, ImportState, PreflightReport,
};
use domain::ids::{AccountId, EntityId, PartitionId};
use domain::lane::WindowClose;
use domain::ledger::{MessageFilter, SuppressionOrder};
use domain::message::Category;
use domain::policy::{LegalBasis, Scope, Suppressed, SuppressionSource};
use domain::time::{Clock, Timestamp};
use engine::Engine;
use engine::campaign::{CampaignDraft, CampaignReport};
use engine::import::ImportOrder;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::carriers::Carriers;
use super::reckoning::Kept;
use crate::show::{Show, grouped};

/// The message: what it says depends on who reads it. VIPs get two parts.
const TEMPLATE: &str = "{{ 姓名 }}您好！{% if 会员等级 == 'VIP' %}VIP专属折扣：全场8折，另赠双倍积分与生日礼一份，\
    凭本短信到{{ 城市 }}任一门店即可使用，活动截止本周日，期待您的光临。\
    {% elif 会员等级 == '新客' %}新人首单立减20元，{{ 城市 }}门店与小程序通用，本周日前有效。\
    {% else %}老客回馈：满200减30，{{ 城市 }}各门店通用，本周日前有效。{% endif %}";
const SIGNATURE: &str = "鸿雁商城";
/// Whoever is at such a place in the contacts had refused before.
const REFUSED_EVERY: usize = 250;
/// Contacts read for the refusals.
const CONTACTS_READ: u32 = 5_000;
/// Messages per page when all are compared.
const MESSAGES_PER_PAGE: u32 = 1_000;
/// Between two looks at a running campaign.
const LOOK: Duration = Duration::from_millis(200);
/// A campaign of this size that takes longer has met a fault.
const PATIENCE: Duration = Duration::from_secs(180);
/// Receipts that still come are waited for, but not longer.
const RECEIPTS_PATIENCE: Duration = Duration::from_secs(15);
/// No receipt for so long, and the carrier owes none: that was all.
const QUIET: Duration = Duration::from_millis(1_500);

/// What every step needs.
pub(super) struct Stage {
    pub(super) engine: Arc<Engine>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) account: AccountId,
    pub(super) entity: EntityId,
    pub(super) show: Show,
}

impl Stage {
    /// Imports a file with what the importer proposes.
    pub(super) async fn import(
        &self,
        name: &str,
        file: Vec<u8>,
        source: &str,
        basis: Option<LegalBasis>,
    ) -> anyhow::Result<ImportCounts> {
        let pieces = futures::stream::iter([Ok::<_, std::io::Error>(file)]);
        let (import, proposal) = self.engine.upload(self.account, name, pieces).await?;
        let order =
            ImportOrder { mapping: proposal.mapping(), tags: Vec::new(), source: source.to_owned(), basis };
        self.engine.start_import(self.account, import.id, order).await?;
        while let Some(progress) = self.engine.import_progress(import.id) {
            if matches!(progress.borrow().state, ImportState::Finished | ImportState::Failed) {
                break;
            }
            tokio::time::sleep(LOOK / 4).await;
        }
        let import = self.engine.control().import(self.account, import.id).await?;
        let import = import.context("an import that was started is there")?;
        match (import.state, import.trouble) {
            (ImportState::Finished, _) => Ok(import.counts),
            (_, trouble) => bail!("{}", trouble.unwrap_or_default()),
        }
    }

    /// Lets some of the contacts have refused before. Returns how many.
    pub(super) async fn refuse_some(&self) -> anyhow::Result<usize> {
        let mut filter = ContactFilter::default();
        let (mut seen, mut refused) = (0, 0);
        loop {
            let page = self.engine.control().contacts(self.account, &filter, CONTACTS_READ).await?;
            let Some(last) = page.last() else { return Ok(refused) };
            filter.after = Some(last.id);
            for contact in &page {
                seen += 1;
                if seen % REFUSED_EVERY == 0 {
                    let phone = contact.phone;
                    let suppressed = Suppressed {
                        scope: Scope::Entity(self.entity),
                        category: Some(Category::Marketing),
                        source: SuppressionSource::OptOut,
                        at: self.clock.now(),
                    };
                    let order = SuppressionOrder { phone, account: self.account, suppressed, inbound: None };
                    let home: PartitionId = self.engine.ledger().partitions().of(phone.slot());
                    self.engine.ledger().suppress(home, vec![order]).await?;
                    refused += 1;
                }
            }
        }
    }

    /// Writes the campaign.
    pub(super) async fn campaign(&self) -> anyhow::Result<Campaign> {
        let draft = CampaignDraft {
            name: self.show.of("会员日", "Members' day").to_owned(),
            category: Category::Marketing,
            signature: SIGNATURE.to_owned(),
            template: None,
            text: Some(TEMPLATE.to_owned()),
            audience: AudienceSource::All,
            test_numbers: Vec::new(),
            scheduled_at: None,
            speed: None,
            window_close: WindowClose::Hold,
            valid_for: None,
            route: None,
            canary: None,
            limits: None,
        };
        Ok(self.engine.create_campaign(self.account, draft, None).await?)
    }

    /// Counts it.
    pub(super) async fn preflight(&self, campaign: &Campaign) -> anyhow::Result<PreflightReport> {
        Ok(self.engine.preflight(self.account, campaign.id).await?)
    }

    /// Starts it and watches until everything is handed over and the receipts that come have come.
    pub(super) async fn send(
        &self,
        campaign: &Campaign,
        preflight: &PreflightReport,
        carriers: &Carriers,
    ) -> anyhow::Result<CampaignReport> {
        self.engine.start_campaign(self.account, campaign.id, None).await?;
        let bar = self.bar(preflight.eligible);
        let began = self.clock.monotonic_millis();
        let mut broken = false;
        let mut last_change = (0, began);
        let mut handed_over_at = None;
        loop {
            tokio::time::sleep(LOOK).await;
            let now = self.clock.monotonic_millis();
            let report = self.engine.campaign_report(self.account, campaign.id).await?;
            let funnel = &report.funnel;
            if !broken && !carriers.primary.counters().listening {
                broken = true;
                bar.suspend(|| self.say_broken(funnel.submitted.messages));
            }
            let ended = funnel.submitted.messages + funnel.failed.messages + funnel.uncertain.messages;
            bar.set_position(u64::try_from(ended).unwrap_or(0));
            bar.set_message(grouped(funnel.delivered.messages));
            let receipts = funnel.delivered.messages + funnel.undelivered.messages + funnel.expired.messages;
            if receipts != last_change.0 {
                last_change = (receipts, now);
            }
            let passed = |since: u64, than: Duration| now.saturating_sub(since) > than.as_millis() as u64;
            if report.campaign.expanded && funnel.is_handed_over() {
                let since = *handed_over_at.get_or_insert(now);
                let quiet = carriers.backup.counters().pending == 0 && passed(last_change.1, QUIET);
                if quiet || passed(since, RECEIPTS_PATIENCE) {
                    bar.finish_and_clear();
                    return Ok(report);
                }
            }
            if passed(began, PATIENCE) {
                bail!("the campaign was not over after {} s", PATIENCE.as_secs());
            }
        }
    }

    fn bar(&self, length: u64) -> ProgressBar {
        let bar = ProgressBar::new(length);
        if self.show.quiet {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let delivered = self.show.of("送达", "delivered");
        let template = format!(
            "  {{bar:40}} {{percent:>3}}% {{human_pos}}/{{human_len}} {{per_sec}} {delivered} {{msg}}"
        );
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        bar
    }

    fn say_broken(&self, submitted: i64) {
        let count = grouped(submitted);
        self.show.say(
            &format!("  主通道的运营商在第 {count} 条前后彻底断开，剩余短信改由备用通道认领。"),
            &format!(
                "  The first channel's carrier broke down for good after about {count} messages; the backup claims \
                 the rest."
            ),
        );
    }

    /// Every message of the campaign as the ledger has it.
    pub(super) async fn kept(&self, campaign: &Campaign) -> anyhow::Result<Vec<Kept>> {
        let mut filter = MessageFilter {
            account: self.account,
            campaign: Some(campaign.id),
            state: None,
            phone: None,
            after: None,
        };
        let mut kept = Vec::new();
        loop {
            let (page, next) = self.engine.ledger().messages(&filter, MESSAGES_PER_PAGE).await?;
            kept.extend(page.iter().map(Kept::from));
            match next {
                Some(_) => filter.after = next,
                None => return Ok(kept),
            }
        }
    }

    /// Whether the keeper has closed the campaign; it looks once a second.
    pub(super) async fn finished(&self, campaign: &Campaign) -> anyhow::Result<Option<Timestamp>> {
        for _ in 0..20 {
            let now = self.engine.campaign(self.account, campaign.id).await?;
            if now.state == CampaignState::Finished {
                return Ok(now.finished_at);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(None)
    }
}
