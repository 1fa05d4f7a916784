//! List messages.

use axum::Json;
use axum::extract::State;
use domain::ids::CampaignId;
use domain::ledger::MessageFilter;
use serde::Deserialize;
use utoipa::IntoParams;

use super::View;
use crate::auth::Caller;
use crate::contacts::asked_phone;
use crate::language::Language;
use crate::problem::Problem;
use crate::request::{self, Params};
use crate::state::ApiState;
use crate::{json, page};

/// Which messages; all conditions hold at once.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// Only those of this campaign.
    campaign: Option<String>,
    /// Only those in this state.
    state: Option<json::MessageState>,
    /// Only those for this phone.
    phone: Option<String>,
    /// Show phones as they are.
    #[serde(default)]
    reveal: bool,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// From 1 to 1,000.
    limit: Option<u32>,
}

/// 短信列表 · List messages
///
/// In the order in which they were accepted, without their trails. A page may be short, or empty, although more
/// follow: go on while there is a `next`.
#[utoipa::path(
    get, path = "/v1/messages", tag = "messages", params(Listing),
    responses((status = 200, body = json::Page<json::Message>, description = "A page of messages."))
)]
pub(crate) async fn list(
    caller: Caller,
    State(state): State<ApiState>,
    language: Language,
    Params(listing): Params<Listing>,
) -> Result<Json<json::Page<json::Message>>, Problem> {
    let limit = page::limit(listing.limit)?;
    let campaign = listing.campaign.as_deref().map(|text| {
        request::read::<CampaignId>(text, "?campaign", "应为 cmp_… 形式的编号", "An id of the form cmp_…")
    });
    let filter = MessageFilter {
        account: caller.account,
        campaign: campaign.transpose()?,
        state: listing.state.map(Into::into),
        phone: listing.phone.as_deref().map(|text| asked_phone(&state, text)).transpose()?,
        after: page::cursor(listing.cursor.as_deref())?,
    };
    let (records, next) = state.ledger().messages(&filter, limit).await?;
    let policy = state.engine().policy();
    let numbers = state.engine().numbers().await?;
    let view =
        View { zone: state.zone(), policy: &policy, numbers: &numbers, language, reveal: listing.reveal };
    let items = records.into_iter().map(|record| view.document(record, false)).collect();
    Ok(Json(json::Page { items, next: next.map(|id| id.to_string()) }))
}
