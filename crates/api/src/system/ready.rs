//! Does the system take work.

use axum::extract::State;
use axum::http::StatusCode;
use engine::Readiness;

use crate::problem::Problem;
use crate::state::ApiState;

/// 就绪检查 · Does it take work
///
/// `ready` when ledger and control database answer, in the schema that this program works on, and this node takes work.
/// Else 503: `draining` while it ends, `detached` while it cannot renew its life among the other nodes, `unconnected` when
/// it has channels of which none has had a connection for half a minute. One channel that is up is enough: what the
/// others do, `GET /v1/channels` tells.
#[utoipa::path(
    get, path = "/readyz", tag = "system",
    responses(
        (status = 200, body = String, description = "It does.", example = json!("ready")),
        (status = 503, body = String, description = "Not now: ask another node.", example = json!("draining")),
    )
)]
pub(crate) async fn ready(State(state): State<ApiState>) -> Result<(StatusCode, &'static str), Problem> {
    match state.engine().readiness() {
        Readiness::Ready => {}
        Readiness::Draining => return Ok((StatusCode::SERVICE_UNAVAILABLE, "draining")),
        Readiness::Detached => return Ok((StatusCode::SERVICE_UNAVAILABLE, "detached")),
        Readiness::Unconnected => return Ok((StatusCode::SERVICE_UNAVAILABLE, "unconnected")),
    }
    state.control().accounts().await?;
    state.ledger().ready().await?;
    Ok((StatusCode::OK, "ready"))
}
