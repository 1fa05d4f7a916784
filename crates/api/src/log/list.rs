//! Read the audit log.

use access::Digest;
use axum::Json;
use axum::extract::State;
use domain::access::Principal;
use domain::control::{AuditFilter, AuditLine};
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::{Allowed, can};
use crate::messages::not_a_moment;
use crate::problem::Problem;
use crate::request::{self, Params};
use crate::state::ApiState;
use crate::{json, page};

/// Which lines; all conditions hold at once.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Listing {
    /// Only what this key or user did: `key_…`, `usr_…` or `system`.
    principal: Option<String>,
    /// Only this action, such as `campaigns.start`.
    action: Option<String>,
    /// Only what was done to this object.
    object: Option<String>,
    /// From then on, in RFC 3339 with an offset.
    since: Option<String>,
    /// Before then.
    until: Option<String>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// From 1 to 1,000.
    limit: Option<u32>,
}

/// 审计日志 · Read the audit log
///
/// Newest first: who did what, when, from where, to which object. Nothing changes or removes a line.
#[utoipa::path(
    get, path = "/v1/audit", tag = "access", security(("key" = ["audit:read"])), params(Listing),
    responses((status = 200, body = json::Page<json::AuditLine>, description = "A page of the log."))
)]
pub(crate) async fn list(
    caller: Allowed<can::ReadAudit>,
    State(state): State<ApiState>,
    Params(listing): Params<Listing>,
) -> Result<Json<json::Page<json::AuditLine>>, Problem> {
    let limit = page::limit(listing.limit)?;
    let principal = listing.principal.as_deref().map(|text| {
        let (zh, en) = ("应为 key_…、usr_… 或 system", "Of the form key_…, usr_… or system");
        request::read::<Principal>(text, "?principal", zh, en)
    });
    let moment = |text: Option<String>, pointer: &str| {
        let at =
            text.map(|text| json::Moment(text).instant().ok_or_else(|| not_a_moment(pointer.to_owned())));
        at.transpose()
    };
    let filter = AuditFilter {
        principal: principal.transpose()?,
        action: listing.action,
        object: listing.object,
        since: moment(listing.since, "?since")?,
        until: moment(listing.until, "?until")?,
        before: page::cursor(listing.cursor.as_deref())?,
        ..AuditFilter::of(caller.account)
    };
    let lines = state.control().audit_log(&filter, limit).await?;
    let full = lines.len() == limit as usize;
    let next = lines.last().filter(|_| full).map(|last| last.id.to_string());
    Ok(Json(json::Page { items: lines.into_iter().map(|line| document(line, state.zone())).collect(), next }))
}

fn document(line: AuditLine, zone: &TimeZone) -> json::AuditLine {
    let digits = |digest: Digest| digest.iter().map(|byte| format!("{byte:02x}")).collect();
    json::AuditLine {
        id: line.id.to_string(),
        at: json::Moment::new(line.at, zone),
        principal: line.principal.to_string(),
        home: line.home.to_string(),
        action: line.action,
        object: line.object,
        address: line.address.map(|address| address.to_string()),
        request: line.request,
        before: line.before.map(digits),
        after: line.after.map(digits),
        count: line.count,
        detail: line.detail.into_iter().collect(),
    }
}
