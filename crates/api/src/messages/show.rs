//! Look at one message.

use axum::Json;
use axum::extract::State;
use domain::ids::MessageId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::View;
use crate::auth::Caller;
use crate::json;
use crate::language::Language;
use crate::problem::Problem;
use crate::request::{Id, Params};
use crate::state::ApiState;

/// How to show it.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Showing {
    /// Show the phone as it is.
    #[serde(default)]
    reveal: bool,
}

/// 查看短信轨迹 · Look at one message
///
/// With its trail: every step, when, over which channel and why.
#[utoipa::path(
    get, path = "/v1/messages/{id}", tag = "messages",
    params(("id" = String, Path, description = "The message.", example = "msg_0d4x0k1g00000"), Showing),
    responses((status = 200, body = json::Message, description = "The message with its trail."))
)]
pub(crate) async fn show(
    caller: Caller,
    State(state): State<ApiState>,
    language: Language,
    Id(id): Id<MessageId>,
    Params(showing): Params<Showing>,
) -> Result<Json<json::Message>, Problem> {
    let record = state.ledger().message(caller.account, id).await?;
    let record = record.ok_or_else(|| Problem::no_such("短信", "message"))?;
    let policy = state.engine().policy();
    let numbers = state.engine().numbers().await?;
    let view =
        View { zone: state.zone(), policy: &policy, numbers: &numbers, language, reveal: showing.reveal };
    Ok(Json(view.document(record, true)))
}
