//! Events, calls and secrets as the documents that rows hold.

use domain::channel::CarrierCode;
use domain::control::{ControlError, Secret};
use domain::events::{Event, EventKind};
use domain::ids::{CampaignId, ChannelId};
use domain::message::Reason;
use domain::money::Money;
use domain::time::Timestamp;
use domain::webhooks::{CallFault, Called, Delivery, WebhookSecret, WebhookSigning};
use serde::{Deserialize, Serialize};

use crate::reading::Reading;

/// An event, with short names: thousands of them lie in a log.
#[derive(Serialize, Deserialize)]
pub(crate) struct EventDocument {
    k: u8,
    s: i64,
    at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    c: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ch: Option<u16>,
    r: u8,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    code: String,
    n: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    m: Option<i64>,
}

impl EventDocument {
    pub(crate) fn of(event: &Event) -> Self {
        Self {
            k: event.kind.code(),
            s: event.subject.raw(),
            at: event.at.millis(),
            c: event.campaign.map(CampaignId::raw),
            ch: event.channel.map(|channel| channel.0),
            r: event.reason.code(),
            code: event.code.as_str().to_owned(),
            n: event.attempts,
            m: event.amount.map(Money::micros),
        }
    }

    pub(crate) fn read(self, reading: Reading) -> Result<Event, ControlError> {
        let odd = || reading.odd("document");
        let kind = EventKind::from_code(self.k).ok_or_else(odd)?;
        Ok(Event {
            kind,
            subject: kind.subject(self.s).ok_or_else(odd)?,
            at: Timestamp::from_millis(self.at),
            campaign: self.c.map(CampaignId::from_raw),
            channel: self.ch.map(ChannelId),
            reason: Reason::from_code(self.r).ok_or_else(odd)?,
            code: CarrierCode::new(self.code.as_bytes()),
            attempts: self.n,
            amount: self.m.map(Money::from_micros),
        })
    }
}

/// A line of a log.
#[derive(Serialize, Deserialize)]
pub(crate) struct DeliveryDocument {
    event: EventDocument,
    at: i64,
    tries: u8,
    millis: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    body: String,
    #[serde(default)]
    given_up: bool,
}

impl DeliveryDocument {
    pub(crate) fn of(delivery: &Delivery) -> Self {
        let (status, fault, headers, body) = match &delivery.called {
            Called::Answered { status, headers, body } => {
                (Some(*status), None, headers.clone(), body.clone())
            }
            Called::Failed(fault) => (None, Some(fault.word().to_owned()), Vec::new(), String::new()),
        };
        Self {
            event: EventDocument::of(&delivery.event),
            at: delivery.at.millis(),
            tries: delivery.tries,
            millis: delivery.millis,
            status,
            fault,
            headers,
            body,
            given_up: delivery.given_up,
        }
    }

    pub(crate) fn read(self, reading: Reading) -> Result<Delivery, ControlError> {
        let fault = self.fault.map(|word| reading.word("sealed", &word, CallFault::from_word)).transpose()?;
        let called = match (self.status, fault) {
            (Some(status), _) => Called::Answered { status, headers: self.headers, body: self.body },
            (None, Some(fault)) => Called::Failed(fault),
            (None, None) => return Err(reading.odd("sealed")),
        };
        Ok(Delivery {
            event: self.event.read(reading)?,
            at: Timestamp::from_millis(self.at),
            tries: self.tries,
            millis: self.millis,
            called,
            given_up: self.given_up,
        })
    }
}

/// What of a webhook nobody may read.
#[derive(Serialize, Deserialize)]
pub(crate) struct WebhookSecrets {
    url: String,
    secrets: Vec<(String, String, Option<i64>)>,
}

impl WebhookSecrets {
    pub(crate) fn of(url: &Secret, secrets: &[WebhookSecret]) -> Self {
        let one = |secret: &WebhookSecret| {
            let until = secret.until.map(Timestamp::millis);
            (secret.signing.word().to_owned(), secret.secret.0.clone(), until)
        };
        Self { url: url.0.clone(), secrets: secrets.iter().map(one).collect() }
    }

    pub(crate) fn read(self, reading: Reading) -> Result<(Secret, Vec<WebhookSecret>), ControlError> {
        let one = |(signing, secret, until): (String, String, Option<i64>)| {
            Ok(WebhookSecret {
                signing: reading.word("sealed", &signing, WebhookSigning::from_word)?,
                secret: Secret(secret),
                until: until.map(Timestamp::from_millis),
            })
        };
        let secrets = self.secrets.into_iter().map(one).collect::<Result<_, ControlError>>()?;
        Ok((Secret(self.url), secrets))
    }
}
