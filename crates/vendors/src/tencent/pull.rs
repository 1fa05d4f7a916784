//! What whoever sent messages pulls: how they ended, and what phones wrote.
//!
//! Both are told once, and where they were told up to is kept: for reports a cursor of the account's events for each application, for
//! answers the last one. What a report has of its request is kept with the message. So a restart forgets and repeats nothing, and any
//! node tells what another took. Invariants: one pull of an account goes on at a time on a node (two nodes that are asked at the same
//! moment may tell the same); the place moves before it is answered, so what a lost answer held is looked up by its message.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::control::ControlError;
use domain::events::{Event, EventKind, EventSubject};
use domain::ids::{AccountId, InboundId, MessageId};
use domain::ledger::{InboundRecord, MessageRecord};
use domain::message::MessageState;
use domain::phone::Phone;
use domain::webhooks::{FOLLOWED_AGE, Followed};
use engine::{EventsError, EventsFrom, EventsQuestion};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::error::{Refusal, word_of};
use crate::Desk;
use crate::doorman::Guest;

/// Most that one call gives.
const MOST: usize = 100;
/// How far back answers are told.
const ANSWERS_KEPT: Duration = Duration::from_secs(72 * 3_600);
/// Answers read at once.
const PAGE: u32 = 200;
/// Pages that are looked through.
const PAGES: usize = 50;
/// Questions for events of one pull; each passes over thousands that are of no application.
const QUESTIONS: usize = 20;
/// Events are looked at when they are so old: by then it is written down of which application their messages are.
const SETTLED: Duration = Duration::from_millis(2_000);
/// Accounts that are remembered to have their events recorded, and for how long: it may be switched off.
const REMEMBERED: usize = 10_000;
const REMEMBERED_MILLIS: u64 = 10_000;
/// How messages end.
const ENDS: [EventKind; 7] = [
    EventKind::Delivered,
    EventKind::Undelivered,
    EventKind::Failed,
    EventKind::Rejected,
    EventKind::Cancelled,
    EventKind::Expired,
    EventKind::Unknown,
];

/// What a report has of its request.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// `SmsSdkAppId`.
    pub app: String,
    /// `SessionContext`.
    pub context: String,
}

/// Who pulls, and whose events are recorded.
#[derive(Default)]
pub(crate) struct Pulls {
    recorded: Mutex<HashMap<AccountId, u64>>,
    turns: Mutex<HashMap<AccountId, Arc<tokio::sync::Mutex<()>>>>,
}

impl Pulls {
    /// One pull of an account at a time.
    fn turn(&self, account: AccountId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= REMEMBERED {
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        Arc::clone(turns.entry(account).or_default())
    }

    /// Sees to it that how an account's messages end is recorded: before the first of them is taken.
    pub(super) async fn record(&self, desk: &Desk, account: AccountId) -> Result<(), Refusal> {
        let now = desk.api.monotonic_millis();
        let known = self.recorded.lock().unwrap_or_else(PoisonError::into_inner).get(&account).copied();
        if known.is_some_and(|at| now.saturating_sub(at) < REMEMBERED_MILLIS) {
            return Ok(());
        }
        let engine = desk.api.engine();
        let begun = async {
            if !engine.records_events(account).await? {
                engine.record_events(account, true).await?;
            }
            Ok(())
        };
        begun.await.map_err(|error: domain::ledger::LedgerError| unavailable(&error))?;
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        if recorded.len() >= REMEMBERED {
            recorded.clear();
        }
        recorded.insert(account, now);
        Ok(())
    }
}

/// Writes down of which application a message is, before its sender is answered.
pub(super) async fn keep(desk: &Desk, account: AccountId, message: MessageId, wanted: &Wanted) {
    let until = desk.api.now().plus(FOLLOWED_AGE);
    let document = serde_json::to_string(wanted).unwrap_or_default();
    let kept = desk.api.control().follow(&Followed { account, message, document, until }).await;
    if let Err(error) = kept {
        // The message is taken, so it is answered; it can be looked up by its number.
        tracing::warn!(%message, %error, "the report of a message is left out");
    }
}

fn unavailable(error: &dyn std::error::Error) -> Refusal {
    tracing::warn!(error = error.to_string(), "what a vendor's SDK pulls could not be read");
    Refusal::UNAVAILABLE
}

fn limit(asked: &Value) -> Result<usize, Refusal> {
    let limit = asked.get("Limit").and_then(Value::as_u64).ok_or(Refusal::PARAMETER)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if (1..=MOST).contains(&limit) { Ok(limit) } else { Err(Refusal::PARAMETER) }
}

/// Where it is kept up to which event an application was told. Its name is the caller's text, so a digest stands for it.
fn place_of(account: AccountId, app: &str) -> String {
    let digest = Sha256::digest(app.as_bytes());
    let short: String = digest.iter().take(16).map(|octet| format!("{octet:02x}")).collect();
    format!("tencent.reports.{account}.{short}")
}

/// Reports of one of the account's applications, in the order in which they came.
pub(super) async fn statuses(desk: &Desk, guest: &Guest, asked: &Value) -> Result<Value, Refusal> {
    let app = asked.get("SmsSdkAppId").and_then(Value::as_str).ok_or(Refusal::NO_APP)?;
    let limit = limit(asked)?;
    let turn = desk.pulls.turn(guest.account);
    let _turn = turn.lock().await;
    let (place, mut told) = (place_of(guest.account, app), Vec::new());
    let kept = desk.api.control().setting(&place).await.map_err(|error| unavailable(&error))?;
    let mut from = kept.and_then(|text| text.parse().ok()).map_or(EventsFrom::Oldest, EventsFrom::Cursor);
    for _ in 0..QUESTIONS {
        let room = u32::try_from(limit - told.len()).unwrap_or(u32::MAX);
        let account = guest.account;
        let question = EventsQuestion {
            account,
            from: from.clone(),
            kinds: ENDS.to_vec(),
            limit: room,
            wait: Duration::ZERO,
        };
        let found = match desk.api.engine().events(&question).await {
            Ok(found) => found,
            // It was not asked for so long that some of it is not kept any more; or nothing was ever sent.
            Err(EventsError::Gone { oldest }) => {
                from = EventsFrom::Cursor(oldest);
                continue;
            }
            Err(EventsError::NotRecorded) => break,
            Err(EventsError::Ledger(error)) => return Err(unavailable(&error)),
        };
        let is_more = !found.events.is_empty();
        told.extend(reports(desk, guest, app, &found.events).await?);
        from = EventsFrom::Cursor(found.next.clone());
        let moved = desk.api.control().put_setting(&place, &found.next.to_string()).await;
        moved.map_err(|error| unavailable(&error))?;
        if !is_more || told.len() >= limit {
            break;
        }
    }
    Ok(json!({"PullSmsSendStatusSet": told}))
}

/// What is told of these events: of those whose messages are the application's.
async fn reports(desk: &Desk, guest: &Guest, app: &str, events: &[Event]) -> Result<Vec<Value>, Refusal> {
    let newest = events.iter().map(|event| event.at).max();
    let age = newest.map(|at| desk.api.now().since(at)).filter(|age| *age < SETTLED);
    if let Some(age) = age {
        tokio::time::sleep(SETTLED - age).await;
    }
    let mut seen = HashSet::new();
    let messages = events.iter().filter_map(|event| match event.subject {
        EventSubject::Message(id) => Some(id),
        _ => None,
    });
    let messages: Vec<MessageId> = messages.filter(|id| seen.insert(*id)).collect();
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let kept: Result<Vec<Followed>, ControlError> =
        desk.api.control().followed(guest.account, &messages).await;
    let kept: HashMap<MessageId, Wanted> = kept
        .map_err(|error| unavailable(&error))?
        .into_iter()
        .filter_map(|followed| Some((followed.message, serde_json::from_str(&followed.document).ok()?)))
        .collect();
    let mut told = Vec::new();
    for id in messages {
        let Some(wanted) = kept.get(&id).filter(|wanted: &&Wanted| wanted.app == app) else { continue };
        let record =
            desk.api.ledger().message(guest.account, id).await.map_err(|error| unavailable(&error))?;
        // One that was retired has no report any more.
        if let Some(record) = record.filter(|record| record.state.is_final()) {
            told.push(with_phone(report(&record, wanted), record.phone, guest.reveals));
        }
    }
    Ok(told)
}

/// All but the phone.
fn report(record: &MessageRecord, wanted: &Wanted) -> Value {
    let arrived = record.state == MessageState::Delivered;
    let word = if record.code.as_str().is_empty() { word_of(record.reason) } else { record.code.as_str() };
    let words = if arrived { "用户短信送达成功" } else { record.reason.explain().0 };
    let at = record.trail.last().map_or_else(|| record.id.made_at(), |entry| entry.at);
    json!({
        "UserReceiveTime": at.millis() / 1_000,
        "SerialNo": record.id.to_string(),
        "ReportStatus": if arrived { "SUCCESS" } else { "FAIL" },
        "Description": if arrived { words.to_owned() } else { format!("{word} {words}") },
        "SessionContext": wanted.context,
    })
}

/// Answers from phones that were not told yet, oldest first.
pub(super) async fn replies(desk: &Desk, guest: &Guest, asked: &Value) -> Result<Value, Refusal> {
    let limit = limit(asked)?;
    let turn = desk.pulls.turn(guest.account);
    let _turn = turn.lock().await;
    let place = format!("tencent.replies.{}", guest.account);
    let kept = desk.api.control().setting(&place).await.map_err(|error| unavailable(&error))?;
    let oldest = InboundId::first_at(desk.api.now().minus(ANSWERS_KEPT));
    let told = kept.and_then(|text| text.parse::<InboundId>().ok()).unwrap_or(oldest).max(oldest);
    let mut found: Vec<InboundRecord> = Vec::new();
    let mut before = None;
    for _ in 0..PAGES {
        let page = desk.api.ledger().inbounds(guest.account, before, PAGE).await;
        let page = page.map_err(|error| unavailable(&error))?;
        let whole = page.len() == PAGE as usize;
        before = page.last().map(|record| record.id);
        found.extend(page.into_iter().take_while(|record| record.id > told));
        if !whole || before.is_none_or(|before| before <= told) {
            break;
        }
    }
    // They came newest first.
    found.reverse();
    found.truncate(limit);
    if let Some(last) = found.last().map(|record| record.id) {
        let moved = desk.api.control().put_setting(&place, &last.to_string()).await;
        moved.map_err(|error| unavailable(&error))?;
    }
    let shown: Vec<Value> = found.iter().map(|record| reply(record, guest.reveals)).collect();
    Ok(json!({"PullSmsReplyStatusSet": shown}))
}

fn reply(record: &InboundRecord, reveals: bool) -> Value {
    let document = json!({
        "ExtendCode": record.to,
        "SignName": "",
        "ReplyContent": record.text,
        "ReplyTime": record.received_at.millis() / 1_000,
    });
    with_phone(document, record.from, reveals)
}

/// Adds the phone: country code and the rest (of a foreign phone the code is not told apart); masked unless it may be seen.
fn with_phone(mut document: Value, phone: Phone, reveals: bool) -> Value {
    let country = if phone.is_cn() { "86" } else { "" };
    let national = phone.national_cn().unwrap_or_else(|| phone.digits());
    let (whole, number) = match reveals {
        true => (phone.e164().to_string(), national.to_string()),
        false => (phone.masked(), phone.masked()),
    };
    document["CountryCode"] = country.into();
    document["SubscriberNumber"] = number.into();
    document["PhoneNumber"] = whole.into();
    document
}
