//! Store a template.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::control::{Conditions, Edit, TemplateRecord};
use domain::template::Template;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::json;
use crate::language::Language;
use crate::problem::Problem;
use crate::request::Body;
use crate::state::ApiState;

/// 新建模板 · Store a template
///
/// The text is compiled first; what is wrong with it is said with its line.
#[utoipa::path(
    post, path = "/v1/templates", tag = "templates", security(("key" = ["templates:write"])),
    request_body = json::TemplateCreate,
    responses((status = 201, body = json::Template, description = "Stored."))
)]
pub(crate) async fn create(
    caller: Allowed<can::WriteTemplates>,
    State(state): State<ApiState>,
    context: Context,
    language: Language,
    body: Body<json::TemplateCreate>,
) -> Result<(StatusCode, Json<json::Template>), Problem> {
    let json::TemplateCreate { name, category, text } = body.value;
    let name = super::name(&name)?;
    let compiled = Template::compile(&text).map_err(|error| super::text_problem(&error))?;
    let stored = TemplateRecord {
        id: state.fresh_id().into(),
        account: caller.account,
        name,
        category: category.into(),
        source: text,
        created_at: state.now(),
    };
    let document = super::document(stored.clone(), Some(&compiled), language, state.zone());
    let line = context.line(&state, &caller, "templates.create", &stored.id, Some(super::version(&stored)));
    state
        .control()
        .edit(Edit::AddTemplate(&stored), Conditions { expected: None, line: Some(&line) })
        .await?;
    Ok((StatusCode::CREATED, Json(document)))
}
