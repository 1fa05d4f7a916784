//! List contacts.

use axum::Json;
use axum::extract::State;
use domain::control::{Contact, ContactFilter};
use domain::numbers::PrefixTable;
use domain::phone::Phone;
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Allowed, can};
use crate::problem::{Problem, say};
use crate::request::Params;
use crate::state::ApiState;
use crate::{json, page, privacy};

/// Which contacts.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// Only those with this tag.
    tag: Option<String>,
    /// Only the one with this phone.
    phone: Option<String>,
    /// Show phones and personal attributes as they are.
    #[serde(default)]
    reveal: bool,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// From 1 to 1,000.
    limit: Option<u32>,
}

/// 联系人列表 · List contacts
///
/// Oldest first.
#[utoipa::path(
    get, path = "/v1/contacts", tag = "contacts", security(("key" = ["contacts:read"])), params(Listing),
    responses((status = 200, body = json::Page<json::Contact>, description = "A page of contacts."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadContacts>,
    State(state): State<ApiState>,
    Params(listing): Params<Listing>,
) -> Result<Json<json::Page<json::Contact>>, Problem> {
    let reveal = caller.reveal(listing.reveal)?;
    let limit = page::limit(listing.limit)?;
    let phone = listing.phone.as_deref().map(|text| asked_phone(&state, text)).transpose()?;
    let filter = ContactFilter {
        tags: listing.tag.into_iter().collect(),
        phone,
        after: page::cursor(listing.cursor.as_deref())?,
    };
    let contacts = state.control().contacts(caller.account, &filter, limit).await?;
    let full = contacts.len() == limit as usize;
    let next = contacts.last().filter(|_| full).map(|last| last.id.to_string());
    let numbers = state.engine().numbers().await?;
    let shown = |contact| document(contact, reveal, state.zone(), &numbers);
    let items = contacts.into_iter().map(shown).collect();
    Ok(Json(json::Page { items, next }))
}

/// A phone in a query.
///
/// # Errors
/// A problem that points at `phone`.
pub(crate) fn asked_phone(state: &ApiState, text: &str) -> Result<Phone, Problem> {
    Phone::parse(text, state.engine().settings().country).map_err(|error| {
        let words = error.explain();
        Problem::field("?phone", say(words.zh, words.en))
    })
}

pub(super) fn document(
    contact: Contact,
    reveal: bool,
    zone: &TimeZone,
    numbers: &PrefixTable,
) -> json::Contact {
    let (province, city) = privacy::place(numbers, contact.phone);
    json::Contact {
        id: contact.id.to_string(),
        phone: privacy::phone(contact.phone, reveal),
        personal: contact
            .personal
            .into_iter()
            .map(|(name, value)| (name, privacy::attribute(value, reveal)))
            .collect(),
        queryable: contact.queryable.into_iter().collect(),
        tags: contact.tags,
        province,
        city,
        import: contact.import.map(|id| id.to_string()),
        created_at: json::Moment::new(contact.created_at, zone),
        updated_at: json::Moment::new(contact.updated_at, zone),
    }
}
