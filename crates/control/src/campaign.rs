//! Campaigns. The text, the test numbers and the preflight's quotes are sealed in one value.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use domain::control::{
    AuditLine, Campaign, CampaignState, Campaigns, Conditions, ControlError, Edit, Edits as _,
};
use domain::events::{Event, EventKind, EventSubject, Notice};
use domain::ids::{AccountId, AudienceId, CampaignId, EntityId, LaneId, RouteId, TemplateId};
use domain::lane::WindowClose;
use domain::message::Category;
use domain::time::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect,
};

use super::ControlDb;
use super::access::insert_line;
use super::course_document::CourseDocument;
use super::document::SourceDocument;
use super::error::of_database;
use super::notices;
use super::preflight_document::{CampaignSecrets, PreflightDocument};
use super::reading::{PAGE_LIMIT, Reading, json, seal};
use super::row::campaign::{Column, Entity, Model};
use super::row::campaign_course;

const TABLE: &str = "campaign";
const COURSE: &str = "campaign_course";
/// Campaigns whose courses are read at once: SQLite bounds the values of one statement.
const COURSES_AT_ONCE: usize = 500;
/// Of a campaign that names no route: each phone goes over the first whose scope it fits.
const BY_SCOPE: i32 = 0;

/// Codes of [`WindowClose`]; never reused.
const CLOSE_HOLD: i32 = 1;
const CLOSE_PAUSE: i32 = 2;
const CLOSE_DROP: i32 = 3;

#[async_trait]
impl Campaigns for ControlDb {
    async fn add_campaign(&self, campaign: &Campaign) -> Result<(), ControlError> {
        self.edit(Edit::AddCampaign(campaign), Conditions::default()).await.map(|_| ())
    }

    async fn update_campaign(&self, campaign: &mut Campaign, now: Timestamp) -> Result<(), ControlError> {
        self.edit(Edit::ChangeCampaign(campaign, now), Conditions::default()).await?;
        campaign.version += 1;
        Ok(())
    }

    async fn add_resend(
        &self,
        campaign: &Campaign,
        root: &mut Campaign,
        line: Option<&AuditLine>,
    ) -> Result<(), ControlError> {
        let write = self.write().await?;
        self.replace(root, &write.transaction).await?;
        self.insert(campaign, &write.transaction).await?;
        if let Some(line) = line {
            insert_line(&write.transaction, line).await?;
        }
        write.commit().await?;
        root.version += 1;
        Ok(())
    }

    async fn resends(&self, account: AccountId, root: CampaignId) -> Result<Vec<Campaign>, ControlError> {
        let courses = campaign_course::Entity::find()
            .filter(campaign_course::Column::Root.eq(root.raw()))
            .order_by_asc(campaign_course::Column::Id)
            .limit(u64::from(PAGE_LIMIT))
            .all(&self.db)
            .await
            .map_err(|e| of_database(&e, COURSE))?;
        let mut found = Vec::with_capacity(courses.len());
        for course in courses {
            found.extend(self.campaign(account, CampaignId::from_raw(course.id)).await?);
        }
        Ok(found)
    }

    async fn campaign(&self, account: AccountId, id: CampaignId) -> Result<Option<Campaign>, ControlError> {
        let row = Entity::find_by_id(id.raw()).filter(Column::Account.eq(account.raw())).one(&self.db).await;
        let row = row.map_err(|e| of_database(&e, TABLE))?;
        Ok(self.campaigns_of(row.into_iter().collect()).await?.pop())
    }

    async fn campaigns(
        &self,
        account: AccountId,
        before: Option<CampaignId>,
        limit: u32,
    ) -> Result<Vec<Campaign>, ControlError> {
        let mut page = Entity::find().filter(Column::Account.eq(account.raw()));
        if let Some(before) = before {
            page = page.filter(Column::Id.lt(before.raw()));
        }
        let limit = u64::from(limit.min(PAGE_LIMIT));
        let rows = page.order_by_desc(Column::Id).limit(limit).all(&self.db).await;
        let rows = rows.map_err(|e| of_database(&e, TABLE))?;
        self.campaigns_of(rows).await
    }

    async fn campaigns_in(&self, states: &[CampaignState]) -> Result<Vec<Campaign>, ControlError> {
        let codes = states.iter().map(|state| i32::from(state.code()));
        let rows =
            Entity::find().filter(Column::State.is_in(codes)).order_by_asc(Column::Id).all(&self.db).await;
        let rows = rows.map_err(|e| of_database(&e, TABLE))?;
        self.campaigns_of(rows).await
    }
}

impl ControlDb {
    pub(super) async fn insert(
        &self,
        campaign: &Campaign,
        on: &DatabaseTransaction,
    ) -> Result<(), ControlError> {
        let row = self.campaign_row(campaign).into_active_model();
        let added = Entity::insert(row).exec_without_returning(on).await;
        added.map_err(|e| of_database(&e, TABLE))?;
        put_course(campaign, on).await
    }

    /// [`Self::replace`], and its account is told of the step, if it is one.
    pub(super) async fn replace_and_tell(
        &self,
        campaign: &Campaign,
        now: Timestamp,
        on: &DatabaseTransaction,
    ) -> Result<(), ControlError> {
        let known = Entity::find_by_id(campaign.id.raw()).select_only().column(Column::State);
        let known: Option<i32> = known.into_tuple().one(on).await.map_err(|e| of_database(&e, TABLE))?;
        self.replace(campaign, on).await?;
        let known = known.map(|state| Reading(TABLE).code("state", state, CampaignState::from_code));
        let Some(kind) = known.transpose()?.and_then(|known| EventKind::of_campaign(known, campaign.state))
        else {
            return Ok(());
        };
        let event = Event {
            campaign: Some(campaign.id),
            ..Event::plain(kind, EventSubject::Campaign(campaign.id), now)
        };
        notices::add(on, &[Notice { account: campaign.account, event }]).await
    }

    /// Writes a campaign whose version is the one that was read, with the next version.
    pub(super) async fn replace(
        &self,
        campaign: &Campaign,
        on: &DatabaseTransaction,
    ) -> Result<(), ControlError> {
        let mut row = self.campaign_row(campaign).into_active_model().reset_all();
        row.id = ActiveValue::NotSet;
        row.version = ActiveValue::Set(campaign.version + 1);
        let updated = Entity::update_many()
            .set(row)
            .filter(Column::Id.eq(campaign.id.raw()))
            .filter(Column::Account.eq(campaign.account.raw()))
            .filter(Column::Version.eq(campaign.version))
            .exec(on)
            .await
            .map_err(|e| of_database(&e, TABLE))?;
        if updated.rows_affected == 0 {
            return Err(ControlError::Changed(TABLE));
        }
        put_course(campaign, on).await
    }

    /// Campaigns of rows, in their order, each with its course.
    async fn campaigns_of(&self, rows: Vec<Model>) -> Result<Vec<Campaign>, ControlError> {
        let mut courses: HashMap<i64, String> = HashMap::new();
        for some in rows.chunks(COURSES_AT_ONCE) {
            let found = campaign_course::Entity::find()
                .filter(campaign_course::Column::Id.is_in(some.iter().map(|row| row.id)))
                .all(&self.db)
                .await
                .map_err(|e| of_database(&e, COURSE))?;
            courses.extend(found.into_iter().map(|row| (row.id, row.course)));
        }
        let with_course = |row: Model| {
            let course = courses.remove(&row.id);
            self.campaign_of(row, course.as_deref())
        };
        rows.into_iter().map(with_course).collect()
    }

    fn campaign_row(&self, campaign: &Campaign) -> Model {
        let secrets = CampaignSecrets {
            text: campaign.text.clone(),
            test_numbers: campaign.test_numbers.iter().map(|phone| phone.to_u64()).collect(),
            preflight: campaign.preflight.as_ref().map(PreflightDocument::of),
        };
        let (window_close, drop_after) = match campaign.window_close {
            WindowClose::Hold => (CLOSE_HOLD, None),
            WindowClose::PauseForHuman => (CLOSE_PAUSE, None),
            WindowClose::DropAfter(at) => (CLOSE_DROP, Some(at.millis())),
        };
        Model {
            id: campaign.id.raw(),
            account: campaign.account.raw(),
            entity: campaign.entity.raw(),
            name: campaign.name.clone(),
            category: campaign.category.code().into(),
            signature: campaign.signature.clone(),
            template: campaign.template.map(TemplateId::raw),
            audience_source: json(&SourceDocument::of(&campaign.audience)),
            scheduled_at: campaign.scheduled_at.map(Timestamp::millis),
            speed: campaign.speed.map(i64::from),
            window_close,
            drop_after,
            valid_for: i64::try_from(campaign.valid_for.as_millis()).unwrap_or(i64::MAX),
            route: campaign.route.map_or(BY_SCOPE, |route| route.0.into()),
            held_words_approved: campaign.held_words_approved,
            state: campaign.state.code().into(),
            lane: campaign.lane.raw(),
            frozen: campaign.frozen.map(AudienceId::raw),
            expanded: campaign.expanded,
            sealed: seal(&self.sealer, TABLE, campaign.id.raw(), &secrets),
            created_at: campaign.created_at.millis(),
            started_at: campaign.started_at.map(Timestamp::millis),
            finished_at: campaign.finished_at.map(Timestamp::millis),
            version: campaign.version,
        }
    }

    fn campaign_of(&self, row: Model, course: Option<&str>) -> Result<Campaign, ControlError> {
        let course = match course {
            Some(text) => Reading(COURSE).json("course", text)?,
            None => CourseDocument::default(),
        };
        let course = course.read(Reading(COURSE))?;
        let reading = Reading(TABLE);
        let secrets: CampaignSecrets = reading.open(&self.sealer, row.id, &row.sealed)?;
        let tests = secrets.test_numbers.into_iter().map(|digits| reading.phone("sealed", digits));
        let preflight = secrets.preflight.map(|document| document.read(reading));
        let source: SourceDocument = reading.json("audience_source", &row.audience_source)?;
        let speed = row.speed.map(|speed| reading.number("speed", speed));
        Ok(Campaign {
            id: CampaignId::from_raw(row.id),
            account: AccountId::from_raw(row.account),
            entity: EntityId::from_raw(row.entity),
            name: row.name,
            category: reading.code("category", row.category, Category::from_code)?,
            signature: row.signature,
            template: row.template.map(TemplateId::from_raw),
            text: secrets.text,
            audience: source.read(reading)?,
            test_numbers: tests.collect::<Result<_, _>>()?,
            scheduled_at: row.scheduled_at.map(Timestamp::from_millis),
            speed: speed.transpose()?,
            window_close: window_close(reading, row.window_close, row.drop_after)?,
            valid_for: Duration::from_millis(reading.number("valid_for", row.valid_for)?),
            route: Some(reading.number("route", row.route)?).filter(|id| *id != 0).map(RouteId),
            routes: course.routes,
            canary: course.canary,
            watch: course.watch,
            resend: course.resend,
            held_words_approved: row.held_words_approved,
            state: reading.code("state", row.state, CampaignState::from_code)?,
            lane: LaneId::from_raw(row.lane),
            frozen: row.frozen.map(AudienceId::from_raw),
            preflight: preflight.transpose()?,
            expanded: row.expanded,
            created_at: Timestamp::from_millis(row.created_at),
            started_at: row.started_at.map(Timestamp::from_millis),
            finished_at: row.finished_at.map(Timestamp::from_millis),
            version: row.version,
        })
    }
}

async fn put_course(campaign: &Campaign, on: &DatabaseTransaction) -> Result<(), ControlError> {
    let row = campaign_course::Model {
        id: campaign.id.raw(),
        root: campaign.resend.as_ref().map(|resend| resend.root.raw()),
        course: json(&CourseDocument::of(campaign)),
    };
    let replace = OnConflict::column(campaign_course::Column::Id)
        .update_columns([campaign_course::Column::Root, campaign_course::Column::Course])
        .to_owned();
    let put = campaign_course::Entity::insert(row.into_active_model()).on_conflict(replace);
    put.exec_without_returning(on).await.map_err(|e| of_database(&e, COURSE))?;
    Ok(())
}

fn window_close(reading: Reading, code: i32, drop_after: Option<i64>) -> Result<WindowClose, ControlError> {
    match (code, drop_after) {
        (CLOSE_HOLD, _) => Ok(WindowClose::Hold),
        (CLOSE_PAUSE, _) => Ok(WindowClose::PauseForHuman),
        (CLOSE_DROP, Some(at)) => Ok(WindowClose::DropAfter(Timestamp::from_millis(at))),
        _ => Err(reading.odd("window_close")),
    }
}
