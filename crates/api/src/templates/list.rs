//! List templates.

use axum::Json;
use axum::extract::State;
use domain::template::Template;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Allowed, can};
use crate::language::Language;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::ApiState;
use crate::{json, page};

/// How many.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// From 1 to 1,000.
    limit: Option<u32>,
}

/// 模板列表 · List templates
///
/// Newest first.
#[utoipa::path(
    get, path = "/v1/templates", tag = "templates", security(("key" = ["templates:read"])), params(Listing),
    responses((status = 200, body = json::Page<json::Template>, description = "The newest templates."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadTemplates>,
    State(state): State<ApiState>,
    language: Language,
    Params(listing): Params<Listing>,
) -> Result<Json<json::Page<json::Template>>, Problem> {
    let stored = state.control().templates(caller.account, page::limit(listing.limit)?).await?;
    let items = stored.into_iter().map(|stored| {
        let compiled = Template::compile(&stored.source).ok();
        super::document(stored, compiled.as_ref(), language, state.zone())
    });
    Ok(Json(json::Page { items: items.collect(), next: None }))
}
