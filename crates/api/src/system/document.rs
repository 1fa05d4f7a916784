//! The OpenAPI document.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use crate::openapi::DOCUMENT;

/// OpenAPI 文档 · The OpenAPI document
///
/// This document.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "system",
    responses((status = 200, body = Object, description = "OpenAPI 3.1.", example = json!({"openapi": "3.1.0"})))
)]
pub(crate) async fn document() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}
