//! What whoever sent messages pulls: how they ended, and what phones wrote.
//!
//! Both are told once and lie in memory: a restart forgets reports that were not pulled, and tells answers of the last
//! three days again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::ids::{AccountId, InboundId};
use domain::ledger::{InboundRecord, MessageRecord};
use domain::message::MessageState;
use domain::phone::Phone;
use serde_json::{Value, json};

use super::error::{Refusal, word_of};
use crate::compatible::Desk;
use crate::compatible::doorman::Guest;

/// Reports that wait for one account; beyond, the oldest go.
const REPORTS: usize = 10_000;
/// Accounts of which something is kept.
const ACCOUNTS: usize = 10_000;
/// Most that one call gives.
const MOST: usize = 100;
/// How far back answers are told.
const ANSWERS_KEPT: Duration = Duration::from_secs(72 * 3_600);
/// Answers read at once.
const PAGE: u32 = 200;
/// Pages that are looked through.
const PAGES: usize = 50;

/// What a report has of its request.
#[derive(Clone)]
pub(in crate::compatible) struct Wanted {
    pub app: String,
    pub context: String,
}

/// How a message ended.
struct Report {
    app: String,
    phone: Phone,
    /// All but the phone.
    document: Value,
}

#[derive(Default)]
struct Account {
    reports: VecDeque<Report>,
    /// The last answer that was told.
    told: Option<InboundId>,
}

/// What waits to be pulled.
#[derive(Default)]
pub(in crate::compatible) struct Pulls(Mutex<HashMap<AccountId, Account>>);

impl Pulls {
    fn with<T>(&self, account: AccountId, act: impl FnOnce(&mut Account) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= ACCOUNTS && !all.contains_key(&account) {
            all.clear();
        }
        act(all.entry(account).or_default())
    }

    /// A message has ended.
    pub(in crate::compatible) fn add(&self, record: &MessageRecord, wanted: &Wanted) {
        let report = report(record, wanted);
        self.with(record.account, |account| {
            if account.reports.len() >= REPORTS {
                account.reports.pop_front();
            }
            account.reports.push_back(report);
        });
    }
}

fn limit(asked: &Value) -> Result<usize, Refusal> {
    let limit = asked.get("Limit").and_then(Value::as_u64).ok_or(Refusal::PARAMETER)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if (1..=MOST).contains(&limit) { Ok(limit) } else { Err(Refusal::PARAMETER) }
}

/// Reports of one of the account's applications, oldest first.
pub(super) fn statuses(desk: &Desk, guest: &Guest, asked: &Value) -> Result<Value, Refusal> {
    let app = asked.get("SmsSdkAppId").and_then(Value::as_str).ok_or(Refusal::NO_APP)?;
    let limit = limit(asked)?;
    let taken = desk.pulls.with(guest.account, |account| {
        let mut taken = Vec::new();
        let mut left = VecDeque::with_capacity(account.reports.len());
        for report in account.reports.drain(..) {
            if report.app == app && taken.len() < limit {
                taken.push(with_phone(report.document, report.phone, guest.reveals));
            } else {
                left.push_back(report);
            }
        }
        account.reports = left;
        taken
    });
    Ok(json!({"PullSmsSendStatusSet": taken}))
}

fn report(record: &MessageRecord, wanted: &Wanted) -> Report {
    let arrived = record.state == MessageState::Delivered;
    let word = if record.code.as_str().is_empty() { word_of(record.reason) } else { record.code.as_str() };
    let words = if arrived { "用户短信送达成功" } else { record.reason.explain().0 };
    let at = record.trail.last().map_or_else(|| record.id.made_at(), |entry| entry.at);
    let document = json!({
        "UserReceiveTime": at.millis() / 1_000,
        "SerialNo": record.id.to_string(),
        "ReportStatus": if arrived { "SUCCESS" } else { "FAIL" },
        "Description": if arrived { words.to_owned() } else { format!("{word} {words}") },
        "SessionContext": wanted.context,
    });
    Report { app: wanted.app.clone(), phone: record.phone, document }
}

/// Answers from phones that were not told yet, oldest first.
pub(super) async fn replies(desk: &Desk, guest: &Guest, asked: &Value) -> Result<Value, Refusal> {
    let limit = limit(asked)?;
    let oldest = InboundId::first_at(desk.api.now().minus(ANSWERS_KEPT));
    let told = desk.pulls.with(guest.account, |account| account.told).unwrap_or(oldest).max(oldest);
    let mut found: Vec<InboundRecord> = Vec::new();
    let mut before = None;
    for _ in 0..PAGES {
        let page = desk.api.ledger().inbounds(guest.account, before, PAGE).await.map_err(|error| {
            tracing::warn!(%error, "answers could not be read for a vendor's SDK");
            Refusal::UNAVAILABLE
        })?;
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
        desk.pulls.with(guest.account, |account| account.told = account.told.max(Some(last)));
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
