//! What became of a campaign.

use axum::Json;
use axum::extract::State;
use domain::ids::{CampaignId, RouteId};
use domain::message::Reason;
use domain::phone::Carrier;
use domain::report::{Amount, Funnel};
use engine::campaign::CampaignReport;
use jiff::tz::TimeZone;

use crate::auth::Caller;
use crate::json;
use crate::language::Language;
use crate::problem::Problem;
use crate::request::Id;
use crate::state::ApiState;

/// 任务报告 · Report of a campaign
///
/// A funnel, exact at the moment of reading: audience, eligible, submitted, delivered, failed by reason, opted out, cost.
#[utoipa::path(
    get, path = "/v1/campaigns/{id}/report", tag = "campaigns",
    params(("id" = String, Path, description = "The campaign.", example = "cmp_0d4x0k1g00000")),
    responses((status = 200, body = json::CampaignReport, description = "The report."))
)]
pub(crate) async fn report(
    caller: Caller,
    State(state): State<ApiState>,
    language: Language,
    Id(id): Id<CampaignId>,
) -> Result<Json<json::CampaignReport>, Problem> {
    let report = state.engine().campaign_report(caller.account, id).await?;
    Ok(Json(document(report, language, state.zone())))
}

fn document(report: CampaignReport, language: Language, zone: &TimeZone) -> json::CampaignReport {
    let CampaignReport { campaign, funnel: people, tests, by_carrier, by_route, stranded } = report;
    let of_route = |(route, taken, delivered): (RouteId, Amount, Amount)| json::RouteAmount {
        route: route.to_string(),
        messages: taken.messages,
        parts: taken.parts,
        price: taken.price.into(),
        delivered: delivered.messages,
    };
    json::CampaignReport {
        campaign: campaign.id.to_string(),
        name: campaign.name,
        state: campaign.state.into(),
        started_at: campaign.started_at.map(|at| json::Moment::new(at, zone)),
        finished_at: campaign.finished_at.map(|at| json::Moment::new(at, zone)),
        funnel: funnel(people, language),
        tests: funnel(tests, language),
        by_carrier: by_carrier.into_iter().map(of_carrier).collect(),
        by_route: by_route.into_iter().map(of_route).collect(),
        stranded: stranded.into_iter().map(of_carrier).collect(),
    }
}

fn funnel(funnel: Funnel, language: Language) -> json::Funnel {
    json::Funnel {
        audience: funnel.audience,
        left_out: funnel.left_out,
        accepted: amount(funnel.accepted),
        eligible: amount(funnel.eligible),
        submitted: amount(funnel.submitted),
        delivered: amount(funnel.delivered),
        undelivered: amount(funnel.undelivered),
        expired: amount(funnel.expired),
        failed: amount(funnel.failed),
        failures: reasons(funnel.failures, language),
        rejected: amount(funnel.rejected),
        rejections: reasons(funnel.rejections, language),
        cancelled: amount(funnel.cancelled),
        unknown: amount(funnel.unknown),
        uncertain: amount(funnel.uncertain),
        in_flight: amount(funnel.in_flight),
        awaiting_receipt: amount(funnel.awaiting_receipt),
        queued: amount(funnel.queued),
        cost: funnel.cost.into(),
        parts: funnel.parts,
        opted_out: funnel.opted_out,
    }
}

fn of_carrier((carrier, of_it): (Carrier, Amount)) -> json::CarrierAmount {
    json::CarrierAmount { carrier: carrier.into(), amount: amount(of_it) }
}

fn amount(amount: Amount) -> json::Amount {
    json::Amount { messages: amount.messages, parts: amount.parts, price: amount.price.into() }
}

fn reasons(reasons: Vec<(Reason, Amount)>, language: Language) -> Vec<json::ReasonAmount> {
    let reasons = reasons.into_iter().map(|(reason, of_it)| json::ReasonAmount {
        reason: reason.into(),
        explanation: language.of_two(reason.explain()).to_owned(),
        amount: amount(of_it),
    });
    reasons.collect()
}
