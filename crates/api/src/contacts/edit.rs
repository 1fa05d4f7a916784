//! Change a contact.

use std::collections::BTreeMap;

use axum::extract::State;
use domain::control::{Conditions, Contact, Edit, Editable};
use domain::ids::ContactId;

use super::list::document;
use super::show::{find, version};
use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::etag::{IfMatch, Tagged};
use crate::json;
use crate::problem::{Problem, say};
use crate::request::{Body, Id};
use crate::state::ApiState;

/// Most attributes of each kind, and most tags, of one person: more is no record of a person.
const MAX_ENTRIES: usize = 200;
/// Longest name, value or tag, in characters.
const MAX_CHARS: usize = 1_000;

/// 修改联系人 · Change a contact
///
/// Attributes that are given replace those of the same name, `null` takes one away, others stay; `tags` become those given. The
/// answer is masked.
#[utoipa::path(
    patch, path = "/v1/contacts/{id}", tag = "contacts", security(("key" = ["contacts:write"])),
    params(
        ("id" = String, Path, description = "The contact.", example = "con_0d4x0k1g00000"),
        ("If-Match" = Option<String>, Header, description = "Its `ETag`, to change nothing else."),
    ),
    request_body = json::ContactEdit,
    responses((status = 200, body = json::Contact, description = "Changed."))
)]
pub(crate) async fn edit(
    caller: Allowed<can::WriteContacts>,
    State(state): State<ApiState>,
    context: Context,
    if_match: IfMatch,
    Id(id): Id<ContactId>,
    body: Body<json::ContactEdit>,
) -> Result<Tagged<json::Contact>, Problem> {
    let edition = state.control().edition(Editable::Contact(id)).await?;
    let mut contact = find(&state, caller.account, id).await?;
    if_match.check(version(&contact, edition))?;
    let read_at = contact.updated_at;
    apply(&mut contact, body.value)?;
    contact.updated_at = state.now();
    let after = version(&contact, edition + 1);
    let line = context.line(&state, &caller, "contacts.change", &id, Some(after));
    // Without a condition too: what was read is what is changed, since the rest of the record goes back as it was.
    let terms = Conditions { expected: Some(edition), line: Some(&line) };
    let edited = state.control().edit(Edit::ChangeContact(&contact, read_at), terms).await;
    edited.map_err(|error| if_match.settle(error))?;
    let numbers = state.engine().numbers().await?;
    Ok(Tagged(document(contact, false, state.zone(), &numbers), after))
}

fn apply(contact: &mut Contact, edit: json::ContactEdit) -> Result<(), Problem> {
    let json::ContactEdit { personal, queryable, tags } = edit;
    merge("/personal", &mut contact.personal, personal)?;
    merge("/queryable", &mut contact.queryable, queryable)?;
    let Some(tags) = tags else { return Ok(()) };
    let mut kept: Vec<String> = Vec::new();
    for tag in tags {
        let tag = tag.trim();
        check("/tags", tag)?;
        if !kept.iter().any(|known| known == tag) {
            kept.push(tag.to_owned());
        }
    }
    bound("/tags", kept.len())?;
    contact.tags = kept;
    Ok(())
}

fn merge(
    pointer: &'static str,
    known: &mut Vec<(String, String)>,
    edit: BTreeMap<String, Option<String>>,
) -> Result<(), Problem> {
    for (name, value) in edit {
        check(pointer, &name)?;
        let place = known.iter().position(|(one, _)| *one == name);
        match (place, value) {
            (Some(place), Some(value)) => {
                check_length(pointer, &value)?;
                known[place].1 = value;
            }
            (None, Some(value)) => {
                check_length(pointer, &value)?;
                known.push((name, value));
            }
            (Some(place), None) => {
                known.remove(place);
            }
            (None, None) => {}
        }
    }
    bound(pointer, known.len())
}

fn check(pointer: &'static str, text: &str) -> Result<(), Problem> {
    if text.is_empty() {
        return Err(Problem::field(pointer, say("名称不能为空", "A name is not empty")));
    }
    check_length(pointer, text)
}

fn check_length(pointer: &'static str, text: &str) -> Result<(), Problem> {
    if text.chars().count() <= MAX_CHARS {
        return Ok(());
    }
    let (zh, en) = (format!("最多 {MAX_CHARS} 个字符"), format!("At most {MAX_CHARS} characters"));
    Err(Problem::field(pointer, say(zh, en)))
}

fn bound(pointer: &'static str, entries: usize) -> Result<(), Problem> {
    if entries <= MAX_ENTRIES {
        return Ok(());
    }
    let (zh, en) = (format!("最多 {MAX_ENTRIES} 项"), format!("At most {MAX_ENTRIES} of them"));
    Err(Problem::field(pointer, say(zh, en)))
}
