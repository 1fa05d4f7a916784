//! Make a key.

use access::NewKey;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::access::KeyRules;

use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::json;
use crate::messages::not_a_moment;
use crate::problem::{Problem, say};
use crate::request::Body;
use crate::state::ApiState;

/// 创建密钥 · Make a key
///
/// The secret is shown here and never again. It holds no more than the caller does.
#[utoipa::path(
    post, path = "/v1/keys", tag = "access", security(("key" = ["keys:write"])),
    request_body = json::KeyCreate,
    responses((status = 201, body = json::KeyCreated, description = "Made; keep the secret."))
)]
pub(crate) async fn create(
    caller: Allowed<can::WriteKeys>,
    State(state): State<ApiState>,
    context: Context,
    body: Body<json::KeyCreate>,
) -> Result<(StatusCode, Json<json::KeyCreated>), Problem> {
    let json::KeyCreate { name, scopes, networks, expires_at, signs, per_minute } = body.value;
    let network = |(place, text): (usize, &String)| {
        let detail = say("应为 10.0.0.0/8 形式的网段", "A network of the form 10.0.0.0/8");
        text.parse().map_err(|_| Problem::field(format!("/networks/{place}"), detail))
    };
    let expires_at = expires_at.map(|at| at.instant().ok_or_else(|| not_a_moment("/expires_at".to_owned())));
    let rules = KeyRules {
        networks: networks.iter().enumerate().map(network).collect::<Result<_, _>>()?,
        expires_at: expires_at.transpose()?,
        revoked_at: None,
    };
    let scopes = super::permissions(&scopes, "scopes")?;
    context.is_logged();
    let new = NewKey { name, scopes, rules, signs, per_minute };
    let (grant, secret) = state.access().create_key(caller.actor(), new).await?;
    let key = super::document(&grant, state.zone());
    Ok((StatusCode::CREATED, Json(json::KeyCreated { key, secret: secret.0 })))
}
