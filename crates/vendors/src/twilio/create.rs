//! Send a message.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use domain::access::Permission;
use domain::message::Category;
use domain::phone::Phone;
use domain::text::divide;
use domain::time::Timestamp;
use engine::accept::{Content, ItemOutcome, SendItem, SendRequest};
use engine::webhooks::WebhookTrouble;
use serde_json::Value;

use super::callback::StatusCallback;
use super::error::Refusal;
use super::resource::Shown;
use super::{Caller, Desk};
use crate::form::{Form, body};

/// Longest body, in characters.
const BODY_CHARS: usize = 1_600;
/// Longest validity, in seconds.
const MOST_VALID: u64 = 36_000;
/// How far ahead a message may be scheduled.
pub(super) const LEAST_AHEAD: Duration = Duration::from_secs(300);
const MOST_AHEAD: Duration = Duration::from_secs(35 * 24 * 3_600);
/// Longest sender.
const FROM_CHARS: usize = 40;

/// A request, read.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    from: Option<String>,
    service: Option<String>,
    callback: Option<String>,
    item: SendItem,
}

pub(super) async fn create(
    State(desk): State<Desk>,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let (mut parts, content) = request.into_parts();
    let caller = Caller::let_in(&mut parts, &desk, Permission::SendMessages).await?;
    let form = Form::read(&body(content).await?)?;
    let engine = desk.api.engine();
    let may_call = |url: &str| engine.outbound().is_some_and(|outbound| outbound.may_call(url).is_ok());
    let Asked { from, service, callback, item } = asked(&form, desk.api.now(), may_call)?;
    if callback.is_some() {
        engine.prepare_callbacks(caller.guest.account).await.map_err(|error| unavailable(&error))?;
    }
    let taken_at = desk.api.monotonic_millis();
    let (body, phone) = (text_of(&item.content).to_owned(), item.phone.clone());
    let scheduled = item.send_at.is_some();
    let request = SendRequest { items: vec![item], idempotency: None, route: None, whole: true };
    let outcomes = desk.api.engine().send(caller.guest.account, request).await?;
    let (id, parts) = match outcomes.first() {
        Some(ItemOutcome::Accepted { id, parts, .. }) => (*id, *parts),
        Some(ItemOutcome::Refused(refused)) => return Err(refused.into()),
        None => return Err(Refusal::INTERNAL),
    };
    if let Some(url) = callback {
        let sink = StatusCallback {
            url,
            account: caller.sid.clone(),
            from: from.clone(),
            service: service.clone(),
            secret: caller.guest.secret.0.clone(),
        };
        let document = serde_json::to_string(&sink).map_err(|_| Refusal::INTERNAL)?;
        let followed = engine.follow_message(caller.guest.account, id, document, taken_at).await;
        if let Err(error) = followed {
            // The message is taken, so it is answered; it can be fetched.
            tracing::warn!(message = %id, %error, "a status callback is left out");
        }
    }
    let to = Phone::parse(&phone, desk.api.engine().settings().country);
    let shown = Shown {
        account: &caller.sid,
        id,
        to: to.map(|phone| phone.e164().to_string()).unwrap_or_default(),
        body,
        from: from.as_deref(),
        service: service.as_deref(),
        status: match (scheduled, service.is_some()) {
            (true, _) => "scheduled",
            (false, true) => "accepted",
            (false, false) => "queued",
        },
        parts,
        price: None,
        error: None,
        sent_at: None,
        updated_at: id.made_at(),
    };
    Ok((StatusCode::CREATED, Json(shown.document())))
}

fn unavailable(error: &WebhookTrouble) -> Refusal {
    tracing::warn!(%error, "an account could not be made ready for status callbacks");
    Refusal::UNAVAILABLE
}

fn text_of(content: &Content) -> &str {
    match content {
        Content::Text(text) => text,
        Content::Template { .. } => "",
    }
}

fn asked(form: &Form, now: Timestamp, may_call: impl Fn(&str) -> bool) -> Result<Asked, Refusal> {
    let to = form.get("To").ok_or(Refusal::TO_MISSING)?;
    let from = form.get("From");
    let service = form.get("MessagingServiceSid");
    if from.is_none() && service.is_none() {
        return Err(Refusal::FROM_MISSING);
    }
    if from.is_some_and(|from| from.chars().count() > FROM_CHARS) {
        return Err(Refusal::FROM_INVALID);
    }
    if form.get("MediaUrl").is_some() || form.get("ContentSid").is_some() {
        return Err(Refusal::MEDIA);
    }
    let body = form.get("Body").ok_or(Refusal::BODY_MISSING)?;
    if body.chars().count() > BODY_CHARS {
        return Err(Refusal::BODY_TOO_LONG);
    }
    let callback = form.get("StatusCallback");
    if callback.is_some_and(|url| !may_call(url)) {
        return Err(Refusal::CALLBACK);
    }
    let item = SendItem {
        phone: to.to_owned(),
        content: Content::Text(body.to_owned()),
        signature: signature(from, body).map(ToOwned::to_owned),
        category: Some(category(form.get("MessageIntent"))),
        priority: None,
        send_at: send_at(form, service.is_some(), now)?,
        valid_for: form.get("ValidityPeriod").map(validity).transpose()?,
    };
    let [from, service, callback] = [from, service, callback].map(|value| value.map(ToOwned::to_owned));
    Ok(Asked { from, service, callback, item })
}

/// A sender that is a name becomes the signature, unless the text brings its own. A number does not: the channel has one.
fn signature<'a>(from: Option<&'a str>, body: &str) -> Option<&'a str> {
    let is_number =
        |from: &&str| from.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b' ' | b'-' | b'(' | b')'));
    from.filter(|from| !is_number(from) && divide(body).0.is_none())
}

/// What the text is for, where the request says so.
fn category(intent: Option<&str>) -> Category {
    match intent {
        Some("otp") => Category::Otp,
        Some("marketing") => Category::Marketing,
        _ => Category::Notice,
    }
}

fn validity(seconds: &str) -> Result<Duration, Refusal> {
    let seconds: u64 = seconds.parse().map_err(|_| Refusal::PARAMETER)?;
    if (1..=MOST_VALID).contains(&seconds) {
        Ok(Duration::from_secs(seconds))
    } else {
        Err(Refusal::PARAMETER)
    }
}

fn send_at(form: &Form, has_service: bool, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    match (form.get("ScheduleType"), form.get("SendAt")) {
        (None, None) => Ok(None),
        (Some("fixed"), None) => Err(Refusal::SEND_AT_MISSING),
        (Some("fixed") | None, Some(_)) if !has_service => Err(Refusal::SEND_AT_SERVICE),
        (Some("fixed"), Some(at)) => {
            let at: jiff::Timestamp = at.parse().map_err(|_| Refusal::PARAMETER)?;
            let at = Timestamp::from(at);
            let fits = at >= now.plus(LEAST_AHEAD) && at <= now.plus(MOST_AHEAD);
            if fits { Ok(Some(at)) } else { Err(Refusal::SEND_AT_WINDOW) }
        }
        _ => Err(Refusal::SCHEDULE_TYPE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_573_800_000);

    fn read(form: &str) -> Result<Asked, Refusal> {
        asked(&Form::read(form.as_bytes()).unwrap(), NOW, |url| !url.contains("10.0.0.1"))
    }

    #[test]
    fn each_thing_that_is_missing_or_wrong_has_their_number() {
        let cases = [
            ("From=%2B1&Body=x", Refusal::TO_MISSING),
            ("To=%2B1&Body=x", Refusal::FROM_MISSING),
            ("To=%2B1&From=A&Body=", Refusal::BODY_MISSING),
            ("To=%2B1&From=A&MediaUrl=https://a.example/b.png", Refusal::MEDIA),
            ("To=%2B1&From=A&Body=x&ValidityPeriod=36001", Refusal::PARAMETER),
            ("To=%2B1&From=A&Body=x&StatusCallback=http://10.0.0.1/", Refusal::CALLBACK),
            ("To=%2B1&From=A&Body=x&ScheduleType=fixed", Refusal::SEND_AT_MISSING),
            (
                "To=%2B1&From=A&Body=x&ScheduleType=fixed&SendAt=2026-11-25T10:00:00Z",
                Refusal::SEND_AT_SERVICE,
            ),
            ("To=%2B1&MessagingServiceSid=MG&Body=x&ScheduleType=late&SendAt=x", Refusal::SCHEDULE_TYPE),
            (
                "To=%2B1&MessagingServiceSid=MG&Body=x&ScheduleType=fixed&SendAt=2026-11-25T02:34:59Z",
                Refusal::SEND_AT_WINDOW,
            ),
        ];
        for (form, refusal) in cases {
            assert_eq!(read(form), Err(refusal), "{form}");
        }
        let long = "字".repeat(BODY_CHARS + 1);
        assert_eq!(read(&format!("To=%2B1&From=A&Body={long}")), Err(Refusal::BODY_TOO_LONG));
    }

    #[test]
    fn a_named_sender_signs_and_a_number_does_not() {
        let signature = |form: &str| read(form).unwrap().item.signature;
        assert_eq!(signature("To=%2B1&From=Hongyan&Body=x").as_deref(), Some("Hongyan"));
        assert_eq!(signature("To=%2B1&From=%2B1 (415) 555-2345&Body=x"), None);
        assert_eq!(signature("To=%2B1&From=Hongyan&Body=【鸿雁】x"), None);
        assert_eq!(signature("To=%2B1&MessagingServiceSid=MG&Body=x"), None);
    }
}
