//! Edit a campaign.

use axum::extract::State;
use domain::ids::CampaignId;
use serde_json::{Map, Value};

use super::convert::{self, View};
use super::line_of;
use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::etag::{IfMatch, Tagged};
use crate::json;
use crate::language::Language;
use crate::problem::{Kind, Problem};
use crate::request::{self, Body, Id};
use crate::state::ApiState;

/// Times that an edit is made anew when somebody else was faster; more means a fight, not an accident.
const TRIES: u32 = 5;

/// 修改任务 · Edit a campaign
///
/// A JSON merge patch (RFC 7396): the fields that are given replace, `null` removes, the others stay. What a preflight
/// found before is forgotten. Only before the start.
#[utoipa::path(
    patch, path = "/v1/campaigns/{id}", tag = "campaigns", security(("key" = ["campaigns:write"])),
    params(
        ("id" = String, Path, description = "The campaign.", example = "cmp_0d4x0k1g00000"),
        ("If-Match" = Option<String>, Header, description = "Its `ETag`, to change nothing else."),
    ),
    request_body(content = json::CampaignDraft, description = "Any of its fields.", example = json!({"speed": 500})),
    responses((status = 200, body = json::Campaign, description = "A draft again."))
)]
pub(crate) async fn edit(
    caller: Allowed<can::WriteCampaigns>,
    State(state): State<ApiState>,
    language: Language,
    context: Context,
    if_match: IfMatch,
    Id(id): Id<CampaignId>,
    body: Body<Map<String, Value>>,
) -> Result<Tagged<json::Campaign>, Problem> {
    let mut tries = 1;
    let edited = loop {
        let campaign = state.engine().campaign(caller.account, id).await?;
        if_match.check(convert::tag(&campaign, state.zone()))?;
        let before = serde_json::to_value(convert::draft_of(&campaign, state.zone()));
        let Ok(Value::Object(mut draft)) = before else { return Err(Problem::new(Kind::Internal)) };
        patch(&mut draft, body.value.clone());
        let draft: json::CampaignDraft = request::parse_value(Value::Object(draft))?;
        let draft = convert::draft(state.control().as_ref(), caller.account, draft).await?;
        let line_of = line_of(&context, &state, &caller, "campaigns.change");
        let edited = state.engine();
        let edited = edited.edit_campaign(caller.account, id, campaign.version, draft, Some(&line_of)).await;
        match edited.map_err(Problem::from) {
            // Somebody changed another field meanwhile: theirs and ours both count.
            Err(problem) if problem.is_outrun() && tries < TRIES => tries += 1,
            edited => break edited.map_err(|problem| if_match.settle(problem))?,
        }
    };
    let tag = convert::tag(&edited, state.zone());
    let view = View { zone: state.zone(), language, reveal: false };
    Ok(Tagged(view.document(edited), tag))
}

/// Fields of a draft are replaced as wholes; a new template is of no use beside the old text.
fn patch(draft: &mut Map<String, Value>, changes: Map<String, Value>) {
    if changes.get("template").is_some_and(Value::is_string) && !changes.contains_key("text") {
        draft.remove("text");
    }
    for (name, value) in changes {
        if value.is_null() {
            draft.remove(&name);
        } else {
            draft.insert(name, value);
        }
    }
}
