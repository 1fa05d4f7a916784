//! Templates: message texts with variables.

mod create;
mod list;
mod preview;
mod put;
mod show;

use domain::control::TemplateRecord;
use domain::template::{Template, TemplateError};
use jiff::tz::TimeZone;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::etag::Tag;
use crate::json;
use crate::language::Language;
use crate::problem::{Problem, say};
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(preview::preview))
        .routes(routes!(show::show, put::put))
}

/// Longest name: what fits a line of the console.
const MAX_NAME_CHARS: usize = 60;

/// A name as it is kept.
///
/// # Errors
/// A problem that points at it.
fn name(text: &str) -> Result<String, Problem> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
        let detail = say(
            format!("名称应为 1 到 {MAX_NAME_CHARS} 个字符"),
            format!("A name has 1 to {MAX_NAME_CHARS} characters"),
        );
        return Err(Problem::field("/name", detail));
    }
    Ok(name.to_owned())
}

/// Of what people wrote; advice is in the language of whoever reads.
fn version(template: &TemplateRecord) -> Tag {
    let TemplateRecord { id, name, category, source, .. } = template;
    Tag::of(&(id.to_string(), name, category.word(), source))
}

fn document(
    stored: TemplateRecord,
    compiled: Option<&Template>,
    language: Language,
    zone: &TimeZone,
) -> json::Template {
    json::Template {
        id: stored.id.to_string(),
        name: stored.name,
        category: stored.category.into(),
        text: stored.source,
        variables: compiled.map_or_else(Vec::new, variables),
        advice: compiled.map_or_else(Vec::new, |template| advice(template, language)),
        created_at: json::Moment::new(stored.created_at, zone),
    }
}

fn variables(template: &Template) -> Vec<String> {
    template.variables().map(str::to_owned).collect()
}

fn advice(template: &Template, language: Language) -> Vec<json::TemplateAdvice> {
    let advice = template.advice().iter().map(|advice| json::TemplateAdvice {
        kind: advice.kind.code().to_owned(),
        line: advice.line,
        detail: language.choose(&advice.kind.explain()).to_owned(),
    });
    advice.collect()
}

/// The problem of a text that does not compile, with its line.
fn text_problem(error: &TemplateError) -> Problem {
    let problem = Problem::field("/text", error.explain());
    match error {
        TemplateError::Syntax { line, .. } | TemplateError::UnknownName { line, .. } => problem.at(*line, 1),
        TemplateError::Empty | TemplateError::TooLong { .. } => problem,
    }
}
