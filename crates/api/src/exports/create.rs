//! Ask for a file.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::control::{ExportMonth, ExportOf};
use domain::ids::{AccountId, CampaignId};
use exports::ExportOrder;

use super::{document, may_read};
use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::{Problem, say};
use crate::request::{self, Body};
use crate::state::ApiState;

/// Longest tag: what an import takes.
const MAX_TAG_CHARS: usize = 100;

/// 新建导出 · Ask for a file
///
/// Of messages (all, or one campaign's), contacts, inbound messages, suppressions, or what each message came to in a month, as
/// CSV, XLSX or Parquet. Answers at once; the file is written in the background, watched by reading the export, and kept for a
/// week. What is changed while it is written may be in it or not. Contacts, inbound messages, suppressions and charges need
/// their permissions too.
#[utoipa::path(
    post, path = "/v1/exports", tag = "exports", security(("key" = ["messages:read"])),
    request_body = json::ExportCreate,
    responses((status = 202, body = json::Export, description = "It will be written."))
)]
pub(crate) async fn create(
    caller: Allowed<can::ReadMessages>,
    State(state): State<ApiState>,
    body: Body<json::ExportCreate>,
) -> Result<(StatusCode, Json<json::Export>), Problem> {
    let json::ExportCreate { of, format, campaign, state: of_state, tag, month, reveal } = body.value;
    let of = ExportOf::from(of);
    may_read(&caller, of, reveal)?;
    let foreign = |is_given: bool, fits: ExportOf, pointer: &'static str| {
        let detail = say("此类导出没有这个条件", "An export of this kind has no such condition");
        if is_given && of != fits { Err(Problem::field(pointer, detail)) } else { Ok(()) }
    };
    foreign(campaign.is_some(), ExportOf::Messages, "/campaign")?;
    foreign(of_state.is_some(), ExportOf::Messages, "/state")?;
    foreign(tag.is_some(), ExportOf::Contacts, "/tag")?;
    if tag.as_ref().is_some_and(|tag| tag.chars().count() > MAX_TAG_CHARS) {
        let (zh, en) =
            (format!("最多 {MAX_TAG_CHARS} 个字符"), format!("At most {MAX_TAG_CHARS} characters"));
        return Err(Problem::field("/tag", say(zh, en)));
    }
    foreign(month.is_some(), ExportOf::Statement, "/month")?;
    let month = match (of, month) {
        (ExportOf::Statement, month) => Some(month_of(&state, caller.account, month).await?),
        _ => None,
    };
    let campaign = campaign.map(|text| {
        request::read::<CampaignId>(&text, "/campaign", "应为 cmp_… 形式的编号", "An id of the form cmp_…")
    });
    let order = ExportOrder {
        of,
        format: format.into(),
        reveal,
        campaign: campaign.transpose()?,
        of_state: of_state.map(Into::into),
        tag,
        month,
    };
    let export = state.engine().exports().start(caller.account, order).await?;
    Ok((StatusCode::ACCEPTED, Json(document(export, state.zone()))))
}

/// The month that was asked for, as the account has agreed to pay.
async fn month_of(
    state: &ApiState,
    account: AccountId,
    text: Option<String>,
) -> Result<ExportMonth, Problem> {
    let missing =
        || Problem::field("/month", say("月份应写作 2026-11", "A month is written such as 2026-11"));
    let month = text.ok_or_else(missing)?.parse().map_err(|_| missing())?;
    let agreement = state.statements().agreement(account).await?;
    Ok(ExportMonth { month, zone: agreement.zone, otherwise: agreement.terms.charge })
}
