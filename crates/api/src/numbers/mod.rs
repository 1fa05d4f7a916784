//! Numbers: the table of ranges, what is known of one phone, and list cleaning.

mod cleaning;
mod dead;
mod import;
mod show;
mod table;

use domain::control::DocumentMark;
use engine::numbers::NumberTable;
use jiff::tz::TimeZone;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::json;
use crate::state::ApiState;

/// Bytes of a checksum that are shown: enough to tell two tables apart.
const SHOWN_BYTES: usize = 8;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(table::table))
        .routes(routes!(import::import))
        .routes(routes!(show::show))
        .routes(routes!(cleaning::cleaning))
        .routes(routes!(dead::dead))
}

fn document(known: &NumberTable, zone: &TimeZone) -> json::NumberTable {
    let NumberTable { table, mark } = known;
    let hex = |mark: &DocumentMark| {
        mark.checksum.iter().take(SHOWN_BYTES).map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    json::NumberTable {
        source: table.source().to_owned(),
        version: mark.map_or(0, |mark| mark.version),
        ranges: table.len(),
        places: table.places().len(),
        memory_bytes: table.memory_bytes(),
        checksum: mark.as_ref().map(hex).unwrap_or_default(),
        imported_at: mark.map(|mark| json::Moment::new(mark.put_at, zone)),
    }
}
