//! Write a campaign.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::convert::{self, View};
use super::line_of;
use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::json;
use crate::language::Language;
use crate::problem::Problem;
use crate::request::Body;
use crate::state::ApiState;

/// 新建任务 · Write a campaign
///
/// It sends nothing before its preflight and start. What can be known to be wrong is said now, field by field.
#[utoipa::path(
    post, path = "/v1/campaigns", tag = "campaigns", security(("key" = ["campaigns:write"])),
    request_body = json::CampaignDraft,
    responses((status = 201, body = json::Campaign, description = "A draft."))
)]
pub(crate) async fn create(
    caller: Allowed<can::WriteCampaigns>,
    State(state): State<ApiState>,
    context: Context,
    language: Language,
    body: Body<json::CampaignDraft>,
) -> Result<(StatusCode, Json<json::Campaign>), Problem> {
    let draft = convert::draft(state.control().as_ref(), caller.account, body.value).await?;
    let line_of = line_of(&context, &state, &caller, "campaigns.create");
    let campaign = state.engine().create_campaign(caller.account, draft, Some(&line_of)).await?;
    let view = View { zone: state.zone(), language, reveal: false };
    Ok((StatusCode::CREATED, Json(view.document(campaign))))
}
