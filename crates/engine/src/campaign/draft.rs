//! Writing and editing campaigns: everything that can be known to be wrong is said before anything is counted.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use domain::campaign::{Canary, CanaryPlan, CanaryShare, Limits, MAX_CANARY_PEOPLE, Watch, routes_for};
use domain::control::{
    AudienceSource, Campaign, CampaignAction, CampaignState, ColumnUse, Conditions, ContactFilter,
    ControlError, Edit, Traffic,
};
use domain::ids::{AccountId, CampaignId, LaneId, RouteId, TemplateId};
use domain::lane::WindowClose;
use domain::message::Category;
use domain::phone::Phone;
use domain::template::{RenderError, Template, Values};
use domain::text::Signature;
use domain::time::Timestamp;

use super::{CampaignTrouble, LineOf, MAX_NAME_CHARS, MAX_TEST_NUMBERS};
use crate::Engine;
use crate::import::ImportError;

/// Contacts looked at for the names of their attributes.
const CONTACTS_LOOKED_AT: u32 = 500;
/// Shortest validity that a carrier can act on.
const MIN_VALID_FOR: Duration = Duration::from_secs(60);

/// A campaign as a user writes it.
#[derive(Clone)]
pub struct CampaignDraft {
    pub name: String,
    pub category: Category,
    /// With or without brackets.
    pub signature: String,
    /// A stored template; its source is copied.
    pub template: Option<TemplateId>,
    /// The text with variables; wins over `template`.
    pub text: Option<String>,
    pub audience: AudienceSource,
    /// As typed.
    pub test_numbers: Vec<String>,
    pub scheduled_at: Option<Timestamp>,
    /// Messages per second.
    pub speed: Option<u32>,
    pub window_close: WindowClose,
    /// The setting's default if not given.
    pub valid_for: Option<Duration>,
    /// Each phone goes over the first route whose scope it fits if not given.
    pub route: Option<RouteId>,
    /// Some get it first.
    pub canary: Option<CanaryPlan>,
    /// When it stops itself; those of its category if not given.
    pub limits: Option<Limits>,
}

impl fmt::Debug for CampaignDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CampaignDraft").field("category", &self.category).finish_non_exhaustive()
    }
}

impl Engine {
    /// Writes a campaign. It sends nothing before its preflight and start.
    ///
    /// # Errors
    /// [`CampaignTrouble`], one variant for each thing that can be wrong with a draft.
    pub async fn create_campaign(
        &self,
        account: AccountId,
        draft: CampaignDraft,
        line: LineOf<'_>,
    ) -> Result<Campaign, CampaignTrouble> {
        let now = self.clock.now();
        let mut campaign = self.checked(account, draft, now).await?;
        campaign.id = CampaignId::from(self.ids.fresh(now));
        campaign.lane = LaneId::from(self.ids.fresh(now));
        let line = line.map(|line_of| line_of(&campaign));
        let terms = Conditions { expected: None, line: line.as_ref() };
        self.control.edit(Edit::AddCampaign(&campaign), terms).await?;
        Ok(campaign)
    }

    /// Replaces a campaign that has not been started; what a preflight found before is forgotten. `version` is the one
    /// that the draft was written from.
    ///
    /// # Errors
    /// As [`Engine::create_campaign`], [`CampaignTrouble::State`] once it is started, and [`ControlError::Changed`] when it
    /// has another version by now.
    pub async fn edit_campaign(
        &self,
        account: AccountId,
        id: CampaignId,
        version: i64,
        draft: CampaignDraft,
        line: LineOf<'_>,
    ) -> Result<Campaign, CampaignTrouble> {
        let now = self.clock.now();
        let fresh = self.checked(account, draft, now).await?;
        let mut forgotten = None;
        let edited = self
            .change_campaign(account, id, line, |campaign| {
                if campaign.version != version {
                    return Err(ControlError::Changed("campaign").into());
                }
                campaign.state.after(CampaignAction::Edit, false)?;
                forgotten = campaign.frozen;
                let (lane, created_at, version) = (campaign.lane, campaign.created_at, campaign.version);
                *campaign = Campaign { id, lane, created_at, version, ..fresh.clone() };
                Ok(())
            })
            .await?;
        if let Some(audience) = forgotten {
            self.control.drop_audience(account, audience).await?;
        }
        Ok(edited)
    }

    async fn checked(
        &self,
        account: AccountId,
        draft: CampaignDraft,
        now: Timestamp,
    ) -> Result<Campaign, CampaignTrouble> {
        let name = checked_name(&draft.name)?;
        let signature = Signature::parse(&draft.signature).map_err(CampaignTrouble::Signature)?;
        let text = self.source_text(account, &draft).await?;
        let template = Template::compile(&text).map_err(CampaignTrouble::Template)?;
        self.check_variables(account, &template, &draft.audience).await?;
        if draft.scheduled_at.is_some_and(|at| at <= now) {
            return Err(CampaignTrouble::ScheduleInPast);
        }
        let valid_for = draft.valid_for.unwrap_or(self.settings.campaign_valid_for);
        let limits = draft.limits.unwrap_or_else(|| Limits::usual(draft.category));
        check_bounds(&draft, valid_for, &limits)?;
        let traffic = Traffic {
            account,
            category: draft.category,
            signature: Some(signature.inner()),
            phone: None,
            carrier: None,
        };
        let nowhere = || LaneId::from_raw(0);
        if routes_for(&self.routes().await?, draft.route, &traffic, nowhere).is_empty() {
            return Err(CampaignTrouble::NoSuchRoute);
        }
        Ok(Campaign {
            id: CampaignId::from_raw(0),
            account,
            entity: self.entity_of(account).await?,
            name,
            category: draft.category,
            signature: signature.inner().to_owned(),
            template: if draft.text.is_some() { None } else { draft.template },
            text,
            audience: draft.audience,
            test_numbers: self.test_numbers(&draft.test_numbers)?,
            scheduled_at: draft.scheduled_at,
            speed: draft.speed,
            window_close: draft.window_close,
            valid_for,
            route: draft.route,
            routes: Vec::new(),
            canary: draft.canary.map(Canary::planned),
            watch: Watch { limits, ..Watch::default() },
            resend: None,
            held_words_approved: false,
            state: CampaignState::Draft,
            lane: LaneId::from_raw(0),
            frozen: None,
            preflight: None,
            expanded: false,
            created_at: now,
            started_at: None,
            finished_at: None,
            version: 0,
        })
    }

    async fn source_text(
        &self,
        account: AccountId,
        draft: &CampaignDraft,
    ) -> Result<String, CampaignTrouble> {
        match (&draft.text, draft.template) {
            (Some(text), _) => Ok(text.clone()),
            (None, Some(id)) => {
                let stored = self.control.template(account, id).await?;
                Ok(stored.ok_or(CampaignTrouble::NoSuchTemplate)?.source)
            }
            (None, None) => Err(CampaignTrouble::NoText),
        }
    }

    fn test_numbers(&self, raw: &[String]) -> Result<Vec<Phone>, CampaignTrouble> {
        if raw.len() > MAX_TEST_NUMBERS {
            return Err(CampaignTrouble::TooManyTestNumbers);
        }
        let mut phones = Vec::with_capacity(raw.len());
        for (place, number) in raw.iter().enumerate() {
            let phone = Phone::parse(number, self.settings.country)
                .map_err(|error| CampaignTrouble::TestNumber { place: place + 1, error })?;
            if !phones.contains(&phone) {
                phones.push(phone);
            }
        }
        Ok(phones)
    }

    /// Every variable without a column is named at once, with the columns that there are.
    async fn check_variables(
        &self,
        account: AccountId,
        template: &Template,
        audience: &AudienceSource,
    ) -> Result<(), CampaignTrouble> {
        let (known, complete) = self.known_columns(account, audience).await?;
        let unknown: Vec<&str> = template.variables().filter(|name| !known.contains(*name)).collect();
        if unknown.is_empty() || !complete {
            return Ok(());
        }
        // A contact may lack what others have, and a template may say what to write then; a file's columns are what
        // they are, so there an unknown name is a slip of the pen.
        let of_file = matches!(audience, AudienceSource::File { .. });
        if !of_file && does_without(template, &known) {
            return Ok(());
        }
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        Err(CampaignTrouble::UnknownVariables { unknown: unknown.join(", "), known: known.join(", ") })
    }

    /// Names that variables may have, and whether these are all: of a big contact list only the beginning is looked
    /// at, and the preflight says the rest.
    async fn known_columns(
        &self,
        account: AccountId,
        audience: &AudienceSource,
    ) -> Result<(BTreeSet<String>, bool), CampaignTrouble> {
        let tags = match audience {
            AudienceSource::File { upload, mapping } => {
                self.control.import(account, *upload).await?.ok_or(ImportError::NoSuchFile)?;
                crate::import::phone_place(mapping)?;
                let used = mapping.columns.iter().filter(|(_, becomes)| *becomes != ColumnUse::Ignore);
                return Ok((used.map(|(name, _)| name.clone()).collect(), true));
            }
            AudienceSource::Tags(tags) if tags.is_empty() => return Err(CampaignTrouble::NoTags),
            AudienceSource::Tags(tags) => tags.clone(),
            AudienceSource::All => Vec::new(),
        };
        let filter = ContactFilter { tags, phone: None, after: None };
        let contacts = self.control.contacts(account, &filter, CONTACTS_LOOKED_AT).await?;
        let complete = !contacts.is_empty() && contacts.len() < CONTACTS_LOOKED_AT as usize;
        let names = contacts
            .into_iter()
            .flat_map(|contact| contact.personal.into_iter().chain(contact.queryable))
            .map(|(name, _)| name)
            .collect();
        Ok((names, complete))
    }
}

/// Whether a text comes out when only the known columns have values.
fn does_without(template: &Template, known: &BTreeSet<String>) -> bool {
    let values: Vec<(&str, &str)> = known.iter().map(|name| (name.as_str(), "1")).collect();
    !matches!(template.render(&Values(&values)), Err(RenderError::MissingVariable { .. }))
}

/// Numbers that no campaign can have.
fn check_bounds(draft: &CampaignDraft, valid_for: Duration, limits: &Limits) -> Result<(), CampaignTrouble> {
    if draft.speed == Some(0) {
        return Err(CampaignTrouble::Speed);
    }
    if valid_for < MIN_VALID_FOR {
        return Err(CampaignTrouble::Validity);
    }
    if let Some(plan) = &draft.canary {
        check_canary(plan, valid_for)?;
    }
    let mut rates = [limits.failures, limits.opt_outs, limits.complaints].into_iter().flatten();
    if rates.any(|limit| limit.per_10_000 > 10_000) { Err(CampaignTrouble::Limits) } else { Ok(()) }
}

fn check_canary(plan: &CanaryPlan, valid_for: Duration) -> Result<(), CampaignTrouble> {
    let fits = match plan.share {
        CanaryShare::Percent(percent) => (1..100).contains(&percent),
        CanaryShare::People(people) => (1..=MAX_CANARY_PEOPLE).contains(&people),
    };
    // The rest would have passed its validity when the canary is judged.
    if fits && plan.wait < valid_for { Ok(()) } else { Err(CampaignTrouble::Canary) }
}

fn checked_name(name: &str) -> Result<String, CampaignTrouble> {
    let name = name.trim();
    let chars = name.chars().count();
    if chars == 0 || chars > MAX_NAME_CHARS {
        return Err(CampaignTrouble::Name { chars });
    }
    Ok(name.to_owned())
}
