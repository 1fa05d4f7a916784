//! Change a template.

use axum::extract::State;
use domain::control::{Conditions, Edit, Editable, TemplateRecord};
use domain::ids::TemplateId;
use domain::template::Template;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::etag::{IfMatch, Tag, Tagged};
use crate::json;
use crate::language::Language;
use crate::problem::Problem;
use crate::request::{Body, Id};
use crate::state::ApiState;

/// 修改模板 · Change a template
///
/// Name, category and text become what is given. Campaigns that were made of it keep the text that they were made with.
#[utoipa::path(
    put, path = "/v1/templates/{id}", tag = "templates", security(("key" = ["templates:write"])),
    params(
        ("id" = String, Path, description = "The template.", example = "tpl_0d4x0k1g00000"),
        ("If-Match" = Option<String>, Header, description = "Its `ETag`, to change nothing else."),
    ),
    request_body = json::TemplateCreate,
    responses((status = 200, body = json::Template, description = "Changed."))
)]
pub(crate) async fn put(
    caller: Allowed<can::WriteTemplates>,
    State(state): State<ApiState>,
    context: Context,
    language: Language,
    if_match: IfMatch,
    Id(id): Id<TemplateId>,
    body: Body<json::TemplateCreate>,
) -> Result<Tagged<json::Template>, Problem> {
    let edition = state.control().edition(Editable::Template(id)).await?;
    let known = state.control().template(caller.account, id).await?;
    let known = known.ok_or_else(|| Problem::no_such("模板", "template"))?;
    if_match.check(super::version(&known))?;
    let json::TemplateCreate { name, category, text } = body.value;
    let name = super::name(&name)?;
    let compiled = Template::compile(&text).map_err(|error| super::text_problem(&error))?;
    let changed = TemplateRecord { name, category: category.into(), source: text, ..known };
    let version: Tag = super::version(&changed);
    let line = context.line(&state, &caller, "templates.put", &id, Some(version));
    let terms = Conditions { expected: if_match.expects(edition), line: Some(&line) };
    let edited = state.control().edit(Edit::ChangeTemplate(&changed), terms).await;
    if !edited.map_err(|error| if_match.settle(error))? {
        return Err(Problem::no_such("模板", "template"));
    }
    Ok(Tagged(super::document(changed, Some(&compiled), language, state.zone()), version))
}
