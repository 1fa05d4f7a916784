//! List suppressions.

use axum::Json;
use axum::extract::State;
use domain::ledger::SuppressionRecord;
use domain::policy::Scope;
use domain::time::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Allowed, can};
use crate::problem::Problem;
use crate::request::Params;
use crate::state::ApiState;
use crate::{json, page, privacy};

/// Which suppressions.
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

/// 退订与黑名单 · List suppressions
///
/// Newest first, lifted ones included.
#[utoipa::path(
    get, path = "/v1/suppressions", tag = "suppressions", security(("key" = ["suppressions:read"])),
    params(Listing),
    responses((status = 200, body = json::Page<json::Suppression>, description = "A page of suppressions."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadSuppressions>,
    State(state): State<ApiState>,
    Params(listing): Params<Listing>,
) -> Result<Json<json::Page<json::Suppression>>, Problem> {
    let reveal = caller.reveal(listing.reveal)?;
    let limit = page::limit(listing.limit)?;
    let before = page::cursor::<i64>(listing.cursor.as_deref())?.map(Timestamp::from_millis);
    let records = state.ledger().suppressions(caller.account, before, limit).await?;
    let full = records.len() == limit as usize;
    let next = records.last().filter(|_| full).map(|last| last.suppressed.at.millis().to_string());
    let items = records.iter().map(|record| document(record, reveal, state.zone()));
    Ok(Json(json::Page { items: items.collect(), next }))
}

fn document(record: &SuppressionRecord, reveal: bool, zone: &TimeZone) -> json::Suppression {
    let SuppressionRecord { phone, suppressed, inbound, lifted_at, .. } = *record;
    json::Suppression {
        phone: privacy::phone(phone, reveal),
        scope: match suppressed.scope {
            Scope::Operator => json::Scope::Operator,
            Scope::Entity(_) => json::Scope::Entity,
        },
        category: suppressed.category.map(Into::into),
        source: suppressed.source.into(),
        inbound: inbound.map(|id| id.to_string()),
        at: json::Moment::new(suppressed.at, zone),
        lifted_at: lifted_at.map(|at| json::Moment::new(at, zone)),
    }
}
