//! Preview a text.

use axum::Json;
use axum::extract::State;
use domain::money::Money;
use domain::phone::Carrier;
use domain::template::{Template, Values};
use engine::SendError;

use crate::auth::{Allowed, can};
use crate::json;
use crate::language::Language;
use crate::problem::{Kind, Problem};
use crate::request::Body;
use crate::state::ApiState;

/// 预览短信 · Preview a text
///
/// The whole text as it would be sent, signature and opt-out words included, with its count and price.
#[utoipa::path(
    post, path = "/v1/templates/preview", tag = "templates", security(("key" = ["templates:read"])),
    request_body = json::PreviewRequest,
    responses((status = 200, body = json::Preview, description = "As it would be sent."))
)]
pub(crate) async fn preview(
    caller: Allowed<can::ReadTemplates>,
    State(state): State<ApiState>,
    language: Language,
    body: Body<json::PreviewRequest>,
) -> Result<Json<json::Preview>, Problem> {
    let json::PreviewRequest { text, values, signature, category } = body.value;
    let template = Template::compile(&text).map_err(|error| super::text_problem(&error))?;
    let values: Vec<(&str, &str)> =
        values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let body =
        template.render(&Values(&values)).map_err(|error| Problem::field("/values", error.explain()))?;
    let shown = state
        .engine()
        .preview_text(category.into(), Some(&signature), &body)
        .map_err(|error| refused(&error))?;
    let prices = state.engine().prices(caller.account).await?.at(category.into(), state.now());
    let at_home = Carrier::ALL.into_iter().filter(|carrier| *carrier != Carrier::Foreign);
    let dearest = at_home.map(|carrier| prices.of_carrier(carrier)).max();
    Ok(Json(json::Preview {
        text: shown.text,
        encoding: shown.encoding.into(),
        length: shown.length,
        parts: shown.parts,
        billed_parts: shown.billed_parts,
        variables: super::variables(&template),
        advice: super::advice(&template, language),
        cost: (dearest.unwrap_or(Money::ZERO) * i64::from(shown.billed_parts)).into(),
    }))
}

fn refused(error: &SendError) -> Problem {
    match error {
        SendError::Signature(_) => Problem::field("/signature", error.explain()),
        SendError::Text(_) => Problem::field("/text", error.explain()),
        _ => Problem::new(Kind::Internal),
    }
}
