//! Replace prices.

use axum::extract::State;
use domain::control::{Conditions, Edit, Editable, PriceFault, PriceLine};
use domain::phone::Country;

use crate::auth::{Allowed, Caller, can};
use crate::context::Context;
use crate::etag::{IfMatch, Tag, Tagged};
use crate::json;
use crate::messages::not_a_moment;
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
    if_match.check(Tag::of(&super::document(current, state.zone())))?;
    let lines = body.value.prices.iter().enumerate();
    let lines = lines.map(|(place, price)| read(&caller, place, price)).collect::<Result<Vec<_>, _>>()?;
    PriceLine::check(&lines).map_err(fault)?;
    let stored = Tagged::new(super::document(lines.clone(), state.zone()));
    let line = context.line(&state, &caller, "prices.put", &caller.account, Some(stored.1));
    let terms = Conditions { expected: if_match.expects(edition), line: Some(&line) };
    let edit = Edit::Prices(caller.account, &lines);
    state.engine().edit(edit, terms).await.map_err(|error| if_match.settle(error))?;
    Ok(stored)
}

fn read(caller: &Caller, place: usize, price: &json::Price) -> Result<PriceLine, Problem> {
    let pointer = |field: &str| format!("/prices/{place}/{field}");
    let country = price.country.as_deref().map(|code| {
        let detail =
            say("没有这个国家代码，请写如 JP", "There is no such country; write its code, such as JP");
        Country::from_code(code).ok_or_else(|| Problem::field(pointer("country"), detail))
    });
    let moment = |at: &Option<json::Moment>, field: &str| {
        at.as_ref().map(|at| at.instant().ok_or_else(|| not_a_moment(pointer(field)))).transpose()
    };
    Ok(PriceLine {
        account: caller.account,
        category: price.category.map(Into::into),
        carrier: price.carrier.map(Into::into),
        country: country.transpose()?,
        from: moment(&price.from, "from")?,
        until: moment(&price.until, "until")?,
        per_part: crate::money::amount(&price.per_part, &pointer("per_part"))?,
    })
}

fn fault(fault: PriceFault) -> Problem {
    let (line, field, detail) = match fault {
        PriceFault::Amount { line } => {
            let most = PriceLine::MOST;
            (line, "per_part/micros", say(format!("应为 0 到 {most}"), format!("From nothing to {most}")))
        }
        PriceFault::Country { line } => (
            line,
            "country",
            say(
                "国家只用于境外号码：不能是 CN，也不能同时写境内运营商",
                "A country is for numbers abroad: not CN, and not together with a carrier of mainland China",
            ),
        ),
        PriceFault::Empty { line } => (line, "until", say("应晚于 from", "Later than from")),
        PriceFault::Overlap { line, earlier } => (
            line,
            "from",
            say(
                format!("与第 {} 行针对同样的短信且时间重叠；请修改起止时间", earlier + 1),
                format!(
                    "It is for the same messages as line {} at the same time; change from or until",
                    earlier + 1
                ),
            ),
        ),
    };
    Problem::field(format!("/prices/{line}/{field}"), detail)
}
