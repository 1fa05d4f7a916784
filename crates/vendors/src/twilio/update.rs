//! Cancel a message that waits, redact one that has ended, delete it.
//!
//! Twilio cancels only what is scheduled; here whatever still waits. Deleting forgets the text and shows the message no more;
//! what counters, money and receipts need of it stays, as REST tells.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use domain::access::Permission;
use domain::ids::MessageId;
use domain::ledger::{Cancelling, Forgetting, LedgerError, MessageRecord, Redacting};
use serde_json::Value;

use super::error::Refusal;
use super::resource::Shown;
use super::{Caller, Desk};
use crate::form::{Form, body};

/// `Status=canceled` cancels, an empty `Body` redacts; both at once in this order.
pub(super) async fn update(State(desk): State<Desk>, request: Request) -> Result<Json<Value>, Refusal> {
    let (mut parts, content) = request.into_parts();
    let caller = Caller::let_in(&mut parts, &desk, Permission::SendMessages).await?;
    let id = caller.message.ok_or(Refusal::NOT_FOUND)?;
    let form = Form::read(&body(content).await?)?;
    let status = form.get("Status");
    let redacts = match form.sent("Body") {
        Some("") => true,
        // A text that was accepted is sent as it was accepted.
        Some(_) => return Err(Refusal::PARAMETER),
        None => false,
    };
    if status.is_some_and(|status| status != "canceled") || status.is_none() && !redacts {
        return Err(Refusal::PARAMETER);
    }
    shown(&desk, &caller, id).await?;
    if status.is_some() {
        let cancelled = desk.api.engine().cancel_message(caller.guest.account, id).await;
        match cancelled.map_err(|error| unavailable(&error))? {
            Cancelling::Cancelled => {}
            Cancelling::TooLate(_) | Cancelling::Ended(_) => return Err(Refusal::NOT_CANCELABLE),
            Cancelling::NoSuch => return Err(Refusal::NOT_FOUND),
        }
    }
    if redacts {
        forget(&desk, &caller, id, Forgetting::Text).await?;
    }
    let record = shown(&desk, &caller, id).await?;
    Ok(Json(Shown::of_record(&caller.sid, &record, caller.guest.reveals).document()))
}

pub(super) async fn delete(State(desk): State<Desk>, request: Request) -> Result<StatusCode, Refusal> {
    let (mut parts, _) = request.into_parts();
    let caller = Caller::let_in(&mut parts, &desk, Permission::SendMessages).await?;
    let id = caller.message.ok_or(Refusal::NOT_FOUND)?;
    shown(&desk, &caller, id).await?;
    forget(&desk, &caller, id, Forgetting::Whole).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn forget(desk: &Desk, caller: &Caller, id: MessageId, how: Forgetting) -> Result<(), Refusal> {
    let redacted = desk.api.engine().redact_message(caller.guest.account, id, how).await;
    match redacted.map_err(|error| unavailable(&error))? {
        Redacting::Redacted { .. } => Ok(()),
        Redacting::NotEnded(_) => Err(Refusal::NOT_COMPLETE),
        Redacting::NoSuch => Err(Refusal::NOT_FOUND),
    }
}

/// A message of the caller's that was not deleted.
async fn shown(desk: &Desk, caller: &Caller, id: MessageId) -> Result<MessageRecord, Refusal> {
    let record = desk.api.ledger().message(caller.guest.account, id).await;
    let record = record.map_err(|error| unavailable(&error))?;
    record.filter(|record| record.deleted_at().is_none()).ok_or(Refusal::NOT_FOUND)
}

fn unavailable(error: &LedgerError) -> Refusal {
    tracing::warn!(%error, "a message could not be changed for a vendor's SDK");
    Refusal::UNAVAILABLE
}
