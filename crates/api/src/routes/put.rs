//! Add or change a route.

use axum::Json;
use axum::extract::State;
use domain::control::{RouteConfig, RouteStep};
use domain::ids::{ChannelId, RouteId};

use crate::auth::Operator;
use crate::json;
use crate::problem::{Problem, say};
use crate::request::{self, Body, Id};
use crate::state::ApiState;

/// 配置路由 · Add or change a route
///
/// What waits for the route follows it from now on. Its channels may reach different carriers: a message goes only over
/// one that reaches its phone's, and only to the next step when no channel of this one can.
#[utoipa::path(
    put, path = "/v1/routes/{id}", tag = "channels",
    params(("id" = String, Path, description = "`rte_` and a number from 1 to 65535.", example = "rte_1")),
    request_body = json::RoutePut,
    responses((status = 200, body = json::Route, description = "In force."))
)]
pub(crate) async fn put(
    _operator: Operator,
    State(state): State<ApiState>,
    Id(id): Id<RouteId>,
    body: Body<json::RoutePut>,
) -> Result<Json<json::Route>, Problem> {
    let channels = state.engine().channels().await?;
    let known: Vec<ChannelId> = channels.iter().map(|channel| channel.id).collect();
    let json::RoutePut { name, steps } = body.value;
    let steps = steps.into_iter().enumerate().map(|(place, step)| self::step(place, step, &known));
    let route = RouteConfig { id, name, steps: steps.collect::<Result<_, _>>()? };
    state.engine().set_route(&route).await?;
    Ok(Json(super::document(&route)))
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
    Ok(RouteStep { channels: channels.collect::<Result<_, _>>()? })
}
