//! Who am I.

use axum::Json;
use axum::extract::State;

use super::person;
use crate::auth::Anyone;
use crate::json;
use crate::keys::words;
use crate::problem::Problem;
use crate::state::ApiState;
use crate::users::document;

/// 我是谁 · Who am I
///
/// The key or the person behind the request, for which account it acts, and what it may do there.
#[utoipa::path(
    get, path = "/v1/me", tag = "access", security(("key" = [])),
    responses((status = 200, body = json::Me, description = "Who asks."))
)]
pub(crate) async fn show(
    Anyone(caller): Anyone,
    State(state): State<ApiState>,
) -> Result<Json<json::Me>, Problem> {
    let user = match caller.session {
        Some(_) => Some(document(&person(&caller, &state).await?.0, state.zone())),
        None => None,
    };
    Ok(Json(json::Me {
        principal: caller.actor().principal.to_string(),
        account: caller.account.to_string(),
        home: caller.actor().home.to_string(),
        operator: caller.is_operator,
        permissions: words(caller.actor().permissions),
        user,
    }))
}
