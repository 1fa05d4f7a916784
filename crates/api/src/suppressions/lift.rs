//! Lift a suppression.

use axum::Json;
use axum::extract::State;
use domain::policy::{Suppressed, SuppressionSource};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Allowed, can};
use crate::contacts::asked_phone;
use crate::json;
use crate::problem::Problem;
use crate::request::Params;
use crate::state::ApiState;

/// Which suppression.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Lifting {
    /// The phone.
    phone: String,
    /// `entity` unless the operator says otherwise.
    scope: Option<json::Scope>,
    /// The category that was suppressed; left out: the suppression of every category.
    category: Option<json::Category>,
}

/// 移出黑名单 · Lift a suppression
///
/// The record of it stays. Only lift what the person themself took back: consent is theirs to give.
#[utoipa::path(
    delete, path = "/v1/suppressions", tag = "suppressions", security(("key" = ["suppressions:write"])),
    params(Lifting),
    responses((status = 200, body = json::SuppressionLifted, description = "How many were lifted."))
)]
pub(crate) async fn lift(
    caller: Allowed<can::WriteSuppressions>,
    State(state): State<ApiState>,
    Params(lifting): Params<Lifting>,
) -> Result<Json<json::SuppressionLifted>, Problem> {
    let phone = asked_phone(&state, &lifting.phone)?;
    let suppressed = Suppressed {
        scope: super::scope(lifting.scope.unwrap_or(json::Scope::Entity), &caller)?,
        category: lifting.category.map(Into::into),
        source: SuppressionSource::Manual,
        at: state.now(),
    };
    let lifted = state.ledger().unsuppress(phone, suppressed, state.now()).await?;
    Ok(Json(json::SuppressionLifted { lifted }))
}
