//! Show a contact.

use axum::extract::State;
use domain::control::{Contact, ContactFilter, Editable};
use domain::ids::{AccountId, ContactId};
use serde::Deserialize;
use utoipa::IntoParams;

use super::list::document;
use crate::auth::{Allowed, can};
use crate::etag::{Tag, Tagged};
use crate::json;
use crate::problem::Problem;
use crate::request::{Id, Params};
use crate::state::ApiState;

/// How to show them.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Showing {
    /// Show phone and personal attributes as they are.
    #[serde(default)]
    reveal: bool,
}

/// 联系人详情 · Show a contact
///
/// With the version of what is kept in `ETag`.
#[utoipa::path(
    get, path = "/v1/contacts/{id}", tag = "contacts", security(("key" = ["contacts:read"])),
    params(("id" = String, Path, description = "The contact.", example = "con_0d4x0k1g00000"), Showing),
    responses((status = 200, body = json::Contact, description = "The contact."))
)]
pub(crate) async fn show(
    caller: Allowed<can::ReadContacts>,
    State(state): State<ApiState>,
    Id(id): Id<ContactId>,
    Params(showing): Params<Showing>,
) -> Result<Tagged<json::Contact>, Problem> {
    let reveal = caller.reveal(showing.reveal)?;
    let edition = state.control().edition(Editable::Contact(id)).await?;
    let contact = find(&state, caller.account, id).await?;
    let version = version(&contact, edition);
    let numbers = state.engine().numbers().await?;
    Ok(Tagged(document(contact, reveal, state.zone(), &numbers), version))
}

/// One of an account's.
///
/// # Errors
/// A problem that there is none.
pub(super) async fn find(state: &ApiState, account: AccountId, id: ContactId) -> Result<Contact, Problem> {
    // The page of one that begins behind the id before.
    let before = ContactId::from_raw(id.raw().saturating_sub(1));
    let filter = ContactFilter { after: Some(before), ..ContactFilter::default() };
    let page = state.control().contacts(account, &filter, 1).await?;
    page.into_iter().find(|contact| contact.id == id).ok_or_else(|| Problem::no_such("联系人", "contact"))
}

/// Of editing and of imports, and of nothing that is in the record: a digest of somebody's phone could be guessed.
pub(super) fn version(contact: &Contact, edition: u64) -> Tag {
    Tag::of(&(contact.id.to_string(), edition, contact.updated_at.millis()))
}
