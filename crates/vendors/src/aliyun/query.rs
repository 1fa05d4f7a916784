//! What became of the messages to one phone on one day.

use domain::ids::MessageId;
use domain::ledger::{MessageFilter, MessageRecord};
use domain::message::{MessageState, Reason};
use domain::phone::Phone;
use domain::time::Timestamp;
use serde_json::{Value, json};

use super::error::{self, Refusal, said};
use super::send::international;
use crate::Desk;
use crate::doorman::Guest;
use crate::form::Form;

/// Messages to one phone on one day that are looked at: caps allow far fewer.
const MOST: usize = 1_000;
/// Messages read at once, and how often.
const PAGE: u32 = 200;
const LOOKS: usize = 50;
/// Largest page.
const MOST_ON_PAGE: usize = 50;
/// How far the messages of one request may lie behind its first.
const TOGETHER_MILLIS: i64 = 1_000;

pub(super) async fn details(
    desk: &Desk,
    guest: &Guest,
    form: &Form,
    request: &str,
) -> Result<Value, Refusal> {
    let need = |name: &str, missing| form.get(name).ok_or(Refusal::missing(missing));
    let phone = need("PhoneNumber", "PhoneNumber is mandatory for this action.")?;
    let day = need("SendDate", "SendDate is mandatory for this action.")?;
    let size = need("PageSize", "PageSize is mandatory for this action.")?.parse::<usize>();
    let page = need("CurrentPage", "CurrentPage is mandatory for this action.")?.parse::<usize>();
    let country = desk.api.engine().settings().country;
    let Ok(phone) = Phone::parse(&international(phone), country) else {
        return Ok(said(error::PHONE, request));
    };
    let (Ok(size), Ok(page), Some((from, until))) = (size, page, bounds(desk, day)) else {
        return Ok(said(error::PARAMETERS, request));
    };
    if !(1..=MOST_ON_PAGE).contains(&size) || page == 0 {
        return Ok(said(error::PARAMETERS, request));
    }
    let mut found = messages(desk, guest, phone, (from, until)).await?;
    if let Some(biz) = form.get("BizId") {
        let Some(first) = biz.split('^').next().and_then(|raw| raw.parse().ok()).map(MessageId::from_raw)
        else {
            return Ok(said(error::PARAMETERS, request));
        };
        let began = first.made_at().millis();
        found.retain(|record| (began..began + TOGETHER_MILLIS).contains(&record.id.made_at().millis()));
    }
    // Newest first, as they answer.
    found.reverse();
    let shown: Vec<Value> =
        found.iter().skip((page - 1) * size).take(size).map(|record| detail(desk, record)).collect();
    Ok(json!({
        "Code": "OK", "Message": "OK", "RequestId": request, "TotalCount": found.len().to_string(),
        "SmsSendDetailDTOs": {"SmsSendDetailDTO": shown},
    }))
}

async fn messages(
    desk: &Desk,
    guest: &Guest,
    phone: Phone,
    (from, until): (Timestamp, Timestamp),
) -> Result<Vec<MessageRecord>, Refusal> {
    let end = MessageId::first_at(until);
    let mut filter = MessageFilter {
        account: guest.account,
        campaign: None,
        state: None,
        phone: Some(phone),
        // The cursor is exclusive: one before the first id of that day.
        after: Some(MessageId::from_raw(MessageId::first_at(from).raw() - 1)),
    };
    let mut found = Vec::new();
    for _ in 0..LOOKS {
        let looked = desk.api.ledger().messages(&filter, PAGE).await;
        let (records, next) = looked.map_err(|error| {
            tracing::warn!(%error, "messages could not be read for a vendor's SDK");
            Refusal::UNAVAILABLE
        })?;
        found.extend(records.into_iter().filter(|record| record.id < end));
        filter.after = next;
        if next.is_none_or(|next| next >= end) || found.len() >= MOST {
            break;
        }
    }
    found.truncate(MOST);
    Ok(found)
}

/// From the beginning of a day `yyyyMMdd` to its end, in the installation's zone.
fn bounds(desk: &Desk, day: &str) -> Option<(Timestamp, Timestamp)> {
    let whole = day.len() == 8 && day.bytes().all(|byte| byte.is_ascii_digit());
    let number = |from: usize, to: usize| day.get(from..to)?.parse::<i16>().ok();
    let (year, month, date) = whole.then(|| Some((number(0, 4)?, number(4, 6)?, number(6, 8)?))).flatten()?;
    let day = jiff::civil::Date::new(year, i8::try_from(month).ok()?, i8::try_from(date).ok()?).ok()?;
    let start = |day: jiff::civil::Date| {
        let at = day.to_datetime(jiff::civil::Time::midnight());
        desk.api.zone().to_timestamp(at).ok().map(Timestamp::from)
    };
    Some((start(day)?, start(day.tomorrow().ok()?)?))
}

fn detail(desk: &Desk, record: &MessageRecord) -> Value {
    let moment = |at: Timestamp| {
        jiff::ZonedDateTime::new(at.to_jiff(), desk.api.zone().clone())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string()
    };
    let (status, code) = state(record);
    let received = record.state.is_final().then(|| record.trail.last()).flatten();
    json!({
        "PhoneNum": record.phone.national_cn().map_or_else(|| record.phone.digits().to_string(), |text| text.to_string()),
        "SendStatus": status,
        "ErrCode": code,
        "Content": record.text,
        "TemplateCode": "",
        "SendDate": moment(record.id.made_at()),
        "ReceiveDate": received.map_or_else(String::new, |entry| moment(entry.at)),
        "OutId": "",
    })
}

/// 1 waiting, 2 failed, 3 arrived; and their code, or the carrier's.
fn state(record: &MessageRecord) -> (u8, String) {
    let code = match record.reason {
        _ if record.state == MessageState::Delivered => "DELIVERED",
        Reason::Suppressed | Reason::CarrierBlacklist => "MOBILE_IN_BLACK",
        Reason::Capped | Reason::RepeatedText => "MOBILE_SEND_LIMIT",
        Reason::UnknownNumber | Reason::InvalidPhone => "INVALID_NUMBER",
        Reason::NumberSuspended | Reason::Unreachable | Reason::HandsetFault => "MOBILE_NOT_ON_SERVICE",
        Reason::ContentBlocked | Reason::ContentHeld | Reason::CarrierContent => "CONTENT_KEYWORD",
        Reason::NotSubscribed => "IS_CLOSE",
        Reason::NoConsent | Reason::QuietHours | Reason::SignatureMissing | Reason::CarrierSignature => {
            "FILTER"
        }
        _ => record.code.as_str(),
    };
    match record.state {
        MessageState::Delivered => (3, code.to_owned()),
        state if state.is_final() => (2, code.to_owned()),
        _ => (1, String::new()),
    }
}
