//! Does the system take work.

use axum::extract::State;

use crate::problem::Problem;
use crate::state::ApiState;

/// 就绪检查 · Does it take work
///
/// `ready` when ledger and control database answer, in the schema that this program works on.
#[utoipa::path(
    get, path = "/readyz", tag = "system",
    responses((status = 200, body = String, description = "It does.", example = json!("ready")))
)]
pub(crate) async fn ready(State(state): State<ApiState>) -> Result<&'static str, Problem> {
    state.control().accounts().await?;
    state.ledger().ready().await?;
    Ok("ready")
}
