//! What is known of one phone.

use axum::Json;
use axum::extract::State;
use domain::access::Permission;
use domain::phone::{Phone, PhoneKind};

use crate::auth::{Allowed, can};
use crate::problem::Problem;
use crate::request::Body;
use crate::state::ApiState;
use crate::{json, privacy};

/// 查询号码 · Show what is known of a phone
///
/// Province, city, carrier. Whoever may see channels is also told what receipts taught: to which network it has moved, and on which
/// days carriers called it dead; others' messages taught it too, so nobody else is told. The phone is in the body, so that
/// no log of addresses holds it.
#[utoipa::path(
    post, path = "/v1/numbers/show", tag = "numbers", security(("key" = ["contacts:read"])), request_body = json::NumberQuestion,
    responses((status = 200, body = json::NumberShown, description = "As of now."))
)]
pub(crate) async fn show(
    caller: Allowed<can::ReadContacts>,
    State(state): State<ApiState>,
    body: Body<json::NumberQuestion>,
) -> Result<Json<json::NumberShown>, Problem> {
    let engine = state.engine();
    let phone = Phone::parse(&body.value.phone, engine.settings().country)
        .map_err(|error| Problem::field("/phone", error.explain()))?;
    let mut shown = engine.show_number(phone).await?;
    if caller.demand(Permission::ReadChannels).is_err() {
        shown.forget_learned();
    }
    let moment = |at| json::Moment::new(at, state.zone());
    let known = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    Ok(Json(json::NumberShown {
        phone: privacy::phone(shown.phone, false),
        country: shown.country.map(|country| country.to_string()),
        kind: if shown.kind == PhoneKind::Virtual { "virtual" } else { "normal" }.to_owned(),
        carrier: shown.carrier.into(),
        heading: shown.heading.into(),
        province: shown.place.as_ref().and_then(|place| known(&place.province)),
        city: shown.place.as_ref().and_then(|place| known(&place.city)),
        not_of: shown
            .not_of
            .into_iter()
            .map(|(carrier, at)| json::NotOf { carrier: carrier.into(), at: moment(at) })
            .collect(),
        called_dead: shown.failures.into_iter().map(moment).collect(),
        dead_since: shown.dead_since.map(moment),
        dead_until: shown.dead_until.map(moment),
    }))
}
