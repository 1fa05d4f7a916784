//! The page that takes a one-time link.

use axum::http::HeaderName;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use axum::response::{Html, IntoResponse};

/// The link's secret stands behind the `#`, which no browser sends: neither a proxy nor a log ever sees it.
const PAGE: &str = include_str!("welcome.html");
/// Nothing from elsewhere, and nothing of the page in another's frame.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// 设置密码页面 · The page of one-time links
///
/// For whoever holds a one-time link: asks for a password and sets it.
#[utoipa::path(
    get, path = "/welcome", tag = "access",
    responses((status = 200, content_type = "text/html", body = String, description = "The page.",
        example = "<!doctype html>…"))
)]
pub(crate) async fn welcome() -> impl IntoResponse {
    let headers: [(HeaderName, &str); 3] =
        [(CONTENT_SECURITY_POLICY, POLICY), (REFERRER_POLICY, "no-referrer"), (CACHE_CONTROL, "no-store")];
    (headers, Html(PAGE))
}
