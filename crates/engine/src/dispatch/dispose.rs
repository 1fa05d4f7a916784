//! What a channel's answer means for a message. Pure.

use domain::carrier_code::submit_result_reason;
use domain::channel::{CarrierCode, SubmitOutcome, Submitted, TakenPart};
use domain::ids::{ChannelId, GatewayId};
use domain::ledger::{Disposition, Settlement};
use domain::message::Reason;
use domain::retry::{Next, RetryPolicy, Tried};
use domain::routing::Health;
use domain::time::Timestamp;

/// How an answer counts for the channel's health and counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Taken,
    Throttled,
    Refused {
        ill: bool,
    },
    NotWritten,
    Uncertain,
    /// A second answer, of a message that counted as uncertain.
    Late,
}

/// The settlement of one answer.
pub(super) fn dispose(
    submitted: Submitted,
    channel: ChannelId,
    gateway: GatewayId,
    retry: &RetryPolicy,
) -> (Settlement, Kind) {
    let Submitted { outgoing, at, outcome } = submitted;
    let tried = Tried {
        category: outgoing.category,
        attempts: outgoing.ticket.attempt,
        valid_until: outgoing.valid_until,
        channel,
    };
    let again = |due_at, spends_attempt, avoid, reason, code, ids, possible_duplicate| Disposition::Requeue {
        due_at,
        spends_attempt,
        avoid,
        reason,
        code,
        gateway,
        ids,
        possible_duplicate,
    };
    let none = CarrierCode::default();
    let (disposition, kind) = match outcome {
        SubmitOutcome::Taken(ids) => (Disposition::Submitted { gateway, ids }, Kind::Taken),
        SubmitOutcome::TakenLate(ids) => (Disposition::Submitted { gateway, ids }, Kind::Late),
        SubmitOutcome::Throttled => {
            let due_at = at.plus(retry.throttle_back_off);
            (again(due_at, false, None, Reason::Throttled, none, Vec::new(), false), Kind::Throttled)
        }
        SubmitOutcome::NotWritten { recalled } => {
            let reason = if recalled { Reason::Recalled } else { Reason::DeadlinePassed };
            (again(at, false, None, reason, none, Vec::new(), false), Kind::NotWritten)
        }
        SubmitOutcome::Refused { code, taken } => refused(code, taken, gateway, tried, at, retry),
        SubmitOutcome::Uncertain { taken } => {
            let disposition = match retry.after_uncertainty(tried, at) {
                Next::Retry { due_at, avoid } => {
                    again(due_at, true, avoid, Reason::ConnectionLost, none, taken, true)
                }
                Next::Stop => Disposition::Uncertain { reason: Reason::ConnectionLost, gateway, ids: taken },
            };
            (disposition, Kind::Uncertain)
        }
    };
    (Settlement { ticket: outgoing.ticket, channel, at, disposition }, kind)
}

/// A refusal: some parts taken make it partial, which is tried again only where a duplicate may be.
fn refused(
    code: CarrierCode,
    taken: Vec<TakenPart>,
    gateway: GatewayId,
    tried: Tried,
    at: Timestamp,
    retry: &RetryPolicy,
) -> (Disposition, Kind) {
    let own = retry.codes.own_reason(Some(gateway), code).filter(|own| *own != Reason::None);
    let cause = match (code.as_str().parse(), code.reason()) {
        _ if own.is_some() => own.unwrap_or(Reason::CarrierUnknown),
        (Ok(result), _) => submit_result_reason(result),
        // A word that is in no table may be anything: another channel is tried.
        (Err(_), Reason::CarrierUnknown) => Reason::CarrierSystem,
        (Err(_), reason) => reason,
    };
    let partial = !taken.is_empty();
    let reason = if partial { Reason::Partial } else { cause };
    let next =
        if partial { retry.after_uncertainty(tried, at) } else { retry.after_failure(cause, tried, at) };
    let disposition = match next {
        Next::Retry { due_at, avoid } => Disposition::Requeue {
            due_at,
            spends_attempt: true,
            avoid,
            reason,
            code,
            gateway,
            ids: taken,
            possible_duplicate: partial,
        },
        Next::Stop => Disposition::Failed { reason, code, gateway, ids: taken },
    };
    (disposition, Kind::Refused { ill: Health::is_illness(cause) })
}
