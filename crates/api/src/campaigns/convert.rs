//! Campaigns between the API's documents and the domain.

use std::time::Duration;

use domain::control::{AudienceSource, Campaign, Control, PreflightReport};
use domain::ids::{AccountId, ImportId, RouteId, TemplateId};
use domain::lane::WindowClose;
use domain::phone::Carrier;
use domain::text::Encoding;
use domain::time::Timestamp;
use engine::billing::{CampaignFunding, explain_short, short_word};
use engine::campaign::CampaignDraft;
use jiff::tz::TimeZone;

use super::course;
use crate::etag::Tag;
use crate::language::Language;
use crate::messages::not_a_moment;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::{imports, json, privacy, request};

/// How a reader wants campaigns shown.
pub(super) struct View<'a> {
    pub zone: &'a TimeZone,
    pub language: Language,
    pub reveal: bool,
}

/// A draft as the engine takes it. The mapping of an upload is read when it was left out.
pub(super) async fn draft(
    control: &dyn Control,
    account: AccountId,
    draft: json::CampaignDraft,
) -> Result<CampaignDraft, Problem> {
    let template = draft.template.map(|text| {
        request::read::<TemplateId>(&text, "/template", "应为 tpl_… 形式的编号", "An id of the form tpl_…")
    });
    let route = draft.route.map(|text| {
        request::read::<RouteId>(&text, "/route", "应为 rte_1 形式的编号", "An id of the form rte_1")
    });
    let scheduled_at = draft.scheduled_at.map(|at| instant(&at, "/scheduled_at"));
    Ok(CampaignDraft {
        name: draft.name,
        category: draft.category.into(),
        signature: draft.signature,
        template: template.transpose()?,
        text: draft.text,
        audience: audience(control, account, draft.audience).await?,
        test_numbers: draft.test_numbers,
        scheduled_at: scheduled_at.transpose()?,
        speed: draft.speed,
        window_close: match draft.window_close {
            json::WindowClose::Hold => WindowClose::Hold,
            json::WindowClose::PauseForHuman => WindowClose::PauseForHuman,
            json::WindowClose::DropAfter { at } => WindowClose::DropAfter(instant(&at, "/window_close/at")?),
        },
        valid_for: draft.valid_for_seconds.map(Duration::from_secs),
        route: route.transpose()?,
        canary: draft.canary.as_ref().map(course::canary_plan).transpose()?,
        limits: draft.limits.map(course::limits),
    })
}

fn instant(at: &json::Moment, pointer: &str) -> Result<Timestamp, Problem> {
    at.instant().ok_or_else(|| not_a_moment(pointer.to_owned()))
}

async fn audience(
    control: &dyn Control,
    account: AccountId,
    source: json::AudienceSource,
) -> Result<AudienceSource, Problem> {
    Ok(match source {
        json::AudienceSource::All => AudienceSource::All,
        json::AudienceSource::Tags { tags } => AudienceSource::Tags(tags),
        json::AudienceSource::File { import, mapping } => {
            let pointer = "/audience/import";
            let upload: ImportId =
                request::read(&import, pointer, "应为 imp_… 形式的编号", "An id of the form imp_…")?;
            let stored = control.import(account, upload).await?.ok_or_else(super::trouble::no_file)?;
            AudienceSource::File { upload, mapping: mapping.map_or(stored.mapping, imports::mapping) }
        }
    })
}

/// The draft that a campaign was written from, as its author would write it now.
/// The version of what can be edited of a campaign, the same in every language.
pub(super) fn tag(campaign: &Campaign, zone: &TimeZone) -> Tag {
    Tag::of(&(draft_of(campaign, zone), campaign.state.word()))
}

pub(super) fn draft_of(campaign: &Campaign, zone: &TimeZone) -> json::CampaignDraft {
    json::CampaignDraft {
        name: campaign.name.clone(),
        category: campaign.category.into(),
        signature: campaign.signature.clone(),
        text: Some(campaign.text.clone()),
        template: campaign.template.map(|id| id.to_string()),
        audience: source(&campaign.audience),
        test_numbers: campaign.test_numbers.iter().map(|phone| privacy::phone(*phone, true)).collect(),
        scheduled_at: campaign.scheduled_at.map(|at| json::Moment::new(at, zone)),
        speed: campaign.speed,
        window_close: window_close(campaign.window_close, zone),
        valid_for_seconds: Some(campaign.valid_for.as_secs()),
        route: campaign.route.map(|route| route.to_string()),
        canary: campaign.canary.as_ref().map(|canary| course::plan_document(&canary.plan)),
        limits: Some(course::limits_document(&campaign.watch.limits)),
    }
}

fn source(source: &AudienceSource) -> json::AudienceSource {
    match source {
        AudienceSource::All => json::AudienceSource::All,
        AudienceSource::Tags(tags) => json::AudienceSource::Tags { tags: tags.clone() },
        AudienceSource::File { upload, mapping } => json::AudienceSource::File {
            import: upload.to_string(),
            mapping: Some(imports::columns(mapping.clone())),
        },
    }
}

fn window_close(close: WindowClose, zone: &TimeZone) -> json::WindowClose {
    match close {
        WindowClose::Hold => json::WindowClose::Hold,
        WindowClose::PauseForHuman => json::WindowClose::PauseForHuman,
        WindowClose::DropAfter(at) => json::WindowClose::DropAfter { at: json::Moment::new(at, zone) },
    }
}

impl View<'_> {
    pub(super) fn document(&self, campaign: Campaign) -> json::Campaign {
        let moment = |at| json::Moment::new(at, self.zone);
        json::Campaign {
            id: campaign.id.to_string(),
            routes: course::routes(&campaign),
            audience: source(&campaign.audience),
            name: campaign.name,
            category: campaign.category.into(),
            signature: campaign.signature,
            template: campaign.template.map(|id| id.to_string()),
            text: campaign.text,
            test_numbers: campaign.test_numbers.iter().map(|p| privacy::phone(*p, self.reveal)).collect(),
            scheduled_at: campaign.scheduled_at.map(moment),
            speed: campaign.speed,
            window_close: window_close(campaign.window_close, self.zone),
            valid_for_seconds: campaign.valid_for.as_secs(),
            route: campaign.route.map(|route| route.to_string()),
            canary: campaign.canary.as_ref().map(|canary| self.canary(canary)),
            limits: course::limits_document(&campaign.watch.limits),
            stopped: campaign.watch.stopped.as_ref().map(|stopped| self.stopped(stopped)),
            resend: campaign.resend.as_ref().map(course::resend_of),
            held_words_approved: campaign.held_words_approved,
            state: campaign.state.into(),
            preflight: campaign.preflight.map(|report| self.preflight(report)),
            created_at: moment(campaign.created_at),
            started_at: campaign.started_at.map(moment),
            finished_at: campaign.finished_at.map(moment),
        }
    }

    pub(super) fn preflight(&self, report: PreflightReport) -> json::Preflight {
        let moment = |at| json::Moment::new(at, self.zone);
        json::Preflight {
            at: moment(report.at),
            decided_for: moment(report.decided_for),
            rows: report.audience.read,
            invalid: report.audience.invalid,
            duplicate: report.audience.duplicate,
            people: report.audience.people,
            tests: report.audience.tests,
            eligible: report.eligible,
            parts: report.parts,
            cost: report.cost.into(),
            funding: None,
            rejected: report
                .rejected
                .into_iter()
                .map(|(reason, people)| self.reason(reason, people))
                .collect(),
            deferred: report.deferred,
            deferred_until: report.deferred_until.map(moment),
            held: report.held.iter().map(held).collect(),
            samples: report.samples.into_iter().map(sample).collect(),
            done_at: report.done_at.map(moment),
            by_carrier: report
                .by_carrier
                .into_iter()
                .filter_map(|(word, parts, cost)| {
                    let carrier = Carrier::from_word(&word)?.into();
                    Some(json::CarrierShare { carrier, parts, cost: cost.into() })
                })
                .collect(),
            by_province: report
                .by_province
                .into_iter()
                .map(|(province, people)| json::ProvinceShare { province, people })
                .collect(),
            by_route: report.by_route.iter().map(course::route_share).collect(),
            unrouted: report.unrouted.iter().map(|left| self.unrouted(left)).collect(),
            audience_checksum: report.audience_checksum.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }

    /// A campaign with how it is paid for as things are now.
    pub(super) async fn funded(
        &self,
        state: &ApiState,
        campaign: Campaign,
    ) -> Result<json::Campaign, Problem> {
        let funding = state.engine().campaign_funding(&campaign).await?;
        let mut document = self.document(campaign);
        if let Some(preflight) = &mut document.preflight {
            preflight.funding = funding.map(|funding| self.funding(funding));
        }
        Ok(document)
    }

    fn funding(&self, funding: CampaignFunding) -> json::CampaignFunding {
        let short = funding.lacking.map(|(_, short)| short);
        json::CampaignFunding {
            needed: funding.needed.into(),
            held: funding.held,
            lacking: funding.lacking.map(|(amount, _)| amount.into()),
            reason: short.map(|short| short_word(short).to_owned()),
            detail: short.map(|short| self.language.choose(&explain_short(short)).to_owned()),
            waits: funding.waits,
        }
    }

    fn reason(&self, reason: domain::message::Reason, people: u64) -> json::ReasonCount {
        let explanation = self.language.of_two(reason.explain()).to_owned();
        json::ReasonCount { reason: reason.into(), explanation, people }
    }
}

fn held(sample: &domain::control::HeldSample) -> json::HeldText {
    let word = |start: u32, end: u32| sample.text.get(start as usize..end as usize).unwrap_or("").to_owned();
    let words = sample.spans.iter().map(|(start, end, class, severity)| json::HeldWord {
        word: word(*start, *end),
        start: *start,
        end: *end,
        class: class.clone(),
        severity: severity.clone(),
    });
    json::HeldText { words: words.collect(), people: sample.people, text: sample.text.clone() }
}

fn sample(sample: domain::control::Sample) -> json::Sample {
    json::Sample {
        phone: sample.phone,
        text: sample.text,
        encoding: Encoding::from_word(&sample.encoding).unwrap_or(Encoding::Ucs2).into(),
        length: sample.length,
        parts: sample.parts,
        price: sample.price.into(),
    }
}
