//! Store a template.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::control::{Conditions, Edit, TemplateRecord};
use domain::template::Template;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::etag::Tag;
use crate::json;
use crate::language::Language;
use crate::problem::{Problem, say};
use crate::request::Body;
use crate::state::ApiState;

/// Longest name: what fits a line of the console.
const MAX_NAME_CHARS: usize = 60;

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
    let name = name.trim().to_owned();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
        let detail = say(
            format!("名称应为 1 到 {MAX_NAME_CHARS} 个字符"),
            format!("A name has 1 to {MAX_NAME_CHARS} characters"),
        );
        return Err(Problem::field("/name", detail));
    }
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
    let line = context.line(&state, &caller, "templates.create", &stored.id, Some(Tag::of(&document)));
    state
        .control()
        .edit(Edit::AddTemplate(&stored), Conditions { expected: None, line: Some(&line) })
        .await?;
    Ok((StatusCode::CREATED, Json(document)))
}
