//! Read the journal.

use axum::Json;
use axum::extract::State;
use domain::billing::TransferKind;
use domain::control::TransferFilter;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Allowed, can};
use crate::messages::not_a_moment;
use crate::problem::{Problem, say};
use crate::request::Params;
use crate::state::ApiState;
use crate::{json, page};

/// Which lines; all conditions hold at once.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// Only `top_up`, `withdrawal`, `grant`, `grant_returned`, `hold` or `hold_returned`.
    kind: Option<String>,
    /// From then on, in RFC 3339 with an offset.
    since: Option<String>,
    /// Before then.
    until: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// From 1 to 1,000.
    limit: Option<u32>,
}

/// 资金流水 · Read the journal
///
/// Newest first: payments, what was set aside for messages and campaigns, and what of it came back. What messages were
/// charged is in statements, by the month, and message by message in their CSV.
#[utoipa::path(
    get, path = "/v1/transfers", tag = "money", security(("key" = ["money:read"])), params(Listing),
    responses((status = 200, body = json::Page<json::Transfer>, description = "A page of the journal."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadMoney>,
    State(state): State<ApiState>,
    Params(listing): Params<Listing>,
) -> Result<Json<json::Page<json::Transfer>>, Problem> {
    let limit = page::limit(listing.limit)?;
    let kind = listing.kind.map(|word| {
        let unknown = || Problem::field("?kind", say("没有这种流水", "There is no such kind of transfer"));
        TransferKind::from_word(&word).ok_or_else(unknown)
    });
    let moment = |text: Option<String>, pointer: &str| {
        let at =
            text.map(|text| json::Moment(text).instant().ok_or_else(|| not_a_moment(pointer.to_owned())));
        at.transpose()
    };
    let filter = TransferFilter {
        account: caller.account,
        kind: kind.transpose()?,
        since: moment(listing.since, "?since")?,
        until: moment(listing.until, "?until")?,
        before: page::cursor(listing.cursor.as_deref())?,
    };
    let lines = state.statements().transfers(&filter, limit).await?;
    let full = lines.len() == limit as usize;
    let next = lines.last().filter(|_| full).map(|last| last.id.to_string());
    let items = lines.into_iter().map(|line| super::document(line, state.zone())).collect();
    Ok(Json(json::Page { items, next }))
}
