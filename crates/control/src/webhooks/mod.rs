//! Webhooks, where they stand, what waits for them, and the log of what they were told.
//!
//! A batch is one transaction, which names the revision that it goes on from: of two nodes that believe to have the duty
//! at once, the second keeps nothing, and tells its batch again.

mod document;
mod log;
mod standing;

use async_trait::async_trait;
use domain::control::ControlError;
use domain::events::EventKind;
use domain::ids::{AccountId, MessageId, WebhookId};
use domain::time::Timestamp;
use domain::webhooks::{
    Again, Delivery, Followed, LogPage, Settlement, Standing, Webhook, WebhookFormat, WebhookOff, Webhooks,
};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait as _, ActiveValue, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};

use super::ControlDb;
use super::error::of_database;
use super::reading::{PAGE_LIMIT, Reading, json, seal};
use super::row::webhook::{Column, Entity, Model};
use super::row::{followed, webhook_again, webhook_log, webhook_standing};

pub(crate) use document::EventDocument;
use document::WebhookSecrets;

const TABLE: &str = "webhook";
const FOLLOWED: &str = "followed";
const READING: Reading = Reading(TABLE);

#[expect(clippy::needless_pass_by_value, reason = "a function for map_err")]
fn failed(error: DbErr) -> ControlError {
    of_database(&error, TABLE)
}

#[async_trait]
impl Webhooks for ControlDb {
    async fn webhooks(&self, account: AccountId) -> Result<Vec<Webhook>, ControlError> {
        let hidden = i32::from(WebhookFormat::Callbacks.code());
        let page = Entity::find().filter(Column::Account.eq(account.raw())).filter(Column::Format.ne(hidden));
        let rows = page.order_by_asc(Column::Id).limit(u64::from(PAGE_LIMIT)).all(&self.db).await;
        rows.map_err(failed)?.into_iter().map(|row| self.webhook_of(row)).collect()
    }

    async fn live_webhooks(&self) -> Result<Vec<(AccountId, WebhookId)>, ControlError> {
        let live = Entity::find().filter(Column::Off.eq(0)).order_by_asc(Column::Id).select_only();
        let live = live.columns([Column::Account, Column::Id]).into_tuple::<(i64, i64)>().all(&self.db).await;
        let ids = |(account, id)| (AccountId::from_raw(account), WebhookId::from_raw(id));
        Ok(live.map_err(failed)?.into_iter().map(ids).collect())
    }

    async fn webhook(&self, account: AccountId, id: WebhookId) -> Result<Option<Webhook>, ControlError> {
        let row = Entity::find_by_id(id.raw()).filter(Column::Account.eq(account.raw())).one(&self.db).await;
        row.map_err(failed)?.map(|row| self.webhook_of(row)).transpose()
    }

    async fn add_webhook(&self, webhook: &Webhook, standing: &Standing) -> Result<(), ControlError> {
        let write = self.write().await?;
        let row = self.webhook_row(webhook).into_active_model();
        Entity::insert(row).exec_without_returning(&write.transaction).await.map_err(failed)?;
        let row = standing::row(webhook.id, standing).into_active_model();
        let added = webhook_standing::Entity::insert(row).exec_without_returning(&write.transaction).await;
        added.map_err(failed)?;
        write.commit().await
    }

    async fn update_webhook(
        &self,
        webhook: &mut Webhook,
        release: bool,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        let mut row = self.webhook_row(webhook).into_active_model().reset_all();
        row.id = ActiveValue::NotSet;
        row.version = ActiveValue::Set(webhook.version + 1);
        let write = self.write().await?;
        let updated = Entity::update_many()
            .set(row)
            .filter(Column::Id.eq(webhook.id.raw()))
            .filter(Column::Account.eq(webhook.account.raw()))
            .filter(Column::Version.eq(webhook.version))
            .exec(&write.transaction)
            .await
            .map_err(failed)?;
        if updated.rows_affected == 0 {
            return Err(ControlError::Changed(TABLE));
        }
        if release {
            standing::forgive(&write.transaction, webhook.id, now).await?;
        }
        write.commit().await?;
        webhook.version += 1;
        Ok(())
    }

    async fn delete_webhook(&self, account: AccountId, id: WebhookId) -> Result<bool, ControlError> {
        let write = self.write().await?;
        let own = Entity::delete_many().filter(Column::Id.eq(id.raw()));
        let own = own.filter(Column::Account.eq(account.raw())).exec(&write.transaction).await;
        if own.map_err(failed)?.rows_affected == 0 {
            return Ok(false);
        }
        let gone = webhook_standing::Entity::delete_by_id(id.raw()).exec(&write.transaction).await;
        gone.map_err(failed)?;
        let again = webhook_again::Entity::delete_many().filter(webhook_again::Column::Webhook.eq(id.raw()));
        again.exec(&write.transaction).await.map_err(failed)?;
        let log = webhook_log::Entity::delete_many().filter(webhook_log::Column::Webhook.eq(id.raw()));
        log.exec(&write.transaction).await.map_err(failed)?;
        write.commit().await?;
        Ok(true)
    }

    async fn standing(&self, id: WebhookId) -> Result<Option<Standing>, ControlError> {
        let row = webhook_standing::Entity::find_by_id(id.raw()).one(&self.db).await.map_err(failed)?;
        row.map(standing::read).transpose()
    }

    async fn settle(&self, settlement: &Settlement) -> Result<bool, ControlError> {
        let write = self.write().await?;
        if !standing::settle(&write.transaction, settlement).await? {
            return Ok(false);
        }
        log::add(&write.transaction, &self.sealer, settlement.webhook, &settlement.log, settlement.now)
            .await?;
        if let Some(off) = settlement.off {
            switch_off(&write.transaction, settlement, off).await?;
        }
        write.commit().await?;
        Ok(true)
    }

    async fn due(&self, id: WebhookId, now: Timestamp, limit: u32) -> Result<Vec<Again>, ControlError> {
        standing::due(&self.db, id, now, limit).await
    }

    async fn replay(&self, id: WebhookId, again: &[Again]) -> Result<(), ControlError> {
        let write = self.write().await?;
        standing::let_wait(&write.transaction, id, again).await?;
        write.commit().await
    }

    async fn deliveries(
        &self,
        id: WebhookId,
        before: Option<i64>,
        pages: u32,
    ) -> Result<Vec<LogPage>, ControlError> {
        log::pages(&self.db, &self.sealer, id, before, pages).await
    }

    async fn add_to_log(&self, id: WebhookId, delivery: &Delivery) -> Result<(), ControlError> {
        let write = self.write().await?;
        let line = std::slice::from_ref(delivery);
        log::add(&write.transaction, &self.sealer, id, line, delivery.at).await?;
        write.commit().await
    }

    async fn follow(&self, followed: &Followed) -> Result<(), ControlError> {
        let id = followed.message.raw();
        let row = followed::Model {
            id,
            account: followed.account.raw(),
            until_at: followed.until.millis(),
            sealed: seal(&self.sealer, FOLLOWED, id, &followed.document),
        };
        let once = OnConflict::column(followed::Column::Id).do_nothing().to_owned();
        let write = self.write().await?;
        let add = followed::Entity::insert(row.into_active_model()).on_conflict(once);
        add.exec_without_returning(&write.transaction).await.map_err(failed)?;
        write.commit().await
    }

    async fn followed(
        &self,
        account: AccountId,
        messages: &[MessageId],
    ) -> Result<Vec<Followed>, ControlError> {
        let ids = messages.iter().map(|message| message.raw());
        let rows = followed::Entity::find()
            .filter(followed::Column::Id.is_in(ids))
            .filter(followed::Column::Account.eq(account.raw()))
            .all(&self.db)
            .await
            .map_err(failed)?;
        let read = |row: followed::Model| {
            Ok(Followed {
                account,
                message: MessageId::from_raw(row.id),
                document: Reading(FOLLOWED).open(&self.sealer, row.id, &row.sealed)?,
                until: Timestamp::from_millis(row.until_at),
            })
        };
        rows.into_iter().map(read).collect()
    }

    async fn expire_webhooks(&self, now: Timestamp) -> Result<(), ControlError> {
        let write = self.write().await?;
        log::expire(&write.transaction, now).await?;
        let old = followed::Entity::delete_many().filter(followed::Column::UntilAt.lt(now.millis()));
        old.exec(&write.transaction).await.map_err(failed)?;
        write.commit().await
    }
}

/// Switches a webhook off, and tells its account so, unless somebody did so meanwhile.
async fn switch_off(
    db: &DatabaseTransaction,
    settlement: &Settlement,
    off: WebhookOff,
) -> Result<(), ControlError> {
    use domain::events::{Event, EventSubject, Notice};
    let (id, now) = (settlement.webhook, settlement.now);
    let row = Entity::find_by_id(id.raw()).filter(Column::Off.eq(0)).one(db).await.map_err(failed)?;
    let Some(row) = row else { return Ok(()) };
    let mut changed = row.clone().into_active_model();
    changed.off = ActiveValue::Set(off.code().into());
    changed.off_at = ActiveValue::Set(Some(now.millis()));
    changed.version = ActiveValue::Set(row.version + 1);
    changed.update(db).await.map_err(failed)?;
    let event = Event::plain(EventKind::WebhookDisabled, EventSubject::Webhook(id), now);
    super::notices::add(db, &[Notice { account: AccountId::from_raw(row.account), event }]).await
}

impl ControlDb {
    fn webhook_row(&self, webhook: &Webhook) -> Model {
        let id = webhook.id.raw();
        let kinds: Vec<&str> = webhook.kinds.iter().map(|kind| kind.word()).collect();
        Model {
            id,
            account: webhook.account.raw(),
            name: webhook.name.clone(),
            kinds: json(&kinds),
            format: webhook.format.code().into(),
            sealed: seal(&self.sealer, TABLE, id, &WebhookSecrets::of(&webhook.url, &webhook.secrets)),
            off: webhook.off.map_or(0, |(off, _)| off.code().into()),
            off_at: webhook.off.map(|(_, at)| at.millis()),
            created_at: webhook.created_at.millis(),
            version: webhook.version,
        }
    }

    fn webhook_of(&self, row: Model) -> Result<Webhook, ControlError> {
        let kinds: Vec<String> = READING.json("kinds", &row.kinds)?;
        let secrets: WebhookSecrets = READING.open(&self.sealer, row.id, &row.sealed)?;
        let (url, secrets) = secrets.read(READING)?;
        let off = match (row.off, row.off_at) {
            (0, _) => None,
            (code, Some(at)) => {
                Some((READING.code("off", code, WebhookOff::from_code)?, Timestamp::from_millis(at)))
            }
            (_, None) => return Err(READING.odd("off_at")),
        };
        Ok(Webhook {
            id: WebhookId::from_raw(row.id),
            account: AccountId::from_raw(row.account),
            name: row.name,
            url,
            kinds: kinds
                .iter()
                .map(|word| READING.word("kinds", word, EventKind::from_word))
                .collect::<Result<_, _>>()?,
            format: READING.code("format", row.format, WebhookFormat::from_code)?,
            secrets,
            off,
            created_at: Timestamp::from_millis(row.created_at),
            version: row.version,
        })
    }
}
