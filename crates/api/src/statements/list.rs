//! List months.

use axum::Json;
use axum::extract::State;
use domain::billing::{HourSpan, Month};

use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::Problem;
use crate::state::ApiState;

/// Months that are listed: ten years.
const MONTHS: usize = 120;

/// 账单列表 · List statements
///
/// The months since the account's first entry, newest first.
#[utoipa::path(
    get, path = "/v1/statements", tag = "money", security(("key" = ["money:read"])),
    responses((status = 200, body = json::StatementMonths, description = "The months."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadMoney>,
    State(state): State<ApiState>,
) -> Result<Json<json::StatementMonths>, Problem> {
    let Some(first) = state.statements().first_hour(caller.account).await? else {
        return Ok(Json(json::StatementMonths { months: Vec::new() }));
    };
    let zone = state.statements().agreement(caller.account).await?.zone;
    let first = Month::of(HourSpan { from: first, until: first }.begins(), zone.rules());
    let current = Month::of(state.now(), zone.rules());
    let months = std::iter::successors(Some(current), |month| Some(month.before()));
    let months = months.take_while(|month| *month >= first).take(MONTHS);
    let months = months
        .map(|month| json::StatementMonth { month: month.to_string(), over: month < current })
        .collect();
    Ok(Json(json::StatementMonths { months }))
}
