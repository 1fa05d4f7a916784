//! A text for each of up to a hundred phones, each with its own signature and values.

use engine::accept::{Content, SendItem};
use serde_json::{Map, Value};

use super::error::{self, Refusal, said};
use super::send::{international, taken, values};
use crate::doorman::Guest;
use crate::form::Form;
use crate::{Desk, templates};

/// Phones of one request.
const PHONES: usize = 100;

pub(super) async fn send(desk: &Desk, guest: &Guest, form: &Form, request: &str) -> Result<Value, Refusal> {
    let need = |name: &str, missing| form.get(name).ok_or(Refusal::missing(missing));
    let phones = need("PhoneNumberJson", "PhoneNumberJson is mandatory for this action.")?;
    let signatures = need("SignNameJson", "SignNameJson is mandatory for this action.")?;
    let code = need("TemplateCode", "TemplateCode is mandatory for this action.")?;
    let strings = |text: &str| serde_json::from_str::<Vec<String>>(text).ok();
    let (Some(phones), Some(signatures)) = (strings(phones), strings(signatures)) else {
        return Ok(said(error::JSON, request));
    };
    let Some(parameters) = parameters(form.get("TemplateParamJson"), phones.len()) else {
        return Ok(said(error::JSON, request));
    };
    if phones.len() > PHONES {
        return Ok(said(error::TOO_MANY, request));
    }
    if signatures.len() != phones.len() || parameters.len() != phones.len() {
        return Ok(said(error::PARAMETERS, request));
    }
    let Some(template) = templates::of_code(desk, guest.account, code).await? else {
        return Ok(said(error::TEMPLATE, request));
    };
    let items = phones.iter().zip(signatures).zip(parameters).map(|((phone, signature), values)| SendItem {
        phone: international(phone),
        content: Content::Template { id: template.id, values },
        signature: Some(signature),
        category: None,
        priority: None,
        send_at: None,
        valid_for: None,
    });
    Ok(taken(desk, guest, items.collect(), request).await)
}

/// The values of each phone; without, none for all. `None`: not a list of objects.
fn parameters(text: Option<&str>, phones: usize) -> Option<Vec<Vec<(String, String)>>> {
    let Some(text) = text else { return Some(vec![Vec::new(); phones]) };
    let all: Vec<Map<String, Value>> = serde_json::from_str(text).ok()?;
    all.into_iter().map(|one| values(&Value::Object(one).to_string()).ok()).collect()
}
