//! Download a report of messages.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use engine::reports::ReportRow;

use super::{Asking, COLUMNS, asked};
use crate::auth::{Allowed, can};
use crate::download;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::ApiState;

/// 下载短信报表 · Download a report of messages
///
/// The same as CSV: of each column the messages, then the parts and the price of what was submitted. The last line is
/// the total.
#[utoipa::path(
    get, path = "/v1/reports/messages.csv", tag = "reports", security(("key" = ["messages:read"])), params(Asking),
    responses((status = 200, content_type = "text/csv", body = String, description = "The sums.",
        example = "分组 key,接收 accepted,…\r\n2026-11-25,4,…\r\n合计 total,4,…\r\n"))
)]
pub(crate) async fn csv(
    caller: Allowed<can::ReadMessages>,
    State(state): State<ApiState>,
    Params(asking): Params<Asking>,
) -> Result<Response, Problem> {
    let report = asked(&asking, &caller, &state).await?;
    let mut text = "\u{feff}分组 key,接收 accepted".to_owned();
    COLUMNS.iter().for_each(|(zh, en, _)| text.push_str(&format!(",{zh} {en}")));
    text.push_str(",条数 parts,价格 price\r\n");
    report.rows.iter().for_each(|(key, row)| push(&mut text, key, row));
    push(&mut text, "合计 total", &report.total);
    Ok(download::csv("messages-report.csv", "text/csv; charset=utf-8", Body::from(text)))
}

fn push(text: &mut String, key: &str, row: &ReportRow) {
    let mut cells = vec![key.to_owned(), row.accepted.messages.to_string()];
    cells.extend(COLUMNS.iter().map(|(_, _, states)| row.in_states(states).messages.to_string()));
    let submitted = row.in_states(COLUMNS[0].2);
    cells.extend([submitted.parts.to_string(), submitted.price.to_string()]);
    download::push_row(text, &cells);
}
