//! Show a balance.

use axum::Json;
use axum::extract::State;
use domain::billing::Mode;

use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::Problem;
use crate::state::ApiState;

/// 余额 · Show the balance
///
/// Of the account that the request acts for: the operator and the account above name it in the header `Hongyan-Account`.
#[utoipa::path(
    get, path = "/v1/balance", tag = "money", security(("key" = ["money:read"])),
    responses((status = 200, body = json::AccountBalance, description = "What it has, and what it may spend."))
)]
pub(crate) async fn show(
    caller: Allowed<can::ReadMoney>,
    State(state): State<ApiState>,
) -> Result<Json<json::AccountBalance>, Problem> {
    let standing = state.statements().standing(caller.account, state.now()).await?;
    let (terms, balance) = (standing.agreement.terms, standing.balance);
    Ok(Json(json::AccountBalance {
        account: caller.account.to_string(),
        funds: balance.funds.into(),
        reserved: (balance.allowance + balance.held + balance.reserved).into(),
        credit: terms.credit.into(),
        available: (terms.mode == Mode::Bounded).then(|| (balance.funds + terms.credit).into()),
        mode: terms.mode.into(),
        spent_today: standing.spent.today.into(),
        spent_this_month: standing.spent.month.into(),
        daily_limit: terms.limits.daily.map(Into::into),
        monthly_limit: terms.limits.monthly.map(Into::into),
    }))
}
