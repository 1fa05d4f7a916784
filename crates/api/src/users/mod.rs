//! People who sign in.

mod edit;
mod invite;
mod link;
mod list;
mod oidc;
mod show;

use domain::access::RoleRef;
use domain::control::{Secret, User};
use jiff::tz::TimeZone;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::json;
use crate::problem::{Problem, say};
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list, invite::invite))
        .routes(routes!(show::show, edit::edit))
        .routes(routes!(link::link))
        .routes(routes!(oidc::put, oidc::remove))
}

pub(crate) fn document(user: &User, zone: &TimeZone) -> json::User {
    json::User {
        id: user.id.to_string(),
        login: user.login.clone(),
        name: user.name.clone(),
        roles: user.roles.iter().map(RoleRef::to_string).collect(),
        second_factor: user.second_factor.as_ref().is_some_and(|factor| factor.confirmed),
        invited: user.password.is_none(),
        disabled: user.disabled_at.is_some(),
        created_at: json::Moment::new(user.created_at, zone),
    }
}

fn invited(user: &User, secret: Secret, zone: &TimeZone) -> json::UserInvited {
    let path = format!("/welcome#{}", secret.0);
    json::UserInvited { user: document(user, zone), token: secret.0, path }
}

fn roles(texts: &[String]) -> Result<Vec<RoleRef>, Problem> {
    let role = |(place, text): (usize, &String)| {
        text.parse::<RoleRef>().map_err(|error| {
            let zh =
                "应为 owner、operator、marketer、approver、support、finance、auditor、read_only 或 rol_…";
            Problem::field(format!("/roles/{place}"), say(zh, error.to_string()))
        })
    };
    texts.iter().enumerate().map(role).collect()
}
