//! Report messages.

use axum::Json;
use axum::extract::State;

use super::{Asking, asked, row};
use crate::auth::{Allowed, can};
use crate::json;
use crate::language::Language;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::ApiState;

/// 短信报表 · Report messages
///
/// Exact sums by day, hour, carrier, channel, category, campaign or reason. A message counts where it happened: accepted
/// on one day and delivered on the next, it is accepted on the first and delivered on the second. Without `from` and
/// `to`, each column is what the list of messages in these states holds. The operator and a parent account may ask for
/// the accounts that they see.
#[utoipa::path(
    get, path = "/v1/reports/messages", tag = "reports", security(("key" = ["messages:read"])), params(Asking),
    responses((status = 200, body = json::MessageReport, description = "The sums."))
)]
pub(crate) async fn messages(
    caller: Allowed<can::ReadMessages>,
    State(state): State<ApiState>,
    language: Language,
    Params(asking): Params<Asking>,
) -> Result<Json<json::MessageReport>, Problem> {
    let report = asked(&asking, &caller, &state).await?;
    let by = asking.by;
    let rows = report.rows.iter().map(|(key, sums)| row(key, sums, by, language));
    Ok(Json(json::MessageReport { by, rows: rows.collect(), total: row("", &report.total, by, language) }))
}
