//! Is the process alive.

/// `ok` as long as the process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "system", summary = "存活检查 · Is it alive",
    responses((status = 200, body = String, description = "Alive.", example = json!("ok")))
)]
pub(crate) async fn health() -> &'static str {
    "ok"
}
