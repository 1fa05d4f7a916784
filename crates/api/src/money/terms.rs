//! Show and replace what an account agreed to.

use axum::extract::State;
use domain::billing::{Limits, Terms};
use domain::control::Agreement;
use domain::ids::AccountId;
use domain::money::Money;
use domain::policy::Zone;

use crate::auth::{Allowed, can};
use crate::etag::{IfMatch, Tag, Tagged};
use crate::json;
use crate::problem::{Problem, say};
use crate::request::{Body, Id};
use crate::state::ApiState;

/// 结算条款 · Show an account's terms
///
/// With their version in `ETag`. Where nothing was agreed, nothing bounds it and what carriers took is paid.
#[utoipa::path(
    get, path = "/v1/accounts/{id}/terms", tag = "money", security(("key" = ["money:read"])),
    params(("id" = String, Path, description = "The account.", example = "acc_0d4x0k1g00000")),
    responses((status = 200, body = json::AccountTerms, description = "In force."))
)]
pub(crate) async fn show(
    caller: Allowed<can::ReadMoney>,
    State(state): State<ApiState>,
    Id(id): Id<AccountId>,
) -> Result<Tagged<json::AccountTerms>, Problem> {
    state.access().visible_account(caller.actor(), id).await?;
    Ok(Tagged::new(document(&state.statements().agreement(id).await?)))
}

/// 设定结算条款 · Replace an account's terms
///
/// Messages accepted from now on follow them; those before keep theirs. Other nodes follow within a heartbeat.
#[utoipa::path(
    put, path = "/v1/accounts/{id}/terms", tag = "money", security(("key" = ["money:write"])),
    params(
        ("id" = String, Path, description = "The account.", example = "acc_0d4x0k1g00000"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of the terms, to change nothing else."),
    ),
    request_body = json::AccountTerms,
    responses((status = 200, body = json::AccountTerms, description = "In force."))
)]
pub(crate) async fn put(
    caller: Allowed<can::WriteMoney>,
    State(state): State<ApiState>,
    if_match: IfMatch,
    Id(id): Id<AccountId>,
    body: Body<json::AccountTerms>,
) -> Result<Tagged<json::AccountTerms>, Problem> {
    state.access().visible_account(caller.actor(), id).await?;
    let current = state.statements().agreement(id).await?;
    if_match.check(Tag::of(&document(&current)))?;
    let mut agreement = agreement(&body.value)?;
    // What was read: who changed it since is not overwritten.
    agreement.terms.revision = current.terms.revision;
    state.statements().put_agreement(id, &agreement).await?;
    state.engine().configuration_changed();
    Ok(Tagged::new(document(&agreement)))
}

fn document(agreement: &Agreement) -> json::AccountTerms {
    let terms = &agreement.terms;
    json::AccountTerms {
        mode: terms.mode.into(),
        charge: terms.charge.into(),
        credit: terms.credit.into(),
        daily_limit: terms.limits.daily.map(Into::into),
        monthly_limit: terms.limits.monthly.map(Into::into),
        alert_below: terms.alert_below.map(Into::into),
        zone: agreement.zone.name().to_owned(),
    }
}

fn agreement(said: &json::AccountTerms) -> Result<Agreement, Problem> {
    let optional = |money: &Option<json::Money>, pointer: &str| {
        money.as_ref().map(|money| super::amount(money, pointer)).transpose()
    };
    let zone = Zone::named(&said.zone).map_err(|_| {
        let detail = say(
            "没有这个时区，请写如 Asia/Shanghai",
            "There is no such zone; write one such as Asia/Shanghai",
        );
        Problem::field("/zone", detail)
    })?;
    let daily: Option<Money> = optional(&said.daily_limit, "/daily_limit")?;
    let monthly = optional(&said.monthly_limit, "/monthly_limit")?;
    if let (Some(daily), Some(monthly)) = (daily, monthly)
        && daily > monthly
    {
        let detail = say("日限额不能高于月限额", "A day's limit is not above the month's");
        return Err(Problem::field("/daily_limit/micros", detail));
    }
    let terms = Terms {
        mode: said.mode.into(),
        charge: said.charge.into(),
        credit: super::amount(&said.credit, "/credit")?,
        limits: Limits { daily, monthly },
        alert_below: optional(&said.alert_below, "/alert_below")?,
        revision: 0,
    };
    Ok(Agreement { terms, zone })
}
