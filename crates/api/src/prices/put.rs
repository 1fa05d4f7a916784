//! Replace prices.

use axum::extract::State;
use domain::control::{Edit, Editable, PriceLine, Terms};

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::etag::{IfMatch, Tag, Tagged};
use crate::json;
use crate::problem::{Problem, say};
use crate::request::Body;
use crate::state::ApiState;

/// 设置价格 · Replace prices
///
/// Messages accepted from now on pay them. Of the account that the request acts for: the operator names a tenant in the
/// header `Hongyan-Account`.
#[utoipa::path(
    put, path = "/v1/prices", tag = "channels", security(("key" = ["prices:write"])),
    params(("If-Match" = Option<String>, Header, description = "The `ETag` of the prices, to change nothing else.")),
    request_body = json::Prices,
    responses((status = 200, body = json::Prices, description = "In force."))
)]
pub(crate) async fn put(
    caller: Allowed<can::WritePrices>,
    State(state): State<ApiState>,
    context: Context,
    if_match: IfMatch,
    body: Body<json::Prices>,
) -> Result<Tagged<json::Prices>, Problem> {
    let edition = state.control().edition(Editable::Prices(caller.account)).await?;
    let current = state.control().prices(caller.account).await?;
    if_match.check(Tag::of(&super::document(current)))?;
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
    let stored = Tagged::new(super::document(lines.clone()));
    let line = context.line(&state, &caller, "prices.put", &caller.account, Some(stored.1));
    let terms = Terms { expected: if_match.expects(edition), line: Some(&line) };
    let edit = Edit::Prices(caller.account, &lines);
    state.engine().edit(edit, terms).await.map_err(|error| if_match.settle(error))?;
    Ok(stored)
}
