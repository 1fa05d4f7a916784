//! Add or change a route.

use axum::extract::State;
use domain::control::{Conditions, Edit, Editable, RouteConfig, RouteScope, RouteStep};
use domain::ids::{AccountId, ChannelId, RouteId};
use domain::phone::Country;
use domain::text::Signature;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::etag::{IfMatch, Tag, Tagged};
use crate::json;
use crate::problem::{Problem, say};
use crate::request::{self, Body, Id};
use crate::state::ApiState;

/// 配置路由 · Add or change a route
///
/// What waits for the route follows it from now on. Its channels may reach different carriers: a message goes only over
/// one that reaches its phone's, and only to the next step when no channel of this one can.
#[utoipa::path(
    put, path = "/v1/routes/{id}", tag = "channels", security(("key" = ["channels:write"])),
    params(
        ("id" = String, Path, description = "`rte_` and a number from 1 to 65535.", example = "rte_1"),
        ("If-Match" = Option<String>, Header, description = "Its `ETag`, to change nothing else."),
    ),
    request_body = json::RoutePut,
    responses((status = 200, body = json::Route, description = "In force."))
)]
pub(crate) async fn put(
    caller: Allowed<can::WriteChannels>,
    State(state): State<ApiState>,
    context: Context,
    if_match: IfMatch,
    Id(id): Id<RouteId>,
    body: Body<json::RoutePut>,
) -> Result<Tagged<json::Route>, Problem> {
    let edition = state.control().edition(Editable::Route(id)).await?;
    let routes = state.control().routes().await?;
    let known = routes.iter().find(|known| known.id == id);
    if_match.check_some(known.map(|known| Tag::of(&super::document(known))))?;
    let channels = state.engine().channels().await?;
    let known: Vec<ChannelId> = channels.iter().map(|channel| channel.id).collect();
    let json::RoutePut { name, steps, scope, ceiling } = body.value;
    let steps = steps.into_iter().enumerate().map(|(place, step)| self::step(place, step, &known));
    let route = RouteConfig {
        id,
        name,
        steps: steps.collect::<Result<_, _>>()?,
        scope: self::scope(scope)?,
        ceiling: ceiling.as_ref().map(Into::into),
    };
    let stored = Tagged::new(super::document(&route));
    let line = context.line(&state, &caller, "routes.put", &id, Some(stored.1));
    let terms = Conditions { expected: if_match.expects(edition), line: Some(&line) };
    state.engine().edit(Edit::Route(&route), terms).await.map_err(|error| if_match.settle(error))?;
    Ok(stored)
}

fn step(place: usize, step: json::RouteStep, known: &[ChannelId]) -> Result<RouteStep, Problem> {
    let channels = step.channels.into_iter().enumerate().map(|(at, weighted)| {
        let pointer = format!("/steps/{place}/channels/{at}/channel");
        let channel: ChannelId =
            request::read(&weighted.channel, &pointer, "应为 chn_1 形式的编号", "An id of the form chn_1")?;
        if !known.contains(&channel) {
            return Err(Problem::field(pointer, say("没有这个通道", "There is no such channel")));
        }
        Ok((channel, weighted.weight))
    });
    Ok(RouteStep {
        channels: channels.collect::<Result<_, _>>()?,
        pick: step.pick.into(),
        above_ceiling: step.above_ceiling,
    })
}

fn scope(scope: json::RouteScope) -> Result<RouteScope, Problem> {
    let account = |(place, text): (usize, &String)| {
        let pointer = format!("/scope/accounts/{place}");
        request::read::<AccountId>(text, &pointer, "应为 acc_… 形式的编号", "An id of the form acc_…")
    };
    let country = |(place, code): (usize, &String)| {
        let detail = say("应为两个字母的国家代码", "A country's code of two letters");
        Country::from_code(code).ok_or_else(|| Problem::field(format!("/scope/countries/{place}"), detail))
    };
    let signature = |(place, text): (usize, &String)| {
        let pointer = format!("/scope/signatures/{place}");
        let signature = Signature::parse(text).map_err(|error| Problem::field(pointer, error.explain()))?;
        Ok(signature.inner().to_owned())
    };
    Ok(RouteScope {
        accounts: scope.accounts.iter().enumerate().map(account).collect::<Result<_, _>>()?,
        categories: scope.categories.into_iter().map(Into::into).collect(),
        carriers: scope.carriers.into_iter().map(Into::into).collect(),
        countries: scope.countries.iter().enumerate().map(country).collect::<Result<_, _>>()?,
        signatures: scope.signatures.iter().enumerate().map(signature).collect::<Result<_, Problem>>()?,
    })
}
