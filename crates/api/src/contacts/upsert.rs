//! Add or change contacts.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use domain::control::ContactRow;
use domain::phone::Phone;

use crate::auth::{Allowed, can};
use crate::json;
use crate::language::Language;
use crate::problem::{Problem, say};
use crate::request::{BATCH_BYTES, Body};
use crate::state::ApiState;

/// Most people of one request.
const MAX_CONTACTS: usize = 1_000;

/// 新增或更新联系人 · Add or change contacts
///
/// By phone: a known one is changed. A phone that cannot be read, or is in the request twice, is rejected for itself.
#[utoipa::path(
    post, path = "/v1/contacts", tag = "contacts", security(("key" = ["contacts:write"])),
    request_body = json::ContactsUpsert,
    responses((status = 200, body = json::ContactsUpserted, description = "Durable."))
)]
pub(crate) async fn upsert(
    caller: Allowed<can::WriteContacts>,
    State(state): State<ApiState>,
    language: Language,
    body: Body<json::ContactsUpsert, BATCH_BYTES>,
) -> Result<Json<json::ContactsUpserted>, Problem> {
    let contacts = body.value.contacts;
    if contacts.is_empty() || contacts.len() > MAX_CONTACTS {
        let detail = say(format!("应有 1 到 {MAX_CONTACTS} 人"), format!("From 1 to {MAX_CONTACTS} people"));
        return Err(Problem::field("/contacts", detail));
    }
    let (mut rows, mut rejected, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for (place, contact) in contacts.into_iter().enumerate() {
        match row(&state, contact, language) {
            Ok(row) if seen.insert(row.phone) => rows.push(row),
            Ok(_) => rejected.push(rejection(place, "duplicate", duplicate(language))),
            Err((reason, detail)) => rejected.push(rejection(place, reason, detail)),
        }
    }
    let mut upserted = domain::control::Upserted::default();
    if !rows.is_empty() {
        upserted = state.control().upsert_contacts(caller.account, None, rows, state.now()).await?;
    }
    Ok(Json(json::ContactsUpserted { new: upserted.new, updated: upserted.updated, rejected }))
}

fn row(
    state: &ApiState,
    contact: json::ContactUpsert,
    language: Language,
) -> Result<ContactRow, (&'static str, String)> {
    let phone = Phone::parse(&contact.phone, state.engine().settings().country)
        .map_err(|error| (error.code(), language.choose(&error.explain()).to_owned()))?;
    Ok(ContactRow {
        phone,
        personal: contact.personal.into_iter().collect(),
        queryable: contact.queryable.into_iter().collect(),
        tags: contact.tags,
    })
}

fn duplicate(language: Language) -> String {
    language.of_two(("号码在本次请求中重复", "the phone is in this request already")).to_owned()
}

fn rejection(place: usize, reason: &'static str, detail: String) -> json::ContactRejection {
    json::ContactRejection { pointer: format!("/contacts/{place}"), reason: reason.to_owned(), detail }
}
