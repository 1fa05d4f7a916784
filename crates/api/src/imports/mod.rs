//! Imports: files into contacts.

mod list;
mod rejected;
mod show;
mod start;
mod upload;

use domain::control::{Import, ImportMapping};
use jiff::tz::TimeZone;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::json;
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(upload::upload, list::list))
        .routes(routes!(show::show))
        .routes(routes!(start::start))
        .routes(routes!(rejected::rejected))
}

/// An import as it is stored; a finished one has been read to its end.
fn document(import: Import, zone: &TimeZone) -> json::Import {
    json::Import {
        id: import.id.to_string(),
        file_name: import.file_name,
        bytes: import.bytes,
        bytes_read: if import.finished_at.is_some() { import.bytes } else { 0 },
        mapping: columns(import.mapping),
        tags: import.tags,
        source: import.source,
        basis: import.basis.map(Into::into),
        state: import.state.into(),
        counts: counts(import.counts),
        trouble: import.trouble,
        created_at: json::Moment::new(import.created_at, zone),
        finished_at: import.finished_at.map(|at| json::Moment::new(at, zone)),
    }
}

pub(crate) fn counts(counts: domain::control::ImportCounts) -> json::ImportCounts {
    json::ImportCounts {
        read: counts.read,
        new: counts.new,
        updated: counts.updated,
        duplicate: counts.duplicate,
        invalid: counts.invalid,
    }
}

pub(crate) fn columns(mapping: ImportMapping) -> Vec<json::Column> {
    mapping.columns.into_iter().map(|(name, r#use)| json::Column { name, r#use: r#use.into() }).collect()
}

pub(crate) fn mapping(columns: Vec<json::Column>) -> ImportMapping {
    ImportMapping { columns: columns.into_iter().map(|column| (column.name, column.r#use.into())).collect() }
}
