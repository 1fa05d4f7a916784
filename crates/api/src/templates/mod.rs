//! Templates: message texts with variables.

mod create;
mod list;
mod preview;
mod show;

use domain::control::TemplateRecord;
use domain::template::{Template, TemplateError};
use jiff::tz::TimeZone;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::json;
use crate::language::Language;
use crate::problem::Problem;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(preview::preview))
        .routes(routes!(show::show))
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
