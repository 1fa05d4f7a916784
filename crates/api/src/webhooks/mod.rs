//! Webhooks: addresses that are called with what happens.

mod create;
mod delete;
mod deliveries;
mod edit;
mod list;
mod replay;
mod rotate;
mod show;
mod test;

use std::collections::BTreeMap;

use domain::control::Secret;
use domain::events::EventKind;
use domain::time::Timestamp;
use domain::webhooks::{Called, Delivery, Standing, Webhook, WebhookFormat, WebhookSigning};
use engine::webhooks::{WebhookTrouble, public_key};
use jiff::tz::TimeZone;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::json::{self, Moment};
use crate::problem::{Kind, Problem, say};
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(show::show, edit::edit, delete::delete))
        .routes(routes!(rotate::rotate))
        .routes(routes!(test::test))
        .routes(routes!(replay::replay))
        .routes(routes!(deliveries::deliveries))
}

/// A webhook without its secrets.
fn document(webhook: &Webhook, zone: &TimeZone) -> json::Webhook {
    let secret = webhook.secrets.first();
    json::Webhook {
        id: webhook.id.to_string(),
        name: webhook.name.clone(),
        url: webhook.url.0.clone(),
        types: webhook.kinds.iter().map(|kind| kind.word().to_owned()).collect(),
        format: webhook.format.word().to_owned(),
        signing: secret.map_or(WebhookSigning::Hmac, |secret| secret.signing).word().to_owned(),
        public_key: secret.and_then(|secret| public_key(&secret.secret)),
        enabled: webhook.off.is_none(),
        disabled_why: webhook.off.map(|(why, _)| why.word().to_owned()),
        disabled_at: webhook.off.map(|(_, at)| Moment::new(at, zone)),
        created_at: Moment::new(webhook.created_at, zone),
        health: None,
    }
}

fn health(standing: &Standing, zone: &TimeZone) -> json::WebhookHealth {
    let moment = |at: Option<Timestamp>| at.map(|at| Moment::new(at, zone));
    json::WebhookHealth {
        waiting: standing.waiting,
        failures: standing.failures,
        taken_at: moment(standing.taken_at),
        failing_since: moment(standing.failing_since),
        held_until: moment(standing.held_until),
        lagged_at: moment(standing.lagged_at),
    }
}

/// With what the receiver needs: the secret, or the public part of it.
fn granted(webhook: &Webhook, secret: &Secret, zone: &TimeZone) -> json::WebhookGranted {
    let secret = public_key(secret).unwrap_or_else(|| secret.0.clone());
    json::WebhookGranted { webhook: document(webhook, zone), secret }
}

fn delivery(delivery: &Delivery, zone: &TimeZone) -> json::WebhookDelivery {
    let seconds = delivery.at.millis().div_euclid(1_000).to_string();
    let sent = [
        ("webhook-id", delivery.event.id().to_string()),
        ("webhook-timestamp", seconds),
        ("content-type", "application/json".to_owned()),
    ];
    let (status, fault, response, body) = match &delivery.called {
        Called::Answered { status, headers, body } => {
            (Some(*status), None, headers.iter().cloned().collect(), body.clone())
        }
        Called::Failed(fault) => (None, Some(fault.word().to_owned()), BTreeMap::new(), String::new()),
    };
    json::WebhookDelivery {
        event: crate::events::document(&delivery.event, zone),
        at: Moment::new(delivery.at, zone),
        tries: delivery.tries,
        millis: delivery.millis,
        taken: delivery.called.is_taken(),
        given_up: delivery.given_up,
        request: sent.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        status,
        fault,
        response,
        body,
    }
}

fn kinds(types: &[String]) -> Result<Vec<EventKind>, Problem> {
    let kind = |(place, word): (usize, &String)| {
        EventKind::from_word(word).ok_or_else(|| {
            let all: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.word()).collect();
            let all = all.join(", ");
            let said = say(format!("可用的类型：{all}"), format!("There are: {all}"));
            Problem::field(format!("/types/{place}"), said)
        })
    };
    types.iter().enumerate().map(kind).collect()
}

fn signing(word: &str) -> Result<WebhookSigning, Problem> {
    let said = || say("应为 hmac 或 ed25519", "`hmac` or `ed25519`");
    WebhookSigning::from_word(word).ok_or_else(|| Problem::field("/signing", said()))
}

fn format(word: &str) -> Result<WebhookFormat, Problem> {
    let said = || say("应为 standard 或 aliyun", "`standard` or `aliyun`");
    let format = WebhookFormat::from_word(word).filter(|format| *format != WebhookFormat::Callbacks);
    format.ok_or_else(|| Problem::field("/format", said()))
}

impl From<WebhookTrouble> for Problem {
    fn from(trouble: WebhookTrouble) -> Self {
        match trouble {
            WebhookTrouble::Field { pointer: "", said } => Self::new(Kind::Conflict).with(said),
            WebhookTrouble::Field { pointer, said } => Self::field(pointer, said),
            WebhookTrouble::NoSuch => Self::no_such("回调", "webhook"),
            WebhookTrouble::NoSuchEvent => Self::field(
                "/event",
                say(
                    "没有这个事件，或已不再保留（72 小时）",
                    "There is no such event, or it is not kept any more (72 hours)",
                ),
            ),
            WebhookTrouble::NoCalls => {
                Self::new(Kind::Unavailable).with(say("本节点没有启用外呼", "This node does not make calls"))
            }
            WebhookTrouble::Events(error) => crate::events::refusal(error),
            WebhookTrouble::Control(error) => error.into(),
            WebhookTrouble::Ledger(error) => error.into(),
        }
    }
}
