//! Prices: what the account pays per part.

mod list;
mod put;

use domain::control::PriceLine;
use jiff::tz::TimeZone;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::json;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list::list, put::put))
}

fn document(lines: Vec<PriceLine>, zone: &TimeZone) -> json::Prices {
    let prices = lines.into_iter().map(|line| json::Price {
        category: line.category.map(Into::into),
        carrier: line.carrier.map(Into::into),
        country: line.country.map(|country| country.code().to_owned()),
        from: line.from.map(|from| json::Moment::new(from, zone)),
        until: line.until.map(|until| json::Moment::new(until, zone)),
        per_part: line.per_part.into(),
    });
    json::Prices { prices: prices.collect() }
}
