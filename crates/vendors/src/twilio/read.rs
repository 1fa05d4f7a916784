//! Look at one message, and at pages of them.

use axum::Json;
use axum::extract::{Request, State};
use domain::access::Permission;
use domain::ids::MessageId;
use domain::ledger::{MessageFilter, MessageRecord};
use domain::phone::Phone;
use domain::time::Timestamp;
use jiff::tz::Offset;
use serde_json::{Value, json};

use super::error::Refusal;
use super::resource::Shown;
use super::{Caller, Desk, VERSION};
use crate::form::Form;

/// A page when nothing is said, and the largest.
const PAGE: u32 = 50;
const MOST: u32 = 1_000;
/// Looks into the ledger for one page: each is bounded in time.
const LOOKS: usize = 20;

pub(super) async fn fetch(State(desk): State<Desk>, request: Request) -> Result<Json<Value>, Refusal> {
    let (mut parts, _) = request.into_parts();
    let caller = Caller::let_in(&mut parts, &desk, Permission::ReadMessages).await?;
    let id = caller.message.ok_or(Refusal::NOT_FOUND)?;
    let record = desk.api.ledger().message(caller.guest.account, id).await;
    let record = record.map_err(|error| unavailable(&error))?;
    let record = record.filter(|record| record.deleted_at().is_none()).ok_or(Refusal::NOT_FOUND)?;
    Ok(Json(Shown::of_record(&caller.sid, &record, caller.guest.reveals).document()))
}

fn unavailable(error: &domain::ledger::LedgerError) -> Refusal {
    tracing::warn!(%error, "messages could not be read for a vendor's SDK");
    Refusal::UNAVAILABLE
}

/// Which messages, from when until when.
struct Asked {
    filter: MessageFilter,
    before: Option<MessageId>,
    size: u32,
    page: u32,
}

pub(super) async fn list(State(desk): State<Desk>, request: Request) -> Result<Json<Value>, Refusal> {
    let (mut parts, _) = request.into_parts();
    let caller = Caller::let_in(&mut parts, &desk, Permission::ReadMessages).await?;
    let query = Form::read(parts.uri.query().unwrap_or_default().as_bytes())?;
    let Asked { mut filter, before, size, page } = asked(&desk, &caller, &query)?;
    let mut found: Vec<MessageRecord> = Vec::new();
    let mut next = None;
    for _ in 0..LOOKS {
        let left = size.saturating_sub(u32::try_from(found.len()).unwrap_or(size));
        let looked = desk.api.ledger().messages(&filter, left).await;
        let (records, more) = looked.map_err(|error| unavailable(&error))?;
        let all = records.len();
        let within = records.into_iter().take_while(|record| before.is_none_or(|before| record.id < before));
        found.extend(within.filter(|record| record.deleted_at().is_none()));
        let past = all > 0 && before.is_some_and(|before| more.is_some_and(|more| more >= before));
        next = more.filter(|_| !past);
        filter.after = next;
        if next.is_none() || found.len() >= size as usize {
            break;
        }
    }
    let shown =
        |record: &MessageRecord| Shown::of_record(&caller.sid, record, caller.guest.reveals).document();
    let messages: Vec<Value> = found.iter().map(shown).collect();
    let address = |page: u32, token: Option<MessageId>| address(&caller.sid, &query, (size, page), token);
    let start = u64::from(page) * u64::from(size);
    Ok(Json(json!({
        "end": start + (messages.len() as u64).saturating_sub(1),
        "first_page_uri": address(0, None),
        "next_page_uri": next.map(|after| address(page + 1, Some(after))),
        "page": page,
        "page_size": size,
        "previous_page_uri": null,
        "start": start,
        "uri": address(page, None),
        "messages": messages,
    })))
}

fn asked(desk: &Desk, caller: &Caller, query: &Form) -> Result<Asked, Refusal> {
    let number = |name: &str, default: u32| match query.get(name) {
        Some(text) => text.parse::<u32>().map_err(|_| Refusal::PARAMETER),
        None => Ok(default),
    };
    let size = number("PageSize", PAGE)?.clamp(1, MOST);
    let country = desk.api.engine().settings().country;
    let phone = query.get("To").map(|to| Phone::parse(to, country)).transpose();
    let phone = phone.map_err(|_| Refusal::TO_INVALID)?;
    let from = query.get("DateSent>").map(|text| moment(text, false)).transpose()?;
    let until = query.get("DateSent<").map(|text| moment(text, true)).transpose()?;
    let day = query.get("DateSent");
    let from = from.max(day.map(|text| moment(text, false)).transpose()?);
    let until = match (until, day.map(|text| moment(text, true)).transpose()?) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    let token = query
        .get("PageToken")
        .map(|text| text.strip_prefix("PT").and_then(|hex| i64::from_str_radix(hex, 16).ok()));
    let token = match token {
        Some(None) => return Err(Refusal::PARAMETER),
        Some(Some(raw)) => Some(MessageId::from_raw(raw)),
        None => None,
    };
    // The cursor is exclusive: one before the first id of that moment.
    let began = from.map(|at| MessageId::from_raw(MessageId::first_at(at).raw() - 1));
    let filter = MessageFilter {
        account: caller.guest.account,
        campaign: None,
        state: None,
        phone,
        after: token.max(began),
    };
    Ok(Asked { filter, before: until.map(MessageId::first_at), size, page: number("Page", 0)? })
}

/// A day, or an instant; `end`: the day's end, as `DateSent<=` means it.
fn moment(text: &str, end: bool) -> Result<Timestamp, Refusal> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp::from(at));
    }
    let day: jiff::civil::Date = text.parse().map_err(|_| Refusal::PARAMETER)?;
    let day = if end { day.tomorrow().map_err(|_| Refusal::PARAMETER)? } else { day };
    let start = day.to_datetime(jiff::civil::Time::midnight());
    Offset::UTC.to_timestamp(start).map(Timestamp::from).map_err(|_| Refusal::PARAMETER)
}

/// The address of a page: the same question, from another place.
fn address(sid: &str, query: &Form, (size, page): (u32, u32), token: Option<MessageId>) -> String {
    let mut written = form_urlencoded::Serializer::new(String::new());
    for (name, value) in &query.0 {
        if matches!(name.as_str(), "To" | "DateSent" | "DateSent<" | "DateSent>") {
            written.append_pair(name, value);
        }
    }
    written.append_pair("PageSize", &size.to_string()).append_pair("Page", &page.to_string());
    if let Some(token) = token {
        written.append_pair("PageToken", &format!("PT{:x}", token.raw()));
    }
    format!("/{VERSION}/Accounts/{sid}/Messages.json?{}", written.finish())
}
