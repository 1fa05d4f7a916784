//! One text to up to two hundred phones.

use domain::phone::Phone;
use domain::template::Template;
use engine::accept::{Content, ItemOutcome, SendItem, SendRequest};
use futures::future::join_all;
use serde_json::{Value, json};

use super::error::Refusal;
use super::pull::{self, Wanted};
use crate::doorman::Guest;
use crate::{Desk, templates};

/// Phones of one request.
const PHONES: usize = 200;
/// Longest session context, in bytes.
const CONTEXT_BYTES: usize = 512;

pub(super) async fn send(desk: &Desk, guest: &Guest, asked: &Value) -> Result<Value, Refusal> {
    let text = |name: &str| asked.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let phones = strings(asked, "PhoneNumberSet")?;
    if phones.is_empty() {
        return Err(Refusal::NO_PHONES);
    }
    if phones.len() > PHONES {
        return Err(Refusal::TOO_MANY);
    }
    let app = text("SmsSdkAppId").ok_or(Refusal::NO_APP)?;
    let context = text("SessionContext").unwrap_or_default();
    if context.len() > CONTEXT_BYTES {
        return Err(Refusal::PARAMETER);
    }
    let country = desk.api.engine().settings().country;
    let read: Vec<Option<Phone>> = phones.iter().map(|phone| Phone::parse(phone, country).ok()).collect();
    let mainland = read.iter().flatten().filter(|phone| phone.is_cn()).count();
    if mainland > 0 && mainland < read.iter().flatten().count() {
        return Err(Refusal::MIXED);
    }
    let code = text("TemplateId").ok_or(Refusal::TEMPLATE)?;
    let template = templates::of_code(desk, guest.account, code).await?.ok_or(Refusal::TEMPLATE)?;
    let values = values(&template.source, strings(asked, "TemplateParamSet")?)?;
    let item = |phone: &String| SendItem {
        phone: phone.clone(),
        content: Content::Template { id: template.id, values: values.clone() },
        signature: text("SignName").map(ToOwned::to_owned),
        category: None,
        priority: None,
        send_at: None,
        valid_for: None,
    };
    desk.pulls.record(desk, guest.account).await?;
    let items = phones.iter().map(item).collect();
    let request = SendRequest { items, idempotency: None, route: None, whole: true };
    let outcomes = desk.api.engine().send(guest.account, request).await?;
    let wanted = Wanted { app: app.to_owned(), context: context.to_owned() };
    let taken = outcomes.iter().filter_map(|outcome| match outcome {
        ItemOutcome::Accepted { id, .. } => Some(*id),
        ItemOutcome::Refused(_) => None,
    });
    join_all(taken.map(|id| pull::keep(desk, guest.account, id, &wanted))).await;
    let statuses: Vec<Value> = phones
        .iter()
        .zip(read)
        .zip(&outcomes)
        .map(|((written, phone), outcome)| status(written, phone, outcome, context))
        .collect();
    Ok(json!({"SendStatusSet": statuses}))
}

fn status(written: &str, phone: Option<Phone>, outcome: &ItemOutcome, context: &str) -> Value {
    let (serial, fee, code, message) = match outcome {
        ItemOutcome::Accepted { id, parts, .. } => (id.to_string(), *parts, "Ok", "send success"),
        ItemOutcome::Refused(refused) => {
            let refusal = Refusal::from(refused);
            (String::new(), 0, refusal.code, refusal.message)
        }
    };
    json!({
        "SerialNo": serial,
        "PhoneNumber": phone.map_or_else(|| written.to_owned(), |phone| phone.e164().to_string()),
        "Fee": fee,
        "SessionContext": context,
        "Code": code,
        "Message": message,
        "IsoCode": phone.and_then(Phone::country).map_or_else(String::new, |country| country.to_string()),
    })
}

/// Parameters go to the template's variables in the order in which these first appear.
fn values(source: &str, given: Vec<String>) -> Result<Vec<(String, String)>, Refusal> {
    let template = Template::compile(source).map_err(|_| Refusal::TEMPLATE)?;
    let names = template.variables();
    if names.len() != given.len() {
        return Err(Refusal::PARAMETERS);
    }
    Ok(names.map(ToOwned::to_owned).zip(given).collect())
}

/// A list of strings; absent is empty.
fn strings(asked: &Value, name: &str) -> Result<Vec<String>, Refusal> {
    let Some(list) = asked.get(name).filter(|value| !value.is_null()) else { return Ok(Vec::new()) };
    let list = list.as_array().ok_or(Refusal::PARAMETER)?;
    list.iter().map(|one| one.as_str().map(ToOwned::to_owned).ok_or(Refusal::PARAMETER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_go_by_their_place() {
        let source = "您的验证码是{{ 验证码 }}，{{ 分钟 }}分钟内有效，勿转发{{ 验证码 }}";
        let given = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let read = values(source, given(&["1234", "5"])).unwrap();
        assert_eq!(read, [("验证码".to_owned(), "1234".to_owned()), ("分钟".to_owned(), "5".to_owned())]);
        for list in [&["1234"][..], &["1", "2", "3"]] {
            assert_eq!(values(source, given(list)), Err(Refusal::PARAMETERS));
        }
    }
}
