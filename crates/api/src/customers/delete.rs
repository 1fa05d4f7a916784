//! Delete a customer.

use axum::extract::State;
use axum::http::StatusCode;
use domain::control::Conditions;
use domain::ids::CustomerId;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::problem::{Kind, Problem};
use crate::request::Id;
use crate::state::ApiState;

/// 删除下游客户 · Delete a customer
///
/// Its connections are closed within a second. Texts of which parts are missing end as rejected; what was accepted is sent and
/// kept as any message, and its end is in the trail; nobody is told of it any more. The login is free again, the number is
/// not.
#[utoipa::path(
    delete, path = "/v1/customers/{id}", tag = "customers", security(("key" = ["customers:write"])),
    params(("id" = String, Path, description = "`cus_` and a number from 1 to 65535.", example = "cus_1")),
    responses((status = 204, description = "Deleted."))
)]
pub(crate) async fn delete(
    caller: Allowed<can::WriteCustomers>,
    State(state): State<ApiState>,
    context: Context,
    Id(id): Id<CustomerId>,
) -> Result<StatusCode, Problem> {
    let line = context.line(&state, &caller, "customers.remove", &id, None);
    if state.engine().delete_customer(id, Conditions { expected: None, line: Some(&line) }).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::new(Kind::NotFound))
    }
}
