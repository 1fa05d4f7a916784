//! One text to up to a thousand phones.

use domain::ids::MessageId;
use engine::accept::{Content, ItemOutcome, SendItem, SendRequest};
use serde_json::{Map, Value, json};

use super::error::{self, Business, Refusal, said};
use crate::doorman::Guest;
use crate::form::Form;
use crate::{Desk, templates};

/// Phones of one request.
const PHONES: usize = 1_000;

pub(super) async fn send(desk: &Desk, guest: &Guest, form: &Form, request: &str) -> Result<Value, Refusal> {
    let need = |name: &str, missing| form.get(name).ok_or(Refusal::missing(missing));
    let phones = need("PhoneNumbers", "PhoneNumbers is mandatory for this action.")?;
    let signature = need("SignName", "SignName is mandatory for this action.")?;
    let code = need("TemplateCode", "TemplateCode is mandatory for this action.")?;
    let values = match form.get("TemplateParam").map(values).transpose() {
        Ok(values) => values.unwrap_or_default(),
        Err(business) => return Ok(said(business, request)),
    };
    let Some(template) = templates::of_code(desk, guest.account, code).await? else {
        return Ok(said(error::TEMPLATE, request));
    };
    let phones: Vec<&str> = phones.split(',').map(str::trim).filter(|phone| !phone.is_empty()).collect();
    if phones.len() > PHONES {
        return Ok(said(error::TOO_MANY, request));
    }
    let item = |phone: &str| SendItem {
        phone: international(phone),
        content: Content::Template { id: template.id, values: values.clone() },
        signature: Some(signature.to_owned()),
        category: None,
        priority: None,
        send_at: None,
        valid_for: None,
    };
    Ok(taken(desk, guest, phones.into_iter().map(item).collect(), request).await)
}

/// Sends, and answers as they do: with one id for all, or with what is wrong.
pub(super) async fn taken(desk: &Desk, guest: &Guest, items: Vec<SendItem>, request: &str) -> Value {
    if items.is_empty() {
        return said(error::PHONE, request);
    }
    let asked = SendRequest { items, idempotency: None, route: None, whole: true };
    let outcomes = match desk.api.engine().send(guest.account, asked).await {
        Ok(outcomes) => outcomes,
        Err(failed) => return said(error::of_send(&failed), request),
    };
    let first = outcomes.iter().find_map(|outcome| match outcome {
        ItemOutcome::Accepted { id, .. } => Some(*id),
        ItemOutcome::Refused(_) => None,
    });
    let refused = outcomes.iter().find_map(|outcome| match outcome {
        ItemOutcome::Refused(refused) => Some(error::of_item(refused)),
        ItemOutcome::Accepted { .. } => None,
    });
    match (first, refused) {
        // What was taken is on its way: answered as a success, because a repeated request would send it twice.
        (Some(id), _) => json!({"Code": "OK", "Message": "OK", "RequestId": request, "BizId": biz_id(id)}),
        (None, Some(business)) => said(business, request),
        (None, None) => said(error::PARAMETERS, request),
    }
}

/// `TemplateParam`: an object of strings; numbers are taken as they are written.
pub(super) fn values(text: &str) -> Result<Vec<(String, String)>, Business> {
    let read: Map<String, Value> = serde_json::from_str(text).map_err(|_| error::JSON)?;
    let value = |(name, value): (String, Value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Number(number) => Ok((name, number.to_string())),
        Value::Bool(flag) => Ok((name, flag.to_string())),
        _ => Err(error::JSON),
    };
    read.into_iter().map(value).collect()
}

/// A phone as they write it: bare within China, else with its country's digits, with or without `+` or `00`.
pub(super) fn international(phone: &str) -> String {
    let digits = phone.trim_start_matches('+').trim_start_matches("00");
    let bare = digits.len() == 11 && digits.starts_with('1') && digits.len() == phone.len();
    if bare { format!("+86{digits}") } else { format!("+{digits}") }
}

/// `BizId`: the first message's number, in their form.
pub(super) fn biz_id(first: MessageId) -> String {
    format!("{}^0", first.raw())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phones_are_read_in_each_of_their_forms() {
        for phone in ["13800138000", "8613800138000", "+8613800138000", "008613800138000"] {
            assert_eq!(international(phone), "+8613800138000", "{phone}");
        }
        assert_eq!(international("85212345678"), "+85212345678");
        assert_eq!(international("0085212345678"), "+85212345678");
    }

    #[test]
    fn parameters_are_an_object_of_plain_values() {
        let read = values(r#"{"code":"12","n":3}"#).unwrap();
        assert_eq!(read, [("code".to_owned(), "12".to_owned()), ("n".to_owned(), "3".to_owned())]);
        for text in ["[1]", "{", r#"{"a":{}}"#, r#"{"a":null}"#] {
            assert_eq!(values(text), Err(error::JSON), "{text}");
        }
    }
}
