//! Look at one template.

use axum::extract::State;
use domain::ids::TemplateId;
use domain::template::Template;

use crate::auth::{Allowed, can};
use crate::etag::Tagged;
use crate::json;
use crate::language::Language;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 查看模板 · Look at a template
///
/// With its variables and what carriers would say about it; the version of what people wrote is in `ETag`.
#[utoipa::path(
    get, path = "/v1/templates/{id}", tag = "templates", security(("key" = ["templates:read"])),
    params(("id" = String, Path, description = "The template.", example = "tpl_0d4x0k1g00000")),
    responses((status = 200, body = json::Template, description = "The template."))
)]
pub(crate) async fn show(
    caller: Allowed<can::ReadTemplates>,
    State(state): State<ApiState>,
    language: Language,
    Id(id): Id<TemplateId>,
) -> Result<Tagged<json::Template>, Problem> {
    let stored = state.control().template(caller.account, id).await?;
    let stored = stored.ok_or_else(|| Problem::no_such("模板", "template"))?;
    let compiled = Template::compile(&stored.source).ok();
    let version = super::version(&stored);
    Ok(Tagged(super::document(stored, compiled.as_ref(), language, state.zone()), version))
}
