//! Adding, changing and trying webhooks.

use std::sync::Arc;

use domain::control::{ControlError, Secret};
use domain::events::{Event, EventCursor, EventKind, EventSubject};
use domain::ids::{AccountId, WebhookId};
use domain::webhooks::{
    CallFault, Delivery, LogPage, MOST_WEBHOOKS, NAME_CHARS, Standing, URL_BYTES, Webhook, WebhookFormat,
    WebhookOff, WebhookSigning,
};

use super::WebhookTrouble;
use super::sign::{SECRET_BYTES, Signer, secret};
use crate::Engine;
use crate::events::EventsFrom;

/// Times that a change is repeated when somebody else was faster.
const TRIES: u32 = 5;

/// A webhook to be added.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    pub name: String,
    pub url: Secret,
    /// Empty: all.
    pub kinds: Vec<EventKind>,
    pub format: WebhookFormat,
    pub signing: WebhookSigning,
}

/// What is changed of one; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct WebhookEdit {
    pub name: Option<String>,
    pub url: Option<Secret>,
    pub kinds: Option<Vec<EventKind>>,
    /// Switching one on forgets its failures, and what waits is tried at once.
    pub enabled: Option<bool>,
}

impl Engine {
    /// Adds a webhook, which is told what happens from now on; the account's events are recorded from now on. Its secret is
    /// returned here and by a rotation, and never again.
    ///
    /// # Errors
    /// [`WebhookTrouble`].
    pub async fn create_webhook(
        &self,
        account: AccountId,
        new: NewWebhook,
    ) -> Result<(Webhook, Secret), WebhookTrouble> {
        let name = checked_name(&new.name)?;
        self.check_url(&new.url)?;
        if self.control.webhooks(account).await?.len() >= MOST_WEBHOOKS {
            let zh = format!("每个账户最多 {MOST_WEBHOOKS} 个回调：请先删除不用的");
            let en = format!("At most {MOST_WEBHOOKS} webhooks of an account: delete one first");
            return Err(WebhookTrouble::field("", zh, en));
        }
        let now = self.clock.now();
        let secret = self.webhook_secret(new.signing)?;
        let mut webhook = Webhook {
            id: self.ids.fresh(now).into(),
            account,
            name,
            url: new.url,
            kinds: new.kinds,
            format: new.format,
            secrets: Vec::new(),
            off: None,
            created_at: now,
            version: 1,
        };
        webhook.rotate(new.signing, secret.clone(), now);
        self.begin_webhook(&webhook).await?;
        Ok((webhook, secret))
    }

    /// Records the account's events, and adds a webhook that begins now.
    pub(super) async fn begin_webhook(&self, webhook: &Webhook) -> Result<(), WebhookTrouble> {
        if !self.ledger.listens(webhook.account).await? {
            self.ledger.listen(webhook.account, true).await?;
        }
        let places = self.begin_events(webhook.account, &EventsFrom::Now).await?;
        let standing = Standing::at(EventCursor { places });
        self.control.add_webhook(webhook, &standing).await?;
        self.webhooks.note_change();
        Ok(())
    }

    /// The account's webhook.
    ///
    /// # Errors
    /// [`WebhookTrouble::NoSuch`].
    pub async fn webhook(&self, account: AccountId, id: WebhookId) -> Result<Webhook, WebhookTrouble> {
        let found = self.control.webhook(account, id).await?;
        found.filter(|webhook| webhook.format != WebhookFormat::Callbacks).ok_or(WebhookTrouble::NoSuch)
    }

    /// Where the account's webhook stands.
    ///
    /// # Errors
    /// [`WebhookTrouble::NoSuch`].
    pub async fn webhook_standing(
        &self,
        account: AccountId,
        id: WebhookId,
    ) -> Result<Standing, WebhookTrouble> {
        let webhook = self.webhook(account, id).await?;
        self.control.standing(webhook.id).await?.ok_or(WebhookTrouble::NoSuch)
    }

    /// Changes a webhook. `expected`: only when it is this version of it.
    ///
    /// # Errors
    /// [`WebhookTrouble`]; [`ControlError::Changed`] when it is another version than was expected.
    pub async fn edit_webhook(
        &self,
        account: AccountId,
        id: WebhookId,
        edit: &WebhookEdit,
        expected: Option<i64>,
    ) -> Result<Webhook, WebhookTrouble> {
        let name = edit.name.as_deref().map(checked_name).transpose()?;
        edit.url.as_ref().map_or(Ok(()), |url| self.check_url(url))?;
        let now = self.clock.now();
        let switched_on = edit.enabled == Some(true);
        self.change_webhook(account, id, switched_on, |webhook| {
            if expected.is_some_and(|version| version != webhook.version) {
                return Err(ControlError::Changed("webhook").into());
            }
            webhook.name = name.clone().unwrap_or_else(|| webhook.name.clone());
            webhook.url = edit.url.clone().unwrap_or_else(|| webhook.url.clone());
            webhook.kinds = edit.kinds.clone().unwrap_or_else(|| webhook.kinds.clone());
            match edit.enabled {
                Some(true) => webhook.off = None,
                Some(false) => webhook.off = webhook.off.or(Some((WebhookOff::ByHand, now))),
                None => {}
            }
            Ok(())
        })
        .await
    }

    /// Puts a new secret in force. The one before is signed with for a day still.
    ///
    /// # Errors
    /// [`WebhookTrouble`].
    pub async fn rotate_webhook(
        &self,
        account: AccountId,
        id: WebhookId,
        signing: Option<WebhookSigning>,
    ) -> Result<(Webhook, Secret), WebhookTrouble> {
        let now = self.clock.now();
        let known = self.webhook(account, id).await?;
        let before = known.secrets.first().map_or(WebhookSigning::Hmac, |secret| secret.signing);
        let signing = signing.unwrap_or(before);
        let secret = self.webhook_secret(signing)?;
        let webhook = self.change_webhook(account, id, false, |webhook| {
            if webhook.rotate(signing, secret.clone(), now) {
                return Ok(());
            }
            Err(WebhookTrouble::field(
                "",
                "24 小时内更换次数过多：请等旧密钥到期",
                "Rotated too often within a day: wait until a former secret has ended",
            ))
        });
        Ok((webhook.await?, secret))
    }

    /// Removes a webhook. Whether it was there.
    ///
    /// # Errors
    /// Storage's own.
    pub async fn delete_webhook(&self, account: AccountId, id: WebhookId) -> Result<bool, WebhookTrouble> {
        if self.control.webhook(account, id).await?.is_none_or(|w| w.format == WebhookFormat::Callbacks) {
            return Ok(false);
        }
        let was_there = self.control.delete_webhook(account, id).await?;
        self.webhooks.note_change();
        Ok(was_there)
    }

    /// Calls a webhook once, whatever it is otherwise told, and says what came of it. When it took the call and had failed
    /// before, what waits for it is tried at once.
    ///
    /// # Errors
    /// [`WebhookTrouble`]; that the call failed is none.
    pub async fn test_webhook(&self, account: AccountId, id: WebhookId) -> Result<Delivery, WebhookTrouble> {
        let mut webhook = self.webhook(account, id).await?;
        let outbound = Arc::clone(self.outbound().ok_or(WebhookTrouble::NoCalls)?);
        let now = self.clock.now();
        let event = Event::plain(EventKind::WebhookTest, EventSubject::Webhook(id), now);
        // The other formats have no words for it: their receivers are shown that somebody calls.
        let shown = Webhook { format: WebhookFormat::Standard, ..webhook.clone() };
        let (url, signer) = (webhook.url.0.as_str().into(), Signer::of(&webhook, now));
        let call = self.write_call(&shown, (&url, &signer), &event, now).await?;
        let began = self.clock.monotonic_millis();
        let called = outbound.call(call.ok_or(WebhookTrouble::NoCalls)?).await;
        let millis = u32::try_from(self.clock.monotonic_millis().saturating_sub(began)).unwrap_or(u32::MAX);
        let delivery = Delivery { event, at: now, tries: 1, millis, called, given_up: true };
        self.control.add_to_log(id, &delivery).await?;
        if delivery.called.is_taken() && self.control.standing(id).await?.is_some_and(|s| s.failures > 0) {
            match self.control.update_webhook(&mut webhook, true, now).await {
                // Somebody changed it meanwhile: its loop finds out by itself that it works.
                Ok(()) | Err(ControlError::Changed(_)) => {}
                Err(error) => return Err(error.into()),
            }
            self.webhooks.note_change();
        }
        Ok(delivery)
    }

    /// Pages of the log of a webhook, newest first.
    ///
    /// # Errors
    /// [`WebhookTrouble`].
    pub async fn webhook_log(
        &self,
        account: AccountId,
        id: WebhookId,
        before: Option<i64>,
        pages: u32,
    ) -> Result<Vec<LogPage>, WebhookTrouble> {
        let webhook = self.webhook(account, id).await?;
        Ok(self.control.deliveries(webhook.id, before, pages).await?)
    }

    async fn change_webhook(
        &self,
        account: AccountId,
        id: WebhookId,
        release: bool,
        change: impl Fn(&mut Webhook) -> Result<(), WebhookTrouble> + Send + Sync,
    ) -> Result<Webhook, WebhookTrouble> {
        for _ in 1..TRIES {
            let mut webhook = self.webhook(account, id).await?;
            change(&mut webhook)?;
            match self.control.update_webhook(&mut webhook, release, self.clock.now()).await {
                Err(ControlError::Changed(_)) => {}
                outcome => {
                    outcome?;
                    self.webhooks.note_change();
                    return Ok(webhook);
                }
            }
        }
        Err(ControlError::Changed("webhook").into())
    }

    fn webhook_secret(&self, signing: WebhookSigning) -> Result<Secret, WebhookTrouble> {
        let mut bytes = [0; SECRET_BYTES];
        self.control.random(&mut bytes)?;
        Ok(secret(signing, &bytes))
    }

    fn check_url(&self, url: &Secret) -> Result<(), WebhookTrouble> {
        let outbound = self.outbound().ok_or(WebhookTrouble::NoCalls)?;
        outbound.may_call(&url.0).map_err(|fault| match fault {
            CallFault::Forbidden => WebhookTrouble::field(
                "/url",
                "不能调用内网、本机或保留地址（运营方可用 private_callbacks 放开）",
                "An address in a private, local or reserved network is not called (the operator may allow it: private_callbacks)",
            ),
            _ => WebhookTrouble::field(
                "/url",
                format!("应为 http:// 或 https:// 开头的完整地址，不含用户名，最多 {URL_BYTES} 字节"),
                format!("A whole address that begins with http:// or https://, without a user name, of at most {URL_BYTES} bytes"),
            ),
        })
    }
}

fn checked_name(name: &str) -> Result<String, WebhookTrouble> {
    let name = name.trim();
    if name.chars().count() <= NAME_CHARS && !name.chars().any(char::is_control) {
        return Ok(name.to_owned());
    }
    let zh = format!("最多 {NAME_CHARS} 个字，不含控制字符");
    let en = format!("At most {NAME_CHARS} characters, none of them a control character");
    Err(WebhookTrouble::field("/name", zh, en))
}
