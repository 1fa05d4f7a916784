//! Send a campaign's failures again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::campaign::ResendFilter;
use domain::ids::{CampaignId, RouteId};
use engine::CampaignTrouble;
use engine::accept::IdempotencyKey as SendKey;
use engine::campaign::{ResendOrder, Resent};
use sha2::{Digest as _, Sha256};

use super::convert::View;
use crate::auth::{Allowed, can};
use crate::context::Context;
use crate::json;
use crate::language::Language;
use crate::problem::Problem;
use crate::request::{self, Body, Id, IdempotencyKey};
use crate::state::ApiState;

/// 重发失败的消息 · Send a campaign's failures again
///
/// As a campaign of its own with the same text, to those whom this one and all that was sent again of it did not
/// reach. Nobody who got the message gets another one, nor does anybody for whom one is still on its way; suppressions
/// and caps decide again. With `dry_run` it is only counted. With an `Idempotency-Key` the request may be repeated for
/// 24 hours; of two requests at the same time, one is told to look again.
#[utoipa::path(
    post, path = "/v1/campaigns/{id}/resend", tag = "campaigns", security(("key" = ["campaigns:run"])),
    params(
        ("id" = String, Path, description = "The campaign.", example = "cmp_0d4x0k1g00000"),
        ("Idempotency-Key" = Option<String>, Header, description = "Of your choice, new for every new request.",
            example = "resend-20261125-0001"),
    ),
    request_body = json::ResendOrder,
    responses(
        (status = 200, body = json::Resent, description = "Counted."),
        (status = 201, body = json::Resent, description = "The new campaign runs."),
    )
)]
pub(crate) async fn resend(
    caller: Allowed<can::RunCampaigns>,
    State(state): State<ApiState>,
    language: Language,
    context: Context,
    Id(id): Id<CampaignId>,
    IdempotencyKey(key): IdempotencyKey,
    body: Body<json::ResendOrder>,
) -> Result<(StatusCode, Json<json::Resent>), Problem> {
    // The digest names the campaign: the same body may be sent to another one.
    let digest = Sha256::new().chain_update(id.raw().to_be_bytes()).chain_update(&body.bytes).finalize();
    let idempotency = key.map(|key| SendKey { key, body_sha256: digest.into() });
    let json::ResendOrder { states, reasons, route, name, dry_run } = body.value;
    let route = route.map(|text| {
        request::read::<RouteId>(&text, "/route", "应为 rte_1 形式的编号", "An id of the form rte_1")
    });
    // Of a dry run the line is written as of any other request; what sends writes its own, with what it sends.
    let line = (!dry_run).then(|| context.line(&state, &caller, "campaigns.resend", &id, None));
    let order = ResendOrder {
        line,
        filter: ResendFilter {
            states: states.into_iter().map(Into::into).collect(),
            reasons: reasons.into_iter().map(Into::into).collect(),
        },
        route: route.transpose()?,
        name,
        asked_by: caller.actor().principal.to_string(),
        idempotency,
        dry_run,
    };
    let account = caller.account;
    let engine = Arc::clone(state.engine());
    // Goes on when the caller stops waiting: then the key finds what it has made.
    let sending = tokio::spawn(async move { engine.resend(account, id, &order).await });
    let resent = sending.await.map_err(|_| CampaignTrouble::Interrupted)??;
    let status = if resent.campaign.is_some() { StatusCode::CREATED } else { StatusCode::OK };
    let view = View { zone: state.zone(), language, reveal: false };
    Ok((status, Json(document(resent, &view))))
}

fn document(resent: Resent, view: &View<'_>) -> json::Resent {
    let Resent { count, unmatched, preflight, campaign } = resent;
    let by_end = count.by_end.into_iter().map(|(state, reason, messages)| json::EndCount {
        state: state.into(),
        reason: reason.into(),
        explanation: view.language.of_two(reason.explain()).to_owned(),
        messages,
    });
    json::Resent {
        messages: count.messages,
        by_end: by_end.collect(),
        possible_duplicates: count.possible_duplicates,
        delivered: count.delivered,
        under_way: count.under_way,
        unmatched,
        preflight: preflight.map(|report| view.preflight(report)),
        campaign: campaign.map(|campaign| campaign.id.to_string()),
    }
}
