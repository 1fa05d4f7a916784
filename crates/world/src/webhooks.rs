//! Nobody in a simulation has webhooks, and nobody reads notices.

use async_trait::async_trait;
use domain::control::ControlError;
use domain::events::{Notice, NoticeRead, Notices};
use domain::ids::{AccountId, MessageId, WebhookId};
use domain::time::Timestamp;
use domain::webhooks::{Again, Delivery, Followed, LogPage, Settlement, Standing, Webhook, Webhooks};

use crate::control::{MemoryControl, not_here};

type Asked<T> = Result<T, ControlError>;

#[async_trait]
impl Notices for MemoryControl {
    async fn add_notices(&self, _: &[Notice]) -> Asked<()> {
        Ok(())
    }
    async fn notice_head(&self) -> Asked<i64> {
        Ok(0)
    }
    async fn notices(&self, _: AccountId, from: i64, _: i64, _: u32) -> Asked<NoticeRead> {
        Ok(NoticeRead::Page { events: Vec::new(), next: from })
    }
    async fn expire_notices(&self, _: Timestamp) -> Asked<()> {
        Ok(())
    }
}

#[async_trait]
impl Webhooks for MemoryControl {
    async fn webhooks(&self, _: AccountId) -> Asked<Vec<Webhook>> {
        Ok(Vec::new())
    }
    async fn live_webhooks(&self) -> Asked<Vec<(AccountId, WebhookId)>> {
        Ok(Vec::new())
    }
    async fn webhook(&self, _: AccountId, _: WebhookId) -> Asked<Option<Webhook>> {
        Ok(None)
    }
    async fn add_webhook(&self, _: &Webhook, _: &Standing) -> Asked<()> {
        not_here()
    }
    async fn update_webhook(&self, _: &mut Webhook, _: bool, _: Timestamp) -> Asked<()> {
        not_here()
    }
    async fn delete_webhook(&self, _: AccountId, _: WebhookId) -> Asked<bool> {
        Ok(false)
    }
    async fn standing(&self, _: WebhookId) -> Asked<Option<Standing>> {
        Ok(None)
    }
    async fn settle(&self, _: &Settlement) -> Asked<bool> {
        not_here()
    }
    async fn due(&self, _: WebhookId, _: Timestamp, _: u32) -> Asked<Vec<Again>> {
        Ok(Vec::new())
    }
    async fn replay(&self, _: WebhookId, _: &[Again]) -> Asked<()> {
        not_here()
    }
    async fn deliveries(&self, _: WebhookId, _: Option<i64>, _: u32) -> Asked<Vec<LogPage>> {
        Ok(Vec::new())
    }
    async fn add_to_log(&self, _: WebhookId, _: &Delivery) -> Asked<()> {
        not_here()
    }
    async fn follow(&self, _: &Followed) -> Asked<()> {
        not_here()
    }
    async fn followed(&self, _: AccountId, _: &[MessageId]) -> Asked<Vec<Followed>> {
        Ok(Vec::new())
    }
    async fn expire_webhooks(&self, _: Timestamp) -> Asked<()> {
        Ok(())
    }
}
