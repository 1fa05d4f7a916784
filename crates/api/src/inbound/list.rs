//! List inbound messages.

use axum::Json;
use axum::extract::State;
use domain::ledger::InboundRecord;
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Allowed, can};
use crate::problem::Problem;
use crate::request::Params;
use crate::state::ApiState;
use crate::{json, page, privacy};

/// Which messages.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// Show phones as they are.
    #[serde(default)]
    reveal: bool,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// From 1 to 1,000.
    limit: Option<u32>,
}

/// 上行短信列表 · List inbound messages
///
/// Newest first.
#[utoipa::path(
    get, path = "/v1/inbound", tag = "inbound", security(("key" = ["inbound:read"])), params(Listing),
    responses((status = 200, body = json::Page<json::Inbound>, description = "A page of inbound messages."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadInbound>,
    State(state): State<ApiState>,
    Params(listing): Params<Listing>,
) -> Result<Json<json::Page<json::Inbound>>, Problem> {
    let reveal = caller.reveal(listing.reveal)?;
    let limit = page::limit(listing.limit)?;
    let before = page::cursor(listing.cursor.as_deref())?;
    let inbounds = state.ledger().inbounds(caller.account, before, limit).await?;
    let full = inbounds.len() == limit as usize;
    let next = inbounds.last().filter(|_| full).map(|last| last.id.to_string());
    let items = inbounds.into_iter().map(|inbound| document(inbound, reveal, state.zone()));
    Ok(Json(json::Page { items: items.collect(), next }))
}

fn document(inbound: InboundRecord, reveal: bool, zone: &TimeZone) -> json::Inbound {
    json::Inbound {
        id: inbound.id.to_string(),
        from: privacy::phone(inbound.from, reveal),
        to: inbound.to.into(),
        text: inbound.text,
        channel: inbound.channel.to_string(),
        answers: inbound.answers.map(|id| id.to_string()),
        campaign: inbound.campaign.map(|id| id.to_string()),
        opted_out: inbound.opted_out,
        received_at: json::Moment::new(inbound.received_at, zone),
    }
}
