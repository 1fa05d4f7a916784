//! A message as Twilio shows it.

use domain::currency::Currency;
use domain::ids::MessageId;
use domain::ledger::{MessageRecord, TrailEvent};
use domain::message::MessageState;
use domain::money::Money;
use domain::time::Timestamp;
use serde_json::{Value, json};

use super::error::code_of;
use super::{VERSION, sid};

/// What is known of a message: from its record, or, right after it was taken, from the request.
pub(super) struct Shown<'a> {
    pub account: &'a str,
    pub id: MessageId,
    pub to: String,
    pub body: String,
    /// Only in the answer to its creation: it is not kept.
    pub from: Option<&'a str>,
    pub service: Option<&'a str>,
    pub status: &'static str,
    pub parts: u8,
    pub price: Option<Money>,
    pub error: Option<(u32, &'static str)>,
    pub sent_at: Option<Timestamp>,
    pub updated_at: Timestamp,
}

impl<'a> Shown<'a> {
    /// As the ledger has it; the phone is masked unless it may be seen.
    pub(super) fn of_record(account: &'a str, record: &MessageRecord, reveals: bool) -> Self {
        let sent = record.trail.iter().find(|entry| entry.event == TrailEvent::Submitted);
        let status = status_of(record);
        Self {
            account,
            id: record.id,
            to: if reveals { record.phone.e164().to_string() } else { record.phone.masked() },
            body: record.text.clone(),
            from: None,
            service: None,
            status,
            parts: record.parts,
            price: sent.map(|_| record.price),
            error: error_of(record),
            sent_at: sent.map(|entry| entry.at),
            updated_at: record.trail.last().map_or_else(|| record.id.made_at(), |entry| entry.at),
        }
    }

    pub(super) fn document(&self) -> Value {
        let sid = sid("SM", self.id.raw());
        let place = format!("/{VERSION}/Accounts/{}/Messages/{sid}", self.account);
        json!({
            "account_sid": self.account,
            "api_version": VERSION,
            "body": self.body,
            "date_created": date(self.id.made_at()),
            "date_sent": self.sent_at.map(date),
            "date_updated": date(self.updated_at),
            "direction": "outbound-api",
            "error_code": self.error.map(|(code, _)| code),
            "error_message": self.error.map(|(_, message)| message),
            "from": self.from,
            "messaging_service_sid": self.service,
            "num_media": "0",
            "num_segments": self.parts.to_string(),
            "price": self.price.map(price),
            "price_unit": Currency::installed().code(),
            "sid": sid,
            "status": self.status,
            "subresource_uris": {"media": format!("{place}/Media.json")},
            "to": self.to,
            "uri": format!("{place}.json"),
        })
    }
}

/// The code and the words for a message that failed.
pub(super) fn error_of(record: &MessageRecord) -> Option<(u32, &'static str)> {
    let failed = matches!(status_of(record), "failed" | "undelivered");
    failed.then(|| (code_of(record.reason), record.reason.explain().1))
}

/// The state in their word. One of which nothing was heard for 72 h stays `sent`, as with them.
pub(super) fn status_of(record: &MessageRecord) -> &'static str {
    let waits = record.due_at.is_some_and(|due| due.since(record.id.made_at()) >= super::create::LEAST_AHEAD);
    match record.state {
        MessageState::Queued if waits && record.attempts == 0 => "scheduled",
        MessageState::Queued => "queued",
        MessageState::Sending => "sending",
        MessageState::Submitted | MessageState::Uncertain | MessageState::Unknown => "sent",
        MessageState::Delivered => "delivered",
        MessageState::Undelivered | MessageState::Expired => "undelivered",
        MessageState::Rejected | MessageState::Failed => "failed",
        MessageState::Cancelled => "canceled",
    }
}

/// RFC 2822, in UTC.
fn date(at: Timestamp) -> String {
    at.to_jiff().strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// What was paid, as they write it: negative, five digits behind the point.
fn price(money: Money) -> String {
    let micros = money.micros();
    format!("-{}.{:05}", micros / 1_000_000, micros % 1_000_000 / 10)
}
