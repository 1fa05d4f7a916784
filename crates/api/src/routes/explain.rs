//! Explain where a message would go.

use axum::Json;
use axum::extract::State;
use domain::ids::RouteId;
use domain::phone::Phone;
use domain::text::Signature;
use engine::RouteQuestion;

use crate::auth::{Allowed, can};
use crate::json;
use crate::language::Language;
use crate::problem::{Problem, say};
use crate::request::{self, Body};
use crate::state::ApiState;

/// 解释路由 · Explain where a message would go
///
/// Which route it takes and what each of its channels may do at this moment, with the reasons. Nothing is sent. Shares
/// by weight are left out: they change with every claim.
#[utoipa::path(
    post, path = "/v1/routes/explain", tag = "channels", security(("key" = ["channels:read"])),
    request_body = json::RouteQuestion,
    responses((status = 200, body = json::RouteAnswer, description = "As of now."))
)]
pub(crate) async fn explain(
    caller: Allowed<can::ReadChannels>,
    State(state): State<ApiState>,
    language: Language,
    body: Body<json::RouteQuestion>,
) -> Result<Json<json::RouteAnswer>, Problem> {
    let json::RouteQuestion { phone, category, signature, route } = body.value;
    let engine = state.engine();
    let phone = Phone::parse(&phone, engine.settings().country)
        .map_err(|error| Problem::field("/phone", error.explain()))?;
    let signature = signature.as_deref().map(Signature::parse).transpose();
    let signature = signature.map_err(|error| Problem::field("/signature", error.explain()))?;
    let route = route.map(|text| {
        request::read::<RouteId>(&text, "/route", "应为 rte_1 形式的编号", "An id of the form rte_1")
    });
    let question = RouteQuestion {
        account: caller.account,
        phone,
        category: category.into(),
        signature: signature.map(|signature| signature.inner().to_owned()),
        route: route.transpose()?,
    };
    let answer = engine.explain_route(&question).await?;
    if question.route.is_some() && answer.chosen.is_none() {
        return Err(Problem::field("/route", say("没有这个路由", "There is no such route")));
    }
    let told = |words| language.of_two(words).to_owned();
    Ok(Json(json::RouteAnswer {
        carrier: answer.carrier.into(),
        country: answer.country.map(|country| country.to_string()),
        route: answer.chosen.map(|route| route.id.to_string()),
        tried: answer
            .tried
            .into_iter()
            .map(|(route, misfit)| json::RouteTried {
                route: route.to_string(),
                misfit: misfit.map(|misfit| told(misfit.explain())),
            })
            .collect(),
        channels: answer
            .channels
            .into_iter()
            .map(|considered| json::ChannelConsidered {
                step: considered.step + 1,
                channel: considered.channel.to_string(),
                verdict: considered.verdict.word().to_owned(),
                why: told(considered.verdict.explain()),
            })
            .collect(),
    }))
}
