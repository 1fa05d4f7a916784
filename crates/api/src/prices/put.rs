//! Replace prices.

use axum::Json;
use axum::extract::State;
use domain::control::PriceLine;

use crate::auth::Operator;
use crate::json;
use crate::problem::{Problem, say};
use crate::request::Body;
use crate::state::ApiState;

/// 设置价格 · Replace prices
///
/// Messages accepted from now on pay them. Of the operator's own account.
#[utoipa::path(
    put, path = "/v1/prices", tag = "channels",
    request_body = json::Prices,
    responses((status = 200, body = json::Prices, description = "In force."))
)]
pub(crate) async fn put(
    Operator(caller): Operator,
    State(state): State<ApiState>,
    body: Body<json::Prices>,
) -> Result<Json<json::Prices>, Problem> {
    let lines = body.value.prices.into_iter().enumerate().map(|(place, price)| {
        let per_part = domain::money::Money::from(&price.per_part);
        if per_part < domain::money::Money::ZERO {
            let pointer = format!("/prices/{place}/per_part/micros");
            return Err(Problem::field(pointer, say("不能为负", "Not below zero")));
        }
        Ok(PriceLine {
            account: caller.account,
            category: price.category.map(Into::into),
            carrier: price.carrier.map(Into::into),
            per_part,
        })
    });
    let lines = lines.collect::<Result<Vec<_>, _>>()?;
    state.engine().set_prices(caller.account, &lines).await?;
    Ok(Json(super::document(lines)))
}
