//! Show margins.

use axum::Json;
use axum::extract::State;
use domain::billing::{HourSpan, MarginBy, MarginLine, MarginOf, Month};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Allowed, can};
use crate::json;
use crate::messages::not_a_moment;
use crate::problem::{Problem, say};
use crate::request::Params;
use crate::state::ApiState;

/// Which margins.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// From the hours that begin then, in RFC 3339 with an offset; this month's beginning when left out.
    from: Option<String>,
    /// To the hours that begin before then; now when left out.
    to: Option<String>,
    /// `channel` (when left out), `account` or `carrier`.
    by: Option<String>,
}

/// 成本与毛利 · Show margins
///
/// Of all accounts: what messages were charged, less what was paid back; what carriers ask for the parts that they took; and what
/// is left. The cost of a part is the channel's when its hour was counted.
#[utoipa::path(
    get, path = "/v1/margins", tag = "money", security(("key" = ["margins:read"])), params(Asked),
    responses((status = 200, body = json::Margins, description = "By what was asked."))
)]
pub(crate) async fn show(
    _caller: Allowed<can::ReadMargins>,
    State(state): State<ApiState>,
    Params(asked): Params<Asked>,
) -> Result<Json<json::Margins>, Problem> {
    let moment = |text: Option<String>, pointer: &str| {
        let at =
            text.map(|text| json::Moment(text).instant().ok_or_else(|| not_a_moment(pointer.to_owned())));
        at.transpose()
    };
    let by = asked.by.map(|word| {
        let detail = say("应为 channel、account 或 carrier", "One of channel, account, carrier");
        MarginBy::from_word(&word).ok_or_else(|| Problem::field("?by", detail))
    });
    let by = by.transpose()?.unwrap_or(MarginBy::Channel);
    let month = Month::of(state.now(), state.zone()).span(state.zone());
    let from = moment(asked.from, "?from")?.unwrap_or_else(|| month.begins());
    // The hour that is under way counts.
    let until =
        moment(asked.to, "?to")?.unwrap_or_else(|| state.now().plus(std::time::Duration::from_hours(1)));
    let span = HourSpan::between(from, until);
    if span.until < span.from {
        return Err(Problem::field("?to", say("早于 from", "It is before from")));
    }
    let lines = state.statements().margins(span, by).await?;
    Ok(Json(json::Margins {
        from: json::Moment::new(span.begins(), state.zone()),
        until: json::Moment::new(span.ends(), state.zone()),
        lines: lines.into_iter().map(line).collect(),
    }))
}

fn line(line: MarginLine) -> json::MarginLine {
    let of = match line.of {
        MarginOf::Channel(channel) => channel.map_or_else(String::new, |id| id.to_string()),
        MarginOf::Account(account) => account.to_string(),
        MarginOf::Carrier(carrier) => carrier.as_str().to_owned(),
    };
    json::MarginLine {
        of,
        messages: line.messages,
        parts: line.parts,
        revenue: line.revenue.into(),
        cost: line.cost.into(),
        margin: line.margin().into(),
    }
}
