//! Keys for programs.

mod create;
mod list;
mod revoke;

use domain::access::{Permission, PermissionSet};
use domain::control::KeyGrant;
use jiff::tz::TimeZone;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::json;
use crate::problem::{Problem, say};
use crate::state::ApiState;

pub(crate) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list::list, create::create)).routes(routes!(revoke::revoke))
}

fn document(grant: &KeyGrant, zone: &TimeZone) -> json::Key {
    let moment = |at| json::Moment::new(at, zone);
    json::Key {
        id: grant.key.id.to_string(),
        name: grant.key.name.clone(),
        scopes: words(grant.scopes),
        networks: grant.rules.networks.iter().map(ToString::to_string).collect(),
        signs: grant.signing.is_some(),
        per_minute: grant.per_minute,
        created_at: moment(grant.key.created_at),
        expires_at: grant.rules.expires_at.map(moment),
        revoked_at: grant.rules.revoked_at.map(moment),
        used_at: grant.used_at.map(moment),
    }
}

/// Permissions as they are written.
pub(crate) fn words(permissions: PermissionSet) -> Vec<String> {
    permissions.iter().map(|permission| permission.word().to_owned()).collect()
}

/// Permissions from their words.
pub(crate) fn permissions(words: &[String], field: &str) -> Result<PermissionSet, Problem> {
    PermissionSet::from_words(words.iter().map(String::as_str)).map_err(|place| {
        let known: Vec<&str> = Permission::ALL.iter().map(|permission| permission.word()).collect();
        let known = known.join(" ");
        let detail =
            say(format!("没有这个权限；可用：{known}"), format!("No such permission; there are: {known}"));
        Problem::field(format!("/{field}/{place}"), detail)
    })
}
