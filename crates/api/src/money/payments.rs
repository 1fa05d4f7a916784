//! Book payments.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::billing::TransferKind;
use domain::control::{Paid, Payment, Short};
use domain::ids::AccountId;
use domain::money::Money;

use crate::auth::{Allowed, Caller, can};
use crate::json;
use crate::problem::{Kind, Problem, say};
use crate::request::{Body, Id, IdempotencyKey};
use crate::state::ApiState;

/// Most that is booked at once, in units: more is taken for a slip.
const MOST: Money = Money::from_micros(1_000_000_000 * 1_000_000);
/// Longest reference.
const REFERENCE_CHARS: usize = 200;

/// 充值 · Book a top-up
///
/// What an account paid is its to spend when this answers. The same request under the same key is booked once, however late
/// it comes again.
#[utoipa::path(
    post, path = "/v1/accounts/{id}/top-ups", tag = "money", security(("key" = ["money:write"])),
    params(
        ("id" = String, Path, description = "The account.", example = "acc_0d4x0k1g00000"),
        ("Idempotency-Key" = String, Header, description = "Of your choice, new for every payment; required.",
            example = "bank-20261128-0001"),
    ),
    request_body = json::PaymentCreate,
    responses((status = 201, body = json::Transfer, description = "Booked, now or before."))
)]
pub(crate) async fn top_up(
    caller: Allowed<can::WriteMoney>,
    State(state): State<ApiState>,
    key: IdempotencyKey,
    Id(id): Id<AccountId>,
    body: Body<json::PaymentCreate>,
) -> Result<(StatusCode, Json<json::Transfer>), Problem> {
    book(&caller, &state, key, (id, TransferKind::TopUp), body.value).await
}

/// 扣款 · Book a withdrawal
///
/// What was paid back to an account, or a correction of a top-up. Never more than its funds and credit.
#[utoipa::path(
    post, path = "/v1/accounts/{id}/withdrawals", tag = "money", security(("key" = ["money:write"])),
    params(
        ("id" = String, Path, description = "The account.", example = "acc_0d4x0k1g00000"),
        ("Idempotency-Key" = String, Header, description = "Of your choice, new for every payment; required.",
            example = "bank-20261128-0002"),
    ),
    request_body = json::PaymentCreate,
    responses((status = 201, body = json::Transfer, description = "Booked, now or before."))
)]
pub(crate) async fn withdraw(
    caller: Allowed<can::WriteMoney>,
    State(state): State<ApiState>,
    key: IdempotencyKey,
    Id(id): Id<AccountId>,
    body: Body<json::PaymentCreate>,
) -> Result<(StatusCode, Json<json::Transfer>), Problem> {
    book(&caller, &state, key, (id, TransferKind::Withdrawal), body.value).await
}

async fn book(
    caller: &Caller,
    state: &ApiState,
    IdempotencyKey(key): IdempotencyKey,
    (account, kind): (AccountId, TransferKind),
    json::PaymentCreate { amount, reference }: json::PaymentCreate,
) -> Result<(StatusCode, Json<json::Transfer>), Problem> {
    state.access().visible_account(caller.actor(), account).await?;
    let key = key.ok_or_else(|| {
        let detail = say(
            "缺少请求头 Idempotency-Key：收付款必须带幂等键，重试才不会重复入账",
            "The header Idempotency-Key is missing: a payment needs one, so that a repeated request is not booked twice",
        );
        Problem::new(Kind::InvalidField).with(detail)
    })?;
    let amount = super::amount(&amount, "/amount")?;
    if amount == Money::ZERO || amount > MOST {
        let detail = say(format!("应大于 0，且不超过 {MOST}"), format!("More than nothing, at most {MOST}"));
        return Err(Problem::field("/amount/micros", detail));
    }
    if reference.chars().count() > REFERENCE_CHARS || reference.chars().any(char::is_control) {
        let detail = say(
            format!("最多 {REFERENCE_CHARS} 个字符，不含控制字符"),
            format!("At most {REFERENCE_CHARS} characters, none of them control characters"),
        );
        return Err(Problem::field("/reference", detail));
    }
    let payment = Payment { account, kind, amount, reference, key };
    match state.statements().pay(&payment, state.now()).await? {
        Paid::Done(line) => Ok((StatusCode::CREATED, Json(super::document(line, state.zone())))),
        Paid::KeyReused => Err(Problem::new(Kind::IdempotencyMismatch)),
        Paid::Short(Short::Funds { left } | Short::Daily { left } | Short::Monthly { left }) => {
            let detail = say(
                format!("余额加信用额度只剩 {left}；请减少金额，或先调整信用额度"),
                format!("Funds and credit leave only {left}; take less, or raise the credit first"),
            );
            Err(Problem::new(Kind::Conflict).with(detail))
        }
    }
}
