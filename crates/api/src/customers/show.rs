//! Show a customer.

use axum::extract::State;
use domain::ids::CustomerId;

use crate::auth::{Allowed, can};
use crate::etag::Tagged;
use crate::json;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 下游客户详情 · Show a customer
///
/// With the version of its configuration in `ETag`.
#[utoipa::path(
    get, path = "/v1/customers/{id}", tag = "customers", security(("key" = ["customers:read"])),
    params(("id" = String, Path, description = "The customer.", example = "cus_1")),
    responses((status = 200, body = json::Customer, description = "The customer."))
)]
pub(crate) async fn show(
    _caller: Allowed<can::ReadCustomers>,
    State(state): State<ApiState>,
    Id(id): Id<CustomerId>,
) -> Result<Tagged<json::Customer>, Problem> {
    let all = state.engine().all_customers().await?;
    let found = all.iter().find(|customer| customer.id == id);
    let found = found.ok_or_else(|| Problem::no_such("下游客户", "customer"))?;
    Ok(Tagged::new(super::document(found)))
}
