//! Suppress a phone.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::ledger::SuppressionOrder;
use domain::phone::Phone;
use domain::policy::Suppressed;

use crate::auth::{Allowed, can};
use crate::problem::Problem;
use crate::request::Body;
use crate::state::ApiState;
use crate::{json, privacy};

/// 加入黑名单 · Suppress a phone
///
/// Effective for everything that is not sent yet, the rest of running campaigns included, when this answers.
#[utoipa::path(
    post, path = "/v1/suppressions", tag = "suppressions", security(("key" = ["suppressions:write"])),
    request_body = json::SuppressionCreate,
    responses((status = 201, body = json::Suppression, description = "In force."))
)]
pub(crate) async fn create(
    caller: Allowed<can::WriteSuppressions>,
    State(state): State<ApiState>,
    body: Body<json::SuppressionCreate>,
) -> Result<(StatusCode, Json<json::Suppression>), Problem> {
    let json::SuppressionCreate { phone, scope, category, source } = body.value;
    let phone = Phone::parse(&phone, state.engine().settings().country)
        .map_err(|error| Problem::field("/phone", error.explain()))?;
    let suppressed = Suppressed {
        scope: super::scope(scope, &caller)?,
        category: category.map(Into::into),
        source: source.into(),
        at: state.now(),
    };
    let order = SuppressionOrder { phone, account: caller.account, suppressed, inbound: None };
    state.engine().suppress(order).await?;
    let document = json::Suppression {
        phone: privacy::phone(phone, false),
        scope,
        category,
        source,
        inbound: None,
        at: json::Moment::new(suppressed.at, state.zone()),
        lifted_at: None,
    };
    Ok((StatusCode::CREATED, Json(document)))
}
