//! Fetch the file of an export.

use std::ops::Range;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use domain::control::ExportFormat;
use domain::ids::ExportId;

use super::may_read;
use crate::auth::{Allowed, can};
use crate::download;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 下载导出文件 · Fetch the file of an export
///
/// Whole, or the part that `Range` names (RFC 9110 §14), so that a broken download goes on where it ended. Only when its
/// status is `finished`.
#[utoipa::path(
    get, path = "/v1/exports/{id}/file", tag = "exports", security(("key" = ["messages:read"])),
    params(
        ("id" = String, Path, description = "The export.", example = "exp_0d4x0k1g00000"),
        ("Range" = Option<String>, Header, description = "One range of bytes; what cannot be is left aside.", example = "bytes=0-1023"),
    ),
    responses(
        (status = 200, content_type = "application/octet-stream", body = String, description = "The file.", example = "…"),
        (status = 206, content_type = "application/octet-stream", body = String, description = "A part of it.", example = "…"),
    )
)]
pub(crate) async fn file(
    caller: Allowed<can::ReadMessages>,
    State(state): State<ApiState>,
    headers: HeaderMap,
    Id(id): Id<ExportId>,
) -> Result<Response, Problem> {
    let export = state.engine().exports().find(caller.account, id).await?;
    may_read(&caller, export.of, export.reveal)?;
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let part = asked.and_then(|asked| range(asked, export.bytes));
    let pieces = state.engine().exports().file(&export, part.clone().unwrap_or(0..export.bytes)).await?;
    let extension = match export.format {
        ExportFormat::Csv => "csv",
        ExportFormat::Xlsx => "xlsx",
        ExportFormat::Parquet => "parquet",
    };
    let name = format!("{}-{id}.{extension}", export.of.word());
    let mut response = download::csv(&name, "application/octet-stream", Body::from_stream(pieces));
    let sent = part.as_ref().map_or(export.bytes, |part| part.end - part.start);
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(sent));
    if let Some(part) = part {
        let text = format!("bytes {}-{}/{}", part.start, part.end - 1, export.bytes);
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(header::CONTENT_RANGE, value);
        }
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// The one range that a header names; none when it names several, none that is there, or something else.
fn range(asked: &str, bytes: u64) -> Option<Range<u64>> {
    let (first, last) = asked.trim().strip_prefix("bytes=")?.split_once('-')?;
    let part = match (first, last) {
        ("", last) => bytes.saturating_sub(last.parse().ok()?)..bytes,
        (first, "") => first.parse().ok()?..bytes,
        (first, last) => first.parse().ok()?..last.parse::<u64>().ok()?.saturating_add(1).min(bytes),
    };
    (part.start < part.end).then_some(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_writes_them() {
        for (asked, part) in [
            ("bytes=0-0", Some(0..1)),
            ("bytes=2-", Some(2..10)),
            ("bytes=-3", Some(7..10)),
            ("bytes=-30", Some(0..10)),
            ("bytes=4-99", Some(4..10)),
            ("bytes=10-", None),
            ("bytes=5-4", None),
            ("bytes=0-1,3-4", None),
            ("bytes=-0", None),
            ("lines=0-1", None),
            ("bytes=0-18446744073709551615", Some(0..10)),
        ] {
            assert_eq!(range(asked, 10), part, "{asked}");
        }
        assert_eq!(range("bytes=0-", 0), None);
    }
}
