//! List customers.

use axum::Json;
use axum::extract::State;

use crate::auth::{Allowed, can};
use crate::json;
use crate::problem::Problem;
use crate::state::ApiState;

/// 下游客户列表 · List customers
///
/// As configured, without passwords.
#[utoipa::path(
    get, path = "/v1/customers", tag = "customers", security(("key" = ["customers:read"])),
    responses((status = 200, body = json::Customers, description = "All customers."))
)]
pub(crate) async fn list(
    _caller: Allowed<can::ReadCustomers>,
    State(state): State<ApiState>,
) -> Result<Json<json::Customers>, Problem> {
    let customers = state.engine().all_customers().await?;
    let customers = customers.iter().map(|customer| super::document(customer)).collect();
    Ok(Json(json::Customers { customers }))
}
