//! Is the process alive.

/// 存活检查 · Is it alive
///
/// `ok` as long as the process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "system",
    responses((status = 200, body = String, description = "Alive.", example = json!("ok")))
)]
pub(crate) async fn health() -> &'static str {
    "ok"
}
