//! What people see of themselves, and change.

mod password;
mod show;
mod totp;

use domain::access::Principal;
use domain::control::User;
use domain::ids::SessionId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::Caller;
use crate::problem::{Kind, Problem, say};
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(show::show))
        .routes(routes!(password::password))
        .routes(routes!(totp::begin))
        .routes(routes!(totp::confirm))
        .routes(routes!(totp::remove))
}

/// The person behind a session. A key is nobody's.
pub(crate) async fn person(caller: &Caller, state: &ApiState) -> Result<(User, SessionId), Problem> {
    let (Principal::User(id), Some(session)) = (caller.actor().principal, caller.session) else {
        return Err(Problem::new(Kind::Forbidden).with(say(
            "只有登录的用户可以这样做，密钥不行",
            "Only somebody who signed in can do this, not a key",
        )));
    };
    let user = state.control().user(caller.actor().home, id).await?;
    Ok((user.ok_or(Problem::new(Kind::Unauthorized))?, session))
}
