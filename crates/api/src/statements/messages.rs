//! Download what each message of a month came to.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use domain::billing::{Charge, HourSpan};
use domain::ids::LaneId;
use domain::ledger::{Ledger, LedgerError, MessageFilter, MessageRecord};
use domain::time::Timestamp;
use exports::statement::came;
use futures::{Stream, stream};
use jiff::tz::TimeZone;

use crate::auth::{Allowed, can};
use crate::problem::Problem;
use crate::state::ApiState;
use crate::{download, json};

/// Messages per page read from the ledger.
const PAGE_MESSAGES: u32 = 1_000;
const HEAD: &str = "\u{feff}编号 id,接收时间 accepted_at,扣费时间 charged_at,退费时间 refunded_at,运营商 carrier,类别 category,\
    状态 state,价格 price,短信 messages,条数 parts,扣费 charged,退费 refunded\r\n";

/// 账单明细 · Download a statement's messages
///
/// One line for each message whose charge changed in the month, streamed: its sums by category and carrier are the statement's lines,
/// exactly. A message that was charged in one month and paid back in another is in both. No phones and no texts are in it. Messages
/// are kept for a year; of older months only the statement is left.
#[utoipa::path(
    get, path = "/v1/statements/{month}/messages.csv", tag = "money", security(("key" = ["money:read"])),
    params(("month" = String, Path, description = "The month.", example = "2026-11")),
    responses((status = 200, content_type = "text/csv", body = String, description = "The messages, streamed.",
        example = "编号 id,接收时间 accepted_at,…\r\nmsg_0d4x0k1g00000,2026-11-25T10:30:00.000+08:00,…\r\n"))
)]
pub(crate) async fn export(
    caller: Allowed<can::ReadMoney>,
    State(state): State<ApiState>,
    Path(month): Path<String>,
) -> Result<Response, Problem> {
    let month = super::month(&month)?;
    let agreement = state.statements().agreement(caller.account).await?;
    let filter =
        MessageFilter { account: caller.account, campaign: None, state: None, phone: None, after: None };
    let lanes = state.ledger().lanes().await?.into_iter().filter(|lane| lane.account == caller.account);
    let asked = Asked {
        span: month.span(agreement.zone.rules()),
        zone: agreement.zone.rules().clone(),
        lanes: lanes.map(|lane| (lane.id, lane.charge)).collect(),
        otherwise: agreement.terms.charge,
    };
    let pieces = pieces(Arc::clone(state.ledger()), filter, Arc::new(asked));
    let name = format!("{}-{month}-messages.csv", caller.account);
    Ok(download::csv(&name, "text/csv; charset=utf-8", Body::from_stream(pieces)))
}

/// What is told of.
struct Asked {
    span: HourSpan,
    zone: TimeZone,
    /// When the messages of each lane are paid for.
    lanes: HashMap<LaneId, Charge>,
    /// Of a lane that is gone.
    otherwise: Charge,
}

fn pieces(
    ledger: Arc<dyn Ledger>,
    filter: MessageFilter,
    asked: Arc<Asked>,
) -> impl Stream<Item = Result<Vec<u8>, LedgerError>> + Send {
    let head = stream::iter([Ok(HEAD.as_bytes().to_vec())]);
    let rows = stream::try_unfold(Some(filter), move |next| {
        let (ledger, asked) = (Arc::clone(&ledger), Arc::clone(&asked));
        async move {
            let Some(mut filter) = next else { return Ok(None) };
            let (records, after) = ledger.messages(&filter, PAGE_MESSAGES).await?;
            let mut text = String::new();
            records.iter().for_each(|record| push_row(&mut text, record, &asked));
            // Ids are in order of time: what was made after the month moved nothing in it.
            let is_over = after.is_some_and(|last| last.made_at() >= asked.span.ends());
            filter.after = after.filter(|_| !is_over);
            Ok(Some((text.into_bytes(), filter.after.map(|_| filter))))
        }
    });
    futures::StreamExt::chain(head, rows)
}

fn push_row(text: &mut String, record: &MessageRecord, asked: &Asked) {
    let charge = asked.lanes.get(&record.lane).copied().unwrap_or(asked.otherwise);
    let Some(came) = came(record, charge, asked.span) else { return };
    let at = |at: Timestamp| json::Moment::new(at, &asked.zone).0;
    let accepted = record.trail.first().map_or(record.id.made_at(), |entry| entry.at);
    let cells = [
        record.id.to_string(),
        at(accepted),
        came.charged_at.map(at).unwrap_or_default(),
        came.refunded_at.map(at).unwrap_or_default(),
        record.carrier.as_str().to_owned(),
        record.category.word().to_owned(),
        record.state.word().to_owned(),
        record.price.to_string(),
        came.messages.to_string(),
        (came.messages * i64::from(record.parts)).to_string(),
        came.charged.to_string(),
        came.refunded.to_string(),
    ];
    download::push_numbers(text, &cells);
}
